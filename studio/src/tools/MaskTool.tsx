// Inpaint: brushes for the mask on the stage, and words for what comes in its place.

import { useState } from "react";
import { api, type Video } from "../api";
import { Glyph, GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { Button, Field } from "../ui";
import { covered, toPng } from "./mask";
import { Go, Prompt, Slider, tidy, type ToolProps } from "./parts";
import { Strength } from "./SimpleTools";
import { sizeOf, type Mode, type Painting } from "./usePainting";

const MODES = { brush: "tools.brush", erase: "tools.erase", box: "tools.box" } as const;
const GLYPHS = { brush: "brush", erase: "rubber", box: "box" } as const;

export function MaskTool({ clip, busy, make, video, quality, onQuality, painting }: ToolProps & { painting: Painting }) {
  const t = useT();
  const [prompt, setPrompt] = useState(clip.prompt);
  const [strength, setStrength] = useState(1);
  const [time, setTime] = useState(0);
  const share = covered(painting.mask);
  const paint = async (): Promise<Video> => {
    const mask = new Blob([await toPng(painting.mask)], { type: "image/png" });
    return api.edit({ video: { id: clip.id }, prompt, strength, mask, quality });
  };
  const seek = (at: number) => {
    setTime(at);
    if (video.current) video.current.currentTime = at;
  };
  return (
    <>
      <p className="muted">{t("tools.maskHint")}</p>
      <div className="row brushes" role="group" aria-label={t("tools.mask")}>
        {(Object.keys(MODES) as Mode[]).map((mode) => (
          <Button key={mode} aria-pressed={painting.mode === mode} onClick={() => painting.setMode(mode)}>
            <Glyph name={GLYPHS[mode]} size={16} />
            {t(MODES[mode])}
          </Button>
        ))}
        <GlyphButton glyph="undo" label={t("tools.undo")} disabled={!painting.canUndo} onClick={painting.undo} />
        <Button kind="quiet" onClick={painting.invert}>
          {t("tools.invert")}
        </Button>
        <Button kind="quiet" disabled={share === 0} onClick={painting.clear}>
          {t("tools.empty")}
        </Button>
      </div>
      {painting.mode === "box" ? (
        <Corners clip={clip} painting={painting} />
      ) : (
        <Slider
          label={t("tools.brushSize")}
          value={painting.radius}
          min={2}
          max={Math.round(Math.min(...sizeOf(clip)) / 3)}
          step={1}
          text={`${2 * painting.radius} px`}
          onChange={painting.setRadius}
        />
      )}
      <Slider
        label={t("tools.frame")}
        value={time}
        min={0}
        max={Number(clip.seconds)}
        step={1 / clip.native.fps}
        text={`${tidy(time)} s`}
        onChange={seek}
      />
      <p role="status">{share > 0 ? t("tools.covered", { n: Math.max(1, Math.round(100 * share)) }) : t("tools.wantMask")}</p>
      <Prompt label={t("tools.prompt")} value={prompt} onChange={setPrompt} />
      <Strength value={strength} onChange={setStrength} />
      <Go
        busy={busy}
        quality={quality}
        onQuality={onQuality}
        disabled={share === 0 || !prompt.trim()}
        onClick={() => make(paint)}
      >
        {t("tools.make")}
      </Go>
    </>
  );
}

/** The rectangle as numbers, for those who cannot draw it. */
function Corners({ clip, painting }: { clip: Video; painting: Painting }) {
  const t = useT();
  const [width, height] = sizeOf(clip);
  const [box, setBox] = useState({ left: width / 4, top: height / 4, width: width / 2, height: height / 2 });
  const fields = [
    ["left", "tools.boxLeft", width],
    ["top", "tools.boxTop", height],
    ["width", "tools.boxWidth", width],
    ["height", "tools.boxHeight", height],
  ] as const;
  return (
    <div className="corners">
      {fields.map(([name, label, most]) => (
        <Field key={name} label={t(label)}>
          {(id) => (
            <input
              id={id}
              className="input"
              type="number"
              min={0}
              max={most}
              value={Math.round(box[name])}
              onChange={(event) => setBox((now) => ({ ...now, [name]: Number(event.target.value) }))}
            />
          )}
        </Field>
      ))}
      <Button
        onClick={() =>
          painting.fill({ x: box.left, y: box.top }, { x: box.left + box.width, y: box.top + box.height }, "corners")
        }
      >
        {t("tools.boxFill")}
      </Button>
    </div>
  );
}
