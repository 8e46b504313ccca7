"""Do the controls do what they promise? Rows of measures, each over so many cases, held against what is wanted.

The rows are in control_rows/. What each case gave is kept in OUT/controls, so that a killed evaluation goes on where it was and
a row can be measured alone; the table shows all rows that were measured with these weights, this probe and this seed.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.files import write_atomic
from ..base.sizes import size_text
from ..base.video import contact_sheet
from ..generate import QUALITY
from .clips import Bench
from .control_rows import boards, case, edits, minute, motion, permanence, pictures, words
from .control_rows.case import Outcome
from .report import put, table
from .sheets import save_jpeg, strip_of

SHEET_CASES, SHEET_FRAMES, TILE = 3, 6, 80  # of a contact sheet: cases, frames of each, pixels of their height


@dataclass(frozen=True)
class Row:
    run: Callable[[Bench, int], Outcome]
    cases: Callable[[int], int] = lambda n: n  # of so many that were asked for
    shows: str = "the film"  # what the contact sheet shows of each case, from top to bottom; "" for none


ROWS = {
    "image": Row(pictures.image, shows="the picture"),
    "animate": Row(motion.animate, shows="the given picture, the film"),
    "extend forward": Row(motion.extend_forward, shows="the whole; what is new begins after three fifths"),
    "extend backward": Row(motion.extend_backward, shows="the whole; what is new ends after two fifths"),
    "extend velocity": Row(motion.velocity, shows="the whole: even cases go on forward, odd ones backward"),
    "loop prompt": Row(motion.loop, shows="the loop, three times"),
    "loop clip": Row(motion.loop_clip, shows="the loop, three times"),
    "connect": Row(motion.connect, shows="the first clip, the bridge, the second clip"),
    "blend": Row(motion.blend, shows="the first clip, the transition, the second clip"),
    "edit mild": Row(edits.edit, shows="the given clip, the film in another light"),
    "edit actor": Row(edits.edit_actor, shows="the given clip, the film with another actor"),
    "edit curve": Row(edits.edit_curve, shows="the film at strengths 0.3, 0.5, 0.75 and 1"),
    "inpaint": Row(edits.inpaint, shows="the given clip, the film with another actor"),
    "outpaint": Row(edits.outpaint, shows="the given clip, the film"),
    "storyboard": Row(boards.storyboard, shows="three cards: another light, then another place"),
    "permanence": Row(permanence.permanence, shows="the whole; the actor passes behind something after half of it"),
    "out of view": Row(permanence.out_of_view, shows="the actor goes one way; nobody; it comes back"),
    "size": Row(pictures.sizes, shows="square, wide, tall, twice the area"),
    "expand facts": Row(words.facts_kept, lambda n: words.PROMPTS, shows=""),
    "expand gain": Row(words.gain, shows="the short prompt, the expanded one"),
    "minute": Row(minute.minute, lambda n: max(1, n // 8), shows="a minute"),
    "ten minutes": Row(minute.ten_minutes, lambda n: 1, shows="ten minutes"),
}
BOUNDS: dict[str, tuple[str, float]] = {  # measure -> what one case is held against
    motion.GIVEN: ("<=", 1.0), edits.OUTSIDE: ("<=", 1.0), "worse end, dB under the tokenizer": ("<=", 1.0),
    motion.SEAM: ("<=", 1.3), motion.LOOP_SEAM: ("<=", 1.2), motion.STEP: ("<=", 3.0), motion.VELOCITY: ("<=", 0.15),
    minute.GROWTH: ("<=", 0.05), minute.SPEED: (">=", 1.0), minute.DRIFT: ("<=", 1.2), minute.ENERGY: (">=", 0.5),
}  # fmt: skip
WANTED: dict[tuple[str, str], float] = {  # row and measure -> share of the cases that is to be so
    ("image", "noun"): 0.92, ("image", "place"): 0.95, ("animate", "identity persists"): 0.95,
    ("animate", "place persists"): 0.95, ("animate", "action"): 0.8, ("extend forward", "identity persists"): 0.95,
    ("extend backward", "identity persists"): 0.95, ("connect", "both nouns"): 0.9, ("edit mild", "new light"): 0.85,
    ("edit mild", "old attributes"): 0.85,
    ("edit actor", "new noun"): 0.85, ("edit actor", "old attributes"): 0.85,
    ("inpaint", "noun"): 0.85, ("inpaint", "place"): 0.85,
    ("storyboard", "facts of a card"): 0.85, ("storyboard", "character stays"): 0.9,
    ("expand facts", "every fact kept, en"): 1.0, ("expand facts", "every fact kept, zh"): 1.0,
    ("minute", "identity persists to the end"): 0.8,
}  # fmt: skip


def main(bench: Bench, rows: Sequence[str] = (), sheets: Path | None = None) -> dict:
    """Measures the named rows (none named: all) over bench.n cases; what is left from earlier runs joins them in the result.

    A name stands for all rows that begin with it: "extend" is three. Contact sheets of the first cases go to the folder
    `sheets`. ValueError for a name that is none.
    """
    chosen = named_rows(rows)
    for name in chosen:
        measure(bench, name, sheets)
    known = {name: kept for name in ROWS if (kept := _kept(bench, name))["asked"]}
    summary = [row for name, kept in known.items() for row in summaries(name, kept["cases"][: kept["n"]])]
    return {"rows": summary, "asked": {name: kept["asked"] for name, kept in known.items()}}


def named_rows(rows: Sequence[str]) -> list[str]:
    """'extend' -> the rows that begin with that word; no names are all rows."""
    chosen: list[str] = []
    for wanted in rows:
        found = [name for name in ROWS if name == wanted or name.startswith(f"{wanted} ")]
        if not found:
            raise ValueError(f"row {wanted!r}: wanted some of {', '.join(ROWS)}.")
        chosen += [name for name in found if name not in chosen]
    return chosen or list(ROWS)


def measure(bench: Bench, name: str, sheets: Path | None = None) -> None:
    """Runs the cases of a row that have not been run, keeping each, and draws its sheet when the first ones are new."""
    row, kept = ROWS[name], _kept(bench, name)
    n, cases = row.cases(bench.n), kept["cases"]
    pictured = min(SHEET_CASES, n)
    sheet = sheets / sheet_name(name) if sheets is not None and row.shows else None
    drawing = sheet is not None and (len(cases) < pictured or not sheet.is_file())
    shown: list[np.ndarray] = []
    for i in range(n):
        if i >= len(cases) or (drawing and i < pictured):
            outcome = row.run(bench, i)
            shown += outcome.shown if i < pictured else ()
            if drawing and sheet is not None and i + 1 == pictured:
                save_jpeg(sheet, sheet_of(shown))
            cases[i : i + 1] = [{"measures": outcome.measures, "real": outcome.real}]
            _keep(bench, name, {**kept, "n": i + 1})
        bench.say(f"controls: {name}", i + 1, n)
    _keep(bench, name, {**kept, "n": n, "asked": bench.n})


def _place(bench: Bench, name: str) -> Path:
    settings = [case.LENGTH, case.ADDED, sorted(QUALITY.items()), size_text(*bench.size), bench.seed, _probe_name(bench)]
    return bench.out / "controls" / bench.weights / f"{name.replace(' ', '-')}-{case.digest(*settings)}.json"


def _kept(bench: Bench, name: str) -> dict[str, Any]:
    """Of a row: its cases, how many of them were asked for, and by which --cases."""
    path = _place(bench, name)
    return json.loads(path.read_text()) if path.is_file() else {"row": name, "n": 0, "asked": 0, "cases": []}


def _keep(bench: Bench, name: str, record: dict[str, Any]) -> None:
    write_atomic(_place(bench, name), json.dumps(record, ensure_ascii=False) + "\n")


def _probe_name(bench: Bench) -> str:
    """Which probe reads: its weights."""
    if bench.reader is None:
        return "none"
    weights = hashlib.sha256()
    for name, value in sorted(bench.reader.state_dict().items()):
        weights.update(name.encode() + value.cpu().contiguous().float().numpy().tobytes())
    return weights.hexdigest()[:12]


def summaries(name: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A summary of each measure of a row, over its cases."""
    found = {measure: _all(cases, "measures", measure) for one in cases for measure in one["measures"]}
    return [summed(name, measure, values, _all(cases, "real", measure)) for measure, values in found.items() if values]


