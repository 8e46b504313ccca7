// Small parts that every page is made of.

import {
  createContext, useCallback, useContext, useEffect, useId, useRef, useState,
  type ButtonHTMLAttributes, type ReactNode, type Ref, type VideoHTMLAttributes,
} from "react";
import type { Video } from "./api";
import { useContent } from "./content";
import { useT } from "./i18n";
import { useLive } from "./live";
import "./ui.css";

const ICONS = {
  queue: "M4 6h16M4 12h16M4 18h10",
  close: "M6 6l12 12M18 6L6 18",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 12h16",
  plus: "M12 5v14M5 12h14",
  download: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  shield: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z",
  compare: "M4 5h7v14H4zM13 5h7v14h-7z",
} as const;

export const Icon = ({ name }: { name: keyof typeof ICONS }) => (
  <svg width="18" height="18" viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round">
    <path d={ICONS[name]} />
  </svg>
);

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: "primary" | "plain" | "quiet" | "danger";
  icon?: keyof typeof ICONS;
  label?: string; // of a button that shows its icon alone
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ kind = "plain", icon, label, children, className = "", ...rest }: ButtonProps) {
  const names = ["button", kind, children === undefined ? "icon" : "", className].filter(Boolean).join(" ");
  return (
    <button type="button" className={names} aria-label={label} title={label} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A labelled place for whatever takes the id: an input, a textarea. */
export function Field({ label, hint, children }: { label: string; hint?: ReactNode; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
      {hint && <p className="muted">{hint}</p>}
    </div>
  );
}

interface Choice<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[]; // value, text
  onChange: (value: T) => void;
}

export function Select<T extends string>({ label, value, options, onChange }: Choice<T>) {
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} className="input" value={value} onChange={(event) => onChange(event.target.value as T)}>
          {options.map(([each, text]) => (
            <option key={each} value={each}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A choice of few, all to be seen. */
export function Segments<T extends string>({ label, value, options, onChange }: Choice<T>) {
  const name = useId();
  return (
    <fieldset className="segments">
      <legend>{label}</legend>
      <div>
        {options.map(([each, text]) => (
          <label key={each}>
            <input type="radio" name={name} checked={each === value} onChange={() => onChange(each)} />
            {text}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A modal dialog; Escape and a click beside it close it. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const t = useT();
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = ref.current!;
    if (!dialog.open) dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog ref={ref} className="dialog" aria-labelledby={heading} onCancel={onClose} onClick={(event) => event.target === ref.current && onClose()}>
      <header>
        <h2 id={heading}>{title}</h2>
        <Button kind="quiet" icon="close" label={t("queue.close")} onClick={onClose} />
      </header>
      {children}
    </dialog>
  );
}

interface FilmProps extends Omit<VideoHTMLAttributes<HTMLVideoElement>, "src" | "id"> {
  id: string;
  prompt: string;
  ref?: Ref<HTMLVideoElement>;
}

/** A finished film of the server. Everything that <video> takes may be given. */
export function Film({ id, prompt, className = "film", ...rest }: FilmProps) {
  const t = useT();
  const { url, failed } = useContent(id);
  if (failed) return <p className="muted">{t("film.gone")}</p>;
  return <video className={className} src={url ?? undefined} muted loop playsInline aria-label={t("player.label", { prompt })} {...rest} />;
}

/** A film as a still that plays while the pointer is on it, or `playing` says so; one in the making shows its preview. */
export function VideoThumb({ video, playing }: { video: Video; playing?: boolean }) {
  const [over, setOver] = useState(false);
  const { previews } = useLive();
  const ready = video.status === "completed";
  const { url } = useContent(ready ? video.id : null, "thumbnail");
  const still = ready ? url : previews.get(video.id);
  return (
    <span className="thumb" onPointerEnter={() => setOver(true)} onPointerLeave={() => setOver(false)}>
      {still && <img src={still} alt="" />}
      {ready && (playing ?? over) && <Film id={video.id} prompt={video.prompt} className="" autoPlay tabIndex={-1} aria-hidden />}
    </span>
  );
}

export const Bar = ({ percent, label }: { percent: number; label: string }) => (
  <div className="bar" role="progressbar" aria-label={label} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}>
    <div style={{ width: `${percent}%` }} />
  </div>
);

type Tell = (text: string, kind?: "plain" | "danger") => void;
const Toasts = createContext<Tell>(() => {});

/** Says something at the foot of the page for some seconds; failures stay longer. */
export const useToast = (): Tell => useContext(Toasts);

export function ToastRoom({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState<{ id: number; text: string; kind: "plain" | "danger" }[]>([]);
  const number = useRef(0);
  const tell = useCallback<Tell>((text, kind = "plain") => {
    const id = number.current++;
    setSaid((all) => [...all.slice(-2), { id, text, kind }]);
    setTimeout(() => setSaid((all) => all.filter((each) => each.id !== id)), kind === "danger" ? 12000 : 5000);
  }, []);
  return (
    <Toasts value={tell}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {said.map((each) => (
          <div key={each.id} className={`toast ${each.kind}`}>
            {each.text}
          </div>
        ))}
      </div>
    </Toasts>
  );
}
