// What leaves the storyboard: one mp4, cut by the server, and edit lists for other editors.

import { useState } from "react";
import { api, content, contentPath, type Video } from "../api";
import { Glyph } from "../glyphs";
import { useT } from "../i18n";
import { follow } from "../live";
import { saveAs } from "../saving";
import { Bar, Button, Dialog, Film, useToast } from "../ui";
import { filmOf, pieceOf, pieces, toEdl, toOtio } from "./exports";
import { secondsOf, useFilms, type Films } from "./films";
import { takeLength, type Strip } from "./strip";

interface Props {
  strip: Strip;
  films: Films;
  onClose: () => void;
}

export function ExportDialog({ strip, films, onClose }: Props) {
  const t = useT();
  const lasts = (id: string) => secondsOf(films, id);
  const numbers = strip.shots.map((_, i) => i + 1);
  const missing = numbers.filter((n) => pieceOf(strip, n - 1, lasts) === null);
  const short = numbers.filter((n) => {
    const piece = pieceOf(strip, n - 1, lasts);
    return piece !== null && piece.end - piece.start < takeLength(strip, n - 1) - 0.05;
  });
  return (
    <Dialog title={t("export.title")} onClose={onClose}>
      <div className="stack">
        <section className="stack">
          <h3>{t("export.mp4")}</h3>
          <p className="muted">{t("export.mp4Hint")}</p>
          {missing.length > 0 && <p className="warn">{t("export.missing", { n: missing.join(", ") })}</p>}
          {short.length > 0 && <p className="warn">{t("export.short", { n: short.join(", ") })}</p>}
          <Mp4 strip={strip} lasts={lasts} />
        </section>
        <section className="stack">
          <h3>{t("export.lists")}</h3>
          <p className="muted">{t("export.listsHint")}</p>
          <div className="row">
            <Button
              onClick={() =>
                saveText(
                  toOtio(strip, (id) => new URL(contentPath(id), location.href).href),
                  `${fileName(strip)}.otio`,
                )
              }
            >
              <Glyph name="out" size={16} />
              {t("export.otio")}
            </Button>
            <Button onClick={() => saveText(toEdl(strip), `${fileName(strip)}.edl`)}>
              <Glyph name="out" size={16} />
              {t("export.edl")}
            </Button>
          </div>
        </section>
      </div>
    </Dialog>
  );
}

/** The film of all shots: cut by a job of the server, then shown and saved. */
function Mp4({ strip, lasts }: { strip: Strip; lasts: (id: string) => number | null }) {
  const t = useT();
  const tell = useToast();
  const [id, setId] = useState<string | null>(null);
  const film = useFilms(id ? [id] : []).get(id ?? "");
  const all = pieces(strip, lasts);
  const make = async () => {
    try {
      const one = strip.shots.every((_, i) => filmOf(strip, i)?.id === strip.whole) ? strip.whole : null;
      if (one) return setId(one); // all shots in one go: that film is it
      const made = await api.post<Video>("/v1/videos/cuts", { pieces: all, size: strip.size });
      follow(made);
      setId(made.id);
    } catch (error) {
      tell((error as Error).message, "danger");
    }
  };
  const save = async () => {
    const url = URL.createObjectURL(await content(id!));
    saveAs(url, `${fileName(strip)}.mp4`);
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  };
  if (film?.status === "completed") {
    return (
      <div className="stack">
        <Film id={film.id} prompt={strip.title || film.prompt} className="film export-film" controls />
        <div className="row spread">
          <p role="status">{t("export.ready")}</p>
          <Button kind="primary" icon="download" onClick={() => void save()}>
            {t("export.save")}
          </Button>
        </div>
      </div>
    );
  }
  if (film?.status === "failed")
    return (
      <p role="alert" className="danger">
        {t("tools.failed", { why: film.error?.message ?? "" })}
      </p>
    );
  if (id) return <Bar percent={film?.progress ?? 0} label={t("export.making")} />;
  return (
    <Button kind="primary" className="self-start" disabled={all === null} onClick={() => void make()}>
      {t("export.make")}
    </Button>
  );
}

function saveText(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  saveAs(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const fileName = (strip: Strip): string =>
  strip.title
    .trim()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "") || "skyloom";
