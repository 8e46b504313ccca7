// Who plays in the film: up to four pictures, each with the name that the prompt has for it.

export interface Part {
  name: string;
  image: string; // a data URL
}

export const MOST_CAST = 4;
export const LONGEST_NAME = 40; // characters

/** "red-fox.png" -> "red fox"; "" where a file's name has digits, as those of cameras do, and so names nobody. */
export function nameOf(file: string): string {
  const stem = file.replace(/\.[^.]*$/, "").replace(/[\s_-]+/g, " ").trim();
  return /\d/.test(stem) || stem.length > LONGEST_NAME ? "" : stem;
}

/** The number, from 1, of the first picture without a name; 0 where each has one. */
export const nameless = (cast: readonly Part[]): number => cast.findIndex(({ name }) => !name.trim()) + 1;

/** The field of a call; none where nobody is cast. */
export const castOf = (cast: readonly Part[]) =>
  cast.length ? cast.map(({ name, image }) => ({ name: name.trim(), image: { image_url: image } })) : undefined;

/** The names that are given so far, each once; a film takes no more of them than pictures. */
export const namesOf = (cast: readonly Part[]): string[] =>
  [...new Map(cast.map(({ name }) => [name.trim().toLowerCase(), name.trim()])).values()].filter((name) => name && name.length <= LONGEST_NAME).slice(0, MOST_CAST);
