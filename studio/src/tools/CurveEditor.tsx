// A curve that a person draws: points to drag or to move by keys, straight lines between them.

import { useRef, type KeyboardEvent, type PointerEvent } from "react";
import { useT } from "../i18n";
import { Button } from "../ui";
import { MOST_POINTS, PRESETS, addPoint, along, keyed, movePoint, widest, type Point, type Preset } from "./curve";
import { tidy } from "./parts";

interface Props {
  points: readonly Point[];
  seconds: number; // of the whole
  onChange: (points: Point[]) => void;
}

const SIZE = { width: 560, height: 200, edge: 14 };
const NAMES = { transition: "tools.presetTransition", mix: "tools.presetMix", sample: "tools.presetSample" } as const;

export function CurveEditor({ points, seconds, onChange }: Props) {
  const t = useT();
  const svg = useRef<SVGSVGElement>(null);
  const place = ({ at, influence }: Point) => ({
    x: SIZE.edge + (at / seconds) * (SIZE.width - 2 * SIZE.edge),
    y: SIZE.height - SIZE.edge - influence * (SIZE.height - 2 * SIZE.edge),
  });
  const under = (event: { clientX: number; clientY: number }): Point => {
    const box = svg.current!.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SIZE.width;
    const y = ((event.clientY - box.top) / box.height) * SIZE.height;
    return {
      at: ((x - SIZE.edge) / (SIZE.width - 2 * SIZE.edge)) * seconds,
      influence: (SIZE.height - SIZE.edge - y) / (SIZE.height - 2 * SIZE.edge),
    };
  };
  const drag = (event: PointerEvent<SVGCircleElement>, index: number) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const { at, influence } = under(event);
    onChange(movePoint(points, index, at, influence, seconds));
  };
  const key = (event: KeyboardEvent, index: number) => {
    const next = keyed(event.key, points, index, seconds);
    if (!next) return;
    event.preventDefault();
    onChange(next);
  };
  const path = [
    { at: 0, influence: points[0]?.influence ?? 0 },
    ...points,
    { at: seconds, influence: points.at(-1)?.influence ?? 0 },
  ].map(place);
  const line = path.map(({ x, y }) => `${x},${y}`).join(" ");
  const base = SIZE.height - SIZE.edge;
  return (
    <div className="curve">
      <svg
        ref={svg}
        viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
        role="group"
        aria-label={t("tools.curve")}
        onDoubleClick={(event) => {
          const { at, influence } = under(event);
          onChange(addPoint(points, at, influence));
        }}
      >
        {[0, 0.5, 1].map((influence) => {
          const { y } = place({ at: 0, influence });
          return <line key={influence} x1={SIZE.edge} x2={SIZE.width - SIZE.edge} y1={y} y2={y} className="grid" />;
        })}
        <polygon points={`${SIZE.edge},${base} ${line} ${SIZE.width - SIZE.edge},${base}`} className="area" />
        <polyline points={line} className="line" />
        {points.map((point, i) => (
          <circle
            key={i}
            cx={place(point).x}
            cy={place(point).y}
            r={9}
            tabIndex={0}
            role="slider"
            aria-label={t("tools.point", { n: i + 1, at: point.at, percent: Math.round(100 * point.influence) })}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.round(100 * point.influence)}
            aria-valuetext={t("tools.point", { n: i + 1, at: point.at, percent: Math.round(100 * point.influence) })}
            onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
            onPointerMove={(event) => drag(event, i)}
            onKeyDown={(event) => key(event, i)}
          />
        ))}
      </svg>
      <div className="row spread muted curve-axis" aria-hidden="true">
        <span>0 s</span>
        <span>{tidy(seconds)} s</span>
      </div>
      <div className="row">
        {PRESETS.map((preset: Preset) => (
          <Button key={preset} className="small" onClick={() => onChange(along(preset, seconds))}>
            {t(NAMES[preset])}
          </Button>
        ))}
        <Button
          className="small"
          icon="plus"
          disabled={points.length >= MOST_POINTS}
          onClick={() => onChange(addPoint(points, widest(points, seconds)))}
        >
          {t("tools.addPoint")}
        </Button>
      </div>
      <p className="muted curve-keys">{t("tools.curveKeys")}</p>
    </div>
  );
}
