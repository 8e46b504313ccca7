import { Component, Suspense, lazy, useCallback, useEffect, useRef, useState, type ReactNode } from "react";
import { setKey, whenLocked, type Video } from "./api";
import { Drawer } from "./Drawer";
import { useI18n, useT, type Key } from "./i18n";
import { isOpen, start, useClosed, useLive } from "./live";
import { MakePage } from "./pages/MakePage";
import { useRoute } from "./router";
import { switchTheme } from "./theme";
import { Button, Dialog, Field, useToast } from "./ui";
import "./shell.css";

const GalleryPage = lazy(() => import("./pages/GalleryPage"));
const FilmPage = lazy(() => import("./pages/FilmPage"));
const ComparePage = lazy(() => import("./pages/ComparePage"));
const StoryboardPage = lazy(() => import("./storyboard/StoryboardPage"));
const ToolsPage = lazy(() => import("./tools/ToolsPage"));

const PLACES: readonly (readonly [string, Key])[] = [
  ["", "nav.make"],
  ["storyboard", "nav.storyboard"],
  ["tools", "nav.tools"],
  ["gallery", "nav.gallery"],
];
const PARENT: Record<string, string> = { film: "gallery", compare: "gallery" };

export function Shell() {
  const { t, language, setLanguage } = useI18n();
  const [page = "", ...rest] = useRoute();
  const [drawer, setDrawer] = useState(false);
  const [locked, setLocked] = useState(false);
  const [entered, setEntered] = useState(0); // keys given; each lets the page begin anew
  const toggle = useRef<HTMLButtonElement>(null);
  const { films, away } = useLive();
  const open = [...films.values()].filter(isOpen).length;
  const place = PLACES.find(([path]) => path === (PARENT[page] ?? page));

  useEffect(() => {
    whenLocked(() => setLocked(true));
    start();
  }, []);
  useEffect(() => {
    document.title = place ? `${t(place[1])} · Skyloom` : "Skyloom";
  }, [place, t]);
  useTellOfEnds();

  const closeDrawer = useCallback(() => {
    setDrawer(false);
    toggle.current?.focus();
  }, []);

  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")!.focus(); }}>
        {t("app.skip")}
      </a>
      <header className="top">
        <a className="brand" href="#/">
          <img src="/icon.svg" width="26" height="26" alt="" />
          Skyloom
        </a>
        <nav aria-label={t("app.nav")}>
          {PLACES.map(([path, text]) => (
            <a key={path} href={`#/${path}`} aria-current={place?.[0] === path ? "page" : undefined}>
              {t(text)}
            </a>
          ))}
        </nav>
        <div className="row">
          <Button ref={toggle} icon="queue" aria-expanded={drawer} aria-label={t("queue.open", { n: open })} onClick={() => setDrawer(!drawer)}>
            {t("queue.title")}{" "}
            {open > 0 && <span className="count">{open}</span>}
          </Button>
          <Button kind="quiet" lang={language === "en" ? "zh-Hans" : "en"} onClick={() => setLanguage(language === "en" ? "zh" : "en")}>
            {t("app.language")}
          </Button>
          <Button kind="quiet" icon="theme" label={t("app.theme")} onClick={switchTheme} />
        </div>
        {away && <p className="away" role="status">{t("app.away")}</p>}
      </header>
      <main id="main" tabIndex={-1}>
        <Fault key={`${page} ${entered}`}>
          <Suspense fallback={null}>{pageOf(page, rest)}</Suspense>
        </Fault>
      </main>
      {drawer && <Drawer onClose={closeDrawer} />}
      {locked && (
        <KeyDialog
          onDone={(given) => {
            setLocked(false);
            if (given) setEntered(entered + 1);
          }}
        />
      )}
    </div>
  );
}

function pageOf(page: string, [first = "", second = ""]: string[]): ReactNode {
  if (page === "gallery") return <GalleryPage />;
  if (page === "film") return <FilmPage key={first} id={first} />;
  if (page === "storyboard") return <StoryboardPage />;
  if (page === "tools") return <ToolsPage id={first} />;
  if (page === "compare") return <ComparePage key={first + second} ids={[first, second]} />;
  return <MakePage />;
}

/** Says which films are ready, also while another page is open. */
function useTellOfEnds(): void {
  const t = useT();
  const tell = useToast();
  useClosed(
    useCallback(
      (video: Video) => {
        if (video.status === "completed") tell(t("queue.done", { prompt: video.prompt }));
        else if (video.error?.code !== "cancelled") tell(t("queue.failed", { prompt: video.prompt }), "danger");
      },
      [t, tell],
    ),
  );
}

function KeyDialog({ onDone }: { onDone: (given: boolean) => void }) {
  const t = useT();
  const [text, setText] = useState("");
  const enter = () => {
    setKey(text.trim());
    start();
    onDone(true);
  };
  return (
    <Dialog title={t("key.title")} onClose={() => onDone(false)}>
      <form className="row" onSubmit={(event) => { event.preventDefault(); enter(); }}>
        <Field label={t("key.label")} hint={t("key.hint")}>
          {(id) => <input id={id} className="input" type="password" autoComplete="off" autoFocus value={text} onChange={(event) => setText(event.target.value)} />}
        </Field>
        <Button kind="primary" type="submit" disabled={!text.trim()}>{t("key.enter")}</Button>
      </form>
    </Dialog>
  );
}

/** A page that breaks says so, and leaves the others alone. */
class Fault extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError = (error: Error) => ({ error });
  override render() {
    return this.state.error ? <p role="alert">{this.state.error.message}</p> : this.props.children;
  }
}
