// Two clips in one: a bridge between them, an overlap, or a curve along which the one becomes the other.

import { useEffect, useState } from "react";
import { api, type Video } from "../api";
import { useT } from "../i18n";
import { Button, Dialog, Segments, VideoThumb } from "../ui";
import { blendBody, spansOf, type Way } from "./blend";
import { along, scaled, type Point } from "./curve";
import { CurveEditor } from "./CurveEditor";
import { FilmPicker } from "./FilmPicker";
import { Go, Prompt, Slider, Spans, type ToolProps } from "./parts";

/** The other clip laid over the first along the curve: not what the model will make of them, but when. */
export interface Overlay {
  film: Video;
  points: readonly Point[];
}

const WAYS = { bridge: "tools.wayBridge", transition: "tools.wayTransition", curve: "tools.wayCurve" } as const;
const HINTS = { bridge: "tools.wayBridgeHint", transition: "tools.wayTransitionHint", curve: "tools.wayCurveHint" } as const;

export function BlendTool({
  clip,
  busy,
  make,
  quality,
  onQuality,
  onOverlay,
}: ToolProps & { onOverlay: (overlay: Overlay | null) => void }) {
  const t = useT();
  const [other, setOther] = useState<Video | null>(null);
  const [choosing, setChoosing] = useState(false);
  const [way, setWay] = useState<Way>("bridge");
  const [seconds, setSeconds] = useState(1);
  const [prompt, setPrompt] = useState(clip.prompt);
  const [then, setThen] = useState("");
  const both = Math.min(Number(clip.seconds), Number(other?.seconds ?? clip.seconds));
  const [points, setPoints] = useState<Point[]>(() => along("transition", both));
  useEffect(() => {
    onOverlay(other && way === "curve" ? { film: other, points } : null);
    return () => onOverlay(null);
  }, [other, way, points, onOverlay]);
  const choose = (video: Video) => {
    setPoints((now) => scaled(now, both, Math.min(Number(clip.seconds), Number(video.seconds))));
    setOther(video);
    setThen(video.prompt);
    setChoosing(false);
  };
  const most = way === "transition" ? both : 4;
  const length = Math.min(seconds, most);
  return (
    <>
      <p className="muted">{t("tools.blendHint")}</p>
      <div className="other">
        {other && <VideoThumb video={other} />}
        <div>
          <h3>{t("tools.other")}</h3>
          {other && <p className="muted">{other.prompt}</p>}
          <Button className="small" onClick={() => setChoosing(true)}>
            {t(other ? "tools.chooseOther" : "tools.choose")}
          </Button>
        </div>
      </div>
      <Segments
        label={t("tools.way")}
        value={way}
        options={(Object.keys(WAYS) as Way[]).map((each) => [each, t(WAYS[each])])}
        onChange={setWay}
      />
      <p className="muted">{t(HINTS[way])}</p>
      {way === "curve" ? (
        <CurveEditor points={points} seconds={both} onChange={setPoints} />
      ) : (
        <>
          <Slider
            label={t(way === "bridge" ? "tools.bridge" : "tools.overlap")}
            value={length}
            min={0.25}
            max={most}
            step={0.25}
            text={`${length} s`}
            onChange={setSeconds}
          />
          {other && <Spans spans={spansOf(way, Number(clip.seconds), Number(other.seconds), length)} />}
        </>
      )}
      <Prompt label={t("tools.prompt")} value={prompt} onChange={setPrompt} />
      <Prompt label={t("tools.promptThen")} value={then} onChange={setThen} />
      <Go
        busy={busy}
        quality={quality}
        onQuality={onQuality}
        disabled={!other || !prompt.trim()}
        onClick={() =>
          other && make(() => api.create({ ...blendBody(clip, other, way, { prompt, then }, length, points), quality }))
        }
      >
        {t("tools.make")}
      </Go>
      {choosing && (
        <Dialog title={t("tools.choose")} onClose={() => setChoosing(false)}>
          <FilmPicker except={clip.id} onChoose={choose} />
        </Dialog>
      )}
    </>
  );
}
