// The strip on its time axis: shots to be selected, dragged and stretched, by pointer and by keys.

import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { Filmstrip } from "../Filmstrip";
import { useT } from "../i18n";
import { Glyph } from "../glyphs";
import { useClock, type Clock } from "./clock";
import { clock as told } from "./exports";
import type { Films } from "./films";
import { ticks } from "./playback";
import { GRID, duration, edges, length, move, resize, retimed, snap, snapMove, type Shot, type Strip } from "./strip";

export interface TimelineProps {
  strip: Strip;
  films: Films;
  clock: Clock;
  selected: string | null;
  scale: number; // pixels a second
  onSelect: (id: string) => void;
  onChange: (next: (strip: Strip) => Strip, gesture: string) => void;
  onRest: () => void;
  onKey: (event: KeyboardEvent, shot: Shot) => void;
}

const REACH = 8; // pixels within which edges stick
const BLOCK = 68; // pixels that a shot is high
const SPARE = 3; // seconds of empty axis behind the last shot

export function Timeline(props: TimelineProps) {
  const { strip, clock, selected, scale } = props;
  const t = useT();
  const rail = useRef<HTMLDivElement>(null);
  const end = duration(strip);
  const width = (end + SPARE) * scale;
  const at = strip.shots.findIndex((shot) => shot.id === selected);

  useEffect(() => {
    rail.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [selected]);

  const scrub = (event: PointerEvent<HTMLElement>) => {
    const seconds = (event.clientX - event.currentTarget.getBoundingClientRect().left) / scale;
    clock.seek(snap(seconds, edges(strip, ""), 0.6 * (REACH / scale)), end);
  };
  return (
    <div className="rail" ref={rail}>
      <div className="rail-inner" style={{ width }}>
        <div
          className="ruler"
          aria-hidden="true"
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            scrub(event);
          }}
          onPointerMove={(event) => event.buttons > 0 && scrub(event)}
        >
          {ticks(end + SPARE, scale).map((second) => (
            <span key={second} style={{ left: second * scale }}>
              {told(second)}
            </span>
          ))}
        </div>
        <div
          className="shots"
          role="listbox"
          aria-label={t("board.strip")}
          aria-orientation="horizontal"
          tabIndex={strip.shots.length === 0 ? 0 : -1}
        >
          {strip.shots.map((shot, i) => (
            <Block key={shot.id} shot={shot} index={i} focusable={i === Math.max(at, 0)} {...props} />
          ))}
        </div>
        {strip.shots.slice(1).map((shot, i) => {
          const begin = strip.shots[i]!.end;
          const gap = (shot.start - begin) * scale;
          return gap > 1 ? (
            <span key={shot.id} className="becomes" style={{ left: begin * scale, width: gap }} title={t("board.becomes")} />
          ) : null;
        })}
        <Playhead clock={clock} scale={scale} />
      </div>
    </div>
  );
}

function Playhead({ clock, scale }: { clock: Clock; scale: number }) {
  const { time } = useClock(clock);
  return <div className="playhead" aria-hidden="true" style={{ transform: `translateX(${time * scale}px)` }} />;
}

type Part = "whole" | "start" | "end";

function Block(props: TimelineProps & { shot: Shot; index: number; focusable: boolean }) {
  const { shot, index, strip, films, scale, selected, focusable, onSelect, onKey } = props;
  const t = useT();
  const { dragging, begin } = useDrag(props);
  const film = shot.chosen === null ? undefined : films.get(shot.chosen);
  const n = shot.takes.length;
  const takes = t(n === 0 ? "board.optionBare" : n === 1 ? "board.optionTake" : "board.optionTakes", { n });
  const state = shot.locked ? `${takes}, ${t("take.locked")}` : takes;
  const text = shot.text.trim() || t("board.noText");
  const making = shot.takes.some((take) => ["queued", "in_progress"].includes(films.get(take.id)?.status ?? ""));
  const name = t("board.option", { n: index + 1, text, start: shot.start, end: shot.end, state });
  return (
    <div
      role="option"
      aria-selected={shot.id === selected}
      aria-label={name}
      tabIndex={focusable ? 0 : -1}
      data-shot={shot.id}
      className={`block${dragging ? " dragging" : ""}${making ? " making" : ""}`}
      style={{ left: shot.start * scale, width: length(shot) * scale }}
      onFocus={() => onSelect(shot.id)}
      onKeyDown={(event) => (event.target === event.currentTarget ? onKey(event, shot) : undefined)}
      onPointerDown={(event) => begin(event, "whole")}
    >
      <span className="frames">
        {film?.status === "completed" ? (
          <Filmstrip clip={film} width={Math.round(length(shot) * scale)} height={BLOCK} />
        ) : (
          shot.image && <img src={shot.image} alt="" draggable={false} />
        )}
      </span>
      <span className="block-words">
        <b>{index + 1}</b> {text}
      </span>{" "}
      <span className="block-state">
        {shot.locked && <Glyph name="lock" size={13} />}
        {n > 0 && <span>{n}</span>}
      </span>
      <span className="edge start" onPointerDown={(event) => begin(event, "start")} />
      <span className="edge end" onPointerDown={(event) => begin(event, "end")} />
      {strip.shots[index]?.cut && <span className="cut-mark" />}
    </div>
  );
}

/** Dragging a shot or one of its edges: each step is counted from where the drag began, so nothing that was pushed stays pushed. */
function useDrag({ shot, strip, scale, onSelect, onChange, onRest }: TimelineProps & { shot: Shot }) {
  const [dragging, setDragging] = useState(false);
  const begin = (event: PointerEvent<HTMLElement>, part: Part) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    onSelect(shot.id);
    const [from, gesture] = [event.clientX, `drag ${event.timeStamp}`];
    const drag = (moved: globalThis.PointerEvent) => {
      const by = (moved.clientX - from) / scale;
      if (Math.abs(moved.clientX - from) > 3) setDragging(true);
      else return;
      const free = moved.altKey; // without sticking
      onChange((now) => retimed(now, dragged(strip, shot, part, by, free ? 0 : REACH / scale)), gesture);
    };
    const drop = () => {
      target.removeEventListener("pointermove", drag);
      setDragging(false);
      onRest();
    };
    target.addEventListener("pointermove", drag);
    target.addEventListener("pointerup", drop, { once: true });
    target.addEventListener("pointercancel", drop, { once: true });
  };
  return { dragging, begin };
}

function dragged(strip: Strip, shot: Shot, part: Part, by: number, reach: number): Strip {
  if (part === "whole") return move(strip, shot.id, snapMove(strip, shot.id, shot.start + by, reach));
  const at = snap(shot[part] + by, edges(strip, shot.id), Math.max(reach, reach > 0 ? GRID / 2 : 0));
  return resize(strip, shot.id, part, at);
}
