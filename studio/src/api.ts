// The server, as calls: everything the studio does goes through here, and each is a public call of the API.

export type Status = "queued" | "in_progress" | "completed" | "failed";

export interface Video {
  id: string;
  model: string;
  status: Status;
  progress: number;
  created_at: number;
  completed_at: number | null;
  prompt: string;
  size: string;
  seconds: string;
  remixed_from_video_id: string | null;
  error: { code?: string; message?: string } | null;
  seed: number | null;
  queue_position: number | null;
  eta_seconds: number | null;
  native: { size: string; seconds: number; fps: number };
  notes: string[];
  characters: string[];
}

export interface Page {
  data: Video[];
  has_more: boolean;
  last_id: string | null;
}

export interface Read {
  prompt: string; // in the words that are filmed
  unknown: Record<string, string>; // a word that stays so -> the nearest that is known, or ""
  wordless: string[]; // emoji without a word
  instead: string[]; // notes on what is read or drawn otherwise
  notes: string[]; // all that a film says of its prompt, these too
  expanded: string;
}

export interface Recipe {
  prompt?: string;
  expanded?: string;
  seed?: number;
  size?: string;
  seconds?: number;
  quality?: string;
  [key: string]: unknown;
}

export interface Provenance {
  signed: boolean;
  intact?: boolean;
  trusted?: boolean;
  by?: string | null;
  sources?: { title: string }[]; // an id where it is a film of this server, else a file's name
}

export interface About {
  recipe: Recipe | null;
  provenance: Provenance;
}

export interface Server {
  version: string;
  model: string;
  fps: number;
  longest: number; // seconds that the model was trained on at once
  max_seconds: number;
  words: string[];
  hints: Record<"en" | "zh", Record<Told, string[]>>;
}

export type Told = "who" | "does" | "where" | "light" | "camera"; // what a phrase of a prompt tells
export type Show = "all" | "ready" | "remixes" | "failed";

export type Fields = Record<string, string | number | boolean | Blob | object | null | undefined>;

export class ApiFailure extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string | null,
  ) {
    super(message);
  }
}

const KEY = "skyloom.key";
let onLocked: () => void = () => {};

export const key = () => sessionStorage.getItem(KEY) ?? "";
export function setKey(text: string) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}
/** Told when the server wants a key that it was not given. */
export function whenLocked(told: () => void) {
  onLocked = told;
}

const headers = (): Record<string, string> => (key() ? { Authorization: `Bearer ${key()}` } : {});

async function answered(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, { ...init, headers: { ...headers(), ...(init.headers as Record<string, string>) } });
  if (answer.ok) return answer;
  if (answer.status === 401) onLocked();
  const error = await answer.json().then((body) => body.error, () => null);
  throw new ApiFailure(error?.message ?? `${answer.status} ${answer.statusText}`, answer.status, error?.code ?? null);
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await answered(path, { signal })).json();

/** POST as JSON, or as a form where a file is among the fields. Fields that are empty stay away. */
async function post<T>(path: string, fields: Fields = {}, signal?: AbortSignal): Promise<T> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (!given.some(([, value]) => value instanceof Blob)) {
    const body = JSON.stringify(Object.fromEntries(given));
    return (await answered(path, { method: "POST", body, signal, headers: { "Content-Type": "application/json" } })).json();
  }
  const form = new FormData();
  for (const [name, value] of given) {
    if (value instanceof Blob) form.append(name, value);
    else form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return (await answered(path, { method: "POST", body: form, signal })).json();
}

export const api = {
  server: () => get<Server>("/v1/skyloom/server"),
  read: (prompt: string, seed: number, cast: readonly string[], signal?: AbortSignal) => post<Read>("/v1/skyloom/prompt", { prompt, seed, cast }, signal),
  about: (id: string) => get<About>(`/v1/skyloom/videos/${id}/recipe`),
  find: (search: string, show: Show, after: string | null, signal?: AbortSignal) =>
    get<Page>(`/v1/skyloom/videos?${new URLSearchParams({ search, show, limit: "24", ...(after ? { after } : {}) })}`, signal),
  family: (id: string) => get<Page>(`/v1/skyloom/videos/${id}/family`),
  recipeOf: (video: Blob) => post<About>("/v1/skyloom/recipe", { video }),
  page: (after?: string | null, limit = 24) => get<Page>(`/v1/videos?limit=${limit}${after ? `&after=${after}` : ""}`),
  video: (id: string) => get<Video>(`/v1/videos/${id}`),
  create: (fields: Fields) => post<Video>("/v1/videos", fields),
  remix: (id: string, fields: Fields) => post<Video>(`/v1/videos/${id}/remix`, fields),
  edit: (fields: Fields) => post<Video>("/v1/videos/edits", fields),
  extend: (fields: Fields) => post<Video>("/v1/videos/extensions", fields),
  cancel: (id: string) => post<Video>(`/v1/videos/${id}/cancel`),
  remove: async (id: string) => void (await answered(`/v1/videos/${id}`, { method: "DELETE" })),
  post,
  get,
};

export type Variant = "video" | "thumbnail" | "spritesheet" | "preview";
export const contentPath = (id: string, variant: Variant = "video") =>
  `/v1/videos/${id}/content${variant === "video" ? "" : `?variant=${variant}`}`;

/** The bytes of a film or of a picture of it. */
export const content = async (id: string, variant: Variant = "video", signal?: AbortSignal): Promise<Blob> =>
  (await answered(contentPath(id, variant), { signal })).blob();

/** Server-sent events of one path, reconnecting until the call that this returns: with a header, which EventSource cannot send.
 * The id of the last event survives a reload, so that the server can tell what happened meanwhile. */
export function listen(path: string, heard: (event: string, data: unknown) => void, live: (there: boolean) => void): () => void {
  const control = new AbortController();
  const kept = `skyloom.last ${path}`;
  void (async () => {
    for (let wait = 500; !control.signal.aborted; wait = Math.min(wait * 2, 8000)) {
      try {
        const last = sessionStorage.getItem(kept);
        const answer = await answered(path, { signal: control.signal, headers: last ? { "Last-Event-ID": last } : {} });
        live(true);
        wait = 500;
        await eachEvent(answer, (event, data, id) => {
          heard(event, data);
          if (id) sessionStorage.setItem(kept, id);
        });
      } catch (error) {
        if (error instanceof ApiFailure && error.status === 401) return; // whoever has the key starts anew
      }
      if (control.signal.aborted) return;
      live(false); // the server is away, or will be back with the same jobs
      await new Promise((done) => setTimeout(done, wait));
    }
  })();
  return () => control.abort();
}

async function eachEvent(answer: Response, heard: (event: string, data: unknown, id?: string) => void): Promise<void> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop()!;
    for (const part of parts) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(part)?.[1];
      const [event, data] = [field("event"), field("data")];
      if (event && data) heard(event, JSON.parse(data), field("id"));
    }
  }
}
