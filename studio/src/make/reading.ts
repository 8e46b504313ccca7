import { useEffect, useState } from "react";
import { api, type Read, type Server } from "../api";

const PAUSE = 350; // milliseconds without a key before the prompt is read

/** How a film would read the prompt, where pictures of these names play in it; null while nobody knows. */
export function useRead(prompt: string, seed: number, names: readonly string[]): Read | null {
  const [read, setRead] = useState<{ question: string; read: Read } | null>(null);
  const text = prompt.trim();
  const question = JSON.stringify([text, seed, names]);
  useEffect(() => {
    if (!text) return;
    const control = new AbortController();
    const timer = setTimeout(() => {
      api.read(text, seed, names, control.signal).then(
        (found) => setRead({ question, read: found }),
        () => {}, // a prompt that is refused says why when it is filmed
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [question]);
  return text && read?.question === question ? read.read : null;
}

let asked: Promise<Server> | null = null;

/** What the server can do; null until it says so. */
export function useServer(): Server | null {
  const [server, setServer] = useState<Server | null>(null);
  useEffect(() => {
    let here = true;
    asked ??= api.server();
    asked.then(
      (found) => here && setServer(found),
      () => {
        asked = null;
      },
    );
    return () => {
      here = false;
    };
  }, []);
  return server;
}
