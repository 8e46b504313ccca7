// The film that is looked at: with controls, under a mask that is painted, or with another clip laid over it.

import { useEffect, useRef, type RefObject } from "react";
import type { Video } from "../api";
import { Film } from "../ui";
import type { Overlay } from "./BlendTool";
import { influenceAt } from "./curve";
import { MaskCanvas } from "./MaskCanvas";
import { sizeOf, type Painting } from "./usePainting";

interface Props {
  film: Video;
  video: RefObject<HTMLVideoElement | null>;
  painting: Painting | null; // while the mask is painted
  overlay: Overlay | null;
}

export function Stage({ film, video, painting, overlay }: Props) {
  const [width, height] = sizeOf(film);
  useEffect(() => {
    if (painting) video.current?.pause();
  }, [painting !== null, video]);
  return (
    <div className="tools-stage">
      <div
        className="tools-frame"
        style={{ aspectRatio: `${width} / ${height}`, maxWidth: `calc(var(--stage-height) * ${width / height})` }}
      >
        <Film key={film.id} id={film.id} prompt={film.prompt} ref={video} controls={!painting} autoPlay={!painting} />
        {painting && <MaskCanvas painting={painting} />}
        {overlay && <Over video={video} overlay={overlay} />}
      </div>
    </div>
  );
}

function Over({ video, overlay }: { video: RefObject<HTMLVideoElement | null>; overlay: Overlay }) {
  const over = useRef<HTMLVideoElement>(null);
  const latest = useRef(overlay);
  latest.current = overlay;
  useEffect(() => {
    let frame = requestAnimationFrame(function look() {
      const [first, second] = [video.current, over.current];
      if (first && second) {
        second.style.opacity = String(influenceAt(latest.current.points, first.currentTime));
        const at = Math.min(first.currentTime, second.duration || 0);
        if (Math.abs(second.currentTime - at) > 0.1 && !second.seeking) second.currentTime = at;
        if (first.paused !== second.paused) void (first.paused ? second.pause() : second.play().catch(() => {}));
      }
      frame = requestAnimationFrame(look);
    });
    return () => cancelAnimationFrame(frame);
  }, [video]);
  return (
    <Film id={overlay.film.id} prompt={overlay.film.prompt} ref={over} className="film tools-over" tabIndex={-1} aria-hidden />
  );
}
