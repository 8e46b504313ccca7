// The storyboard: a row of shots on a time axis, filmed take by take, played and exported as one film.

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { Glyph, GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { Button, useToast } from "../ui";
import { useCompany } from "./Cast";
import { Clock } from "./clock";
import { commandOf, useUndoKeys, type Command } from "./commands";
import { ExportDialog } from "./ExportDialog";
import { Filming } from "./Filming";
import { useFilms } from "./films";
import { KeysDialog } from "./KeysDialog";
import { beginOf } from "./playback";
import { Player } from "./Player";
import { ShotPanel } from "./ShotPanel";
import {
  GRID,
  MOST_SHOTS,
  add,
  duplicate,
  duration,
  emptyStrip,
  exchange,
  find,
  move,
  newShot,
  remove,
  resize,
  type Shot,
  type Strip,
} from "./strip";
import { Timeline } from "./Timeline";
import { useActions } from "./useActions";
import { useStrip } from "./useStrip";
import "../editing.css";
import "./storyboard.css";

const ZOOM = { min: 32, max: 240, first: 96 }; // pixels a second

export default function StoryboardPage() {
  const t = useT();
  const tell = useToast();
  const board = useStrip();
  const { strip, change, rest } = board;
  const company = useCompany();
  const films = useFilms(useMemo(() => filmsOf(strip), [strip]));
  const [clock] = useState(() => new Clock());
  const [selected, setSelected] = useState<string | null>(null);
  const [scale, setScale] = useState(ZOOM.first);
  const [dialog, setDialog] = useState<"export" | "keys" | null>(null);
  const [said, setSaid] = useState(""); // to those who listen
  const words = useRef<HTMLTextAreaElement>(null);
  const shot = (selected && find(strip, selected)) || strip.shots[0];
  const index = shot ? strip.shots.indexOf(shot) : -1;
  const actions = useActions(board, films, company.characters);

  useEffect(() => () => clock.pause(), [clock]);
  useUndoKeys(board);

  const select = (id: string) => {
    if (id === shot?.id) return setSelected(id);
    rest();
    setSelected(id);
    const at = strip.shots.findIndex((each) => each.id === id);
    if (!clock.playing && at >= 0) clock.seek(beginOf(strip, at), duration(strip));
  };
  const focus = (id: string) => {
    const block = () => document.querySelector<HTMLElement>(`[data-shot="${id}"]`);
    if (block()) block()!.focus();
    else requestAnimationFrame(() => block()?.focus()); // one that is new is drawn first
  };
  const put = (next: Strip, id: string | undefined) => {
    if (next === strip) return;
    change(() => next);
    if (id) select(id);
    if (id) focus(id);
  };
  const insert = (after: string | null) => {
    const fresh = newShot(0);
    put(add(strip, after, fresh), fresh.id);
  };
  const copy = (id: string) => {
    const next = duplicate(strip, id);
    put(next, next.shots[strip.shots.findIndex((each) => each.id === id) + 1]?.id);
  };
  const drop = (id: string) => {
    const at = strip.shots.findIndex((each) => each.id === id);
    const next = remove(strip, id);
    put(next, (next.shots[at] ?? next.shots[at - 1])?.id);
  };
  const shift = (each: Shot, by: number, part: "whole" | "start" | "end") => {
    const next = part === "whole" ? move(strip, each.id, each.start + by) : resize(strip, each.id, part, each[part] + by);
    change(() => next, `${part} ${each.id}`);
    const now = find(next, each.id)!;
    setSaid(t("board.moved", { n: next.shots.indexOf(now) + 1, start: now.start, end: now.end }));
  };
  const onKey = (event: KeyboardEvent, each: Shot) => {
    const command = commandOf(event);
    if (!command) return;
    event.preventDefault();
    const at = strip.shots.indexOf(each);
    const beside = (to: number) => focus(strip.shots[Math.min(Math.max(to, 0), strip.shots.length - 1)]!.id);
    const run: Record<Command, () => void> = {
      previous: () => beside(at - 1),
      next: () => beside(at + 1),
      first: () => beside(0),
      last: () => beside(strip.shots.length - 1),
      earlier: () => shift(each, -GRID, "whole"),
      later: () => shift(each, GRID, "whole"),
      tailEarlier: () => shift(each, -GRID, "end"),
      tailLater: () => shift(each, GRID, "end"),
      headEarlier: () => shift(each, -GRID, "start"),
      headLater: () => shift(each, GRID, "start"),
      text: () => words.current?.focus(),
      add: () => insert(each.id),
      duplicate: () => copy(each.id),
      delete: () => drop(each.id),
      take: () => void actions.make(at, 1),
      lock: () => actions.lock(each, !each.locked),
      play: () => (clock.playing ? clock.pause() : clock.play(duration(strip))),
    };
    run[command]();
  };
  const example = () => {
    const texts = [t("board.example1"), t("board.example2"), t("board.example3")];
    const next = texts.reduce((all, text) => add(all, null, newShot(0, 2, text)), strip);
    put(next, next.shots[0]?.id);
  };
  const clear = () => {
    clock.pause();
    change(() => ({ ...emptyStrip(), size: strip.size, quality: strip.quality }));
    tell(t("board.cleared"));
  };

  return (
    <div className="board">
      <header className="board-head">
        <div className="board-title">
          <h1>{t("board.title")}</h1>
          <input
            className="board-name"
            aria-label={t("board.name")}
            placeholder={t("board.untitled")}
            maxLength={80}
            value={strip.title}
            onChange={(event) => change((now) => ({ ...now, title: event.target.value }), "title")}
            onBlur={rest}
          />
        </div>
        <div className="row">
          <span className={board.stored ? "muted saved" : "warn"} role={board.stored ? undefined : "alert"}>
            {t(board.stored ? "board.saved" : "board.unsaved")}
          </span>
          <GlyphButton glyph="undo" label={t("board.undo")} disabled={!board.canUndo} onClick={board.undo} />
          <GlyphButton glyph="redo" label={t("board.redo")} disabled={!board.canRedo} onClick={board.redo} />
          <Button onClick={clear} disabled={strip.shots.length === 0} kind="quiet">
            {t("board.clear")}
          </Button>
          <Button kind="primary" onClick={() => setDialog("export")} disabled={strip.shots.length === 0}>
            <Glyph name="out" size={16} />
            {t("export.open")}
          </Button>
        </div>
      </header>
      {shot ? (
        <div className="board-work">
          <div className="board-left">
            <Player strip={strip} films={films} clock={clock} />
            <Filming board={board} films={films} actions={actions} />
          </div>
          <ShotPanel
            key={shot.id}
            strip={strip}
            index={index}
            films={films}
            company={company}
            words={words}
            actions={actions}
            onChange={change}
            onRest={rest}
          />
        </div>
      ) : (
        <div className="board-empty">
          <p>{t("board.empty")}</p>
          <div className="row">
            <Button kind="primary" onClick={() => insert(null)}>
              {t("board.first")}
            </Button>
            <Button onClick={example}>{t("board.example")}</Button>
          </div>
        </div>
      )}
      <section className="board-strip">
        <div className="row spread strip-tools">
          <div className="row">
            <GlyphButton
              glyph="plus"
              kind="plain"
              label={t("board.add")}
              onClick={() => insert(shot?.id ?? null)}
              disabled={strip.shots.length >= MOST_SHOTS}
            >
              {t("board.add")}
            </GlyphButton>
            <GlyphButton glyph="copy" label={t("board.duplicate")} disabled={!shot} onClick={() => shot && copy(shot.id)} />
            <GlyphButton glyph="bin" label={t("board.delete")} disabled={!shot} onClick={() => shot && drop(shot.id)} />
            <GlyphButton
              glyph="left"
              label={t("board.earlier")}
              disabled={index <= 0}
              onClick={() => shot && put(exchange(strip, shot.id, -1), shot.id)}
            />
            <GlyphButton
              glyph="right"
              label={t("board.later")}
              disabled={index < 0 || index >= strip.shots.length - 1}
              onClick={() => shot && put(exchange(strip, shot.id, 1), shot.id)}
            />
          </div>
          <div className="row">
            <label className="zoom">
              {t("board.zoom")}
              <input
                type="range"
                min={ZOOM.min}
                max={ZOOM.max}
                value={scale}
                onChange={(event) => setScale(Number(event.target.value))}
              />
            </label>
            <GlyphButton glyph="keys" label={t("board.keys")} onClick={() => setDialog("keys")} />
          </div>
        </div>
        <Timeline
          strip={strip}
          films={films}
          clock={clock}
          selected={shot?.id ?? null}
          scale={scale}
          onSelect={select}
          onChange={change}
          onRest={rest}
          onKey={onKey}
        />
      </section>
      <p className="hidden" role="status" aria-live="polite">
        {said}
      </p>
      {dialog === "export" && <ExportDialog strip={strip} films={films} onClose={() => setDialog(null)} />}
      {dialog === "keys" && <KeysDialog onClose={() => setDialog(null)} />}
    </div>
  );
}

const filmsOf = (strip: Strip): string[] => [
  ...strip.shots.flatMap((shot) => shot.takes.map((take) => take.id)),
  ...(strip.whole ? [strip.whole] : []),
];
