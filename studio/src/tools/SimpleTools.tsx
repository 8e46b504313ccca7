// Extend, loop and remix: a few words and a number each.

import { useState } from "react";
import { api } from "../api";
import { useT } from "../i18n";
import { Segments } from "../ui";
import type { Span } from "./blend";
import { Go, Prompt, Slider, Spans, type ToolProps } from "./parts";

const DIRECTIONS = ["forward", "backward", "both"] as const;
const MOST_NEW = 4; // seconds at once: about what the model films in one go

export function ExtendTool({ clip, busy, make, quality, onQuality }: ToolProps) {
  const t = useT();
  const [prompt, setPrompt] = useState(clip.prompt);
  const [seconds, setSeconds] = useState(2);
  const [direction, setDirection] = useState<(typeof DIRECTIONS)[number]>("forward");
  const fresh: Span[] = [["new", seconds]];
  const spans: Span[] = [
    ...(direction === "forward" ? [] : fresh),
    ["old", Number(clip.seconds)],
    ...(direction === "backward" ? [] : fresh),
  ];
  return (
    <>
      <p className="muted">{t("tools.extendHint")}</p>
      <Segments
        label={t("tools.direction")}
        value={direction}
        options={DIRECTIONS.map((each) => [each, t(`tools.${each}`)])}
        onChange={setDirection}
      />
      <Slider
        label={t("tools.newSeconds")}
        value={seconds}
        min={0.5}
        max={MOST_NEW}
        step={0.25}
        text={`${seconds} s`}
        onChange={setSeconds}
      />
      <Spans spans={spans} />
      <Prompt label={t("tools.prompt")} value={prompt} onChange={setPrompt} />
      <Go
        busy={busy}
        quality={quality}
        onQuality={onQuality}
        disabled={!prompt.trim()}
        onClick={() => make(() => api.extend({ video: { id: clip.id }, prompt, seconds: String(seconds), direction, quality }))}
      >
        {t("tools.make")}
      </Go>
    </>
  );
}

export function LoopTool({ clip, busy, make, quality, onQuality }: ToolProps) {
  const t = useT();
  const [prompt, setPrompt] = useState(clip.prompt);
  const [seconds, setSeconds] = useState(1);
  return (
    <>
      <p className="muted">{t("tools.loopHint")}</p>
      <Slider
        label={t("tools.bridge")}
        value={seconds}
        min={0.5}
        max={MOST_NEW}
        step={0.25}
        text={`${seconds} s`}
        onChange={setSeconds}
      />
      <Spans
        spans={[
          ["old", Number(clip.seconds)],
          ["new", seconds],
        ]}
        round
      />
      <Prompt label={t("tools.prompt")} value={prompt} onChange={setPrompt} />
      <Go
        busy={busy}
        quality={quality}
        onQuality={onQuality}
        disabled={!prompt.trim()}
        onClick={() =>
          make(() => api.create({ video: { id: clip.id }, prompt, loop: true, seconds: String(seconds), quality }))
        }
      >
        {t("tools.make")}
      </Go>
    </>
  );
}

export function RemixTool({ clip, busy, make, quality, onQuality }: ToolProps) {
  const t = useT();
  const [prompt, setPrompt] = useState(clip.prompt);
  const [strength, setStrength] = useState(0.6);
  return (
    <>
      <p className="muted">{t("tools.editHint")}</p>
      <Prompt label={t("tools.prompt")} value={prompt} onChange={setPrompt} />
      <Strength value={strength} onChange={setStrength} />
      <Go
        busy={busy}
        quality={quality}
        onQuality={onQuality}
        disabled={!prompt.trim()}
        onClick={() => make(() => api.remix(clip.id, { prompt, strength, quality }))}
      >
        {t("tools.make")}
      </Go>
    </>
  );
}

export function Strength({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const t = useT();
  return (
    <Slider
      label={t("tools.strength")}
      value={value}
      min={0.05}
      max={1}
      step={0.05}
      text={`${Math.round(100 * value)} %`}
      ends={[t("tools.keeps"), t("tools.anew")]}
      onChange={onChange}
    />
  );
}
