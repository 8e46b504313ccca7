// Trim: two marks on a strip of the clip's own frames. The part between them plays round and round meanwhile.

import { useEffect, useRef, useState } from "react";
import { api, type Video } from "../api";
import { Filmstrip } from "../Filmstrip";
import { useT } from "../i18n";
import { Button } from "../ui";
import { Go, Slider, tidy, type ToolProps } from "./parts";
import { exact, frameSeconds, marked, type Marks } from "./trim";

/** The marks, and the stage's film kept between them while the tool is open. */
export function TrimTool({ clip, busy, make, video }: ToolProps) {
  const t = useT();
  const seconds = Number(clip.seconds);
  const frame = frameSeconds(clip);
  const [marks, setMarks] = useState<Marks>({ start: 0, end: seconds });
  const [time, setTime] = useState(0);
  const set = (which: keyof Marks, at: number) => {
    setMarks((now) => marked(now, which, at, seconds, frame));
    if (video.current) video.current.currentTime = which === "start" ? at : Math.max(0, at - frame);
  };
  useBetween(video, marks, setTime);
  const kept = tidy(marks.end - marks.start);
  const whole = marks.start === 0 && marks.end === seconds;
  return (
    <>
      <p className="muted">{t("tools.trimHint")}</p>
      <div className="trim">
        <Filmstrip clip={clip} width={960} height={72} />
        <span className="trim-off" style={{ left: 0, width: `${(100 * marks.start) / seconds}%` }} />
        <span className="trim-off" style={{ right: 0, width: `${100 - (100 * marks.end) / seconds}%` }} />
        <span className="trim-now" style={{ left: `${(100 * time) / seconds}%` }} />
        {(["start", "end"] as const).map((which) => (
          <input
            key={which}
            type="range"
            className={`trim-mark ${which}`}
            aria-label={t(which === "start" ? "tools.from" : "tools.to")}
            aria-valuetext={`${tidy(marks[which])} s`}
            min={0}
            max={seconds}
            step={frame}
            value={marks[which]}
            onChange={(event) => set(which, Number(event.target.value))}
          />
        ))}
      </div>
      <div className="row">
        <Button onClick={() => set("start", video.current?.currentTime ?? 0)}>{t("tools.fromHere")}</Button>
        <Button onClick={() => set("end", (video.current?.currentTime ?? seconds) + frame)}>{t("tools.toHere")}</Button>
      </div>
      <Slider
        label={t("tools.position")}
        value={time}
        min={0}
        max={seconds}
        step={frame}
        text={`${tidy(time)} s`}
        onChange={(at) => video.current && (video.current.currentTime = at)}
      />
      <p role="status">{t("tools.kept", { n: kept, all: tidy(seconds) })}</p>
      <Go
        busy={busy}
        disabled={whole}
        onClick={() => make(() => api.post<Video>("/v1/videos/cuts", { pieces: [{ id: clip.id, ...exact(marks) }] }))}
      >
        {t("tools.cut")}
      </Go>
    </>
  );
}

/** Keeps a film that plays between two marks, and tells its time. */
function useBetween(video: ToolProps["video"], marks: Marks, told: (seconds: number) => void): void {
  const latest = useRef(marks);
  latest.current = marks;
  useEffect(() => {
    let frame = requestAnimationFrame(function look() {
      const film = video.current;
      if (film) {
        const { start, end } = latest.current;
        if (!film.paused && !film.seeking && (film.currentTime >= end || film.currentTime < start - 0.05))
          film.currentTime = start;
        told(film.currentTime);
      }
      frame = requestAnimationFrame(look);
    });
    return () => cancelAnimationFrame(frame);
  }, [video, told]);
}
