// What stands in the form: kept through a reload, and filled from the recipe of a film.

import type { Recipe } from "../api";

export type Shape = "square" | "wide" | "tall";
export type Quality = "fast" | "good" | "best";

export interface Draft {
  prompt: string;
  full: string | null; // the prompt told in full, where it is wanted
  shape: Shape;
  seconds: string;
  quality: Quality;
  seed: string; // "" is any
  negative: string;
  count: string;
}

export const LENGTHS = ["1", "2", "4", "8", "12", "20"];
export const EMPTY: Draft = { prompt: "", full: null, shape: "square", seconds: "2", quality: "good", seed: "", negative: "", count: "1" };
const KEPT = "skyloom.draft";

export function loadDraft(): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(sessionStorage.getItem(KEPT) ?? "{}") as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

export function saveDraft(draft: Draft): void {
  sessionStorage.setItem(KEPT, JSON.stringify(draft));
}

/** "448x256" or "wide" -> the shape that is nearest. */
export function shapeOf(size: unknown): Shape {
  if (size === "wide" || size === "tall") return size;
  const [, width = 1, height = 1] = (/^(\d+)x(\d+)$/.exec(String(size)) ?? []).map(Number);
  return width > height ? "wide" : height > width ? "tall" : "square";
}

/** The form for another film by the recipe of one. */
export function draftOf(recipe: Recipe): Draft {
  const seconds = typeof recipe.seconds === "number" && recipe.seconds > 0 ? String(Math.round(recipe.seconds * 1000) / 1000) : EMPTY.seconds;
  const quality = recipe.quality === "fast" || recipe.quality === "best" ? recipe.quality : "good";
  return {
    ...EMPTY,
    prompt: recipe.prompt ?? "",
    shape: shapeOf(recipe.size),
    seconds,
    quality,
    seed: recipe.seed === undefined ? "" : String(recipe.seed),
    negative: typeof recipe.negative === "string" ? recipe.negative : "",
  };
}

/** The fields of a call, for the film of that number. */
export function fieldsOf(draft: Draft, number: number): Record<string, string | number | undefined> {
  return {
    prompt: (draft.full ?? draft.prompt).trim(),
    size: draft.shape,
    seconds: draft.seconds,
    quality: draft.quality,
    seed: draft.seed === "" ? undefined : Number(draft.seed) + number,
    negative: draft.negative.trim() || undefined,
  };
}
