// The strip: shots on a time axis, as plain data. Every function takes a strip and returns a new one; none touches the page.
//
// Times are seconds from the start of the film. Shots never lie over one another; the time between two of them is where one
// becomes the other. A shot that is moved pushes those after it, so that nothing is ever lost by a careless drag.

export interface Take {
  id: string; // of the film on the server
  seed: number | null;
}

export interface Shot {
  id: string;
  start: number;
  end: number;
  text: string;
  image: string | null; // a data URL: the picture that the shot begins with
  cut: boolean; // begins anew, instead of going on from the shot before
  takes: Take[];
  chosen: string | null; // the take that is played and exported
  locked: boolean; // the chosen take stays, whatever is filmed again
}

export interface Strip {
  title: string;
  size: string;
  quality: "fast" | "good" | "best";
  shots: Shot[];
  whole: string | null; // the film of all shots in one go
}

export const SHORTEST = 0.5; // seconds of a shot
export const GRID = 0.25; // seconds that times snap to
export const NEW_SHOT = 2;
export const MOST_SHOTS = 64;

export const length = (shot: Shot): number => shot.end - shot.start;
export const duration = (strip: Strip): number => strip.shots.at(-1)?.end ?? 0;
export const find = (strip: Strip, id: string): Shot | undefined => strip.shots.find((shot) => shot.id === id);

const tidy = (seconds: number): number => Math.round(seconds * 1000) / 1000;
const newId = (): string => `shot-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`; // unique in one strip

export function emptyStrip(): Strip {
  return { title: "", size: "square", quality: "good", shots: [], whole: null };
}

export function newShot(start: number, seconds = NEW_SHOT, text = ""): Shot {
  return {
    id: newId(),
    start: tidy(start),
    end: tidy(start + seconds),
    text,
    image: null,
    cut: false,
    takes: [],
    chosen: null,
    locked: false,
  };
}

/** The shots in the order of their middles, each pushed right until it begins where the one before ends, or later. */
export function settle(shots: readonly Shot[]): Shot[] {
  const ordered = [...shots].sort((a, b) => a.start + a.end - b.start - b.end);
  let free = 0;
  return ordered.map((shot) => {
    const start = tidy(Math.max(shot.start, free));
    const end = tidy(start + length(shot));
    free = end;
    return start === shot.start && end === shot.end ? shot : { ...shot, start, end };
  });
}

/** The strip with other shots. One film of the old ones is no film of the new ones. */
function withShots(strip: Strip, shots: readonly Shot[]): Strip {
  return { ...strip, shots: settle(shots), whole: null };
}

/** A new shot after the given one, else at the end; what follows makes room. */
export function add(strip: Strip, after: string | null = null, shot: Shot = newShot(0)): Strip {
  if (strip.shots.length >= MOST_SHOTS) return strip;
  const before = after === null ? strip.shots.at(-1) : find(strip, after);
  return insert(strip, before, shot);
}

function insert(strip: Strip, before: Shot | undefined, shot: Shot): Strip {
  const start = before?.end ?? 0;
  const placed = { ...shot, start, end: start + length(shot) };
  const index = before ? strip.shots.indexOf(before) + 1 : 0;
  const next = strip.shots[index];
  const push = next ? Math.max(0, placed.end - next.start) : 0;
  const later = strip.shots.slice(index).map((each) => ({ ...each, start: each.start + push, end: each.end + push }));
  return withShots(strip, [...strip.shots.slice(0, index), placed, ...later]);
}

/** A copy right after the shot, without its takes: they are films of the other one. */
export function duplicate(strip: Strip, id: string): Strip {
  const shot = find(strip, id);
  if (!shot || strip.shots.length >= MOST_SHOTS) return strip;
  return insert(strip, shot, { ...shot, id: newId(), takes: [], chosen: null, locked: false });
}

export function remove(strip: Strip, id: string): Strip {
  return find(strip, id)
    ? withShots(
        strip,
        strip.shots.filter((shot) => shot.id !== id),
      )
    : strip;
}

function replace(strip: Strip, id: string, change: (shot: Shot) => Shot): Strip {
  return withShots(
    strip,
    strip.shots.map((shot) => (shot.id === id ? change(shot) : shot)),
  );
}

/** The shot moved to begin at `start`. Past the middle of a neighbour it changes places with it. */
export function move(strip: Strip, id: string, start: number): Strip {
  const shot = find(strip, id);
  const to = tidy(Math.max(0, start));
  if (!shot || !Number.isFinite(to) || to === shot.start) return strip;
  return replace(strip, id, (each) => ({ ...each, start: to, end: to + length(each) }));
}

/** The shot in the place of its neighbour, before (-1) or after it (1), and the neighbour in its. */
export function exchange(strip: Strip, id: string, by: -1 | 1): Strip {
  const index = strip.shots.findIndex((shot) => shot.id === id);
  const [first, second] = [strip.shots[Math.min(index, index + by)], strip.shots[Math.max(index, index + by)]];
  if (index < 0 || !first || !second) return strip;
  const middle = first.start + length(second);
  const later = middle + second.start - first.end;
  const placed = [
    { ...second, start: first.start, end: tidy(middle) },
    { ...first, start: tidy(later), end: second.end },
  ];
  return withShots(strip, [...strip.shots.filter((shot) => shot !== first && shot !== second), ...placed]);
}

