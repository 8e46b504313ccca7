// The films in the making, as the server tells of them on one connection; and those that ended since the page was opened.

import { useEffect, useState, useSyncExternalStore } from "react";
import { ApiFailure, api, listen, type Video } from "./api";

export interface Live {
  films: ReadonlyMap<string, Video>;
  previews: ReadonlyMap<string, string>; // of films in the making: the newest, as a data URL
  away: boolean; // the server does not answer
}

const ENDED = 24; // films kept that are done
let state: Live = { films: new Map(), previews: new Map(), away: false };
let stop: (() => void) | null = null;
const watchers = new Set<() => void>();
const closers = new Set<(video: Video) => void>();

export const isOpen = (video: Video): boolean => video.status === "queued" || video.status === "in_progress";

function set(next: Partial<Live>): void {
  state = { ...state, ...next };
  for (const watcher of watchers) watcher();
}

/** Connect, or connect again with another key. */
export function start(): void {
  stop?.();
  stop = listen("/v1/skyloom/events", heard, (there) => set({ away: !there }));
}

function heard(event: string, data: unknown): void {
  if (event === "jobs") renew((data as { videos: Video[] }).videos);
  else if (event === "video") put(data as Video);
  else if (event === "deleted") forget((data as { id: string }).id);
  else if (event === "preview") {
    const { id, image } = data as { id: string; image: string };
    set({ previews: new Map(state.previews).set(id, image) });
  }
}

/** The whole state, after a connection was made. What was open and is not named any more is asked for. */
function renew(videos: Video[]): void {
  const named = new Set(videos.map((video) => video.id));
  for (const video of videos) put(video);
  for (const video of state.films.values()) {
    if (!isOpen(video) || named.has(video.id)) continue;
    api.video(video.id).then(put, (error) => error instanceof ApiFailure && error.status === 404 && forget(video.id));
  }
}

function put(video: Video): void {
  const before = state.films.get(video.id);
  const films = new Map(state.films).set(video.id, video);
  const ended = [...films.values()].filter((each) => !isOpen(each));
  for (const each of ended.slice(0, Math.max(0, ended.length - ENDED))) films.delete(each.id);
  const previews = new Map(state.previews);
  if (!isOpen(video)) previews.delete(video.id);
  set({ films, previews });
  if (before && isOpen(before) && !isOpen(video)) for (const closer of closers) closer(video);
}

/** A film that was asked for just now; the stream may have told of it before. */
export function follow(video: Video): void {
  if (!state.films.has(video.id)) put(video);
}

export function forget(id: string): void {
  const films = new Map(state.films);
  films.delete(id);
  set({ films });
}

/** Call `told` for each film that is done or failed from now on. */
export function useClosed(told: (video: Video) => void): void {
  useEffect(() => {
    closers.add(told);
    return () => void closers.delete(told);
  }, [told]);
}

const watch = (watcher: () => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};

/** Whether a title is the id of a film. */
export const isFilm = (title: string): boolean => /^video_[0-9a-f]{32}$/.test(title);

export const useLive = (): Live => useSyncExternalStore(watch, () => state);

/** One film, live while it is made; `undefined` until it is here, null where there is none. */
export function useVideo(id: string): Video | null | undefined {
  const { films } = useLive();
  const live = films.get(id);
  const [found, setFound] = useState<{ id: string; video: Video | null }>();
  useEffect(() => {
    if (live) return;
    let here = true;
    api.video(id).then(
      (video) => {
        if (!here) return;
        if (isOpen(video)) follow(video);
        setFound({ id, video });
      },
      () => here && setFound({ id, video: null }),
    );
    return () => {
      here = false;
    };
  }, [id, live === undefined]);
  return live ?? (found?.id === id ? found.video : undefined);
}
