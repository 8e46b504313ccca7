import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { api, type Video } from "../api";
import { useT, type Key } from "../i18n";
import { follow, useClosed } from "../live";
import { Attachment, attached, order, type Attached } from "../make/Attachment";
import { CastField } from "../make/CastField";
import { nameless, namesOf, type Part } from "../make/casting";
import { Kept } from "../make/Kept";
import { LENGTHS, loadDraft, saveDraft, type Draft, type Quality, type Shape } from "../make/draft";
import { PromptField } from "../make/PromptField";
import { useRead, useServer } from "../make/reading";
import { Stage } from "../make/Stage";
import { Button, Field, Segments, Select, VideoThumb, useToast } from "../ui";
import "../make/make.css";

const SHOWN = "skyloom.stage"; // ids of the films on the stage, through a reload
const EXAMPLES: readonly Key[] = ["make.example1", "make.example2", "make.example3", "make.example4"];
const MOST_SEED = Number.MAX_SAFE_INTEGER - 3;

const shownBefore = (): string[] => (sessionStorage.getItem(SHOWN) ?? "").split(" ").filter(Boolean);

export function MakePage() {
  const t = useT();
  const tell = useToast();
  const [draft, setDraft] = useState(loadDraft);
  const [file, setFile] = useState<Attached | null>(null);
  const [cast, setCast] = useState<readonly Part[]>([]);
  const [ids, setIds] = useState(shownBefore);
  const [asking, setAsking] = useState(false);
  const [over, setOver] = useState(false);
  const [telling, setTelling] = useState(0); // which expansion
  const prompt = useRef<HTMLTextAreaElement>(null);
  const server = useServer();
  const read = useRead(draft.prompt, telling, namesOf(cast));

  const change = useCallback((part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part })), []);
  useEffect(() => saveDraft(draft), [draft]);
  useEffect(() => sessionStorage.setItem(SHOWN, ids.join(" ")), [ids]);
  useEffect(() => {
    if (telling && read) change({ full: read.expanded });
  }, [telling, read?.expanded]);

  const attach = (given: File | undefined) => {
    const found = given ? attached(given, draft.kept.strength) : null;
    if (found) setFile(found);
    else if (given) tell(t("make.unreadable"), "danger");
  };
  const film = async (wanted: Draft) => {
    if (!wanted.prompt.trim()) return prompt.current!.focus();
    const unnamed = nameless(cast);
    if (unnamed) return tell(t("make.castNameless", { n: unnamed }), "danger");
    setAsking(true);
    const made = await Promise.allSettled(Array.from({ length: Number(wanted.count) }, (_, number) => order(wanted, file, cast, number)));
    setAsking(false);
    const videos = made.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    videos.forEach(follow);
    if (videos.length) setIds(videos.map((video) => video.id));
    const failed = made.find((each) => each.status === "rejected");
    if (failed) tell((failed.reason as Error).message, "danger");
  };

  return (
    <div
      className={`make ${over ? "over" : ""}`}
      onDragOver={(event) => { setOver(!event.defaultPrevented); event.preventDefault(); }}
      onDragLeave={(event) => { if (event.currentTarget === event.target) setOver(false); }}
      onDrop={(event) => {
        setOver(false);
        if (!event.defaultPrevented) attach(event.dataTransfer.files[0]); // the cast may have taken it
        event.preventDefault();
      }}
    >
      <form
        className="composer"
        onSubmit={(event) => { event.preventDefault(); void film(draft); }}
        onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void film(draft); } }}
        onPaste={(event) => { if (event.clipboardData.files[0]) attach(event.clipboardData.files[0]); }}
      >
        <h1 className="hidden">{t("make.title")}</h1>
        <PromptField ref={prompt} draft={draft} read={read} server={server} change={change} again={() => setTelling(telling + 1)}>
          <Attachment value={file} strength={draft.kept.strength} onChange={setFile} />
        </PromptField>
        <Kept draft={draft} change={change} />
        <Dials draft={draft} change={change} longest={server?.max_seconds ?? 20}>
          <CastField cast={cast} change={setCast} />
        </Dials>
        <Button kind="primary" type="submit" className="go" disabled={asking} aria-keyshortcuts="Control+Enter">
          {t("make.go")} <kbd>{t("make.keys")}</kbd>
        </Button>
      </form>
      <div className="screen">
        {ids.length > 0 ? <Stage key={ids.join()} ids={ids} /> : <Nothing example={(text) => { const next = { ...draft, prompt: text, full: null, kept: {}, missing: [] }; setDraft(next); void film(next); }} />}
        <Recent />
      </div>
    </div>
  );
}

interface DialsProps {
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  longest: number; // seconds
  children: ReactNode; // what else is behind "More"
}

function Dials({ draft, change, longest, children }: DialsProps) {
  const t = useT();
  const lengths = [...new Set([...LENGTHS, draft.seconds])].filter((each) => Number(each) <= longest).sort((a, b) => Number(a) - Number(b));
  return (
    <>
      <div className="dials">
        <Segments<Shape>
          label={t("make.size")} value={draft.shape} onChange={(shape) => change({ shape })}
          options={[["square", t("make.square")], ["wide", t("make.wide")], ["tall", t("make.tall")]]}
        />
        <Segments<Quality>
          label={t("make.quality")} value={draft.quality} onChange={(quality) => change({ quality })}
          options={[["fast", t("make.fast")], ["good", t("make.good")], ["best", t("make.best")]]}
        />
        <Select label={t("make.seconds")} value={draft.seconds} onChange={(seconds) => change({ seconds })} options={lengths.map((n) => [n, t("make.second", { n })])} />
        <Segments label={t("make.count")} value={draft.count} onChange={(count) => change({ count })} options={["1", "2", "4"].map((n) => [n, n])} />
      </div>
      <details className="more">
        <summary>{t("make.more")}</summary>
        <div className="dials">
          <Field label={t("make.seed")}>
            {(id) => (
              <input
                id={id} className="input" type="number" min={0} max={MOST_SEED} step={1} placeholder={t("make.seedAny")} value={draft.seed}
                onChange={(event) => change({ seed: event.target.value })}
              />
            )}
          </Field>
          <Field label={t("make.negative")}>
            {(id) => <input id={id} className="input" maxLength={500} value={draft.negative} onChange={(event) => change({ negative: event.target.value })} />}
          </Field>
        </div>
        {children}
      </details>
    </>
  );
}

function Nothing({ example }: { example: (text: string) => void }) {
  const t = useT();
  return (
    <section className="stage empty">
      <p className="lead">{t("make.empty")}</p>
      <div className="row" role="group" aria-label={t("make.examples")}>
        {EXAMPLES.map((key) => <button key={key} type="button" className="chip" onClick={() => example(t(key))}>{t(key)}</button>)}
      </div>
    </section>
  );
}

/** The latest films that are ready. */
function Recent() {
  const t = useT();
  const [videos, setVideos] = useState<Video[]>([]);
  const load = useCallback(() => void api.find("", "ready", null).then((page) => setVideos(page.data.slice(0, 6)), () => {}), []);
  useEffect(load, [load]);
  useClosed(load);
  if (!videos.length) return null;
  return (
    <section className="recent" aria-labelledby="recent-title">
      <h2 id="recent-title">{t("make.recent")}</h2>
      <ul>
        {videos.map((video) => (
          <li key={video.id}>
            <a href={`#/film/${video.id}`} aria-label={t("gallery.one", { prompt: video.prompt })}>
              <VideoThumb video={video} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
