// Undo and redo over plain values.

export interface History<T> {
  past: readonly T[];
  present: T;
  future: readonly T[];
  gesture: string | null; // what the last change belongs to: a drag or a run of typing is one step back
}

export const STEPS = 200; // that are kept

export const begin = <T>(present: T): History<T> => ({ past: [], present, future: [], gesture: null });

/** A change. Changes of one gesture, one after the other, are undone together. */
export function commit<T>(history: History<T>, next: T, gesture: string | null = null): History<T> {
  if (next === history.present) return history;
  const goesOn = gesture !== null && gesture === history.gesture;
  const past = goesOn ? history.past : [...history.past, history.present].slice(-STEPS);
  return { past, present: next, future: [], gesture };
}

/** The gesture is over: the next change is a step of its own. */
export const rest = <T>(history: History<T>): History<T> =>
  history.gesture === null ? history : { ...history, gesture: null };

/** A change that everybody has to live with, such as a film that arrived: it goes into every state and is not undone. */
export function amend<T>(history: History<T>, change: (value: T) => T): History<T> {
  return { ...history, past: history.past.map(change), present: change(history.present), future: history.future.map(change) };
}

export function undo<T>(history: History<T>): History<T> {
  const last = history.past.at(-1);
  if (last === undefined) return history;
  return { past: history.past.slice(0, -1), present: last, future: [history.present, ...history.future], gesture: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future, gesture: null };
}
