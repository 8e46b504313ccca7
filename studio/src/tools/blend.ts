// Two clips that become one: what the server is asked, and how long the whole lasts.

import type { Fields, Video } from "../api";
import { toText, type Point } from "./curve";

export type Way = "bridge" | "transition" | "curve";

/** Parts of a film in a row: what each is, and how many seconds it lasts. */
export type Span = readonly ["old" | "new" | "other", number];

/** POST /v1/videos for two clips that become one. */
export function blendBody(
  clip: Video,
  other: Video,
  way: Way,
  words: { prompt: string; then: string },
  seconds: number,
  points: readonly Point[],
): Fields {
  const both = { video: { id: clip.id }, to: { id: other.id }, ...words };
  if (way === "curve") return { ...both, curve: toText(points) };
  return { ...both, seconds: String(seconds), ...(way === "transition" ? { curve: "transition" } : {}) };
}

/** What the whole is made of, where the clips last `a` and `b` seconds. */
export function spansOf(way: Way, a: number, b: number, seconds: number): readonly Span[] {
  return way === "bridge"
    ? [
        ["old", a],
        ["new", seconds],
        ["other", b],
      ]
    : [
        ["old", Math.max(0, a - seconds)],
        ["new", seconds],
        ["other", Math.max(0, b - seconds)],
      ];
}
