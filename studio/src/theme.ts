// Light or dark: as the system has it, until somebody chooses.

const KEPT = "skyloom.theme";

const system = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

export function keepTheme(): void {
  const kept = localStorage.getItem(KEPT);
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
}

export function switchTheme(): void {
  const next = (document.documentElement.dataset.theme ?? system()) === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(KEPT, next);
}
