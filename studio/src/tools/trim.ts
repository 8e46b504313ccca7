// The part of a clip that is kept.

import type { Video } from "../api";

export interface Marks {
  start: number; // seconds
  end: number;
}

export const frameSeconds = (clip: Video): number => 1 / clip.native.fps;

/** Marks inside the clip, one frame apart at least; the one that was moved wins. */
export function marked(marks: Marks, moved: "start" | "end", at: number, seconds: number, frame: number): Marks {
  if (moved === "start") {
    const start = Math.min(Math.max(at, 0), seconds - frame);
    return { start, end: Math.max(marks.end, start + frame) };
  }
  const end = Math.max(Math.min(at, seconds), frame);
  return { start: Math.min(marks.start, end - frame), end };
}

/** As the server is told them: to the millisecond. */
export const exact = ({ start, end }: Marks): Marks => ({
  start: Math.round(start * 1000) / 1000,
  end: Math.round(end * 1000) / 1000,
});
