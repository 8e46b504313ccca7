// What may be typed next: phrases that the model knows, as the end of what stands there, or as what is not told yet.

import type { Told } from "../api";
import type { Language } from "../i18n";

export type Phrases = Record<Told, string[]>;

export interface Hint {
  text: string; // as it is shown
  prompt: string; // what the prompt becomes
}

const ORDER: Record<Language, readonly Told[]> = {
  en: ["who", "does", "where", "light", "camera"],
  zh: ["who", "where", "does", "light", "camera"],
};

const isLetter = (character: string | undefined): boolean => character !== undefined && /[a-z]/i.test(character);

/** "a penguin" -> "penguin", "一只企鹅" -> "企鹅", "在海滩上" -> "海滩上": a phrase without what leads to it. */
export const bare = (phrase: string): string => phrase.replace(/^(an? |the |一.|在)(?=.)/, "");

/** What cannot be missing where a phrase is told in other words: "on the beach" -> "beach", "walks" -> "walk", "在海滩上" -> "海滩". */
const core = (phrase: string): string =>
  /camera|镜头/.exec(phrase)?.[0] ?? (bare(phrase).split(" ").at(-1) ?? phrase).replace(/(?<=.)(s|[上下里中间])$/, "");

/** How many of the last characters of `before` are the beginning of `phrase`: at a word's beginning, and not all of it. */
function overlap(before: string, phrase: string): number {
  for (let n = Math.min(before.length, phrase.length - 1); n > 0; n--) {
    const boundary = !isLetter(before.at(-n)) || !isLetter(before.at(-n - 1));
    if (boundary && before.slice(-n).toLowerCase() === phrase.slice(0, n).toLowerCase()) return n;
  }
  return 0;
}

/** Phrases that what stands before the caret begins, those with the most of it first. */
export function completions(prompt: string, caret: number, phrases: Phrases, most = 8): Hint[] {
  const before = prompt.slice(0, caret);
  if (before === "" || /\s$/.test(before)) return [];
  const found = new Map<string, { hint: Hint; n: number }>();
  for (const phrase of Object.values(phrases).flat()) {
    for (const form of [phrase, bare(phrase)]) {
      const n = overlap(before, form);
      if (n > (found.get(phrase)?.n ?? 0)) {
        found.set(phrase, { n, hint: { text: form, prompt: before.slice(0, -n) + form + prompt.slice(caret) } });
      }
    }
  }
  return [...found.values()].sort((a, b) => b.n - a.n).slice(0, most).map(({ hint }) => hint);
}

/** What neither the prompt tells yet nor `meant`, the same as it is read, and phrases that would. `turn` chooses which of them. */
export function suggestions(prompt: string, phrases: Phrases, language: Language, turn: number, most = 8, meant = ""): { told: Told; hints: Hint[] } | null {
  const text = `${prompt}\n${meant}`.toLowerCase();
  const says = (phrase: string) => new RegExp(`(?<![a-z])${core(phrase)}`).test(text);
  const told = ORDER[language].find((each) => phrases[each].length > 0 && !phrases[each].some(says));
  if (!told) return null;
  const all = phrases[told];
  const from = all.length > most ? (turn * most) % all.length : 0;
  const some = [...all.slice(from), ...all.slice(0, from)].slice(0, most);
  return { told, hints: some.map((phrase) => ({ text: phrase, prompt: joined(prompt.trimEnd(), phrase, told, language) })) };
}

function joined(prompt: string, phrase: string, told: Told, language: Language): string {
  if (prompt === "") return phrase;
  const aside = told === "camera" || (language === "zh" && told === "light");
  const comma = language === "zh" ? "，" : ", ";
  const gap = aside ? comma : language === "zh" ? "" : " ";
  return prompt + (/[,，。.]$/.test(prompt) && aside ? gap.trimStart().replace(/^[,，]/, "") : gap) + phrase;
}
