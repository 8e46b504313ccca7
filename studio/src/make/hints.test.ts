import { expect, test } from "vitest";
import { bare, completions, suggestions, type Phrases } from "./hints";

const EN: Phrases = {
  who: ["a dog", "a penguin", "an ant", "a panda"],
  does: ["walks", "runs"],
  where: ["in the snow", "on the beach"],
  light: ["at sunset"],
  camera: ["the camera zooms in"],
};
const ZH: Phrases = { who: ["一只企鹅", "一头狮子"], does: ["行走"], where: ["在海滩上"], light: ["傍晚"], camera: ["镜头推近"] };

const texts = (prompt: string, phrases: Phrases, caret = prompt.length) => completions(prompt, caret, phrases).map((hint) => hint.prompt);

test("a word begun is completed, with its article or without", () => {
  expect(texts("two pe", EN)).toEqual(["two penguin"]);
  expect(texts("a p", EN)).toEqual(["a penguin", "a panda"]);
  expect(texts("a dog walks on the b", EN)[0]).toBe("a dog walks on the beach");
});

test("case does not matter, and the middle of a word is none", () => {
  expect(texts("A PENG", EN)).toEqual(["a penguin"]);
  expect(texts("carpe", EN)).toEqual([]);
});

test("what stands after the caret stays", () => {
  expect(texts("a pen walks", EN, 5)).toEqual(["a penguin walks"]);
});

test("a whole word and a gap ask for nothing", () => {
  expect(texts("a dog", EN)).toEqual([]);
  expect(texts("a dog ", EN)).toEqual([]);
  expect(texts("", EN)).toEqual([]);
});

test("Chinese is completed by characters", () => {
  expect(texts("一只企", ZH)[0]).toBe("一只企鹅");
  expect(texts("两只企", ZH)).toEqual(["两只企鹅"]);
  expect(texts("一只企鹅在海", ZH)[0]).toBe("一只企鹅在海滩上");
});

test("what leads to a phrase is left out", () => {
  expect(["a dog", "an ant", "一只企鹅", "在海滩上", "walks"].map(bare)).toEqual(["dog", "ant", "企鹅", "海滩上", "walks"]);
});

test("what is not told yet comes next, in the order of the language", () => {
  const next = (prompt: string) => suggestions(prompt, EN, "en", 0);
  expect(next("")?.told).toBe("who");
  expect(next("two penguins")?.hints[0]).toEqual({ text: "walks", prompt: "two penguins walks" });
  expect(next("a dog runs on a beach")?.told).toBe("light");
  expect(suggestions("一只企鹅站在海滩边", ZH, "zh", 0)?.told).toBe("does");
  expect(next("a penguin walks on a beach at sunset")?.told).toBe("camera"); // "in" of "penguin" is none of a zoom
  expect(next("a dog runs")?.told).toBe("where");
  expect(next("a dog runs on the beach at sunset")?.hints[0]?.prompt).toBe("a dog runs on the beach at sunset, the camera zooms in");
  expect(next("a dog runs on the beach at sunset, the camera zooms in")).toBeNull();
  expect(suggestions("一只企鹅", ZH, "zh", 0)?.hints[0]?.prompt).toBe("一只企鹅在海滩上");
  expect(suggestions("一只企鹅在海滩上行走", ZH, "zh", 0)?.hints[0]?.prompt).toBe("一只企鹅在海滩上行走，傍晚");
});

test("what other words are read as is told, too", () => {
  const next = (meant: string) => suggestions("a donkey walks in the jungle", { ...EN, who: ["a horse"], where: ["in a forest"] }, "en", 0, 8, meant);
  expect(next("")?.told).toBe("who");
  expect(next("a horse walks in a forest")?.told).toBe("light");
  expect(next("a horse walks in a forest")?.hints[0]?.prompt).toBe("a donkey walks in the jungle at sunset");
});

test("another turn shows others, and at the end of the list the first again", () => {
  const who = (turn: number) => suggestions("", EN, "en", turn, 3)?.hints.map((hint) => hint.text);
  expect(who(0)).toEqual(["a dog", "a penguin", "an ant"]);
  expect(who(1)).toEqual(["a panda", "a dog", "a penguin"]);
});
