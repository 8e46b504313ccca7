// What the tools share: their inputs, and a bar that shows how long the new film lasts.

import { useId, type ReactNode, type RefObject } from "react";
import type { Video } from "../api";
import { useT } from "../i18n";
import { Button, Field } from "../ui";
import type { Span } from "./blend";

const QUALITIES = ["fast", "good", "best"] as const;
export type Quality = (typeof QUALITIES)[number];

export interface ToolProps {
  clip: Video;
  busy: boolean;
  make: (call: () => Promise<Video>) => void; // ask for a film; it appears among the results
  video: RefObject<HTMLVideoElement | null>; // the clip on the stage
  quality: Quality;
  onQuality: (quality: Quality) => void;
}

export function Prompt({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <Field label={label}>
      {(id) => <textarea id={id} className="input" rows={2} value={value} onChange={(event) => onChange(event.target.value)} />}
    </Field>
  );
}

interface SliderProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  text?: string; // of the value
  ends?: readonly [string, string];
  onChange: (value: number) => void;
}

export function Slider({ label, value, min, max, step, text, ends, onChange }: SliderProps) {
  const id = useId();
  return (
    <div className="slider">
      <div className="row spread">
        <label htmlFor={id}>{label}</label>
        <output htmlFor={id}>{text ?? value}</output>
      </div>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={text}
        onChange={(event) => onChange(Number(event.target.value))}
      />
      {ends && (
        <div className="row spread muted ends" aria-hidden="true">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </div>
      )}
    </div>
  );
}

interface GoProps {
  busy: boolean;
  disabled?: boolean;
  quality?: Quality; // none where nothing is filmed
  onQuality?: (quality: Quality) => void;
  children: ReactNode;
  onClick: () => void;
}

export function Go({ busy, disabled = false, quality, onQuality, children, onClick }: GoProps) {
  const t = useT();
  return (
    <div className="tool-go">
      {quality && (
        <select
          className="input"
          aria-label={t("board.quality")}
          value={quality}
          onChange={(event) => onQuality?.(event.target.value as Quality)}
        >
          {QUALITIES.map((each) => (
            <option key={each} value={each}>
              {t(`make.${each}`)}
            </option>
          ))}
        </select>
      )}
      <Button kind="primary" disabled={busy || disabled} onClick={onClick}>
        {children}
      </Button>
    </div>
  );
}

/** Parts of a film in a row, as wide as they are long. */
export function Spans({ spans, round = false }: { spans: readonly Span[]; round?: boolean }) {
  const t = useT();
  const all = spans.reduce((sum, [, seconds]) => sum + seconds, 0);
  return (
    <div className="spans">
      <div className="spans-bar" aria-hidden="true">
        {spans.map(([kind, seconds], i) => (
          <span key={i} className={kind} style={{ flexGrow: seconds }}>
            {seconds >= all / 8 && `${tidy(seconds)} s`}
          </span>
        ))}
        {round && <span className="spans-round">↻</span>}
      </div>
      <p className="muted">{t("tools.whole", { n: tidy(all) })}</p>
    </div>
  );
}

export const tidy = (value: number): number => Math.round(value * 100) / 100;
