// Pictures that play in the film, dropped or chosen, each with its name.

import { useId, useRef, useState } from "react";
import { useT } from "../i18n";
import { fromFile } from "../storyboard/picture";
import { Button, Field, useToast } from "../ui";
import { LONGEST_NAME, MOST_CAST, nameOf, type Part } from "./casting";

interface Props {
  cast: readonly Part[];
  change: (edit: (cast: readonly Part[]) => readonly Part[]) => void;
}

export function CastField({ cast, change }: Props) {
  const t = useT();
  const tell = useToast();
  const hint = useId();
  const input = useRef<HTMLInputElement>(null);
  const adder = useRef<HTMLButtonElement>(null);
  const [over, setOver] = useState(false);
  const full = cast.length >= MOST_CAST;

  const add = async (files: readonly File[]) => {
    const room = MOST_CAST - cast.length;
    if (files.length > room) tell(t("make.castFull", { n: MOST_CAST }), "danger");
    for (const file of files.slice(0, room)) {
      try {
        const part = { name: nameOf(file.name), image: await fromFile(file, "image/png") };
        change((all) => [...all, part].slice(0, MOST_CAST));
      } catch {
        tell(t("shot.imageBad", { name: file.name }), "danger");
      }
    }
  };
  const rename = (at: number, name: string) => change((all) => all.map((part, i) => (i === at ? { ...part, name } : part)));
  const remove = (at: number) => {
    change((all) => all.filter((_, i) => i !== at));
    adder.current!.focus();
  };

  return (
    <fieldset
      className={`casting ${over ? "over" : ""}`} aria-describedby={hint}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={(event) => { if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false); }}
      onDrop={(event) => { event.preventDefault(); setOver(false); void add([...event.dataTransfer.files]); }}
    >
      <legend>{t("make.cast")}</legend>
      <p id={hint} className="muted">{t("make.castHint")}</p>
      {cast.map((part, i) => (
        <div key={i} className="part">
          <img src={part.image} alt="" />
          <Field label={t("make.castName", { n: i + 1 })}>
            {(id) => <input id={id} className="input" maxLength={LONGEST_NAME} autoFocus={!part.name} value={part.name} onChange={(event) => rename(i, event.target.value)} />}
          </Field>
          <Button kind="quiet" icon="close" label={t("make.castRemove", { n: i + 1 })} onClick={() => remove(i)} />
        </div>
      ))}
      <input
        ref={input} type="file" hidden multiple accept="image/*" aria-label={t("make.castAdd")}
        onChange={(event) => { void add([...(event.target.files ?? [])]); event.target.value = ""; }}
      />
      <Button ref={adder} icon="plus" aria-disabled={full} onClick={() => (full ? tell(t("make.castFull", { n: MOST_CAST }), "danger") : input.current!.click())}>
        {t("make.castAdd")}
      </Button>
    </fieldset>
  );
}
