import { describe, expect, it } from "vitest";
import type { Video } from "../api";
import { blendBody, spansOf } from "./blend";
import { MOST_POINTS, addPoint, keyed, straight, widest } from "./curve";
import { boxed, covered, emptyMask } from "./mask";
import { exact, marked } from "./trim";

const clip = { id: "video_1", seconds: "2" } as Video;
const other = { id: "video_2", seconds: "3" } as Video;
const words = { prompt: "a fox", then: "a cat" };

describe("trimming", () => {
  const frame = 1 / 12;
  it("keeps one frame, whichever mark moves", () => {
    const all = { start: 0, end: 2 };
    expect(marked(all, "start", 0.5, 2, frame)).toEqual({ start: 0.5, end: 2 });
    expect(marked(all, "start", 9, 2, frame)).toEqual({ start: 2 - frame, end: 2 });
    expect(marked({ start: 1, end: 2 }, "end", 0.25, 2, frame)).toEqual({ start: 0.25 - frame, end: 0.25 });
    expect(marked(all, "end", -1, 2, frame)).toEqual({ start: 0, end: frame });
  });
  it("tells milliseconds", () => {
    expect(exact({ start: 1 / 3, end: 2 / 3 })).toEqual({ start: 0.333, end: 0.667 });
  });
});

describe("two clips", () => {
  it("are led, melted, or blended along a curve", () => {
    const both = { video: { id: "video_1" }, to: { id: "video_2" }, ...words };
    expect(blendBody(clip, other, "bridge", words, 1.5, [])).toEqual({ ...both, seconds: "1.5" });
    expect(blendBody(clip, other, "transition", words, 1, [])).toEqual({ ...both, seconds: "1", curve: "transition" });
    expect(blendBody(clip, other, "curve", words, 1, straight(2))).toEqual({ ...both, curve: "0:0, 2:1" });
  });
  it("last as long as the server says", () => {
    const whole = (way: "bridge" | "transition") => spansOf(way, 2, 3, 1).reduce((sum, [, seconds]) => sum + seconds, 0);
    expect([whole("bridge"), whole("transition")]).toEqual([6, 4]);
  });
});

describe("a point of the curve", () => {
  it("is moved and removed by keys", () => {
    const points = addPoint(straight(2), 1);
    expect(keyed("ArrowUp", points, 1, 2)?.[1]).toEqual({ at: 1, influence: 0.55 });
    expect(keyed("ArrowLeft", points, 1, 2)?.[1]).toEqual({ at: 0.9, influence: 0.5 });
    expect(keyed("Delete", points, 1, 2)).toEqual(straight(2));
    expect(keyed("Tab", points, 1, 2)).toBeNull();
    expect(keyed("ArrowUp", points, 7, 2)).toBeNull();
  });
  it("is added in the widest hole, until there are enough", () => {
    let points = straight(2);
    for (let i = 0; i < 20; i++) points = addPoint(points, widest(points, 2));
    expect(points).toHaveLength(MOST_POINTS);
    expect(widest(straight(2), 2)).toBe(1);
  });
});

describe("a rectangle", () => {
  it("is drawn from any corner and takes the place of what was there", () => {
    const mask = boxed(emptyMask(10, 10), { x: 8, y: 9 }, { x: 3, y: 4 });
    expect(covered(mask)).toBeCloseTo(0.25);
    expect(covered(boxed(mask, { x: 0, y: 0 }, { x: 2, y: 2 }))).toBeCloseTo(0.04);
  });
});
