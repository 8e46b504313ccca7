import { useEffect, useState } from "react";
import { api, type Read, type Server } from "../api";

const PAUSE = 350; // milliseconds without a key before the prompt is read

/** How the model reads the prompt; null while nobody knows. */
export function useRead(prompt: string, seed: number): Read | null {
  const [read, setRead] = useState<{ prompt: string; seed: number; read: Read } | null>(null);
  const text = prompt.trim();
  useEffect(() => {
    if (!text) return;
    const control = new AbortController();
    const timer = setTimeout(() => {
      api.read(text, seed, control.signal).then(
        (found) => setRead({ prompt: text, seed, read: found }),
        () => {}, // a prompt that is refused says why when it is filmed
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [text, seed]);
  return read?.prompt === text && read.seed === seed ? read.read : null;
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
