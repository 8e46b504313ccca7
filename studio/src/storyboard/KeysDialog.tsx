import type { Key } from "../i18n";
import { useT } from "../i18n";
import { Dialog } from "../ui";

const KEYS: readonly (readonly [string, Key])[] = [
  ["← →", "keys.select"],
  ["Ctrl + ← →", "keys.move"],
  ["Shift + ← →", "keys.tail"],
  ["Ctrl + Shift + ← →", "keys.head"],
  ["Enter", "keys.text"],
  ["N", "keys.add"],
  ["D", "keys.duplicate"],
  ["Delete", "keys.delete"],
  ["T", "keys.take"],
  ["L", "keys.lock"],
  ["Space", "keys.play"],
  ["Ctrl + Z, Ctrl + Shift + Z", "keys.undo"],
];

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const t = useT();
  return (
    <Dialog title={t("keys.title")} onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([keys, text]) => (
          <div key={text}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
