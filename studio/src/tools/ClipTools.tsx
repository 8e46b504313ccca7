// The clip tools: one finished film on the stage, and what may become of it.

import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { api, type Video } from "../api";
import { Glyph, type GlyphName } from "../glyphs";
import { useT, type Key } from "../i18n";
import { follow } from "../live";
import { useFilms } from "../storyboard/films";
import { useToast } from "../ui";
import { BlendTool, type Overlay } from "./BlendTool";
import { MaskTool } from "./MaskTool";
import { tidy, type Quality } from "./parts";
import { Results } from "./Results";
import { ExtendTool, LoopTool, RemixTool } from "./SimpleTools";
import { Stage } from "./Stage";
import { TrimTool } from "./TrimTool";
import { usePainting } from "./usePainting";
import "../editing.css";
import "./tools.css";

const TOOLS = ["trim", "extend", "loop", "blend", "edit", "mask"] as const;
type Tool = (typeof TOOLS)[number];
const GLYPHS: Record<Tool, GlyphName> = {
  trim: "scissors",
  extend: "longer",
  loop: "round",
  blend: "melt",
  edit: "wand",
  mask: "brush",
};

export default function ClipTools({ clip }: { clip: Video }) {
  const t = useT();
  const [tool, setTool] = useState<Tool>("trim");
  const [shown, setShown] = useState(clip.id);
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  const { results, busy, make } = useResults(clip, setShown);
  const [quality, setQuality] = useState<Quality>("good");
  const painting = usePainting(clip);
  const video = useRef<HTMLVideoElement>(null);
  const film = results.find(({ id }) => id === shown) ?? clip;
  const own = film.id === clip.id; // tools that point into the clip need it on the stage
  const props = { clip, busy, make, video, quality, onQuality: setQuality };
  const choose = (next: Tool) => {
    setTool(next);
    setShown(clip.id);
  };
  return (
    <div className="tools">
      <header className="tools-head">
        <h1>{t("tools.title")}</h1>
        <p>
          <a href={`#/film/${clip.id}`}>{clip.prompt}</a>
          <span className="muted">
            {" "}
            · {tidy(Number(clip.seconds))} s · {clip.size.replace("x", " × ")}
          </span>
        </p>
      </header>
      <div className="tools-work">
        <div className="tools-left">
          <Stage film={film} video={video} painting={tool === "mask" && own ? painting : null} overlay={own ? overlay : null} />
          <Results clip={clip} results={results} shown={film.id} onShow={setShown} />
        </div>
        <section className="tools-panel">
          <Tabs tool={tool} onChange={choose} />
          <div className="stack" role="tabpanel" id="tool" aria-labelledby={`tool-${tool}`} tabIndex={-1}>
            {tool === "trim" && <TrimTool {...props} />}
            {tool === "extend" && <ExtendTool {...props} />}
            {tool === "loop" && <LoopTool {...props} />}
            {tool === "blend" && <BlendTool {...props} onOverlay={setOverlay} />}
            {tool === "edit" && <RemixTool {...props} />}
            {tool === "mask" && <MaskTool {...props} painting={painting} />}
          </div>
        </section>
      </div>
    </div>
  );
}

function Tabs({ tool, onChange }: { tool: Tool; onChange: (tool: Tool) => void }) {
  const t = useT();
  const list = useRef<HTMLDivElement>(null);
  const key = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = TOOLS[(TOOLS.indexOf(tool) + by + TOOLS.length) % TOOLS.length]!;
    onChange(next);
    list.current?.querySelector<HTMLElement>(`#tool-${next}`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label={t("tools.which")} ref={list} onKeyDown={key}>
      {TOOLS.map((each) => (
        <button
          key={each}
          type="button"
          role="tab"
          id={`tool-${each}`}
          aria-selected={each === tool}
          aria-controls="tool"
          tabIndex={each === tool ? 0 : -1}
          onClick={() => onChange(each)}
        >
          <Glyph name={GLYPHS[each]} size={20} />
          {t(`tools.${each}` as Key)}
        </button>
      ))}
    </div>
  );
}

/** The films that came from the clip, old and new; a new one goes on the stage when it is ready. */
function useResults(clip: Video, show: (id: string) => void) {
  const tell = useToast();
  const [ids, setIds] = useState<readonly string[]>([]); // newest first
  const [waiting, setWaiting] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const films = useFilms(ids);
  useEffect(() => {
    let here = true;
    api.family(clip.id).then(
      ({ data }) => {
        const children = data
          .filter((each) => each.remixed_from_video_id === clip.id)
          .map(({ id }) => id)
          .reverse();
        if (here) setIds((now) => [...now, ...children.filter((id) => !now.includes(id))]);
      },
      () => {}, // what was made before is missing here, and in the gallery still
    );
    return () => {
      here = false;
    };
  }, [clip.id]);
  const ready = waiting !== null && films.get(waiting)?.status === "completed";
  useEffect(() => {
    if (ready) {
      show(waiting);
      setWaiting(null);
    }
  }, [ready, waiting, show]);
  const make = useCallback(
    (call: () => Promise<Video>) => {
      setBusy(true);
      call()
        .then(
          (film) => {
            follow(film);
            setIds((now) => [film.id, ...now]);
            setWaiting(film.id);
          },
          (error: Error) => tell(error.message, "danger"),
        )
        .finally(() => setBusy(false));
    },
    [tell],
  );
  const results = useMemo(() => ids.flatMap((id) => films.get(id) ?? []), [ids, films]);
  return { results, busy, make };
}
