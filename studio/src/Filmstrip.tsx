// A film's frames in a row, cut out of its sprite sheet.

import { useEffect, useRef } from "react";
import type { Video } from "./api";
import { useContent } from "./content";

const TILES = 16; // of a sprite sheet, where the film has so many frames

/** `width` and `height` are pixels of the drawing; the page may stretch it. */
export function Filmstrip({ clip, width, height }: { clip: Video; width: number; height: number }) {
  const { url } = useContent(clip.id, "spritesheet");
  const canvas = useRef<HTMLCanvasElement>(null);
  const frames = Math.round(Number(clip.seconds) * clip.native.fps);
  useEffect(() => {
    if (!url) return;
    const sheet = new Image();
    sheet.onload = () => canvas.current && draw(canvas.current, sheet, Math.min(TILES, Math.max(1, frames)));
    sheet.src = url;
    return () => {
      sheet.onload = null;
    };
  }, [url, frames, width, height]);
  return <canvas ref={canvas} className="filmstrip" width={width} height={height} aria-hidden="true" />;
}

function draw(canvas: HTMLCanvasElement, sheet: HTMLImageElement, tiles: number): void {
  const context = canvas.getContext("2d")!;
  const columns = Math.ceil(Math.sqrt(tiles));
  const [width, height] = [sheet.width / columns, sheet.height / Math.ceil(tiles / columns)];
  const slots = Math.max(1, Math.round((canvas.width * height) / (canvas.height * width)));
  for (let i = 0; i < slots; i++) {
    const tile = Math.min(tiles - 1, Math.floor(((i + 0.5) / slots) * tiles));
    const [x, y] = [(tile % columns) * width, Math.floor(tile / columns) * height];
    context.drawImage(sheet, x, y, width, height, (i * canvas.width) / slots, 0, canvas.width / slots, canvas.height);
  }
}
