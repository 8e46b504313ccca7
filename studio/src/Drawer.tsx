// The queue: films in the making with their previews, and those that ended just now.

import { useEffect, useRef } from "react";
import { api, type Video } from "./api";
import { useT, type Say } from "./i18n";
import { isOpen, useLive } from "./live";
import { Bar, Button, VideoThumb, useToast } from "./ui";
import "./drawer.css";

const LATEST = 6;

export function Drawer({ onClose }: { onClose: () => void }) {
  const t = useT();
  const { films } = useLive();
  const heading = useRef<HTMLHeadingElement>(null);
  const all = [...films.values()];
  const open = all.filter(isOpen).sort((a, b) => (a.queue_position ?? -1) - (b.queue_position ?? -1) || a.created_at - b.created_at);
  const done = all.filter((video) => !isOpen(video)).slice(-LATEST).reverse();
  useEffect(() => heading.current!.focus(), []);
  useEffect(() => {
    const escape = (event: KeyboardEvent) => event.key === "Escape" && !document.querySelector("dialog[open]") && onClose();
    document.addEventListener("keydown", escape);
    return () => document.removeEventListener("keydown", escape);
  }, [onClose]);
  return (
    <aside className="drawer" aria-labelledby="queue-title">
      <header className="row spread">
        <h2 id="queue-title" ref={heading} tabIndex={-1}>{t("queue.title")}</h2>
        <Button kind="quiet" icon="close" label={t("queue.close")} onClick={onClose} />
      </header>
      {open.length === 0 && <p className="muted">{t("queue.none")}</p>}
      <ul>{open.map((video) => <Waiting key={video.id} video={video} onCancel={() => heading.current?.focus()} />)}</ul>
      {done.length > 0 && <h3>{t("queue.latest")}</h3>}
      <ul>{done.map((video) => <Ended key={video.id} video={video} />)}</ul>
    </aside>
  );
}

function Waiting({ video, onCancel }: { video: Video; onCancel: () => void }) {
  const t = useT();
  const tell = useToast();
  const cancel = () => {
    onCancel(); // the focus stays in the drawer when this row goes
    api.cancel(video.id).catch((error: Error) => tell(error.message, "danger"));
  };
  return (
    <li>
      <VideoThumb video={video} />
      <div>
        <p className="prompt">{video.prompt}</p>
        <Bar percent={video.progress} label={t("queue.state")} />
        <div className="row spread">
          <p className="muted">{stateOf(video, t)}</p>
          <Button kind="quiet" icon="close" label={t("queue.cancelThis", { prompt: video.prompt })} onClick={cancel} />
        </div>
      </div>
    </li>
  );
}

function Ended({ video }: { video: Video }) {
  return (
    <li>
      <VideoThumb video={video} />
      <div>
        <p className="prompt">
          <a href={`#/film/${video.id}`}>{video.prompt}</a>
        </p>
        {video.error && <p className="muted">{video.error.message}</p>}
      </div>
    </li>
  );
}

/** "Waiting, 3 before it", or "40 %, about 12 s left". */
export function stateOf(video: Video, t: Say): string {
  const left = video.eta_seconds === null ? "" : t("queue.eta", { time: timeText(video.eta_seconds, t) });
  if (video.status === "in_progress") return [t("queue.working", { n: video.progress }), left].filter(Boolean).join(" · ");
  const place = video.queue_position ? t("queue.waiting", { n: video.queue_position }) : t("queue.next");
  return [place, left].filter(Boolean).join(" · ");
}

const timeText = (seconds: number, t: Say): string =>
  seconds < 90 ? t("queue.seconds", { n: Math.max(1, Math.round(seconds)) }) : t("queue.minutes", { n: Math.round(seconds / 60) });
