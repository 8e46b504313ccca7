// What leaves the strip: bodies of API calls, and edit lists for other editors (OpenTimelineIO, CMX 3600).

import { duration, length, takeLength, type Shot, type Strip } from "./strip";

export interface Character {
  id: string;
  name: string;
}

export const MOST_CHARACTERS = 2; // in one film, as the API has it
const RATE = 24; // frames a second of timecodes: twice the model's own rate, and one that every editor knows

const HANZI = /\p{Script=Han}/u;
const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The characters whose names a text holds: whole words, in any case; names in Hanzi anywhere. */
export function namedIn(text: string, characters: readonly Character[]): Character[] {
  return characters.filter(({ name }) => {
    if (name === "") return false;
    const inWord = (edge: string | undefined): boolean =>
      edge !== undefined && /[\p{L}\p{N}_]/u.test(edge) && !HANZI.test(name);
    const before = inWord([...name][0]) ? "(?<![\\p{L}\\p{N}_])" : "";
    const after = inWord([...name].at(-1)) ? "(?![\\p{L}\\p{N}_])" : "";
    return new RegExp(before + escaped(name) + after, "iu").test(text);
  });
}

/** A name put into a text where the caret stands, with the spaces that it needs. */
export function withName(text: string, name: string, at: number): { text: string; caret: number } {
  const before = text.slice(0, at);
  const after = text.slice(at);
  const apart = (edge: string): string => (edge === "" || /[\s\p{Script=Han}]/u.test(edge) || HANZI.test(name) ? "" : " ");
  const put = `${apart(before.slice(-1))}${name}${after === "" ? " " : apart(after.slice(0, 1))}`;
  return { text: before + put + after, caret: before.length + put.length };
}

/** The characters that a text names where they are more than one film can have; else none. */
export function tooMany(text: string, characters: readonly Character[]): Character[] {
  const found = namedIn(text, characters);
  return found.length > MOST_CHARACTERS ? found : [];
}

const cast = (text: string, characters: readonly Character[]): { characters?: { id: string }[] } => {
  const found = namedIn(text, characters).slice(0, MOST_CHARACTERS);
  return found.length > 0 ? { characters: found.map(({ id }) => ({ id })) } : {};
};

const pictured = (shot: Shot): { image?: { image_url: string } } => (shot.image ? { image: { image_url: shot.image } } : {});

/** What all shots say, as one prompt. */
export const wordsOf = (strip: Strip): string =>
  strip.shots
    .map((shot) => shot.text.trim())
    .filter(Boolean)
    .join(". ");

/** POST /v1/videos for all shots in one film, where one becomes the next. */
export function wholeBody(strip: Strip, characters: readonly Character[]): Record<string, unknown> {
  const prompt = wordsOf(strip);
  const storyboard = strip.shots.map((shot, i) => ({
    at: i === 0 ? 0 : shot.start,
    until: shot.end,
    prompt: shot.text.trim(),
    ...(shot.cut ? { cut: true } : {}),
    ...pictured(shot),
  }));
  return {
    prompt,
    seconds: seconds(duration(strip)),
    size: strip.size,
    quality: strip.quality,
    storyboard,
    ...cast(prompt, characters),
  };
}

/** POST /v1/videos for a take of one shot. */
export function takeBody(
  strip: Strip,
  index: number,
  characters: readonly Character[],
  seed?: number,
): Record<string, unknown> {
  const shot = strip.shots[index];
  if (!shot) throw new RangeError(`shot ${index} of ${strip.shots.length}`);
  const prompt = shot.text.trim();
  return {
    prompt,
    seconds: seconds(takeLength(strip, index)),
    size: strip.size,
    quality: strip.quality,
    ...cast(prompt, characters),
    ...(shot.image ? { input_reference: { image_url: shot.image } } : {}),
    ...(seed === undefined ? {} : { seed }),
  };
}

export interface Piece {
  id: string;
  start: number;
  end: number;
}

/** POST /v1/videos/cuts: what shows each shot, one after the other, or null where a shot has no finished film. `lasts` says how
 * long a film is, null for one that is not finished: a shorter one ends early. */
export function pieces(strip: Strip, lasts: (id: string) => number | null): Piece[] | null {
  const all = strip.shots.map((_, i) => pieceOf(strip, i, lasts));
  const there = all.filter((piece) => piece !== null);
  return there.length > 0 && there.length === all.length ? there : null;
}

export function pieceOf(strip: Strip, index: number, lasts: (id: string) => number | null): Piece | null {
  const film = filmOf(strip, index);
  const length = film && lasts(film.id);
  if (!film || length === null || length <= film.from) return null;
  const end = Math.min(film.from + takeLength(strip, index), length);
  return { id: film.id, start: film.from, end: Math.round(end * 1000) / 1000 };
}

const seconds = (value: number): string => String(Math.round(value * 1000) / 1000);

