// What a film says of itself: by whom it is signed, and how it was made.

import type { About, Provenance, Recipe } from "../api";
import { useT, type Say } from "../i18n";
import { draftOf, saveDraft } from "../make/draft";
import { go } from "../router";
import { Button, Dialog, Icon } from "../ui";

export function Badge({ said }: { said: Provenance }) {
  const t = useT();
  const kind = !said.signed ? "" : said.intact ? "ok" : "danger";
  return (
    <span className={`badge ${kind}`}>
      <Icon name="shield" />
      {badgeText(said, t)}
    </span>
  );
}

function badgeText(said: Provenance, t: Say): string {
  if (!said.signed) return t("prov.none");
  if (!said.intact) return t("prov.broken");
  return said.trusted ? t("prov.trusted") : t("prov.intact", { by: said.by ?? "?" });
}

/** Fill the form with a recipe and go there. */
export function reuse(recipe: Recipe): void {
  saveDraft(draftOf(recipe));
  go("/");
}

const texts = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

export function RecipeList({ recipe }: { recipe: Recipe }) {
  const rows = Object.entries(recipe).filter(([, value]) => value !== null && value !== "" && value !== undefined);
  return (
    <dl className="recipe">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{texts(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function RecipeDialog({ title, about, onClose }: { title: string; about: About; onClose: () => void }) {
  const t = useT();
  return (
    <Dialog title={title} onClose={onClose}>
      <Badge said={about.provenance} />
      {about.recipe && <RecipeList recipe={about.recipe} />}
      {about.recipe && (
        <Button kind="primary" onClick={() => { onClose(); reuse(about.recipe!); }}>{t("film.reuse")}</Button>
      )}
    </Dialog>
  );
}
