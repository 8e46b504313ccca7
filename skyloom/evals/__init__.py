"""Evaluation that knows the truth: `main` runs evaluations by name, keeps their figures, writes docs/RESULTS.md."""

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.probe import Probe

NAMES = ("tokenizer", "adherence", "captions", "fidelity", "physics", "speed", "sheets", "controls")
UNREAD = ("tokenizer", "speed", "sheets", "controls")  # these need no probe; what it would read is left out then


def main(
    names: Iterable[str] = (),
    model: str = "storybook",
    n: int = 64,
    out: Path = Path("runs/eval"),
    *,
    probe: str | Path | None = None,
    seed: int = 0,
    docs: Path | None = Path("docs"),
    rows: Sequence[str] = (),
) -> dict[str, dict]:
    """Runs the named evaluations (none named: all), on `n` clips a row, and returns their results by name.

    Clips are kept in OUT/clips, so a killed evaluation goes on where it was. Results go to OUT/NAME.json and, unless `docs` is
    None, into DOCS/RESULTS.md. `probe` is a folder with a probe; by default that of the model or its run. `rows` are those of
    the controls that are to be measured (none: all).
    Raises ValueError for unknown names and FileNotFoundError where there is no model or no probe.
    """
    names = tuple(dict.fromkeys(names)) or NAMES
    for name in names:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            raise ValueError(f"eval {name!r}: wanted {', '.join(NAMES)}." + (f" Did you mean {near[0]!r}?" if near else ""))
    if n < 2:
        raise ValueError(f"n={n}: wanted at least 2 clips.")
    if rows and "controls" not in names:
        raise ValueError(f"rows {', '.join(rows)}: are those of the controls. Try skyloom eval controls --rows ...")
    from ..models.bundle import load_bundle
    from . import adherence, captions, controls, fidelity, physics, report, sheets, speed, tokenizer
    from .clips import Bench

    controls.named_rows(rows)

    reader = find_probe(model, probe)
    if reader is None and set(names) - set(UNREAD):
        raise FileNotFoundError(
            f"no probe for {model!r}: only {', '.join(UNREAD)} go without one. "
            "Run `skyloom train probe`, or give its folder with --probe."
        )
    bench = Bench(model, load_bundle(model), reader, Path(out), n, seed)
    runs = {
        "tokenizer": tokenizer.main, "adherence": adherence.main, "captions": captions.main, "fidelity": fidelity.main,
        "physics": physics.main,
        "speed": speed.main, "controls": lambda bench: controls.main(bench, rows, (docs or Path(out)) / "img"),
        "sheets": lambda bench: sheets.main(bench, (docs or Path(out)) / "img"),
    }  # fmt: skip
    parts = (tokenizer, adherence, captions, fidelity, physics, speed, sheets, controls)
    pages = {part.__name__.rsplit(".", 1)[1]: part.tables for part in parts}
    results = {}
    for name in names:
        results[name] = runs[name](bench)
        runs_of = controls.commands(results[name]) if name == "controls" else [(n, [])]
        command = "; ".join(command_of(name, model, many, seed, some) for many, some in runs_of)
        about = report.circumstances(command, seed, bench.weights)
        report.save(Path(out), name, results[name], about)
        table = pages[name](results[name])
        print(f"\n{table}")
        if docs is not None:
            report.publish(Path(docs), table_name(name), table, about)
            if name == "controls":
                controls.gallery(Path(docs), bench.weights)
    return results


def table_name(name: str) -> str:
    """The table's name: speed has one of its own on CPUs without bfloat16, so that both kinds stand side by side."""
    import torch

    from ..models.bundle import cpu_dtype

    return f"{name}-float32" if name == "speed" and cpu_dtype() is torch.float32 else name


def find_probe(model: str, probe: str | Path | None) -> "Probe | None":
    """The probe named; else one beside the model's weights, in the model's run, or in runs/probe; else None."""
    from ..models.probe import load_probe
    from ..models.shipped import find_model

    runs = (Path(model).parent / "probe", Path("runs") / model / "probe", Path("runs/probe"))
    places = (find_model(model), *(run / "export" for run in runs))
    found = [place for place in places if (place / "probe.json").is_file()]
    chosen = probe if probe is not None else found[0] if found else None
    return None if chosen is None else load_probe(chosen)


def command_of(name: str, model: str, n: int, seed: int, rows: Sequence[str] = ()) -> str:
    """The command that gives the same table; folders by their last part, as they differ between machines."""
    shown = os.path.relpath(model) if Path(model).exists() else model
    shown = Path(shown).name if shown.startswith("..") else shown
    return (
        f"skyloom eval {name} --n {n}"
        + (f" --rows '{','.join(rows)}'" if rows else "")
        + (f" --model {shown}" if model != "storybook" else "")
        + (f" --seed {seed}" if seed else "")
    )
