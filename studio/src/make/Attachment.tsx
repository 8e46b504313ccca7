// A picture that the film begins with, or a clip to go on from or to film again.

import { useEffect, useRef, useState } from "react";
import { api, type Fields, type Video } from "../api";
import { useT } from "../i18n";
import { Button, Segments } from "../ui";
import { castOf, type Part } from "./casting";
import { fieldsOf, type Draft } from "./draft";

export interface Attached {
  file: File;
  kind: "picture" | "clip";
  use: "extend" | "edit"; // of a clip
  strength: number;
}

/** The file as an attachment; null for what is neither picture nor clip. A clip is edited where a strength is known. */
export function attached(file: File, strength?: number): Attached | null {
  const kind = /^image\/(png|jpeg|webp)$/.test(file.type) ? "picture" : /^video\/(mp4|webm)$/.test(file.type) ? "clip" : null;
  return kind && { file, kind, use: strength === undefined ? "extend" : "edit", strength: strength ?? 0.7 };
}

/** Ask for one film. */
export function order(draft: Draft, with_: Attached | null, cast: readonly Part[], number: number): Promise<Video> {
  const fields: Fields = { ...fieldsOf(draft, number), cast: castOf(cast) };
  if (!with_) return api.create(fields);
  if (with_.kind === "picture") return api.create({ ...fields, input_reference: with_.file });
  const { size: _, seconds, loop: __, storyboard: ___, ...rest } = fields; // of films from words alone
  if (with_.use === "extend") return api.extend({ ...rest, seconds, video: with_.file });
  return api.edit({ ...rest, strength: with_.strength, video: with_.file });
}

interface AttachmentProps {
  value: Attached | null;
  strength?: number; // of a clip that is to be edited
  onChange: (value: Attached | null) => void;
}

export function Attachment({ value, strength, onChange }: AttachmentProps) {
  const t = useT();
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="attachment">
      <input
        ref={input} type="file" hidden accept="image/png,image/jpeg,image/webp,video/mp4,video/webm" aria-label={t("make.choose")}
        onChange={(event) => { const file = event.target.files?.[0]; if (file) onChange(attached(file, strength)); event.target.value = ""; }}
      />
      {value ? (
        <Shown value={value} onChange={onChange} />
      ) : (
        <Button icon="plus" title={t("make.drop")} onClick={() => input.current!.click()}>{t("make.choose")}</Button>
      )}
    </div>
  );
}

function Shown({ value, onChange }: { value: Attached; onChange: (value: Attached | null) => void }) {
  const t = useT();
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(value.file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [value.file]);
  return (
    <>
      {value.kind === "picture" ? <img src={url} alt={value.file.name} /> : <video src={url} muted loop autoPlay playsInline aria-label={value.file.name} />}
      {value.kind === "picture" ? (
        <p className="muted">{t("make.animate")}</p>
      ) : (
        <Segments
          label={t("make.clip")} value={value.use} onChange={(use) => onChange({ ...value, use })}
          options={[["extend", t("make.extend")], ["edit", t("make.edit")]]}
        />
      )}
      {value.kind === "clip" && value.use === "edit" && (
        <label className="field">
          <span className="muted">{t("make.strength")}</span>
          <input type="range" min={0.1} max={1} step={0.05} value={value.strength} onChange={(event) => onChange({ ...value, strength: Number(event.target.value) })} />
        </label>
      )}
      <Button kind="quiet" icon="close" label={t("make.remove")} onClick={() => onChange(null)} />
    </>
  );
}