def _all(cases: list[dict[str, Any]], kind: str, measure: str) -> list[float]:
    values = [one[kind][measure] for one in cases if measure in one[kind]]
    return [float(v) for value in values for v in (value if isinstance(value, list) else [value])]


def summed(control: str, measure: str, values: list[float], real: Sequence[float] = ()) -> dict[str, Any]:
    """Median, and the share of cases that are as wanted; the latter of real clips too, where they were read."""
    sign, bound = BOUNDS.get(measure, ("", 0.0))
    claim = not sign and all(value in (0.0, 1.0) for value in values)

    def share(numbers: Sequence[float]) -> float | None:
        if not len(numbers) or not (sign or claim):
            return None
        held = [x <= bound if sign == "<=" else x >= bound if sign else bool(x) for x in numbers]
        return float(np.mean(held))

    return {
        "control": control, "measure": measure, "median": None if claim else float(np.median(values)),
        "bound": f"{sign} {bound:g}" if sign else "", "share": share(values), "wanted": WANTED.get((control, measure)),
        "real": share(real), "n": len(values),
    }  # fmt: skip


def commands(result: dict) -> list[tuple[int, list[str]]]:
    """The runs that give the same table: (cases, rows; [] is all rows)."""
    counts = sorted(set(result["asked"].values()), reverse=True)
    runs = [(n, [name for name, asked in result["asked"].items() if asked == n]) for n in counts]
    return [(n, [] if names == list(ROWS) else names) for n, names in runs]


