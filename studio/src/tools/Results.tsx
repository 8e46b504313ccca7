// What was made from the clip, newest first, beside the clip itself: one of them is on the stage.

import { content, type Video } from "../api";
import { Glyph, GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { isOpen } from "../live";
import { saveAs } from "../saving";
import { Bar, VideoThumb, useToast } from "../ui";
import { tidy } from "./parts";

interface Props {
  clip: Video;
  results: readonly Video[];
  shown: string;
  onShow: (id: string) => void;
}

export function Results({ clip, results, shown, onShow }: Props) {
  const t = useT();
  return (
    <section className="results" aria-label={t("tools.results")}>
      <h2>{t("tools.results")}</h2>
      <ul>
        <Tile video={clip} name={t("tools.original")} shown={shown === clip.id} onShow={onShow} />
        {results.map((video) => (
          <Tile key={video.id} video={video} name={video.prompt} shown={shown === video.id} onShow={onShow} more />
        ))}
      </ul>
      {results.length === 0 && <p className="muted">{t("tools.none")}</p>}
    </section>
  );
}

function Tile({
  video,
  name,
  shown,
  onShow,
  more = false,
}: {
  video: Video;
  name: string;
  shown: boolean;
  onShow: (id: string) => void;
  more?: boolean;
}) {
  const t = useT();
  const tell = useToast();
  const ready = video.status === "completed";
  const save = () =>
    content(video.id).then(
      (blob) => {
        const url = URL.createObjectURL(blob);
        saveAs(url, `${video.id}.mp4`);
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      },
      (error: Error) => tell(error.message, "danger"),
    );
  return (
    <li className={shown ? "shown" : ""}>
      <button
        type="button"
        className="result"
        aria-pressed={shown}
        aria-label={t(shown ? "tools.showing" : "tools.show", { prompt: name })}
        disabled={!ready}
        onClick={() => onShow(video.id)}
      >
        <VideoThumb video={video} />
        <span className="result-name">{name}</span>
      </button>
      {isOpen(video) && <Bar percent={video.progress} label={t("tools.making", { n: video.progress })} />}
      {video.status === "failed" && <p className="danger">{t("tools.failed", { why: video.error?.message ?? "" })}</p>}
      <div className="row spread">
        <span className="muted">{ready ? `${tidy(Number(video.seconds))} s` : ""}</span>
        {ready && (
          <span className="row">
            <GlyphButton glyph="out" label={t("tools.save")} onClick={() => void save()} />
            {more && (
              <a className="button quiet icon" href={`#/tools/${video.id}`} aria-label={t("tools.go")} title={t("tools.go")}>
                <Glyph name="scissors" size={16} />
              </a>
            )}
          </span>
        )}
      </div>
    </li>
  );
}
