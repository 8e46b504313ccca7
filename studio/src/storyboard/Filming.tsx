// How all shots are filmed: the dials that they share, one take of each, or all in one go.

import { useState } from "react";
import { useT } from "../i18n";
import { Bar, Button, Select, useToast } from "../ui";
import type { Films } from "./films";
import { unfilmed } from "./playback";
import type { Strip } from "./strip";
import type { Actions } from "./useActions";
import type { Board } from "./useStrip";

export function Filming({ board, films, actions }: { board: Board; films: Films; actions: Actions }) {
  const t = useT();
  const tell = useToast();
  const [busy, setBusy] = useState(false);
  const { strip, change } = board;
  const whole = strip.whole ? films.get(strip.whole) : undefined;
  const set = (next: Partial<Pick<Strip, "size" | "quality">>) => change((now) => ({ ...now, ...next, whole: null }));
  const during = async (work: () => Promise<void>) => {
    setBusy(true);
    await work().finally(() => setBusy(false));
  };
  const filmAll = async () => {
    const indices = unfilmed(strip, (id) => films.get(id)?.prompt ?? null);
    if (indices.length === 0) return tell(t("board.allFilmed"));
    for (const index of indices) await actions.make(index, 1);
  };
  return (
    <div className="filming">
      <Select
        label={t("board.size")}
        value={strip.size}
        options={[
          ["square", t("make.square")],
          ["wide", t("make.wide")],
          ["tall", t("make.tall")],
        ]}
        onChange={(size) => set({ size })}
      />
      <Select
        label={t("board.quality")}
        value={strip.quality}
        options={[
          ["fast", t("make.fast")],
          ["good", t("make.good")],
          ["best", t("make.best")],
        ]}
        onChange={(quality) => set({ quality })}
      />
      <div className="row filming-go">
        <Button kind="primary" disabled={busy} title={t("board.filmAllHint")} onClick={() => void during(filmAll)}>
          {t("board.filmAll")}
        </Button>
        <Button disabled={busy} title={t("board.filmWholeHint")} onClick={() => void during(actions.filmWhole)}>
          {t("board.filmWhole")}
        </Button>
      </div>
      {whole && (whole.status === "queued" || whole.status === "in_progress") && (
        <div className="filming-bar">
          <Bar percent={whole.progress} label={t("board.wholeMaking")} />
          <small className="muted">{t("board.wholeMaking")}</small>
        </div>
      )}
      {whole?.status === "failed" && (
        <p role="alert" className="danger">
          {t("take.failed", { why: whole.error?.message ?? "" })}
        </p>
      )}
    </div>
  );
}
