import { beforeEach, describe, expect, it } from "vitest";
import {
  MOST_SHOTS,
  SHORTEST,
  add,
  addTake,
  choose,
  dropTake,
  duplicate,
  duration,
  edges,
  edit,
  emptyStrip,
  length,
  lock,
  move,
  newShot,
  remove,
  resize,
  setTimes,
  shotAt,
  snap,
  snapMove,
  takeLength,
  type Strip,
} from "./strip";

const times = (strip: Strip): number[][] => strip.shots.map((shot) => [shot.start, shot.end]);
const texts = (strip: Strip): string => strip.shots.map((shot) => shot.text).join("");

let strip: Strip;
let [a, b, c] = ["", "", ""];

beforeEach(() => {
  strip = ["a", "b", "c"].reduce((board, text) => add(board, null, newShot(0, 2, text)), emptyStrip());
  [a = "", b = "", c = ""] = strip.shots.map((shot) => shot.id);
});

describe("shots on the time axis", () => {
  it("come one after the other", () => {
    expect(times(strip)).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
    ]);
    expect(duration(strip)).toBe(6);
  });
  it("make room for one in the middle", () => {
    const more = add(strip, a, newShot(0, 3, "x"));
    expect(texts(more)).toBe("axbc");
    expect(times(more)).toEqual([
      [0, 2],
      [2, 5],
      [5, 7],
      [7, 9],
    ]);
  });
  it("are duplicated without their takes", () => {
    const twice = duplicate(addTake(strip, b, { id: "video_1", seed: 1 }), b);
    expect(texts(twice)).toBe("abbc");
    expect(twice.shots[2]?.takes).toEqual([]);
    expect(new Set(twice.shots.map((shot) => shot.id)).size).toBe(4);
  });
  it("leave a hole where one is deleted, and nothing else moves", () => {
    expect(times(remove(strip, b))).toEqual([
      [0, 2],
      [4, 6],
    ]);
    expect(remove(strip, "nobody")).toBe(strip);
  });
  it("change places when dragged past a neighbour", () => {
    expect(texts(move(strip, a, 2.5))).toBe("bac");
    expect(texts(move(strip, c, 0))).toBe("acb");
    expect(texts(move(strip, a, 1))).toBe("abc");
  });
  it("push those after them and never overlap, whatever is done", () => {
    let board = strip;
    for (const at of [0.3, 5.2, 1.1, 9.7, 2.05, 0]) {
      for (const id of [a, b, c]) {
        board = resize(move(board, id, at), id, at > 3 ? "end" : "start", at * 1.4);
        board.shots.slice(1).forEach((shot, i) => expect(shot.start).toBeGreaterThanOrEqual(board.shots[i]?.end ?? Infinity));
        board.shots.forEach((shot) => expect(length(shot)).toBeGreaterThanOrEqual(SHORTEST - 1e-9));
        expect(board.shots).toHaveLength(3);
      }
    }
  });
  it("are resized at either edge", () => {
    expect(times(resize(strip, b, "end", 9))).toEqual([
      [0, 2],
      [2, 9],
      [9, 11],
    ]);
    expect(texts(resize(strip, b, "end", 30))).toBe("abc");
    expect(times(resize(strip, b, "start", 0))).toEqual(times(strip)); // the shot before is a wall
    expect(times(resize(strip, b, "start", 3.9))[1]).toEqual([3.5, 4]);
    expect(times(resize(strip, b, "end", 0))[1]).toEqual([2, 2.5]);
  });
  it("take times that are typed, and refuse those that cannot be", () => {
    expect(times(setTimes(strip, b, 3, 7))).toEqual([
      [0, 2],
      [3, 7],
      [7, 9],
    ]);
    for (const [start, end] of [
      [5, 4],
      [-1, 2],
      [NaN, 2],
      [1, 1.2],
    ] as const)
      expect(setTimes(strip, b, start, end)).toBe(strip);
  });
  it("are at most as many as the server takes", () => {
    const full = Array.from({ length: MOST_SHOTS + 3 }).reduce<Strip>((board) => add(board), emptyStrip());
    expect(full.shots).toHaveLength(MOST_SHOTS);
    expect(duplicate(full, full.shots[0]?.id ?? "")).toBe(full);
  });
  it("drop the film of the whole when they change", () => {
    const filmed = { ...strip, whole: "video_9" };
    expect(edit(filmed, a, { text: "z" }).whole).toBeNull();
    expect(addTake(filmed, a, { id: "video_1", seed: null }).whole).toBe("video_9");
  });
  it("are found by time", () => {
    expect([0, 1.9, 2, 5, 99].map((at) => shotAt(strip, at))).toEqual([0, 0, 1, 2, 2]);
  });
});

describe("snapping", () => {
  it("prefers an edge to the grid, and leaves what is near nothing", () => {
    expect(snap(2.09, [2.12], 0.1)).toBe(2.12);
    expect(snap(1.04, [], 0.05)).toBe(1);
    expect(snap(1.1, [], 0.05)).toBe(1.1);
  });
  it("sticks with head or tail", () => {
    const board = move(strip, c, 8.1);
    expect(edges(board, b)).toEqual([0, 0, 2, 8.1, 10.1]);
    expect(snapMove(board, b, 6.07, 0.06)).toBe(6.1); // the tail at 8.1
    expect(snapMove(board, b, 1.97, 0.06)).toBe(2);
  });
});

describe("takes", () => {
  const two = (): Strip => addTake(addTake(strip, a, { id: "one", seed: 1 }), a, { id: "two", seed: 2 });
  it("choose the newest, unless one is locked", () => {
    expect(two().shots[0]?.chosen).toBe("two");
    const locked = addTake(lock(choose(two(), a, "one"), a, true), a, { id: "three", seed: 3 });
    expect(locked.shots[0]?.chosen).toBe("one");
    expect(choose(locked, a, "three").shots[0]?.chosen).toBe("one");
    expect(choose(lock(locked, a, false), a, "three").shots[0]?.chosen).toBe("three");
  });
  it("cannot lock what is not there, nor choose it", () => {
    expect(lock(strip, a, true).shots[0]?.locked).toBe(false);
    expect(choose(two(), a, "nine").shots[0]?.chosen).toBe("two");
  });
  it("fall back to another one when one is gone", () => {
    expect(dropTake(two(), a, "two").shots[0]?.chosen).toBe("one");
    expect(dropTake(lock(two(), a, true), a, "two").shots[0]?.locked).toBe(false);
  });
  it("last until the next shot begins, so that they join without a hole", () => {
    const board = move(strip, c, 5);
    expect([0, 1, 2].map((i) => takeLength(board, i))).toEqual([2, 3, 2]);
  });
});
