// What is said below the prompt of how a film would read it.

import type { Read } from "../api";
import type { Key } from "../i18n";

export interface Note {
  kind: "slip" | "strange" | "said" | "fine";
  key?: Key; // its text, in the language of the page
  values?: Record<string, string>;
  text?: string; // as the server says it, in English
  becomes?: string; // the prompt, where a click repairs it
}

/** Notes in the order of use: what a click repairs, what nobody knows, then in which words the film is made, and why. */
export function notesOn(prompt: string, read: Read): Note[] {
  const unknown = Object.entries(read.unknown);
  const slips = unknown.filter(([, near]) => near);
  const notes: Note[] = [
    ...slips.map(([word, near]): Note => ({ kind: "slip", key: "make.unknownNear", values: { word, near }, becomes: replaced(prompt, word, near) })),
    ...unknown.filter(([, near]) => !near).map(([word]): Note => ({ kind: "strange", key: "make.unknown", values: { word } })),
    ...read.wordless.map((emoji): Note => ({ kind: "strange", key: "make.wordless", values: { emoji } })),
  ];
  if (read.instead.length && read.prompt && read.prompt !== prompt.trim()) {
    notes.push({ kind: "said", key: "make.readAs", values: { prompt: read.prompt } });
  }
  notes.push(...read.instead.map((text): Note => ({ kind: "said", text })));
  return notes.length ? notes : [{ kind: "fine", key: "make.known" }];
}

/** The prompt with the first of a word's places taken by another; what only begins or ends like it stays. */
export function replaced(prompt: string, word: string, other: string): string {
  const literal = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return prompt.replace(new RegExp(`(?<![a-z])${literal}(?![a-z])`, "i"), () => other);
}
