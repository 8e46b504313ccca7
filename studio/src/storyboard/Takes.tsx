// The takes of one shot: make several, watch them, choose one, lock it.

import { useState } from "react";
import type { Video } from "../api";
import { Glyph, GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { Bar, Button, VideoThumb } from "../ui";
import type { Films } from "./films";
import { takeLength, type Shot, type Strip, type Take } from "./strip";

export interface TakeActions {
  make: (index: number, count: number) => Promise<void>;
  choose: (shot: Shot, take: Take) => void;
  lock: (shot: Shot, locked: boolean) => void;
  drop: (shot: Shot, take: Take) => void;
}

const COUNTS = ["1", "2", "4"] as const;

export function Takes({ strip, index, films, actions }: { strip: Strip; index: number; films: Films; actions: TakeActions }) {
  const t = useT();
  const [count, setCount] = useState<(typeof COUNTS)[number]>("1");
  const [busy, setBusy] = useState(false);
  const shot = strip.shots[index]!;
  const make = () => {
    setBusy(true);
    void actions.make(index, Number(count)).finally(() => setBusy(false));
  };
  return (
    <div className="takes">
      <div className="row spread">
        <h3>{t("take.title")}</h3>
        <div className="row">
          <Button
            kind="quiet"
            className="small"
            aria-pressed={shot.locked}
            disabled={shot.chosen === null}
            onClick={() => actions.lock(shot, !shot.locked)}
          >
            <Glyph name={shot.locked ? "lock" : "open"} size={15} />
            {t(shot.locked ? "take.locked" : "take.lock")}
          </Button>
          <select
            className="input count-select"
            aria-label={t("take.count")}
            value={count}
            onChange={(event) => setCount(event.target.value as typeof count)}
          >
            {COUNTS.map((each) => (
              <option key={each} value={each}>
                × {each}
              </option>
            ))}
          </select>
          <Button kind="primary" onClick={make} disabled={busy || shot.text.trim() === ""}>
            {t("take.make")}
          </Button>
        </div>
      </div>
      {shot.takes.length === 0 && <p className="muted">{t("take.none")}</p>}
      <ul className="take-list">
        {shot.takes.map((take, i) => (
          <TakeTile
            key={take.id}
            number={i + 1}
            take={take}
            shot={shot}
            wanted={takeLength(strip, index)}
            film={films.get(take.id)}
            actions={actions}
          />
        ))}
      </ul>
    </div>
  );
}

interface TileProps {
  number: number;
  take: Take;
  shot: Shot;
  wanted: number; // seconds that the shot lasts
  film: Video | null | undefined;
  actions: TakeActions;
}

function TakeTile({ number, take, shot, wanted, film, actions }: TileProps) {
  const t = useT();
  const chosen = shot.chosen === take.id;
  const dead = film === null || film?.status === "failed";
  return (
    <li className={`take${chosen ? " chosen" : ""}`}>
      <button
        type="button"
        className="take-pick"
        aria-pressed={chosen}
        aria-label={t(chosen ? "take.chosen" : "take.choose", { n: number })}
        disabled={dead || (shot.locked && !chosen)}
        onClick={() => actions.choose(shot, take)}
      >
        {film ? <VideoThumb video={film} /> : <span className="thumb" />}
        <span className="take-number">{number}</span>
      </button>
      <TakeState shot={shot} wanted={wanted} film={film} />
      <span className="take-tools">
        {film?.status === "completed" && (
          <a
            className="button quiet icon"
            href={`#/tools/${take.id}`}
            aria-label={t("take.open", { n: number })}
            title={t("take.open", { n: number })}
          >
            <Glyph name="scissors" size={16} />
          </a>
        )}
        {!(chosen && shot.locked) && (
          <GlyphButton glyph="bin" label={t("take.drop", { n: number })} onClick={() => actions.drop(shot, take)} />
        )}
      </span>
    </li>
  );
}

/** What there is to say of a take: how far it is, why it failed, that it shows other words or is too short. */
function TakeState({ shot, wanted, film }: { shot: Shot; wanted: number; film: Video | null | undefined }) {
  const t = useT();
  if (film === null) return <span className="take-state">{t("take.gone")}</span>;
  if (!film || film.status === "queued") return <span className="take-state">{t("take.waiting")}</span>;
  if (film.status === "in_progress") {
    return (
      <span className="take-state">
        <Bar percent={film.progress} label={t("take.percent", { n: film.progress })} />
      </span>
    );
  }
  if (film.status === "failed") {
    return <span className="take-state danger">{t("take.failed", { why: film.error?.message ?? "" })}</span>;
  }
  const short = Number(film.seconds) < wanted - 0.05;
  return (
    <span className="take-state">
      {film.prompt.trim() !== shot.text.trim() && (
        <span title={t("take.staleHint", { text: film.prompt })}>{t("take.stale")}</span>
      )}
      {short && (
        <span title={t("take.shortHint", { a: film.seconds, b: wanted })}>
          {t("take.short", { a: film.seconds, b: wanted })}
        </span>
      )}
    </span>
  );
}
