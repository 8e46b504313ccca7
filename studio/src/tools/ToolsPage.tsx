// The address of the clip tools: a film of the server by its id, or a choice among them.

import { useT } from "../i18n";
import { useVideo } from "../live";
import { go } from "../router";
import { Bar } from "../ui";
import ClipTools from "./ClipTools";
import { FilmPicker } from "./FilmPicker";
import "../editing.css";
import "./tools.css";

export default function ToolsPage({ id }: { id: string }) {
  const t = useT();
  return id ? (
    <Clip id={id} />
  ) : (
    <div className="tools">
      <h1>{t("tools.title")}</h1>
      <p className="muted">{t("tools.choose")}</p>
      <FilmPicker onChoose={(video) => go(`tools/${video.id}`)} />
    </div>
  );
}

function Clip({ id }: { id: string }) {
  const t = useT();
  const video = useVideo(id);
  if (video === undefined) return null;
  if (video === null) return <p role="alert">{t("film.gone")}</p>;
  if (video.status === "completed") return <ClipTools key={id} clip={video} />;
  return (
    <div className="tools">
      <h1>{t("tools.title")}</h1>
      {video.status === "failed" ? (
        <p role="alert">{t("tools.failed", { why: video.error?.message ?? "" })}</p>
      ) : (
        <Bar percent={video.progress} label={t("make.making")} />
      )}
    </div>
  );
}
