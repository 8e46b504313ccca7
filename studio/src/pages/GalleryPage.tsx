import { useCallback, useEffect, useRef, useState } from "react";
import { api, type About, type Show, type Video } from "../api";
import { useT } from "../i18n";
import { isOpen, useClosed, useLive } from "../live";
import { RecipeDialog } from "../film/Recipe";
import { stateOf } from "../Drawer";
import { Button, Field, Select, VideoThumb, useToast } from "../ui";
import "./gallery.css";

const PAUSE = 250; // milliseconds without a key before the search

export default function GalleryPage() {
  const t = useT();
  const [search, setSearch] = useState("");
  const [show, setShow] = useState<Show>("all");
  const { videos, more, loadMore, loaded } = useFilms(search, show);
  const [chosen, setChosen] = useState<string[] | null>(null); // for a comparison
  const drop = useRecipeDrop();
  const choose = (id: string) => setChosen((all) => (all!.includes(id) ? all!.filter((each) => each !== id) : [...all!, id].slice(-2)));
  return (
    <div className={`gallery ${drop.over ? "over" : ""}`} {...drop.target}>
      <header className="row spread">
        <h1>{t("gallery.title")}</h1>
        <div className="row">
          <Button icon="shield" onClick={drop.pick}>{t("gallery.pick")}</Button>
          {drop.input}
          {chosen ? (
            <>
              <a className="button primary" aria-disabled={chosen.length < 2} href={chosen.length === 2 ? `#/compare/${chosen.join("/")}` : undefined}>
                {chosen.length === 2 ? t("gallery.compareNow") : t("gallery.compareTwo", { n: chosen.length })}
              </a>
              <Button kind="quiet" onClick={() => setChosen(null)}>{t("gallery.clear")}</Button>
            </>
          ) : (
            <Button icon="compare" disabled={videos.length < 2} onClick={() => setChosen([])}>{t("gallery.compare")}</Button>
          )}
        </div>
      </header>
      <div className="filters">
        <Field label={t("gallery.search")}>
          {(id) => <input id={id} type="search" className="input" value={search} onChange={(event) => setSearch(event.target.value)} />}
        </Field>
        <Select<Show>
          label={t("gallery.filter")} value={show} onChange={setShow}
          options={[["all", t("gallery.all")], ["ready", t("gallery.ready")], ["remixes", t("gallery.remixes")], ["failed", t("gallery.failed")]]}
        />
      </div>
      <ul className="films">
        {videos.map((video) => (
          <li key={video.id}>
            <Card video={video} />
            {chosen && video.status === "completed" && (
              <label className="choice">
                <input type="checkbox" checked={chosen.includes(video.id)} onChange={() => choose(video.id)} />
                <span className="hidden">{t("gallery.choose")}: {video.prompt}</span>
              </label>
            )}
          </li>
        ))}
      </ul>
      {loaded && !videos.length && <p className="nothing muted">{search || show !== "all" ? t("gallery.nothing") : t("gallery.empty")}</p>}
      {more && <Button onClick={loadMore}>{t("gallery.more")}</Button>}
      <p className="muted dropping">{t("gallery.drop")}</p>
      {drop.dialog}
    </div>
  );
}

function Card({ video }: { video: Video }) {
  const t = useT();
  const { films } = useLive();
  const now = films.get(video.id) ?? video;
  const [over, setOver] = useState(false);
  return (
    <a className="card" href={`#/film/${video.id}`} onFocus={() => setOver(true)} onBlur={() => setOver(false)} onPointerEnter={() => setOver(true)} onPointerLeave={() => setOver(false)}>
      <VideoThumb video={now} playing={over} />
      <span className="prompt">{video.prompt}</span>
      <span className="muted row">
        {t("make.second", { n: video.seconds })} · {video.size}
        {video.remixed_from_video_id && <span className="badge">{t("film.remix")}</span>}
        {isOpen(now) && <span className="badge">{stateOf(now, t)}</span>}
        {now.status === "failed" && <span className="badge danger">{t("gallery.failed")}</span>}
      </span>
    </a>
  );
}

/** The films that fit, page after page; those that are done meanwhile come in. */
function useFilms(search: string, show: Show) {
  const [videos, setVideos] = useState<Video[]>([]);
  const [more, setMore] = useState(false);
  const [loaded, setLoaded] = useState(false);
  const tell = useToast();
  const asked = useRef<AbortController>(null);
  const load = useCallback(
    (after: string | null) => {
      asked.current?.abort();
      const control = (asked.current = new AbortController());
      api.find(search.trim(), show, after, control.signal).then(
        (page) => {
          setVideos((old) => (after ? [...old, ...page.data] : page.data));
          setMore(page.has_more);
          setLoaded(true);
        },
        (error: Error) => control.signal.aborted || tell(error.message, "danger"),
      );
    },
    [search, show, tell],
  );
  useEffect(() => {
    const timer = setTimeout(() => load(null), loaded ? PAUSE : 0);
    return () => clearTimeout(timer);
  }, [load]);
  useClosed(useCallback(() => load(null), [load]));
  return { videos, more, loaded, loadMore: () => load(videos.at(-1)?.id ?? null) };
}

/** Files dropped on the page, or chosen, whose recipes are shown. */
function useRecipeDrop() {
  const t = useT();
  const tell = useToast();
  const [over, setOver] = useState(false);
  const [found, setFound] = useState<{ name: string; about: About } | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const open = (file: File | undefined) => {
    if (!file) return;
    api.recipeOf(file).then(
      (about) => (about.recipe ? setFound({ name: file.name, about }) : tell(t("gallery.noRecipe", { name: file.name }), "danger")),
      (error: Error) => tell(error.message, "danger"),
    );
  };
  return {
    over,
    pick: () => input.current!.click(),
    input: (
      <input
        ref={input} type="file" hidden accept="video/mp4,video/webm,image/png,image/webp,image/jpeg" aria-label={t("gallery.pick")}
        onChange={(event) => { open(event.target.files?.[0]); event.target.value = ""; }}
      />
    ),
    target: {
      onDragOver: (event: React.DragEvent) => { event.preventDefault(); setOver(true); },
      onDragLeave: (event: React.DragEvent) => { if (event.currentTarget === event.target) setOver(false); },
      onDrop: (event: React.DragEvent) => { event.preventDefault(); setOver(false); open(event.dataTransfer.files[0]); },
    },
    dialog: found && (
      <RecipeDialog title={t("gallery.found", { name: found.name })} about={found.about} onClose={() => setFound(null)} />
    ),
  };
}

