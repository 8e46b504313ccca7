/** Offer what lies at an address as a file of that name. */
export function saveAs(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

/** Whether somebody asked for pages that do not move by themselves. */
export const calm = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
