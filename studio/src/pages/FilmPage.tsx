import { useEffect, useState } from "react";
import { api, type About, type Video } from "../api";
import { useContent } from "../content";
import { Badge, RecipeList, reuse } from "../film/Recipe";
import { Tree } from "../film/Tree";
import { useI18n, useT } from "../i18n";
import { follow, forget, isFilm, isOpen, useVideo } from "../live";
import { shapeOf } from "../make/draft";
import { Stage } from "../make/Stage";
import { go } from "../router";
import { calm, saveAs } from "../saving";
import { Button, Dialog, Field, Film, useToast } from "../ui";
import "../make/make.css";
import "./film.css";

export default function FilmPage({ id }: { id: string }) {
  const t = useT();
  const video = useVideo(id);
  if (video === undefined) return null;
  return (
    <div className="film-page">
      <p><a href="#/gallery">{t("film.back")}</a></p>
      {video === null ? <p role="alert">{t("film.gone")}</p> : video.status === "completed" ? <Finished video={video} /> : <Unfinished video={video} />}
    </div>
  );
}

function Unfinished({ video }: { video: Video }) {
  return (
    <>
      <h1>{video.prompt}</h1>
      {isOpen(video) ? <Stage ids={[video.id]} /> : <Failed video={video} />}
    </>
  );
}

function Failed({ video }: { video: Video }) {
  const t = useT();
  return (
    <>
      <p role="alert">{t("film.failed", { why: video.error?.message ?? "" })}</p>
      <div className="row">
        <Button kind="primary" onClick={() => reuse({ prompt: video.prompt, size: video.size, seconds: Number(video.seconds), seed: video.seed ?? undefined })}>
          {t("film.reuse")}
        </Button>
        <Delete video={video} />
      </div>
    </>
  );
}

function Finished({ video }: { video: Video }) {
  const t = useT();
  const about = useAbout(video.id);
  const { url } = useContent(video.id);
  return (
    <>
      <div className="film-top">
        <div className={`frame ${shapeOf(video.size)}`}>
          <Film id={video.id} prompt={video.prompt} autoPlay={!calm()} controls />
        </div>
        <div className="about">
          <h1>{video.prompt}</h1>
          {about && <Badge said={about.provenance} />}
          <Facts video={video} />
          {video.notes.map((note) => <p key={note} className="muted">{note}</p>)}
          <div className="row">
            <Button kind="primary" disabled={!about?.recipe} onClick={() => about?.recipe && reuse(about.recipe)}>{t("film.reuse")}</Button>
            <Again video={video} kind="remix" />
            <Again video={video} kind="extend" />
            <a className="button plain" href={`#/tools/${video.id}`}>{t("film.tools")}</a>
            <Button icon="download" disabled={!url} onClick={() => url && saveAs(url, `${video.id}.mp4`)}>{t("film.download")}</Button>
            <Delete video={video} />
          </div>
          <Sources titles={about?.provenance.sources?.map(({ title }) => title) ?? []} />
          {about?.recipe && (
            <details>
              <summary>{t("film.recipe")}</summary>
              <RecipeList recipe={about.recipe} />
            </details>
          )}
        </div>
      </div>
      <section aria-labelledby="tree-title">
        <h2 id="tree-title">{t("film.tree")}</h2>
        <Tree id={video.id} />
      </section>
    </>
  );
}

/** What the film was made from, as its manifest names it. */
function Sources({ titles }: { titles: string[] }) {
  const t = useT();
  if (!titles.length) return null;
  return (
    <section className="sources" aria-labelledby="sources-title">
      <h2 id="sources-title">{t("film.sources")}</h2>
      <ul>
        {titles.map((title, i) => <li key={i}>{isFilm(title) ? <SourceFilm id={title} /> : title}</li>)}
      </ul>
    </section>
  );
}

function SourceFilm({ id }: { id: string }) {
  const t = useT();
  const video = useVideo(id);
  return video ? <a href={`#/film/${id}`}>{video.prompt}</a> : <span className="muted">{video === null && t("film.gone")}</span>;
}

function useAbout(id: string): About | null {
  const [about, setAbout] = useState<About | null>(null);
  useEffect(() => {
    let here = true;
    api.about(id).then((found) => here && setAbout(found), () => {});
    return () => {
      here = false;
    };
  }, [id]);
  return about;
}

function Facts({ video }: { video: Video }) {
  const { t, language } = useI18n();
  const made = new Date(video.created_at * 1000).toLocaleString(language === "zh" ? "zh-CN" : "en");
  const facts: [string, string][] = [
    [t("film.size"), video.size],
    [t("film.length"), t("make.second", { n: video.seconds })],
    [t("film.seed"), String(video.seed ?? "")],
    [t("film.model"), video.model],
    [t("film.made"), made],
  ];
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The film again with other words, or with what happens after it; both are new films. */
function Again({ video, kind }: { video: Video; kind: "remix" | "extend" }) {
  const t = useT();
  const tell = useToast();
  const [open, setOpen] = useState(false);
  const [prompt, setPrompt] = useState(video.prompt);
  const [amount, setAmount] = useState(kind === "remix" ? 0.7 : 2); // strength, or seconds
  const send = async () => {
    const call = kind === "remix" ? api.remix(video.id, { prompt, strength: amount }) : api.extend({ video: { id: video.id }, prompt, seconds: String(amount) });
    try {
      const made = await call;
      follow(made);
      setOpen(false);
      go(`/film/${made.id}`);
    } catch (error) {
      tell((error as Error).message, "danger");
    }
  };
  return (
    <>
      <Button onClick={() => setOpen(true)}>{t(`film.${kind}`)}</Button>
      {open && (
        <Dialog title={t(`film.${kind}`)} onClose={() => setOpen(false)}>
          <form className="again" onSubmit={(event) => { event.preventDefault(); void send(); }}>
            <Field label={t("film.words")}>
              {(id) => <textarea id={id} className="input" rows={3} maxLength={2000} required autoFocus value={prompt} onChange={(event) => setPrompt(event.target.value)} />}
            </Field>
            <Field label={kind === "remix" ? t("make.strength") : t("film.seconds")}>
              {(id) =>
                kind === "remix" ? (
                  <input id={id} type="range" min={0.1} max={1} step={0.05} value={amount} onChange={(event) => setAmount(Number(event.target.value))} />
                ) : (
                  <input id={id} className="input" type="number" min={0.5} max={20} step={0.5} required value={amount} onChange={(event) => setAmount(Number(event.target.value))} />
                )
              }
            </Field>
            <Button kind="primary" type="submit">{t("make.go")}</Button>
          </form>
        </Dialog>
      )}
    </>
  );
}

function Delete({ video }: { video: Video }) {
  const t = useT();
  const tell = useToast();
  const [sure, setSure] = useState(false);
  const remove = () =>
    api.remove(video.id).then(
      () => {
        forget(video.id);
        go("/gallery");
      },
      (error: Error) => tell(error.message, "danger"),
    );
  return (
    <>
      <Button kind="quiet" icon="remove" onClick={() => setSure(true)}>{t("film.delete")}</Button>
      {sure && (
        <Dialog title={t("film.deleteSure")} onClose={() => setSure(false)}>
          <div className="row">
            <Button autoFocus onClick={() => setSure(false)}>{t("film.deleteNo")}</Button>
            <Button kind="danger" onClick={() => void remove()}>{t("film.delete")}</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}
