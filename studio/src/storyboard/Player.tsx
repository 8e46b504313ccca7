// Plays the strip: each shot's film in its time, the next one held ready, so that a cut is a cut.

import { useEffect, useRef } from "react";
import type { Video } from "../api";
import { GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { useLive } from "../live";
import { Bar, Film } from "../ui";
import { useClock, type Clock } from "./clock";
import { clock as told } from "./exports";
import type { Films } from "./films";
import { momentAt } from "./playback";
import { duration, type Strip } from "./strip";

interface Props {
  strip: Strip;
  films: Films;
  clock: Clock;
}

const DRIFT = 0.15; // seconds that a film may be off before it is set right
const ASIDE = 0.04; // the same while it stands still

export function Player({ strip, films, clock }: Props) {
  const t = useT();
  const { time, playing } = useClock(clock);
  const end = duration(strip);
  const now = momentAt(strip, time);
  const next = now && now.index + 1 < strip.shots.length ? momentAt(strip, now.until) : null;
  const done = (id: string | null | undefined) => id && films.get(id)?.status === "completed";
  const shown = [now, next].filter((moment) => moment !== null && done(moment.film));
  const videos = useRef(new Map<string, HTMLVideoElement>());

  usePlaying(clock, end, () => {
    const moment = momentAt(strip, clock.time);
    const video = moment && videos.current.get(`${moment.index} ${moment.film}`);
    return !video || video.readyState >= 2; // a film that is not here yet holds the clock
  });
  useEffect(() => {
    for (const [key, video] of videos.current) {
      const moment = now && key === `${now.index} ${now.film}` ? now : next;
      if (moment) follow(video, moment.at, playing && moment === now);
    }
  });

  const shot = now ? strip.shots[now.index] : undefined;
  return (
    <section className="player" aria-label={t("board.stage")}>
      <div className="player-stage" data-shape={strip.size}>
        {shown.map((moment) => {
          const key = `${moment!.index} ${moment!.film}`;
          return (
            <Film
              key={key}
              id={moment!.film!}
              prompt={strip.shots[moment!.index]?.text ?? ""}
              className={moment === now ? "film" : "film aside"}
              loop={false}
              preload="auto"
              aria-hidden={moment !== now || undefined}
              ref={(video) => {
                if (video) videos.current.set(key, video);
                return () => void videos.current.delete(key);
              }}
            />
          );
        })}
        {shot && now && !done(now.film) && (
          <div className="player-card">
            <Shape film={now.film ? films.get(now.film) : null} image={shot.image} />
            <p className="player-words">{shot.text.trim() || t("board.noText")}</p>
            <p className="muted">{waiting(films, now.film, t)}</p>
            {now.film && films.get(now.film)?.status === "in_progress" && (
              <Bar percent={films.get(now.film)?.progress ?? 0} label={t("board.notFilmed")} />
            )}
          </div>
        )}
      </div>
      <div className="player-bar">
        <GlyphButton glyph="start" label={t("board.toStart")} onClick={() => clock.seek(0, end)} disabled={end === 0} />
        <GlyphButton
          glyph={playing ? "pause" : "play"}
          kind="primary"
          label={playing ? t("board.pause") : t("board.play")}
          onClick={() => (playing ? clock.pause() : clock.play(end))}
          disabled={end === 0}
        />
        <input
          type="range"
          className="scrub"
          aria-label={t("board.playhead")}
          aria-valuetext={told(time)}
          min={0}
          max={end || 1}
          step={0.05}
          value={time}
          disabled={end === 0}
          onChange={(event) => clock.seek(Number(event.target.value), end)}
        />
        <output className="time">
          {told(Math.floor(time * 10) / 10)} / {told(end)}
        </output>
      </div>
    </section>
  );
}

/** A film that takes shape, else the picture that it begins with. */
function Shape({ film, image }: { film: Video | null | undefined; image: string | null }) {
  const preview = useLive().previews.get(film?.id ?? "");
  const shown = preview ?? image;
  return shown && <img className={preview ? "player-preview" : ""} src={shown} alt="" />;
}

function waiting(films: Films, id: string | null, t: ReturnType<typeof useT>): string {
  const film = id ? films.get(id) : undefined;
  if (film?.status === "queued") return t("take.waiting");
  if (film?.status === "in_progress") return t("take.percent", { n: film.progress });
  if (film?.status === "failed") return t("take.failed", { why: film.error?.message ?? "" });
  return t("board.notFilmed");
}

/** Lets the clock run while it plays; `ready` says whether what is shown can keep up. */
function usePlaying(clock: Clock, end: number, ready: () => boolean): void {
  const { playing } = useClock(clock);
  const latest = useRef({ end, ready });
  latest.current = { end, ready };
  useEffect(() => {
    if (!playing) return;
    let last = performance.now();
    let frame = requestAnimationFrame(function tick(now) {
      const passed = Math.min(0.1, Math.max(0, now - last) / 1000); // a tab that slept does not jump
      last = now;
      if (latest.current.ready()) clock.advance(passed, latest.current.end);
      if (clock.playing) frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [clock, playing]);
}

/** Bring a film to where it should be. Past its end it holds its last frame. */
function follow(video: HTMLVideoElement, seconds: number, playing: boolean): void {
  const last = Number.isFinite(video.duration) ? Math.max(0, video.duration - 0.02) : Infinity;
  const to = Math.min(seconds, last);
  if (playing && to < last) {
    if (Math.abs(video.currentTime - to) > DRIFT && !video.seeking) video.currentTime = to;
    if (video.paused) video.play().catch(() => {}); // refused while the page is hidden: tried again with the next frame
    return;
  }
  if (!video.paused) video.pause();
  if (Math.abs(video.currentTime - to) > ASIDE && !video.seeking && video.readyState > 0) video.currentTime = to;
}
