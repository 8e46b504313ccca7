// What the strip shows at a time, as plain data, and the marks of its time axis.

import { filmOf } from "./exports";
import { duration, shotAt, takeLength, type Strip } from "./strip";

export interface Moment {
  index: number; // of the shot
  film: string | null; // that shows it
  at: number; // seconds inside that film
  until: number; // when the next shot begins
}

/** The shot at a time and where its film stands. Null for an empty strip. */
export function momentAt(strip: Strip, seconds: number): Moment | null {
  if (strip.shots.length === 0) return null;
  const index = shotAt(strip, seconds);
  const begin = beginOf(strip, index);
  const film = filmOf(strip, index);
  return {
    index,
    film: film?.id ?? null,
    at: Math.max(0, seconds - begin) + (film?.from ?? 0),
    until: begin + takeLength(strip, index),
  };
}

/** When a shot is on the screen first: the first one from the start, whatever its card says. */
export const beginOf = (strip: Strip, index: number): number =>
  index === 0 ? 0 : (strip.shots[index]?.start ?? duration(strip));

const STEPS = [0.25, 0.5, 1, 2, 5, 10, 30, 60];

/** Times for labels of an axis with `scale` pixels a second, none nearer than `apart` pixels. */
export function ticks(seconds: number, scale: number, apart = 56): number[] {
  const step = STEPS.find((each) => each * scale >= apart) ?? 120;
  return Array.from({ length: Math.floor(seconds / step + 1e-6) + 1 }, (_, i) => i * step);
}

/** Whether two strips would be filmed alike: the same words, pictures and times. */
export function sameScript(a: Strip, b: Strip): boolean {
  const script = (strip: Strip): string =>
    JSON.stringify([strip.size, strip.shots.map(({ start, end, text, image, cut }) => [start, end, text.trim(), image, cut])]);
  return script(a) === script(b);
}

/** Numbers of shots, as people count, that wait for a take: those without one, and those whose chosen take shows other words. */
export function unfilmed(strip: Strip, promptOf: (id: string) => string | null): number[] {
  return strip.shots.flatMap((shot, i) => {
    if (shot.locked) return [];
    const told = shot.chosen === null ? null : promptOf(shot.chosen);
    return shot.chosen === null || (told !== null && told.trim() !== shot.text.trim()) ? [i] : [];
  });
}
