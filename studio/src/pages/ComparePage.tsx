// Two films side by side, at the same time of each.

import { useEffect, useRef, useState } from "react";
import { useT } from "../i18n";
import { useVideo } from "../live";
import { calm } from "../saving";
import { Button, Field, Film } from "../ui";
import "./film.css";

const DRIFT = 0.08; // seconds that the second may be off before it is set right

export default function ComparePage({ ids }: { ids: [string, string] }) {
  const t = useT();
  if (ids.includes("")) return <p>{t("compare.none")} <a href="#/gallery">{t("film.back")}</a></p>;
  return <Pair ids={ids} />;
}

function Pair({ ids }: { ids: [string, string] }) {
  const t = useT();
  const left = useRef<HTMLVideoElement>(null);
  const right = useRef<HTMLVideoElement>(null);
  const [playing, setPlaying] = useState(!calm());
  const [time, setTime] = useState(0);
  const [length, setLength] = useState(0);

  useEffect(() => {
    let frame = 0;
    const look = () => {
      const [a, b] = [left.current, right.current];
      if (a && b && a.readyState > 1 && b.readyState > 1) {
        setLength(Math.min(a.duration, b.duration));
        setTime(a.currentTime);
        keepTogether(a, b);
      }
      frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, []);
  useEffect(() => {
    for (const video of [left.current, right.current]) {
      if (playing) void video?.play().catch(() => {});
      else video?.pause();
    }
  }, [playing]);
  const seek = (seconds: number) => {
    for (const video of [left.current, right.current]) if (video) video.currentTime = seconds;
    setTime(seconds);
  };
  return (
    <div className="compare">
      <header className="row spread">
        <h1>{t("compare.title")}</h1>
        <a href="#/gallery">{t("film.back")}</a>
      </header>
      <div className="pair">
        <Side id={ids[0]} ref={left} playing={playing} />
        <Side id={ids[1]} ref={right} playing={playing} />
      </div>
      <div className="controls">
        <Button kind="primary" icon={playing ? "pause" : "play"} onClick={() => setPlaying(!playing)}>{t(playing ? "compare.pause" : "compare.play")}</Button>
        <Field label={t("compare.time")}>
          {(id) => (
            <input
              id={id} type="range" min={0} max={length || 1} step={0.01} value={Math.min(time, length || 1)} aria-valuetext={t("make.second", { n: time.toFixed(2) })}
              onChange={(event) => { setPlaying(false); seek(Number(event.target.value)); }}
            />
          )}
        </Field>
      </div>
    </div>
  );
}

/** The second at the time of the first; both from the start when the shorter one is over. */
function keepTogether(a: HTMLVideoElement, b: HTMLVideoElement): void {
  const length = Math.min(a.duration, b.duration);
  if (a.currentTime >= length - 0.02 && !a.paused) a.currentTime = b.currentTime = 0;
  else if (Math.abs(a.currentTime - b.currentTime) > DRIFT && !b.seeking) b.currentTime = a.currentTime;
}

function Side({ id, ref, playing }: { id: string; ref: React.Ref<HTMLVideoElement>; playing: boolean }) {
  const t = useT();
  const video = useVideo(id);
  if (!video) return <p className="muted">{video === null ? t("film.gone") : ""}</p>;
  return (
    <article>
      <div className="frame"><Film id={id} prompt={video.prompt} ref={ref} loop={false} autoPlay={playing} /></div>
      <h2><a href={`#/film/${id}`}>{video.prompt}</a></h2>
      <p className="muted">{t("film.seed")} {video.seed} · {video.size} · {t("make.second", { n: video.seconds })}</p>
    </article>
  );
}
