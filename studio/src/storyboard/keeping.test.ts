import { describe, expect, it } from "vitest";
import { pieces, namedIn, takeBody, timecode, toEdl, toOtio, tooMany, wholeBody, withName, clock } from "./exports";
import { STEPS, amend, begin, commit, redo, rest, undo } from "./history";
import { ASIDE, KEY, VERSION, load, parse, save } from "./keep";
import { add, addTake, edit, emptyStrip, move, newShot, type Strip } from "./strip";

class Memory implements Storage {
  [name: string]: unknown;
  private readonly kept = new Map<string, string>();
  constructor(private readonly room = Infinity) {}
  get length(): number {
    return this.kept.size;
  }
  clear(): void {
    this.kept.clear();
  }
  key(index: number): string | null {
    return [...this.kept.keys()][index] ?? null;
  }
  getItem(name: string): string | null {
    return this.kept.get(name) ?? null;
  }
  removeItem(name: string): void {
    this.kept.delete(name);
  }
  setItem(name: string, value: string): void {
    if (value.length > this.room) throw new DOMException("full", "QuotaExceededError");
    this.kept.set(name, value);
  }
}

const board = (): Strip => {
  const two = add(add(emptyStrip(), null, newShot(0, 2, "Rusty runs in the snow")), null, newShot(0, 2.5, "小红 跳"));
  const [first = newShot(0), second = newShot(0)] = two.shots;
  return edit(move(addTake(two, first.id, { id: "video_1", seed: 4 }), second.id, 3), second.id, {
    cut: true,
    image: "data:image/png;base64,AA==",
  });
};
const CAST = [
  { id: "char_1", name: "Rusty" },
  { id: "char_2", name: "小红" },
  { id: "char_3", name: "Rust" },
];

describe("history", () => {
  it("goes back and forth", () => {
    const history = commit(commit(begin(0), 1), 2);
    expect(undo(undo(history)).present).toBe(0);
    expect(redo(redo(undo(undo(history)))).present).toBe(2);
    expect(undo(begin(5)).present).toBe(5);
    expect(commit(undo(history), 7).future).toEqual([]);
  });
  it("takes a gesture as one step", () => {
    const dragged = commit(commit(commit(begin(0), 1, "drag"), 2, "drag"), 3, "drag");
    expect(undo(dragged).present).toBe(0);
    expect(undo(commit(rest(dragged), 4, "drag")).present).toBe(3);
  });
  it("keeps so many steps, and what is amended is in all of them", () => {
    const long = Array.from({ length: STEPS + 50 }, (_, i) => i + 1).reduce((all, i) => commit(all, i), begin(0));
    expect(long.past).toHaveLength(STEPS);
    expect(undo(amend(long, (value) => value * 10)).present).toBe((STEPS + 49) * 10);
  });
});

describe("keeping", () => {
  it("finds the same strip again", () => {
    const storage = new Memory();
    const strip = { ...board(), title: "Snow", whole: "video_9" };
    expect(save(storage, strip)).toBe(true);
    expect(load(storage)).toEqual(strip);
  });
  it("says when there is no room", () => expect(save(new Memory(10), board())).toBe(false));
  it("lays aside what another version wrote", () => {
    const storage = new Memory();
    storage.setItem(KEY, JSON.stringify({ version: VERSION + 1, strip: {} }));
    expect(load(storage)).toEqual(emptyStrip());
    expect(storage.getItem(ASIDE)).toContain(`"version":${VERSION + 1}`);
  });
  it("takes broken shots for none, and never a strip for more than it is", () => {
    for (const text of ["", "[]", "null", '{"version":1}', '{"version":1,"strip":[]}']) expect(parse(text)).toBeNull();
    const odd = {
      version: 1,
      strip: {
        quality: "odd",
        shots: [{ id: "s", start: 3, end: 1 }, null, { id: "t", start: 0, end: 2, locked: true, chosen: "gone" }],
      },
    };
    const read = parse(JSON.stringify(odd));
    expect(read?.shots.map((shot) => [shot.id, shot.locked, shot.chosen])).toEqual([["t", false, null]]);
    expect(read?.quality).toBe("good");
  });
});

