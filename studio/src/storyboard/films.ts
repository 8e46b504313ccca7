// Films by id: live while they are made, asked for once where they are done.

import { useEffect, useMemo, useState } from "react";
import { ApiFailure, api, type Video } from "../api";
import { follow, isOpen, useLive } from "../live";

export type Films = ReadonlyMap<string, Video | null>; // null: gone on the server

export function useFilms(ids: readonly string[]): Films {
  const { films } = useLive();
  const [done, setDone] = useState<Films>(new Map());
  const wanted = ids.filter((id) => !films.has(id) && !done.has(id)).join(" ");
  useEffect(() => {
    let here = true;
    const keep = (id: string, video: Video | null) => here && setDone((all) => new Map(all).set(id, video));
    for (const id of wanted.split(" ").filter(Boolean)) {
      api.video(id).then(
        (video) => (isOpen(video) ? follow(video) : keep(id, video)),
        (error) => error instanceof ApiFailure && error.status === 404 && keep(id, null),
      );
    }
    return () => {
      here = false;
    };
  }, [wanted]);
  const key = ids.join(" ");
  return useMemo(() => {
    const all = new Map<string, Video | null>();
    for (const id of key.split(" ").filter(Boolean)) {
      const found = films.get(id) ?? done.get(id);
      if (found !== undefined) all.set(id, found);
    }
    return all;
  }, [films, done, key]);
}

/** The seconds of a finished film, null for all others. */
export const secondsOf = (films: Films, id: string): number | null => {
  const film = films.get(id);
  return film?.status === "completed" ? Number(film.seconds) : null;
};
