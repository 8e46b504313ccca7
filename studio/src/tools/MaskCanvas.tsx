// A frame of the clip under a mask that is painted by pointer, or by arrow keys and the space bar.

import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { useT } from "../i18n";
import { covered, spotAt, type Spot } from "./mask";
import type { Painting } from "./usePainting";

const TINT = [240, 72, 96, 150] as const; // RGBA of what is made anew

export function MaskCanvas({ painting }: { painting: Painting }) {
  const t = useT();
  const canvas = useRef<HTMLCanvasElement>(null);
  const { mask, radius, mode } = painting;
  const [spot, setSpot] = useState<Spot | null>(null); // where the brush is
  const stroke = useRef<{ last: Spot; gesture: string } | null>(null);

  useEffect(() => show(canvas.current!, mask.width, mask.height, mask.data), [mask]);

  const under = (event: PointerEvent): Spot =>
    spotAt(event.clientX, event.clientY, canvas.current!.getBoundingClientRect(), mask);
  const paint = (from: Spot, to: Spot, gesture: string) =>
    mode === "box" ? painting.fill(from, to, gesture) : painting.draw(from, to, gesture);
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.current!.setPointerCapture(event.pointerId);
    const at = under(event);
    stroke.current = { last: at, gesture: `stroke ${event.timeStamp}` };
    if (mode !== "box") paint(at, at, stroke.current.gesture);
  };
  const over = (event: PointerEvent) => {
    const at = under(event);
    setSpot(at);
    if (!stroke.current) return;
    paint(stroke.current.last, at, stroke.current.gesture);
    if (mode !== "box") stroke.current.last = at; // a rectangle keeps its first corner
  };
  const up = () => {
    stroke.current = null;
    painting.rest();
  };
  const key = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 1 : Math.max(1, radius / 2);
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    const at = spot ?? { x: mask.width / 2, y: mask.height / 2 };
    if (by) setSpot({ x: within(at.x + by[0]!, mask.width), y: within(at.y + by[1]!, mask.height) });
    else if (event.key === " ") {
      if (mode === "box") painting.fill({ x: at.x - radius, y: at.y - radius }, { x: at.x + radius, y: at.y + radius }, "key");
      else painting.draw(at, at, "key");
      setSpot(at);
      painting.rest();
    } else return;
    event.preventDefault();
  };
  const percent = Math.round(100 * covered(mask));
  return (
    <div className="mask-layer">
      <canvas
        ref={canvas}
        width={mask.width}
        height={mask.height}
        tabIndex={0}
        role="application"
        aria-label={t("tools.canvas", { percent })}
        onPointerDown={down}
        onPointerMove={over}
        onPointerUp={up}
        onPointerCancel={up}
        onPointerLeave={() => !stroke.current && setSpot(null)}
        onKeyDown={key}
      />
      {spot && (
        <svg className="mask-brush" viewBox={`0 0 ${mask.width} ${mask.height}`} aria-hidden="true">
          {mode === "box" ? (
            <path d={`M${spot.x - radius} ${spot.y}h${2 * radius}M${spot.x} ${spot.y - radius}v${2 * radius}`} />
          ) : (
            <circle cx={spot.x} cy={spot.y} r={radius} />
          )}
        </svg>
      )}
    </div>
  );
}

const within = (value: number, most: number): number => Math.min(Math.max(value, 0), most);

function show(canvas: HTMLCanvasElement, width: number, height: number, data: Uint8ClampedArray): void {
  const image = new ImageData(width, height);
  for (let i = 0; i < data.length; i++) if (data[i]! > 127) image.data.set(TINT, 4 * i);
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
