import { expect, test } from "vitest";
import { castOf, nameless, namesOf, nameOf } from "./casting";

test("a file's name is that of what it shows, unless a camera gave it", () => {
  expect(["fox.png", "red-fox_.v.webp", "小狐狸.jpg", "Rusty"].map(nameOf)).toEqual(["fox", "red fox .v", "小狐狸", "Rusty"]);
  expect(["IMG_2034.jpg", "1.png", ".png", `${"x".repeat(41)}.png`].map(nameOf)).toEqual(["", "", "", ""]);
});

test("a call has the cast as the server wants it, or none", () => {
  expect(castOf([])).toBeUndefined();
  expect(castOf([{ name: " fox ", image: "data:image/png;base64,AA==" }])).toEqual([
    { name: "fox", image: { image_url: "data:image/png;base64,AA==" } },
  ]);
});

test("the first picture without a name is told by its number", () => {
  const parts = (...names: string[]) => names.map((name) => ({ name, image: "" }));
  expect([parts(), parts("fox"), parts("fox", " ", ""), parts("")].map(nameless)).toEqual([0, 0, 2, 1]);
});

test("names are told once each, without those that are not given yet", () => {
  const parts = (...names: string[]) => names.map((name) => ({ name, image: "" }));
  expect(namesOf(parts(" Rusty", "fox", " ", "Fox", "x".repeat(41)))).toEqual(["Rusty", "Fox"]);
});
