// Where films appear: their previews while they are made, then the films.

import { stateOf } from "../Drawer";
import { api, type Video } from "../api";
import { useContent } from "../content";
import { useT } from "../i18n";
import { isOpen, useLive, useVideo } from "../live";
import { Bar, Button, Film, useToast } from "../ui";
import { calm, saveAs } from "../saving";

export function Stage({ ids }: { ids: string[] }) {
  const t = useT();
  return (
    <section className={`stage ${ids.length > 1 ? "several" : ""}`} aria-label={t("make.making")}>
      {ids.map((id) => <Tile key={id} id={id} />)}
    </section>
  );
}

function Tile({ id }: { id: string }) {
  const t = useT();
  const video = useVideo(id);
  if (video === null) return <div className="tile"><p className="muted">{t("film.gone")}</p></div>;
  if (video === undefined) return <div className="tile" />;
  return (
    <article className="tile" aria-label={video.prompt}>
      {isOpen(video) ? <Making video={video} /> : video.status === "completed" ? <Ready video={video} /> : <p role="alert">{t("film.failed", { why: video.error?.message ?? "" })}</p>}
    </article>
  );
}

function Making({ video }: { video: Video }) {
  const t = useT();
  const tell = useToast();
  const preview = useLive().previews.get(video.id);
  return (
    <>
      <div className="frame" style={{ aspectRatio: video.size.replace("x", " / ") }}>{preview ? <img src={preview} alt="" /> : <span className="glow" />}</div>
      <Bar percent={video.progress} label={t("make.making")} />
      <div className="row spread">
        <p className="muted">{stateOf(video, t)}</p>
        <Button kind="quiet" onClick={() => api.cancel(video.id).catch((error: Error) => tell(error.message, "danger"))}>{t("queue.cancel")}</Button>
      </div>
    </>
  );
}

function Ready({ video }: { video: Video }) {
  const t = useT();
  const { url } = useContent(video.id);
  return (
    <>
      <div className="frame" style={{ aspectRatio: video.size.replace("x", " / ") }}>
        <Film id={video.id} prompt={video.prompt} autoPlay={!calm()} controls />
      </div>
      <div className="row spread">
        <p className="prompt">{video.prompt}</p>
        <div className="row">
          <a className="button plain" href={`#/film/${video.id}`}>{t("make.watch")}</a>
          <Button kind="quiet" icon="download" label={t("film.download")} disabled={!url} onClick={() => url && saveAs(url, `${video.id}.mp4`)} />
        </div>
      </div>
    </>
  );
}
