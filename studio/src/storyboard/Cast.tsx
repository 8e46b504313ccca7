// Character chips: who may be named in a shot, and a dialog that makes somebody new.

import { useCallback, useEffect, useRef, useState, type FormEvent } from "react";
import { ApiFailure, api, type Fields } from "../api";
import { useContent } from "../content";
import { Glyph, GlyphButton } from "../glyphs";
import { useT } from "../i18n";
import { Button, Dialog, Field, Segments, useToast } from "../ui";
import { namedIn } from "./exports";
import { secondsOf, type Films } from "./films";
import type { Shot } from "./strip";

export interface Character {
  id: string;
  name: string;
  description: string;
}

export interface Company {
  characters: readonly Character[];
  make: (fields: Fields) => Promise<void>;
  forget: (id: string) => Promise<void>;
}

/** The characters of this server. */
export function useCompany(): Company {
  const [characters, setCharacters] = useState<readonly Character[]>([]);
  useEffect(() => {
    let here = true;
    api.get<{ data: Character[] }>("/v1/videos/characters").then(
      (page) => here && setCharacters(page.data),
      () => {}, // the shell says that the server is away
    );
    return () => {
      here = false;
    };
  }, []);
  const make = useCallback(async (fields: Fields) => {
    const made = await api.post<Character>("/v1/videos/characters", fields);
    setCharacters((all) => [...all, made]);
  }, []);
  const forget = useCallback(async (id: string) => {
    await api.remove(`characters/${id}`);
    setCharacters((all) => all.filter((each) => each.id !== id));
  }, []);
  return { characters, make, forget };
}

interface Props {
  company: Company;
  shot: Shot;
  films: Films;
  onInsert: (name: string) => void;
}

export function Cast({ company, shot, films, onInsert }: Props) {
  const t = useT();
  const tell = useToast();
  const [making, setMaking] = useState(false);
  const named = namedIn(shot.text, company.characters);
  const forget = (id: string) => company.forget(id).catch((error: Error) => tell(error.message, "danger"));
  return (
    <div className="cast" role="group" aria-label={t("cast.title")} title={t("cast.hint")}>
      {company.characters.map((character) => (
        <span key={character.id} className={`chip${named.some(({ id }) => id === character.id) ? " on" : ""}`}>
          <button
            type="button"
            aria-label={t("cast.insert", { name: character.name })}
            title={character.description}
            onClick={() => onInsert(character.name)}
          >
            <Portrait id={character.id} />
            {character.name}
          </button>
          <GlyphButton
            glyph="bin"
            label={t("cast.forget", { name: character.name })}
            onClick={() => void forget(character.id)}
          />
        </span>
      ))}
      <button type="button" className="chip new" onClick={() => setMaking(true)}>
        <Glyph name="person" size={15} />
        {t("cast.new")}
      </button>
      {making && <NewCharacter company={company} shot={shot} films={films} onClose={() => setMaking(false)} />}
    </div>
  );
}

function Portrait({ id }: { id: string }) {
  const { url } = useContent(`characters/${id}`);
  return url ? <img src={url} alt="" /> : <Glyph name="person" size={16} />;
}

function NewCharacter({ company, shot, films, onClose }: Omit<Props, "onInsert"> & { onClose: () => void }) {
  const t = useT();
  const hasTake = shot.chosen !== null && secondsOf(films, shot.chosen) !== null;
  const [name, setName] = useState("");
  const [looks, setLooks] = useState("");
  const [from, setFrom] = useState<"take" | "file">(hasTake ? "take" : "file");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const make = async (event: FormEvent) => {
    event.preventDefault();
    const video = from === "take" ? hasTake && { id: shot.chosen } : file.current?.files?.[0];
    if (!video) return setProblem(t("cast.wantSource"));
    setBusy(true);
    try {
      await company.make({ name: name.trim(), description: looks.trim(), video });
      onClose();
    } catch (error) {
      setProblem(error instanceof ApiFailure ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={t("cast.new")} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void make(event)}>
        <Field label={t("cast.name")}>
          {(id) => (
            <input
              id={id}
              className="input"
              required
              maxLength={80}
              autoFocus
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={t("cast.looks")} hint={t("cast.looksHint")}>
          {(id) => (
            <input id={id} className="input" maxLength={500} value={looks} onChange={(event) => setLooks(event.target.value)} />
          )}
        </Field>
        <Segments
          label={t("cast.from")}
          value={from}
          options={[
            ["take", t("cast.fromTake")],
            ["file", t("cast.fromFile")],
          ]}
          onChange={setFrom}
        />
        {from === "file" && (
          <Field label={t("cast.file")}>
            {(id) => <input id={id} ref={file} className="input" type="file" accept="image/*,video/mp4,video/webm" />}
          </Field>
        )}
        {problem && (
          <p role="alert" className="danger">
            {problem}
          </p>
        )}
        <Button kind="primary" type="submit" disabled={busy || name.trim() === ""}>
          {t("cast.make")}
        </Button>
      </form>
    </Dialog>
  );
}
