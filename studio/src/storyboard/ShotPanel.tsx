// One card of the strip: its words, picture, times and takes.

import { useEffect, useRef, useState, type DragEvent, type RefObject } from "react";
import { content } from "../api";
import { GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { Button, Field, useToast } from "../ui";
import { Cast, type Company } from "./Cast";
import { withName } from "./exports";
import { secondsOf, type Films } from "./films";
import { fromFile, frameOf } from "./picture";
import { GRID, SHORTEST, edit, length, setTimes, type Shot, type Strip } from "./strip";
import { Takes, type TakeActions } from "./Takes";

interface Props {
  strip: Strip;
  index: number;
  films: Films;
  company: Company;
  words: RefObject<HTMLTextAreaElement | null>;
  actions: TakeActions;
  onChange: (next: (strip: Strip) => Strip, gesture?: string) => void;
  onRest: () => void;
}

export function ShotPanel({ strip, index, films, company, words, actions, onChange, onRest }: Props) {
  const t = useT();
  const shot = strip.shots[index]!;
  const say = (text: string) => onChange((now) => edit(now, shot.id, { text }), `text ${shot.id}`);
  const insert = (name: string) => {
    const box = words.current!;
    const next = withName(shot.text, name, document.activeElement === box ? box.selectionStart : shot.text.length);
    onChange((now) => edit(now, shot.id, { text: next.text }));
    box.focus();
    requestAnimationFrame(() => box.setSelectionRange(next.caret, next.caret));
  };
  return (
    <section className="shot" aria-label={t("shot.title", { n: index + 1 })}>
      <h2>{t("shot.title", { n: index + 1 })}</h2>
      <Field label={t("shot.text")}>
        {(id) => (
          <textarea
            id={id}
            ref={words}
            className="input shot-words"
            rows={2}
            value={shot.text}
            onChange={(event) => say(event.target.value)}
            onBlur={onRest}
          />
        )}
      </Field>
      <Cast company={company} shot={shot} films={films} onInsert={insert} />
      <div className="shot-details">
        <Picture strip={strip} index={index} films={films} onChange={onChange} />
        <div className="shot-times">
          <Seconds
            label={t("shot.begins")}
            value={shot.start}
            min={0}
            onChange={(start) => onChange((now) => setTimes(now, shot.id, start, start + length(shot)))}
          />
          <Seconds
            label={t("shot.lasts")}
            value={length(shot)}
            min={SHORTEST}
            onChange={(seconds) => onChange((now) => setTimes(now, shot.id, shot.start, shot.start + seconds))}
          />
          <label className="check" title={t("shot.cutHint")}>
            <input
              type="checkbox"
              checked={shot.cut}
              onChange={(event) => onChange((now) => edit(now, shot.id, { cut: event.target.checked }))}
            />
            {t("shot.cut")}
          </label>
        </div>
      </div>
      <Takes strip={strip} index={index} films={films} actions={actions} />
    </section>
  );
}

/** A time that is taken over when the field is left or Enter is pressed. */
function Seconds({
  label,
  value,
  min,
  onChange,
}: {
  label: string;
  value: number;
  min: number;
  onChange: (value: number) => void;
}) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(Math.round(value * 1000) / 1000)), [value]);
  const take = () => {
    const typed = Number(text);
    if (text.trim() !== "" && Number.isFinite(typed) && typed >= min && typed !== value) onChange(typed);
    else setText(String(Math.round(value * 1000) / 1000));
  };
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          className="input"
          type="number"
          inputMode="decimal"
          min={min}
          step={GRID}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onBlur={take}
          onKeyDown={(event) => event.key === "Enter" && take()}
        />
      )}
    </Field>
  );
}

interface PictureProps {
  strip: Strip;
  index: number;
  films: Films;
  onChange: (next: (strip: Strip) => Strip) => void;
}

/** The picture that a shot begins with: a file, or the last frame of the shot before, so that one goes on from the other. */
function Picture({ strip, index, films, onChange }: PictureProps) {
  const t = useT();
  const tell = useToast();
  const input = useRef<HTMLInputElement>(null);
  const shot: Shot = strip.shots[index]!;
  const before = strip.shots[index - 1];
  const set = (image: string | null) => onChange((now) => edit(now, shot.id, { image }));
  const read = (file: File | undefined) => {
    if (file) fromFile(file).then(set, () => tell(t("shot.imageBad", { name: file.name }), "danger"));
  };
  const goOn = async () => {
    if (!before?.chosen || secondsOf(films, before.chosen) === null) return tell(t("shot.imageBeforeNone"), "danger");
    const url = URL.createObjectURL(await content(before.chosen));
    try {
      set(await frameOf(url));
    } catch {
      tell(t("shot.imageBeforeNone"), "danger");
    } finally {
      URL.revokeObjectURL(url);
    }
  };
  return (
    <div className="picture">
      <button
        type="button"
        className="picture-drop"
        onClick={() => input.current!.click()}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event: DragEvent) => {
          event.preventDefault();
          read(event.dataTransfer.files[0]);
        }}
      >
        {shot.image ? (
          <img src={shot.image} alt={t("shot.imageAlt", { n: index + 1 })} />
        ) : (
          <>
            <span>{t("shot.image")}</span>
            <small className="muted">{t("shot.imageChoose")}</small>
          </>
        )}
      </button>
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        onChange={(event) => {
          read(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      <div className="row">
        {index > 0 && (
          <Button className="small" onClick={() => void goOn()}>
            {t("shot.imageBefore")}
          </Button>
        )}
        {shot.image && <GlyphButton glyph="bin" label={t("shot.imageRemove")} onClick={() => set(null)} />}
      </div>
    </div>
  );
}