describe("bodies of calls", () => {
  it("hold the cards at their times", () => {
    expect(wholeBody(board(), CAST)).toEqual({
      prompt: "Rusty runs in the snow. 小红 跳",
      seconds: "5.5",
      size: "square",
      quality: "good",
      characters: [{ id: "char_1" }, { id: "char_2" }],
      storyboard: [
        { at: 0, until: 2, prompt: "Rusty runs in the snow" },
        { at: 3, until: 5.5, prompt: "小红 跳", cut: true, image: { image_url: "data:image/png;base64,AA==" } },
      ],
    });
  });
  it("are not made where a third character would be left out", () => {
    const three = ["Ann", "Bo", "Cy"].map((name, i) => ({ id: `char_${i}`, name }));
    expect(tooMany("Ann and Bo run. cy sleeps", three).map(({ name }) => name)).toEqual(["Ann", "Bo", "Cy"]);
    expect(tooMany("Ann and Bo run", three)).toEqual([]);
  });
  it("make one take of one shot", () => {
    expect(takeBody(board(), 0, CAST, 9)).toMatchObject({
      prompt: "Rusty runs in the snow",
      seconds: "3",
      seed: 9,
      characters: [{ id: "char_1" }],
    });
    expect(takeBody(board(), 1, [])).toMatchObject({
      seconds: "2.5",
      input_reference: { image_url: "data:image/png;base64,AA==" },
    });
  });
  it("join takes only when all are there, and no longer than they last", () => {
    const strip = board();
    const lasts = (id: string): number | null => ({ video_1: 9, video_2: 2 })[id] ?? null;
    expect(pieces(strip, lasts)).toBeNull();
    expect(pieces(emptyStrip(), lasts)).toBeNull();
    const filmed = addTake(strip, strip.shots[1]?.id ?? "", { id: "video_2", seed: 5 });
    expect(pieces(filmed, lasts)).toEqual([
      { id: "video_1", start: 0, end: 3 },
      { id: "video_2", start: 0, end: 2 },
    ]);
    expect(pieces(filmed, () => null)).toBeNull();
  });
  it("take what has no take from the film of the whole", () => {
    const lasts = (): number => 9;
    expect(pieces({ ...board(), whole: "video_9" }, lasts)).toEqual([
      { id: "video_1", start: 0, end: 3 },
      { id: "video_9", start: 3, end: 5.5 },
    ]);
  });
});

describe("names", () => {
  it("are whole words, in any case; Hanzi anywhere", () => {
    expect(namedIn("rusty, 看小红跳", CAST).map(({ id }) => id)).toEqual(["char_1", "char_2"]);
    expect(namedIn("a trusty friend", CAST)).toEqual([]);
    expect(namedIn("a+b", [{ id: "x", name: "+" }])).toHaveLength(1);
  });
  it("go where the caret is", () => {
    expect(withName("runs", "Rusty", 0)).toEqual({ text: "Rusty runs", caret: 6 });
    expect(withName("see", "Rusty", 3)).toEqual({ text: "see Rusty ", caret: 10 });
  });
});

describe("edit lists", () => {
  it("write an EDL whose record has no hole", () => {
    const lines = toEdl({ ...board(), title: "狐 fox" }).split("\r\n");
    expect(lines[0]).toBe("TITLE: _ fox");
    expect(lines[3]).toBe("001  FILM001  V     C        00:00:00:00 00:00:03:00 00:00:00:00 00:00:03:00");
    expect(lines[6]).toBe("002  BL       V     C        00:00:00:00 00:00:02:12 00:00:03:00 00:00:05:12");
    expect(timecode(24 * 3661 + 7)).toBe("01:01:01:07");
  });
  it("write OTIO with the films at their addresses", () => {
    const timeline = JSON.parse(toOtio({ ...board(), whole: "video_9" }, (id) => `http://host/${id}.mp4`)) as {
      tracks: { children: { children: Record<string, never>[] }[] };
    };
    const clips = timeline.tracks.children[0]?.children ?? [];
    expect(clips).toMatchObject([
      {
        source_range: { duration: { value: 72, rate: 24 } },
        media_references: { DEFAULT_MEDIA: { target_url: "http://host/video_1.mp4" } },
      },
      {
        source_range: { start_time: { value: 72 }, duration: { value: 60 } },
        media_references: { DEFAULT_MEDIA: { target_url: "http://host/video_9.mp4" } },
      },
    ]);
  });
  it("show times as people read them", () =>
    expect([0, 4.5, 65.25, 59.999].map(clock)).toEqual(["0:00", "0:04.5", "1:05.25", "1:00"]));
});
