// Films and pictures as object URLs: <video src> can send no key, so the bytes are fetched with it. What is on the page is
// held; of the rest, the last KEPT stay.

import { useEffect, useState } from "react";
import { content, type Variant } from "./api";

const KEPT = 40;

interface Held {
  url: Promise<string>;
  users: number;
}

const held = new Map<string, Held>(); // in the order of their last use

function take(key: string, load: () => Promise<Blob>): Held {
  const entry = held.get(key) ?? { url: load().then(URL.createObjectURL), users: 0 };
  entry.url.catch(() => held.delete(key));
  entry.users++;
  held.delete(key);
  held.set(key, entry);
  return entry;
}

function leave(entry: Held): void {
  entry.users--;
  const idle = [...held].filter(([, each]) => each.users === 0);
  for (const [key, each] of idle.slice(0, Math.max(0, idle.length - KEPT))) {
    held.delete(key);
    void each.url.then(URL.revokeObjectURL, () => {});
  }
}

/** The address of a film's bytes, or of a picture of it, once they are here; null before, and where `id` is null. */
export function useContent(id: string | null, variant: Variant = "video"): { url: string | null; failed: boolean } {
  const [found, setFound] = useState<{ id: string | null; url: string | null; failed: boolean }>({ id, url: null, failed: false });
  useEffect(() => {
    if (id === null) return;
    let here = true;
    const entry = take(`${id} ${variant}`, () => content(id, variant));
    entry.url.then(
      (url) => here && setFound({ id, url, failed: false }),
      () => here && setFound((old) => ({ id, url: old.id === id ? old.url : null, failed: true })),
    );
    return () => {
      here = false;
      leave(entry);
    };
  }, [id, variant]);
  return found.id === id ? found : { url: null, failed: false };
}