/** One edge of the shot at another time. A shot keeps SHORTEST; its head stops at the shot before, its tail pushes those after. */
export function resize(strip: Strip, id: string, edge: "start" | "end", at: number): Strip {
  const index = strip.shots.findIndex((shot) => shot.id === id);
  const shot = strip.shots[index];
  if (!shot || !Number.isFinite(at)) return strip;
  if (edge === "end") return stretched(strip, index, tidy(Math.max(at, shot.start + SHORTEST)));
  const start = tidy(Math.min(Math.max(at, strip.shots[index - 1]?.end ?? 0), shot.end - SHORTEST));
  return start === shot.start ? strip : replace(strip, id, (each) => ({ ...each, start }));
}

function stretched(strip: Strip, index: number, end: number): Strip {
  if (strip.shots[index]?.end === end) return strip;
  // settle() orders by middles, and a long shot's middle may lie behind that of a short one after it: so push in order first
  let free = 0;
  const shots = strip.shots.map((shot, i) => {
    const start = Math.max(shot.start, free);
    free = i === index ? end : start + length(shot);
    return { ...shot, start, end: free };
  });
  return withShots(strip, shots);
}

/** Both times as somebody types them. A time that cannot be leaves the strip as it is. */
export function setTimes(strip: Strip, id: string, start: number, end: number): Strip {
  if (!Number.isFinite(start) || !Number.isFinite(end) || end - start < SHORTEST || start < 0) return strip;
  const moved = move(strip, id, start);
  const begins = find(moved, id)?.start ?? 0;
  return resize(moved, id, "end", begins + end - start);
}

/** The strip with the order and times of another state of it; what else happened since stays. */
export function retimed(strip: Strip, times: Strip): Strip {
  const shots = times.shots.flatMap(({ id, start, end }) => {
    const shot = find(strip, id);
    return shot ? [{ ...shot, start, end }] : [];
  });
  return shots.length === strip.shots.length ? { ...strip, shots, whole: null } : strip;
}

/** Text, picture or cut of a shot. Its takes show what it said before; they are kept, and a locked one stays chosen. */
export function edit(strip: Strip, id: string, change: Partial<Pick<Shot, "text" | "image" | "cut">>): Strip {
  return replace(strip, id, (shot) => ({ ...shot, ...change }));
}

/** The time nearest to `seconds` among the grid and the given marks, where one is nearer than `reach` seconds. */
export function snap(seconds: number, marks: readonly number[], reach: number): number {
  const near = [...marks].sort((a, b) => Math.abs(a - seconds) - Math.abs(b - seconds))[0];
  if (near !== undefined && Math.abs(near - seconds) <= reach) return tidy(near);
  const line = Math.round(seconds / GRID) * GRID;
  return tidy(Math.abs(line - seconds) <= reach ? line : seconds);
}

/** Edges of the other shots, where a moved one may stick. */
export function edges(strip: Strip, but: string): number[] {
  return [0, ...strip.shots.filter((shot) => shot.id !== but).flatMap((shot) => [shot.start, shot.end])];
}

/** Where a shot begins whose head or tail sticks to a mark, whichever is nearer. */
export function snapMove(strip: Strip, id: string, start: number, reach: number): number {
  const shot = find(strip, id);
  if (!shot) return start;
  const marks = edges(strip, id);
  const byHead = snap(start, marks, reach);
  const byTail = tidy(snap(start + length(shot), marks, reach) - length(shot));
  const far = (to: number): number => (to === tidy(start) ? Infinity : Math.abs(to - start)); // what stays put sticks to nothing
  return Math.max(0, far(byTail) < far(byHead) ? byTail : byHead);
}

/** The seconds that a take of shot `index` lasts: from its beginning to that of the next, so that takes in a row leave no hole. */
export function takeLength(strip: Strip, index: number): number {
  const shot = strip.shots[index];
  if (!shot) return 0;
  const begin = index === 0 ? 0 : shot.start;
  return tidy((strip.shots[index + 1]?.start ?? shot.end) - begin);
}

/** A film of the shot. The newest is chosen, unless another one is locked. */
export function addTake(strip: Strip, id: string, take: Take): Strip {
  return touched(strip, id, (shot) => ({
    ...shot,
    takes: [...shot.takes.filter((each) => each.id !== take.id), take],
    chosen: shot.locked ? shot.chosen : take.id,
  }));
}

/** Another take; one that is locked stays. */
export function choose(strip: Strip, id: string, take: string): Strip {
  return touched(strip, id, (shot) =>
    shot.locked || !shot.takes.some((each) => each.id === take) ? shot : { ...shot, chosen: take },
  );
}

export function lock(strip: Strip, id: string, locked: boolean): Strip {
  return touched(strip, id, (shot) => ({ ...shot, locked: locked && shot.chosen !== null }));
}

/** A take taken out, with the film gone on the server or not wanted; then the newest of the others is chosen. */
export function dropTake(strip: Strip, id: string, take: string): Strip {
  return touched(strip, id, (shot) => {
    const takes = shot.takes.filter((each) => each.id !== take);
    if (shot.chosen !== take) return { ...shot, takes };
    return { ...shot, takes, chosen: takes.at(-1)?.id ?? null, locked: false };
  });
}

/** A change that leaves times and words alone, so that the film of the whole stays valid. */
function touched(strip: Strip, id: string, change: (shot: Shot) => Shot): Strip {
  return { ...strip, shots: strip.shots.map((shot) => (shot.id === id ? change(shot) : shot)) };
}

/** The shot at a time: the one whose take covers it. */
export function shotAt(strip: Strip, seconds: number): number {
  let found = 0;
  strip.shots.forEach((shot, i) => {
    if (shot.start <= seconds + 1e-6) found = i;
  });
  return found;
}
