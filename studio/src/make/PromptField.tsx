// The prompt, with what the model makes of it: hints while one types, what it reads otherwise or does not know, and the
// prompt told in full.

import { useMemo, useState, type ReactNode, type Ref } from "react";
import type { Read, Server } from "../api";
import { useI18n } from "../i18n";
import { Button, Field } from "../ui";
import type { Draft } from "./draft";
import { completions, suggestions } from "./hints";
import { notesOn } from "./notes";

interface Props {
  ref: Ref<HTMLTextAreaElement>;
  draft: Draft;
  read: Read | null;
  server: Server | null;
  change: (part: Partial<Draft>) => void;
  again: () => void; // another telling, please
  children: ReactNode; // what else stands below it
}

export function PromptField({ ref, draft, read, server, change, again, children }: Props) {
  const { t } = useI18n();
  const [caret, setCaret] = useState(draft.prompt.length);
  const set = (prompt: string) => {
    change({ prompt, full: null });
    setCaret(prompt.length);
  };
  return (
    <div className="prompting">
      <label className="question" htmlFor="prompt">{t("make.prompt")}</label>
      <textarea
        id="prompt" ref={ref} className="input" rows={3} maxLength={2000} autoFocus autoComplete="off"
        placeholder={t("make.placeholder")} value={draft.prompt} aria-describedby="prompt-notes"
        onChange={(event) => { change({ prompt: event.target.value, full: null }); setCaret(event.target.selectionStart); }}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
      />
      <Notes prompt={draft.prompt} read={read} set={set} />
      {server && draft.full === null && <Hints prompt={draft.prompt} read={read} caret={caret} server={server} set={set} />}
      {draft.full !== null && (
        <Field label={t("make.expanded")}>
          {(id) => <textarea id={id} className="input" rows={5} maxLength={2000} value={draft.full!} onChange={(event) => change({ full: event.target.value })} />}
        </Field>
      )}
      <div className="row">
        {draft.full === null ? (
          <Button disabled={!read} onClick={() => read && change({ full: read.expanded })}>{t("make.expand")}</Button>
        ) : (
          <>
            <Button onClick={again}>{t("make.again")}</Button>
            <Button onClick={() => change({ full: null })}>{t("make.short")}</Button>
          </>
        )}
        {children}
      </div>
    </div>
  );
}

function Notes({ prompt, read, set }: { prompt: string; read: Read | null; set: (prompt: string) => void }) {
  const { t } = useI18n();
  return (
    <div id="prompt-notes" className="notes" aria-live="polite">
      {read && notesOn(prompt, read).map(({ kind, key, values, text, becomes }) => {
        const said = key ? t(key, values) : text;
        return becomes === undefined ? (
          <p key={said} className={`note ${kind}`} lang={key ? undefined : "en"}>{said}</p>
        ) : (
          <Button key={said} kind="quiet" className="note" onClick={() => set(becomes)}>{said}</Button>
        );
      })}
    </div>
  );
}

function Hints({ prompt, read, caret, server, set }: { prompt: string; read: Read | null; caret: number; server: Server; set: (prompt: string) => void }) {
  const { t, language } = useI18n();
  const [turn, setTurn] = useState(0);
  const [last, setLast] = useState(""); // as it was read when somebody last knew: hints do not jump while one types
  if (read && read.prompt !== last) setLast(read.prompt);
  const meant = prompt.trim() ? last : "";
  const spoken = /\p{Script=Han}/u.test(prompt) ? "zh" : prompt.trim() ? "en" : language;
  const phrases = server.hints[spoken];
  const ends = useMemo(() => completions(prompt, caret, phrases), [prompt, caret, phrases]);
  const next = useMemo(() => suggestions(prompt, phrases, spoken, turn, 8, meant), [prompt, phrases, spoken, turn, meant]);
  const hints = ends.length ? ends : next?.hints;
  if (!hints?.length) return null;
  return (
    <div className="hints" role="group" aria-label={t("make.hints")}>
      <span className="muted">{ends.length ? t("hint.complete") : t(`hint.${next!.told}`)}</span>
      {hints.map((hint) => (
        <button key={hint.text} type="button" className="chip" onClick={() => { set(hint.prompt); document.getElementById("prompt")?.focus(); }}>
          {hint.text}
        </button>
      ))}
      {!ends.length && hints.length >= 8 && (
        <button type="button" className="chip more" aria-label={t("make.more")} onClick={() => setTurn(turn + 1)}>…</button>
      )}
    </div>
  );
}
