// The influence of the second clip of a blend over time: points that a person drags, and what the server reads of them.

export interface Point {
  at: number; // seconds
  influence: number; // 0: the first clip alone .. 1: the second alone
}

export const MOST_POINTS = 12;
export const APART = 0.05; // seconds between two points
export type Preset = "transition" | "mix" | "sample";
export const PRESETS: readonly Preset[] = ["transition", "mix", "sample"];

const within = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
const tidy = (value: number): number => Math.round(value * 1000) / 1000;

/** A straight road from the first clip to the second. */
export const straight = (seconds: number): Point[] => [
  { at: 0, influence: 0 },
  { at: tidy(seconds), influence: 1 },
];

/** Points along a preset, to start from: the same curves as the server's. */
export function along(preset: Preset, seconds: number, count = 5): Point[] {
  const shape = {
    transition: (x: number) => x * x * (3 - 2 * x),
    mix: () => 0.5,
    sample: (x: number) => Math.sin(Math.PI * x) / 2,
  }[preset];
  return Array.from({ length: count }, (_, i) => {
    const x = i / (count - 1);
    return { at: tidy(x * seconds), influence: tidy(shape(x)) };
  });
}

/** The influence at a time: straight lines between the points, level before the first and after the last. */
export function influenceAt(points: readonly Point[], at: number): number {
  const next = points.findIndex((point) => point.at >= at);
  const after = points[next];
  const before = next > 0 ? points[next - 1] : undefined;
  if (!after) return points.at(-1)?.influence ?? 0;
  if (!before) return after.influence;
  const share = (at - before.at) / (after.at - before.at);
  return before.influence + share * (after.influence - before.influence);
}

/** A point more, on the curve or at an influence of its own. Unchanged where there are enough, or one is too near. */
export function addPoint(points: readonly Point[], at: number, influence = influenceAt(points, at)): Point[] {
  if (points.length >= MOST_POINTS || at < 0 || points.some((point) => Math.abs(point.at - at) < APART)) return [...points];
  return [...points, { at: tidy(at), influence: tidy(within(influence, 0, 1)) }].sort((a, b) => a.at - b.at);
}

/** A point at another place. It keeps its rank: neighbours are walls, and so are 0 and the end. */
export function movePoint(points: readonly Point[], index: number, at: number, influence: number, seconds: number): Point[] {
  const low = index > 0 ? (points[index - 1]?.at ?? 0) + APART : 0;
  const high = index < points.length - 1 ? (points[index + 1]?.at ?? seconds) - APART : seconds;
  return points.map((point, i) =>
    i === index ? { at: tidy(within(at, low, Math.max(low, high))), influence: tidy(within(influence, 0, 1)) } : point,
  );
}

/** Without the point; two stay, or it would be no curve. */
export const removePoint = (points: readonly Point[], index: number): Point[] =>
  points.length > 2 ? points.filter((_, i) => i !== index) : [...points];

/** The same shape over another length. */
export function scaled(points: readonly Point[], from: number, to: number): Point[] {
  return from > 0 ? points.map(({ at, influence }) => ({ at: tidy((at / from) * to), influence })) : [...points];
}

/** The points after a key is pressed on one of them; null for a key that does nothing. */
export function keyed(key: string, points: readonly Point[], index: number, seconds: number): Point[] | null {
  const point = points[index];
  if (!point) return null;
  if (key === "Delete" || key === "Backspace") return removePoint(points, index);
  const [dx, dy] = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }[key] ?? [0, 0];
  return dx || dy ? movePoint(points, index, point.at + dx!, point.influence + dy!, seconds) : null;
}

/** The middle of the widest hole between two points. */
export function widest(points: readonly Point[], seconds: number): number {
  const marks = [0, ...points.map(({ at }) => at), seconds];
  const holes = marks.slice(1).map((mark, i) => ({ from: marks[i]!, to: mark }));
  const hole = holes.reduce((best, each) => (each.to - each.from > best.to - best.from ? each : best));
  return (hole.from + hole.to) / 2;
}

/** "0:0, 1:0.5, 2:1", as the field `curve` has it. */
export const toText = (points: readonly Point[]): string => points.map(({ at, influence }) => `${at}:${influence}`).join(", ");
