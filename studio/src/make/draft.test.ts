import { expect, test } from "vitest";
import { EMPTY, draftOf, fieldsOf, shapeOf } from "./draft";

test("sizes have shapes", () => {
  expect(["448x256", "256x448", "256x256", "wide", "tall", "square", undefined].map(shapeOf)).toEqual([
    "wide", "tall", "square", "wide", "tall", "square", "square",
  ]);
});

test("a recipe fills the form", () => {
  const draft = draftOf({ prompt: "a fox", seed: 0, size: "448x256", seconds: 4.0833333, quality: "best", negative: "rain", steps: 3 });
  expect(draft).toEqual({ ...EMPTY, prompt: "a fox", seed: "0", shape: "wide", seconds: "4.083", quality: "best", negative: "rain", kept: { steps: 3 } });
  expect(draftOf({})).toEqual(EMPTY);
  expect(draftOf({ seconds: 0 }).seconds).toBe(EMPTY.seconds);
});

test("nothing of a recipe is dropped in silence", () => {
  const shots = [{ start: 0, end: 1, text: "a fox", image: "shots-0.png" }, { start: 1, end: 2.5, text: "snow", cut: true, image: "" }];
  const steered = { prompt: "a fox", loop: true, steps: 12, guidance: 3, interval: [0, 0.6], shots, cast: [["fox", "part-0.png"]] };
  const draft = draftOf(steered);
  const storyboard = [{ at: 0, until: 1, prompt: "a fox" }, { at: 1, until: 2.5, prompt: "snow", cut: true }];
  expect(draft.kept).toEqual({ loop: true, guidance: 3, interval: [0, 0.6], storyboard });
  expect(draft.missing).toEqual(["fox", "shots-0.png"]);
  expect(fieldsOf(draft, 0)).toMatchObject(draft.kept);
  const edit = draftOf({ prompt: "a fox", clip: "clip.mp4", strength: 0.4, loop: false, mask: "", interval: [0.1, 1], guidance: 2 });
  expect([edit.kept, edit.missing]).toEqual([{ strength: 0.4 }, ["clip.mp4"]]);
  expect(fieldsOf(edit, 0)).not.toHaveProperty("strength"); // that is the attachment's
});

test("several films have seeds in a row, or any", () => {
  const draft = { ...EMPTY, prompt: " a fox ", seed: "7" };
  expect([0, 1, 2].map((number) => fieldsOf(draft, number).seed)).toEqual([7, 8, 9]);
  expect(fieldsOf({ ...draft, seed: "" }, 3).seed).toBeUndefined();
  expect(fieldsOf(draft, 0).prompt).toBe("a fox");
  expect(fieldsOf({ ...draft, full: "a fox in the snow" }, 0).prompt).toBe("a fox in the snow");
});
