// What keys do on the storyboard.

import { useEffect } from "react";
import type { Board } from "./useStrip";

export type Command =
  | "previous"
  | "next"
  | "first"
  | "last"
  | "earlier"
  | "later"
  | "tailEarlier"
  | "tailLater"
  | "headEarlier"
  | "headLater"
  | "text"
  | "add"
  | "duplicate"
  | "delete"
  | "take"
  | "lock"
  | "play";

export interface Stroke {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

const PLAIN: Record<string, Command> = {
  Home: "first",
  End: "last",
  Enter: "text",
  F2: "text",
  n: "add",
  Insert: "add",
  d: "duplicate",
  Delete: "delete",
  Backspace: "delete",
  t: "take",
  l: "lock",
  " ": "play",
};

/** The command of a key that is pressed on a shot; null where it is none of ours. */
export function commandOf({ key, shiftKey, ctrlKey, metaKey, altKey }: Stroke): Command | null {
  const held = ctrlKey || metaKey || altKey; // Ctrl + arrows belong to the system on a Mac, Alt + arrows do not
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const later = key === "ArrowRight";
    if (held && shiftKey) return later ? "headLater" : "headEarlier";
    if (shiftKey) return later ? "tailLater" : "tailEarlier";
    if (held) return later ? "later" : "earlier";
    return later ? "next" : "previous";
  }
  if (held) return key.toLowerCase() === "d" && !altKey ? "duplicate" : null;
  return PLAIN[key.length === 1 ? key.toLowerCase() : key] ?? null;
}

/** Undo and redo wherever the focus is: words of a card are part of the same history. */
export function useUndoKeys({ undo, redo }: Pick<Board, "undo" | "redo">): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || document.querySelector("dialog[open]")) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) redo();
      else undo();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [undo, redo]);
}
