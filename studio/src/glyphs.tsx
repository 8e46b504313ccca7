// Signs of the editing pages, on the same grid as those of ui.tsx.

import type { ReactNode } from "react";
import { Button } from "./ui";

const PATHS = {
  undo: "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M15 14l5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  plus: "M12 5v14M5 12h14",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  start: "M6 5v14M19 5l-9 7 9 7z",
  lock: "M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3",
  open: "M6 11h12v9H6zM9 11V8a3 3 0 0 1 5.8-1",
  keys: "M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8",
  left: "M15 6l-6 6 6 6",
  right: "M9 6l6 6-6 6",
  scissors: "M6 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM6 21a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8.5 8L20 19M8.5 16L20 5",
  longer: "M3 12h18M7 8l-4 4 4 4M17 8l4 4-4 4",
  round: "M4 12a8 8 0 0 1 14-5l2 2M20 4v5h-5M20 12a8 8 0 0 1-14 5l-2-2M4 20v-5h5",
  melt: "M3 6c8 0 10 12 18 12M3 18c8 0 10-12 18-12",
  wand: "M4 20L15 9M14 4v3M19 9h-3M18.5 4.5l-2 2M9 4l1 2M19 14l1 2",
  brush: "M20 4L11 13M9 14a3 3 0 0 0-3 3c0 2-1 3-3 3 2 1 8 1 8-3a3 3 0 0 0-2-3z",
  rubber: "M8 20h12M5 16l9-10 6 5-8 9H8z",
  box: "M4 6h16v12H4z",
  pen: "M4 20l4-1L20 7l-3-3L5 16z",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 4-6 8-6s8 2 8 6",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  out: "M12 15V4M7 9l5-5 5 5M5 14v6h14v-6",
} as const;

export type GlyphName = keyof typeof PATHS;

export const Glyph = ({ name, size = 18 }: { name: GlyphName; size?: number }) => (
  <svg
    width={size}
    height={size}
    viewBox="0 0 24 24"
    aria-hidden="true"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.8"
    strokeLinecap="round"
    strokeLinejoin="round"
  >
    <path d={PATHS[name]} />
  </svg>
);

interface GlyphButtonProps extends Omit<React.ComponentProps<typeof Button>, "icon" | "label"> {
  glyph: GlyphName;
  label: string;
  children?: ReactNode; // beside the sign; without it the sign stands alone
}

export const GlyphButton = ({ glyph, label, children, className = "", kind = "quiet", ...rest }: GlyphButtonProps) => (
  <Button kind={kind} label={label} className={children === undefined ? `icon ${className}` : className} {...rest}>
    <Glyph name={glyph} />
    {children}
  </Button>
);
