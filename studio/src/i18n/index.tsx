import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { en, type Texts } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";
export type Key = keyof Texts;
export type Say = (key: Key, values?: Record<string, string | number>) => string;

const TEXTS: Record<Language, Texts> = { en, zh };
const KEPT = "skyloom.language";

const first = (): Language => {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
};

const Context = createContext<{ language: Language; setLanguage: (l: Language) => void; t: Say }>(null!);

export function Languages({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(first);
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
    localStorage.setItem(KEPT, language);
  }, [language]);
  const value = useMemo(() => ({ language, setLanguage, t: sayIn(language) }), [language]);
  return <Context value={value}>{children}</Context>;
}

export const sayIn =
  (language: Language): Say =>
  (key, values = {}) =>
    TEXTS[language][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

export const useI18n = () => useContext(Context);
export const useT = (): Say => useI18n().t;
