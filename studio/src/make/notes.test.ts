import { expect, test } from "vitest";
import type { Read } from "../api";
import { notesOn, replaced } from "./notes";

const KNOWN: Read = { prompt: "a fox runs", unknown: {}, wordless: [], instead: [], notes: [], expanded: "" };

test("a prompt that is filmed as it stands is fine", () => {
  expect(notesOn("a fox runs", KNOWN)).toEqual([{ kind: "fine", key: "make.known" }]);
});

test("what is read otherwise is said, with the words that are filmed", () => {
  const instead = ["donkey: not among what this model draws; a horse is drawn instead"];
  expect(notesOn("a donkey runs ", { ...KNOWN, prompt: "a horse runs", instead, notes: instead })).toEqual([
    { kind: "said", key: "make.readAs", values: { prompt: "a horse runs" } },
    { kind: "said", text: instead[0] },
  ]);
});

test("where the words stay or none is left, the note stands alone", () => {
  const brown = ["brown dog: brown is no colour that this model paints. Try red."];
  expect(notesOn("a brown dog", { ...KNOWN, prompt: "a brown dog", instead: brown })).toEqual([{ kind: "said", text: brown[0] }]);
  const none = ["no dog: left out, since whatever is named is drawn"];
  expect(notesOn("no dog", { ...KNOWN, prompt: "", instead: none })).toEqual([{ kind: "said", text: none[0] }]);
});

test("what stays unknown comes first, each once, a slip with its repair", () => {
  const notes = ["no word for 🛸: left out", "unknown word 'foxx', the nearest known is 'fox'", "unknown word 'zorp', nothing known is near"];
  const read: Read = { ...KNOWN, unknown: { zorp: "", foxx: "fox" }, wordless: ["🛸"], notes };
  expect(notesOn("a Foxx and a zorp 🛸", read)).toEqual([
    { kind: "slip", key: "make.unknownNear", values: { word: "foxx", near: "fox" }, becomes: "a fox and a zorp 🛸" },
    { kind: "strange", key: "make.unknown", values: { word: "zorp" } },
    { kind: "strange", key: "make.wordless", values: { emoji: "🛸" } },
  ]);
});

test("a word is replaced, and no part of another", () => {
  expect(replaced("oxen and an Oxe", "oxe", "ox")).toBe("oxen and an ox");
  expect(replaced("a ( c", "(", "$&")).toBe("a $& c");
  expect(replaced("一只企娥走", "企娥", "企鹅")).toBe("一只企鹅走");
});
