// Films that are asked for from the storyboard, and what becomes of their takes.

import { useMemo } from "react";
import { api, type Fields } from "../api";
import { useT } from "../i18n";
import { follow } from "../live";
import { useToast } from "../ui";
import { MOST_CHARACTERS, takeBody, tooMany, wholeBody, wordsOf, type Character } from "./exports";
import type { Films } from "./films";
import { sameScript } from "./playback";
import { addTake, choose, dropTake, lock, type Shot, type Strip } from "./strip";
import type { TakeActions } from "./Takes";
import type { Board } from "./useStrip";

export interface Actions extends TakeActions {
  filmWhole: () => Promise<void>;
}

export function useActions({ strip, change, arrive }: Board, films: Films, characters: readonly Character[]): Actions {
  const t = useT();
  const tell = useToast();
  return useMemo(() => {
    const wordless = (which: Strip): boolean => {
      const n = which.shots.findIndex((shot) => shot.text.trim() === "") + 1;
      if (n > 0) tell(t("board.wantText", { n }), "danger");
      return n > 0;
    };
    const crowded = (text: string): boolean => {
      const names = tooMany(text, characters).map(({ name }) => name).join(", ");
      if (names) tell(t("board.tooMany", { names, n: MOST_CHARACTERS }), "danger");
      return names !== "";
    };
    const make = async (index: number, count: number) => {
      const shot = strip.shots[index]!;
      if (shot.text.trim() === "") return tell(t("board.wantText", { n: index + 1 }), "danger");
      if (crowded(shot.text)) return;
      try {
        for (let i = 0; i < count; i++) {
          const film = await api.create(takeBody(strip, index, characters) as Fields);
          follow(film);
          arrive((now) => withTake(now, shot.id, { id: film.id, seed: film.seed }, films));
        }
      } catch (error) {
        tell((error as Error).message, "danger");
      }
    };
    const filmWhole = async () => {
      if (wordless(strip) || crowded(wordsOf(strip))) return;
      try {
        const film = await api.create(wholeBody(strip, characters) as Fields);
        follow(film);
        arrive((now) => (sameScript(now, strip) ? { ...now, whole: film.id } : now));
      } catch (error) {
        tell((error as Error).message, "danger");
      }
    };
    return {
      make,
      filmWhole,
      choose: (shot: Shot, take) => change((now) => choose(now, shot.id, take.id)),
      lock: (shot, locked) => change((now) => lock(now, shot.id, locked)),
      drop: (shot, take) => change((now) => dropTake(now, shot.id, take.id)),
    };
  }, [strip, change, arrive, films, characters, t, tell]);
}

/** A new take is chosen where none is that can be watched; else it waits to be chosen. */
function withTake(strip: Strip, id: string, take: { id: string; seed: number | null }, films: Films): Strip {
  const before = strip.shots.find((shot) => shot.id === id)?.chosen ?? null;
  const next = addTake(strip, id, take);
  const state = before === null ? "failed" : (films.get(before)?.status ?? "failed");
  return state === "failed" ? next : choose(next, id, before!);
}