def sheet_name(row: str) -> str:
    return f"control-{row.replace(' ', '-')}.jpg"


def gallery(docs: Path, weights: str) -> None:
    """Show the contact sheets in DOCS/img at the end of DOCS/controls.md, where there is such a page."""
    page = docs / "controls.md"
    drawn = [(name, row.shows) for name, row in ROWS.items() if row.shows and (docs / "img" / sheet_name(name)).is_file()]
    if not page.is_file() or not drawn:
        return
    parts = [f"**{name}**: {shows}\n\n![{name}](img/{sheet_name(name)})\n" for name, shows in drawn]
    head = f"## Pictures\n\nThe first cases of `skyloom eval controls`, none left out, with weights {weights}.\n\n"
    write_atomic(page, put(page.read_text(encoding="utf-8"), "control sheets", head + "\n".join(parts)))


def sheet_of(clips: Sequence[np.ndarray]) -> np.ndarray:
    """A strip of frames of each clip, one below the other; narrower ones on a dark ground."""
    strips = [strip_of(clip, SHEET_FRAMES, TILE) for clip in clips]
    width = max(strip.shape[1] for strip in strips)
    return contact_sheet(
        [np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=24) for strip in strips], columns=1
    )


def tables(result: dict) -> str:
    """Markdown: every measure of every row."""
    per_cent = lambda value: "" if value is None else f"{100 * value:.0f} %"  # noqa: E731
    rows = [
        [
            row["control"], row["measure"], "" if row["median"] is None else f"{row['median']:.2f}", row["bound"],
            per_cent(row["share"]), per_cent(row["wanted"]), per_cent(row["real"]), str(row["n"]),
        ]
        for row in result["rows"]
    ]  # fmt: skip
    note = (
        "Of each measure the median, what one case is held against, the share of cases that are so, the share that is wanted,\n"
        "and the same share on real clips, read by the same probe. Sheets of the first cases: [controls.md](controls.md).\n\n"
    )
    columns = ["control", "measure", "median", "held against", "cases so", "wanted", "real clips so", "n"]
    return note + table(columns, rows)
