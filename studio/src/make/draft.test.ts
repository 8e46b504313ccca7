import { expect, test } from "vitest";
import { EMPTY, draftOf, fieldsOf, shapeOf } from "./draft";

test("sizes have shapes", () => {
  expect(["448x256", "256x448", "256x256", "wide", "tall", "square", undefined].map(shapeOf)).toEqual([
    "wide", "tall", "square", "wide", "tall", "square", "square",
  ]);
});

test("a recipe fills the form", () => {
  const draft = draftOf({ prompt: "a fox", seed: 0, size: "448x256", seconds: 4.0833333, quality: "best", negative: "rain", steps: 3 });
  expect(draft).toEqual({ ...EMPTY, prompt: "a fox", seed: "0", shape: "wide", seconds: "4.083", quality: "best", negative: "rain" });
  expect(draftOf({})).toEqual(EMPTY);
  expect(draftOf({ seconds: 0 }).seconds).toBe(EMPTY.seconds);
});

test("several films have seeds in a row, or any", () => {
  const draft = { ...EMPTY, prompt: " a fox ", seed: "7" };
  expect([0, 1, 2].map((number) => fieldsOf(draft, number).seed)).toEqual([7, 8, 9]);
  expect(fieldsOf({ ...draft, seed: "" }, 3).seed).toBeUndefined();
  expect(fieldsOf(draft, 0).prompt).toBe("a fox");
  expect(fieldsOf({ ...draft, full: "a fox in the snow" }, 0).prompt).toBe("a fox in the snow");
});
