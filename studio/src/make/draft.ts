// What stands in the form: kept through a reload, and filled from the recipe of a film.

import type { Recipe } from "../api";

export type Shape = "square" | "wide" | "tall";
export type Quality = "fast" | "good" | "best";

export interface Card {
  at: number;
  until: number;
  prompt: string;
  cut?: true;
}

/** What a recipe says beyond the dials of the form. */
export interface Kept {
  loop?: true;
  steps?: number;
  guidance?: number;
  interval?: number[];
  strength?: number; // of an edit: for the clip that is given again
  storyboard?: Card[];
}

export interface Draft {
  prompt: string;
  full: string | null; // the prompt told in full, where it is wanted
  shape: Shape;
  seconds: string;
  quality: Quality;
  seed: string; // "" is any
  negative: string;
  count: string;
  kept: Kept;
  missing: string[]; // pictures and clips of the recipe, which holds their names alone
}

export const LENGTHS = ["1", "2", "4", "8", "12", "20"];
export const EMPTY: Draft = { prompt: "", full: null, shape: "square", seconds: "2", quality: "good", seed: "", negative: "", count: "1", kept: {}, missing: [] };
const STEPS = { fast: 4, good: 12, best: 24 }; // that a quality means, and so need not be kept
const GUIDANCE = 2;
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

/** What else the recipe steers its film by. */
function keptOf(recipe: Recipe, quality: Quality): Kept {
  const kept: Kept = {};
  if (recipe.loop === true && !recipe.clip) kept.loop = true;
  if (typeof recipe.steps === "number" && recipe.steps !== STEPS[quality]) kept.steps = recipe.steps;
  if (typeof recipe.guidance === "number" && recipe.guidance !== GUIDANCE) kept.guidance = recipe.guidance;
  if (Array.isArray(recipe.interval) && recipe.interval.join() !== "0.1,1") kept.interval = recipe.interval as number[];
  const edited = recipe.clip && ![recipe.extend, recipe.to, recipe.outpaint, recipe.loop].some(Boolean);
  if (typeof recipe.strength === "number" && edited) kept.strength = recipe.strength;
  const shots = Array.isArray(recipe.shots) ? (recipe.shots as { start: number; end: number; text: string; cut?: boolean }[]) : [];
  if (shots.length > 0) {
    kept.storyboard = shots.map(({ start, end, text, cut }) => ({ at: start, until: end, prompt: text, ...(cut ? { cut } : {}) }));
  }
  return kept;
}

/** The names of those that play in it, and of the files that were given. */
function filesOf(recipe: Recipe): string[] {
  const pairs = (value: unknown): [unknown, string][] => (Array.isArray(value) ? (value as [unknown, string][]) : []);
  const shots = Array.isArray(recipe.shots) ? (recipe.shots as { image?: string }[]) : [];
  const files = [recipe.image, recipe.last, recipe.clip, recipe.to, recipe.mask, ...pairs(recipe.images).map(([, file]) => file)];
  return [...pairs(recipe.cast).map(([name]) => name), ...files, ...shots.map(({ image }) => image)].filter(
    (each): each is string => typeof each === "string" && each !== "",
  );
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
    kept: keptOf(recipe, quality),
    missing: filesOf(recipe),
  };
}

/** The fields of a call, for the film of that number. */
export function fieldsOf(draft: Draft, number: number) {
  const { strength: _, ...kept } = draft.kept;
  return {
    ...kept,
    prompt: (draft.full ?? draft.prompt).trim(),
    size: draft.shape,
    seconds: draft.seconds,
    quality: draft.quality,
    seed: draft.seed === "" ? undefined : Number(draft.seed) + number,
    negative: draft.negative.trim() || undefined,
  };
}
