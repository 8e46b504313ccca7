// The strip in the browser's own storage, with the version of its shape, so that a reload or a later studio finds it again.

import { SHORTEST, emptyStrip, settle, type Shot, type Strip, type Take } from "./strip";

export const KEY = "skyloom.storyboard";
export const ASIDE = "skyloom.storyboard.unread"; // what a newer or broken version left: kept, not overwritten
export const VERSION = 1;

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const textOrNull = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const finite = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** False where the browser has no room, as with many large pictures. */
export function save(storage: Storage, strip: Strip): boolean {
  try {
    storage.setItem(KEY, JSON.stringify({ version: VERSION, strip }));
    return true;
  } catch {
    return false;
  }
}

/** The stored strip, or an empty one. What cannot be read is laid aside. */
export function load(storage: Storage): Strip {
  const stored = storage.getItem(KEY);
  if (stored === null) return emptyStrip();
  const strip = parse(stored);
  if (strip === null) {
    try {
      storage.setItem(ASIDE, stored);
    } catch {
      // no room: the old text stays under KEY until the next change
    }
  }
  return strip ?? emptyStrip();
}

/** The text of a stored strip -> the strip, or null for another version or no strip at all. */
export function parse(stored: string): Strip | null {
  let value: unknown;
  try {
    value = JSON.parse(stored);
  } catch {
    return null;
  }
  if (!isFields(value) || value.version !== VERSION || !isFields(value.strip)) return null;
  const strip = value.strip;
  const quality = strip.quality === "fast" || strip.quality === "best" ? strip.quality : "good";
  const shots = settle(
    list(strip.shots)
      .map(shotOf)
      .filter((shot) => shot !== null),
  );
  return { title: text(strip.title), size: text(strip.size) || "square", quality, shots, whole: textOrNull(strip.whole) };
}

function shotOf(value: unknown): Shot | null {
  if (!isFields(value) || !finite(value.start) || !finite(value.end)) return null;
  if (typeof value.id !== "string" || value.start < 0 || value.end - value.start < SHORTEST - 1e-6) return null;
  const takes = list(value.takes)
    .map(takeOf)
    .filter((take) => take !== null);
  const chosen = takes.some((take) => take.id === value.chosen) ? textOrNull(value.chosen) : null;
  return {
    id: value.id,
    start: value.start,
    end: value.end,
    text: text(value.text),
    image: textOrNull(value.image),
    cut: value.cut === true,
    takes,
    chosen,
    locked: value.locked === true && chosen !== null,
  };
}

function takeOf(value: unknown): Take | null {
  if (!isFields(value) || typeof value.id !== "string") return null;
  return { id: value.id, seed: finite(value.seed) ? value.seed : null };
}
