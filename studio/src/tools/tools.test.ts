import { describe, expect, it } from "vitest";
import {
  APART,
  MOST_POINTS,
  addPoint,
  along,
  influenceAt,
  movePoint,
  removePoint,
  scaled,
  straight,
  toText,
  type Point,
} from "./curve";
import { covered, crc32, emptyMask, fromLine, inverted, rectangle, spotAt, stroke, toPng } from "./mask";

describe("the curve of a blend", () => {
  it("is read between its points and level beyond them", () => {
    const points = [
      { at: 1, influence: 0.2 },
      { at: 3, influence: 1 },
    ];
    expect([0, 1, 2, 3, 9].map((at) => Math.round(influenceAt(points, at) * 1e6) / 1e6)).toEqual([0.2, 0.2, 0.6, 1, 1]);
    expect(influenceAt([], 1)).toBe(0);
  });
  it("begins as a preset", () => {
    expect(along("transition", 4).map((point) => point.influence)).toEqual([0, 0.156, 0.5, 0.844, 1]);
    expect(along("sample", 2)[2]).toEqual({ at: 1, influence: 0.5 });
    expect(along("mix", 2, 3).every((point) => point.influence === 0.5)).toBe(true);
  });
  it("gains and loses points, but never order", () => {
    let points: Point[] = straight(2);
    for (let i = 0; i < 40; i++) points = addPoint(points, (i * 0.37) % 2);
    expect(points).toHaveLength(MOST_POINTS);
    points.forEach((_, i) => {
      points = movePoint(points, i, ((i * 7) % 5) - 1, i - 3, 2);
    });
    points.slice(1).forEach((point, i) => expect(point.at - (points[i]?.at ?? 9)).toBeGreaterThanOrEqual(APART - 1e-9));
    points.forEach(({ influence }) => expect(influence).toBeGreaterThanOrEqual(0));
    expect(removePoint(straight(2), 0)).toHaveLength(2);
    expect(removePoint(addPoint(straight(2), 1), 1)).toEqual(straight(2));
  });
  it("is text for the server", () => {
    expect(toText(addPoint(straight(2), 1))).toBe("0:0, 1:0.5, 2:1");
    expect(scaled(straight(2), 2, 3)[1]?.at).toBe(3);
  });
});

describe("the mask", () => {
  it("is painted with a round brush and rubbed out", () => {
    const mask = stroke(emptyMask(20, 10), { x: 5, y: 5 }, { x: 15, y: 5 }, 2);
    expect(mask.data[5 * 20 + 10]).toBe(255);
    expect(mask.data[0]).toBe(0);
    expect(covered(mask)).toBeCloseTo((10 * 4 + Math.PI * 4) / 200, 1);
    expect(covered(stroke(mask, { x: 0, y: 5 }, { x: 20, y: 5 }, 9, 0))).toBe(0);
    expect(covered(inverted(mask))).toBeCloseTo(1 - covered(mask));
  });
  it("stays inside the picture", () => {
    const mask = stroke(emptyMask(8, 8), { x: -5, y: -5 }, { x: 30, y: 30 }, 3);
    expect(mask.data).toHaveLength(64);
    expect(covered(rectangle(mask, 4, -2, 99, 6))).toBe(0.25);
    expect(() => emptyMask(0, 4)).toThrow("0x4");
  });
  it("knows how far a line is, and where a pointer is", () => {
    expect(fromLine({ x: 0, y: 3 }, { x: -1, y: 0 }, { x: 1, y: 0 })).toBe(3);
    expect(spotAt(110, 70, { left: 10, top: 20, width: 200, height: 100 }, emptyMask(64, 32))).toEqual({ x: 32, y: 16 });
  });
  it("is a PNG of one grey channel", async () => {
    const mask = rectangle(emptyMask(3, 2), 1, 0, 1, 2);
    const png = await toPng(mask);
    const view = new DataView(png.buffer);
    expect([view.getUint32(16), view.getUint32(20), png[24], png[25]]).toEqual([3, 2, 8, 0]);
    const size = view.getUint32(33);
    const lines = new Blob([png.subarray(41, 41 + size)]).stream().pipeThrough(new DecompressionStream("deflate"));
    expect([...new Uint8Array(await new Response(lines).arrayBuffer())]).toEqual([0, 0, 255, 0, 0, 0, 255, 0]);
    expect(view.getUint32(41 + size)).toBe(crc32(png.subarray(37, 41 + size)));
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });
});
