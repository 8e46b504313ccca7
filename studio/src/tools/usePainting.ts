// The mask that is being painted: its strokes, one step back each, and the brush.

import { useCallback, useState } from "react";
import type { Video } from "../api";
import { begin, commit, rest, undo } from "../storyboard/history";
import { boxed, emptyMask, inverted, stroke, type Mask, type Spot } from "./mask";

export type Mode = "brush" | "erase" | "box";

export interface Painting {
  mask: Mask;
  mode: Mode;
  radius: number; // pixels of the film
  setMode: (mode: Mode) => void;
  setRadius: (radius: number) => void;
  draw: (from: Spot, to: Spot, gesture: string) => void;
  fill: (a: Spot, b: Spot, gesture: string) => void;
  invert: () => void;
  clear: () => void;
  undo: () => void;
  rest: () => void;
  canUndo: boolean;
}

export function usePainting(clip: Video): Painting {
  const [width, height] = sizeOf(clip);
  const [history, setHistory] = useState(() => begin(emptyMask(width, height)));
  const [mode, setMode] = useState<Mode>("brush");
  const [radius, setRadius] = useState(Math.max(4, Math.round(Math.min(width, height) / 10)));
  const change = (make: (mask: Mask) => Mask, gesture: string | null = null) =>
    setHistory((all) => commit(all, make(all.present), gesture));
  return {
    mask: history.present,
    mode,
    radius,
    setMode,
    setRadius,
    draw: (from, to, gesture) => change((mask) => stroke(mask, from, to, radius, mode === "erase" ? 0 : 255), gesture),
    fill: (a, b, gesture) => change((mask) => boxed(mask, a, b), gesture),
    invert: () => change(inverted),
    clear: () => change(() => emptyMask(width, height)),
    undo: useCallback(() => setHistory(undo), []),
    rest: useCallback(() => setHistory(rest), []),
    canUndo: history.past.length > 0,
  };
}

/** "1280x720" -> [1280, 720]. */
export function sizeOf(clip: Video): [number, number] {
  const [width = 0, height = 0] = clip.size.split("x").map(Number);
  return [width, height];
}