/** The film that shows a shot: its chosen take, else the whole film, from the time where the shot begins. */
export function filmOf(strip: Strip, index: number): { id: string; from: number } | null {
  const shot = strip.shots[index];
  if (shot?.chosen) return { id: shot.chosen, from: 0 };
  return strip.whole && shot ? { id: strip.whole, from: index === 0 ? 0 : shot.start } : null;
}

/** The strip as an OpenTimelineIO file. `address` turns the id of a film into where it lies. */
export function toOtio(strip: Strip, address: (id: string) => string): string {
  const clips = strip.shots.map((shot, i) => otioClip(strip, shot, i, address));
  const track = {
    OTIO_SCHEMA: "Track.1",
    name: "V1",
    kind: "Video",
    metadata: {},
    effects: [],
    markers: [],
    source_range: null,
    children: clips,
  };
  const stack = {
    OTIO_SCHEMA: "Stack.1",
    name: "tracks",
    metadata: {},
    effects: [],
    markers: [],
    source_range: null,
    children: [track],
  };
  const timeline = {
    OTIO_SCHEMA: "Timeline.1",
    name: strip.title || "Skyloom",
    metadata: {},
    global_start_time: null,
    tracks: stack,
  };
  return `${JSON.stringify(timeline, null, 2)}\n`;
}

function otioClip(strip: Strip, shot: Shot, index: number, address: (id: string) => string): unknown {
  const media = filmOf(strip, index);
  const metadata = { skyloom: { text: shot.text, cut: shot.cut, at: shot.start, until: shot.end, film: media?.id ?? null } };
  const reference = media
    ? {
        OTIO_SCHEMA: "ExternalReference.1",
        name: media.id,
        metadata: {},
        target_url: address(media.id),
        available_range: null,
        available_image_bounds: null,
      }
    : { OTIO_SCHEMA: "MissingReference.1", name: "", metadata: {}, available_range: null, available_image_bounds: null };
  return {
    OTIO_SCHEMA: "Clip.2",
    name: shot.text || `Shot ${index + 1}`,
    metadata,
    effects: [],
    markers: [],
    enabled: true,
    source_range: {
      OTIO_SCHEMA: "TimeRange.1",
      start_time: time(frames(media?.from ?? 0)),
      duration: time(cells(strip, index)),
    },
    media_references: { DEFAULT_MEDIA: reference },
    active_media_reference_key: "DEFAULT_MEDIA",
  };
}

const frames = (value: number): number => Math.round(value * RATE);
const time = (value: number): unknown => ({ OTIO_SCHEMA: "RationalTime.1", rate: RATE, value });

/** Where shot `index` begins on the record, in frames, and how many it lasts: counted from rounded edges, so none overlap. */
const edge = (strip: Strip, index: number): number => (index === 0 ? 0 : frames(strip.shots[index]?.start ?? duration(strip)));
const cells = (strip: Strip, index: number): number => edge(strip, index + 1) - edge(strip, index);

/** The strip as a CMX 3600 edit decision list: cuts on one video track, the film's id as a comment. */
export function toEdl(strip: Strip): string {
  const title = (strip.title || "Skyloom").replace(/[^\x20-\x7e]/g, "_").slice(0, 70);
  const lines = [`TITLE: ${title}`, "FCM: NON-DROP FRAME", ""];
  strip.shots.forEach((shot, i) => {
    const media = filmOf(strip, i);
    const source = frames(media?.from ?? 0);
    const times = [source, source + cells(strip, i), edge(strip, i), edge(strip, i + 1)].map(timecode).join(" ");
    const reel = media ? `FILM${String(i + 1).padStart(3, "0")}` : "BL"; // black, where nothing is filmed yet
    lines.push(`${String(i + 1).padStart(3, "0")}  ${reel.padEnd(8)} V     C        ${times}`);
    lines.push(`* FROM CLIP NAME: ${media ? `${media.id}.mp4` : `SHOT ${i + 1}`}`);
    if (shot.text.trim()) lines.push(`* COMMENT: ${shot.text.trim().replace(/\s+/g, " ")}`);
  });
  return `${lines.join("\r\n")}\r\n`;
}

/** Frames -> HH:MM:SS:FF. */
export function timecode(count: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const second = count / RATE;
  return [second / 3600, (second / 60) % 60, second % 60, count % RATE].map(two).join(":");
}

/** "0:04.5", as people read it. */
export function clock(value: number): string {
  const whole = Math.round(value * 100) / 100;
  const rest = (whole % 60).toFixed(2).replace(/\.?0+$/, "");
  return `${Math.floor(whole / 60)}:${rest.split(".")[0]?.padStart(2, "0")}${rest.includes(".") ? `.${rest.split(".")[1]}` : ""}`;
}

export const shotSeconds = (shot: Shot): string => `${seconds(length(shot))} s`;
