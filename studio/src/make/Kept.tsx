// What a recipe brought along that the form has no dial for: each can be left out, and what cannot come is told.

import { useT, type Key } from "../i18n";
import type { Draft, Kept as Dials } from "./draft";

const WORDS: Record<keyof Dials, Key> = {
  loop: "make.keptLoop",
  steps: "make.keptSteps",
  guidance: "make.keptGuidance",
  interval: "make.keptInterval",
  strength: "make.keptStrength",
  storyboard: "make.keptStoryboard",
};

export function Kept({ draft, change }: { draft: Draft; change: (part: Partial<Draft>) => void }) {
  const t = useT();
  const names = Object.keys(draft.kept) as (keyof Dials)[];
  const leaveOut = (name: keyof Dials) => {
    const { [name]: _, ...kept } = draft.kept;
    change({ kept });
  };
  return (
    <>
      {names.length > 0 && (
        <div className="hints" role="group" aria-label={t("make.kept")}>
          <span className="muted">{t("make.kept")}</span>
          {names.map((name) => {
            const value = draft.kept[name];
            const what = t(WORDS[name], { n: name === "storyboard" ? draft.kept.storyboard!.length : String(value) });
            return (
              <button key={name} type="button" className="chip" aria-label={t("make.keptDrop", { what })} onClick={() => leaveOut(name)}>
                {what} <span aria-hidden="true">✕</span>
              </button>
            );
          })}
        </div>
      )}
      {draft.missing.length > 0 && <p className="muted">{t("make.missing", { names: draft.missing.join(", ") })}</p>}
    </>
  );
}
