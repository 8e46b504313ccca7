import { describe, expect, it } from "vitest";
import { Clock } from "./clock";
import { commandOf, type Stroke } from "./commands";
import { beginOf, momentAt, sameScript, ticks, unfilmed } from "./playback";
import { add, addTake, edit, emptyStrip, exchange, lock, move, newShot, retimed, type Strip } from "./strip";

function three(): Strip {
  return ["one", "two", "three"].reduce((strip, text) => add(strip, null, newShot(0, 2, text)), emptyStrip());
}
const idAt = (strip: Strip, index: number): string => strip.shots[index]?.id ?? "";

describe("what plays", () => {
  it("is the chosen take, from the beginning of its shot", () => {
    const strip = addTake(three(), idAt(three(), 0), { id: "nobody", seed: null });
    const filmed = addTake(strip, idAt(strip, 1), { id: "video_2", seed: null });
    expect(momentAt(filmed, 2.5)).toEqual({ index: 1, film: "video_2", at: 0.5, until: 4 });
    expect(momentAt(filmed, 0.5)).toMatchObject({ index: 0, film: null });
    expect(momentAt(emptyStrip(), 1)).toBeNull();
  });
  it("is the film of the whole where a shot has no take", () => {
    expect(momentAt({ ...three(), whole: "video_9" }, 2.5)).toMatchObject({ film: "video_9", at: 2.5 });
  });
  it("begins at the start, also where the first card comes later", () => {
    const strip = move(add(emptyStrip()), "", 0);
    const late = move(strip, idAt(strip, 0), 1);
    expect(beginOf(late, 0)).toBe(0);
    expect(momentAt(late, 0)).toMatchObject({ index: 0, until: 3 });
  });
  it("waits for what is unlocked and has no take of these words", () => {
    let strip = three();
    strip = addTake(strip, idAt(strip, 0), { id: "a", seed: null });
    strip = addTake(strip, idAt(strip, 1), { id: "b", seed: null });
    strip = lock(addTake(strip, idAt(strip, 2), { id: "c", seed: null }), idAt(strip, 2), true);
    const told = (id: string): string | null => ({ a: "one", b: "else", c: "else" })[id] ?? null;
    expect(unfilmed(strip, told)).toEqual([1]);
    expect(unfilmed(strip, () => null)).toEqual([]);
    expect(unfilmed(three(), told)).toEqual([0, 1, 2]);
  });
  it("knows a script by its words and times, not by its takes", () => {
    const strip = three();
    expect(sameScript(strip, addTake(strip, idAt(strip, 0), { id: "a", seed: null }))).toBe(true);
    expect(sameScript(strip, edit(strip, idAt(strip, 0), { text: "other" }))).toBe(false);
  });
});

describe("the clock", () => {
  it("plays to the end, stops, and begins again", () => {
    const clock = new Clock();
    clock.play(0);
    expect(clock.playing).toBe(false);
    clock.play(2);
    clock.advance(1.5, 2);
    expect([clock.time, clock.playing]).toEqual([1.5, true]);
    clock.advance(1, 2);
    expect([clock.time, clock.playing]).toEqual([2, false]);
    clock.play(2);
    expect(clock.time).toBe(0);
  });
  it("tells those who watch, and keeps within the film", () => {
    const clock = new Clock();
    let told = 0;
    const stop = clock.watch(() => told++);
    clock.seek(9, 4);
    clock.seek(-1, 4);
    stop();
    clock.seek(2, 4);
    expect([told, clock.time]).toEqual([2, 2]);
  });
});

describe("the axis", () => {
  it("has labels that do not touch", () => {
    expect(ticks(2, 200)).toEqual([0, 0.5, 1, 1.5, 2]);
    expect(ticks(10, 30)).toEqual([0, 2, 4, 6, 8, 10]);
  });
});

describe("places", () => {
  it("are exchanged, whatever the lengths, and the hole between stays", () => {
    let strip = add(add(emptyStrip(), null, newShot(0, 4, "long")), null, newShot(0, 1, "short"));
    strip = move(strip, idAt(strip, 1), 5);
    const turned = exchange(strip, idAt(strip, 0), 1);
    expect(turned.shots.map(({ text, start, end }) => [text, start, end])).toEqual([
      ["short", 0, 1],
      ["long", 2, 6],
    ]);
    expect(exchange(turned, idAt(turned, 1), -1).shots.map(({ text, start }) => [text, start])).toEqual([
      ["long", 0],
      ["short", 5],
    ]);
    expect(exchange(strip, idAt(strip, 0), -1)).toBe(strip);
  });
  it("of a drag leave alone what arrived meanwhile", () => {
    const strip = three();
    const moved = move(strip, idAt(strip, 2), 7);
    const live = addTake(strip, idAt(strip, 0), { id: "a", seed: 1 });
    const both = retimed(live, moved);
    expect(both.shots[2]?.start).toBe(7);
    expect(both.shots[0]?.takes).toHaveLength(1);
    expect(retimed(add(live), moved).shots).toHaveLength(4);
  });
});

describe("keys", () => {
  const press = (key: string, held: Partial<Stroke> = {}) =>
    commandOf({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...held });
  it("move shots and their edges", () => {
    expect([press("ArrowLeft"), press("ArrowRight", { altKey: true })]).toEqual(["previous", "later"]);
    expect(press("ArrowRight", { shiftKey: true })).toBe("tailLater");
    expect(press("ArrowLeft", { shiftKey: true, ctrlKey: true })).toBe("headEarlier");
  });
  it("leave the browser's own alone", () => {
    expect(press("t", { ctrlKey: true })).toBeNull();
    expect(press("l", { metaKey: true })).toBeNull();
    expect(press("Tab")).toBeNull();
    expect([press("D"), press("d", { ctrlKey: true }), press(" ")]).toEqual(["duplicate", "duplicate", "play"]);
  });
});
