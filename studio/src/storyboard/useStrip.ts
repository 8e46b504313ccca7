// The strip on the page: its history, and its copy in the browser's storage.

import { useCallback, useEffect, useState } from "react";
import { amend, begin, commit, redo, rest, undo } from "./history";
import { load, save } from "./keep";
import type { Strip } from "./strip";

const PAUSE = 250; // milliseconds without a change after which the strip is stored

export interface Board {
  strip: Strip;
  change: (next: (strip: Strip) => Strip, gesture?: string) => void; // changes of one gesture are undone together
  arrive: (next: (strip: Strip) => Strip) => void; // into every state: a film that was made is not undone
  rest: () => void; // the gesture is over
  undo: () => void;
  redo: () => void;
  canUndo: boolean;
  canRedo: boolean;
  stored: boolean; // false where the browser has no room
}

export function useStrip(): Board {
  const [history, setHistory] = useState(() => begin(load(localStorage)));
  const [stored, setStored] = useState(true);
  const strip = history.present;

  useEffect(() => {
    const keep = () => setStored(save(localStorage, strip));
    const timer = setTimeout(keep, PAUSE);
    addEventListener("pagehide", keep);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", keep);
      save(localStorage, strip); // a page that is left within the pause
    };
  }, [strip]);

  return {
    strip,
    change: useCallback((next, gesture) => setHistory((all) => commit(all, next(all.present), gesture ?? null)), []),
    arrive: useCallback((next) => setHistory((all) => amend(all, next)), []),
    rest: useCallback(() => setHistory(rest), []),
    undo: useCallback(() => setHistory(undo), []),
    redo: useCallback(() => setHistory(redo), []),
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    stored,
  };
}
