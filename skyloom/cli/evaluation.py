"""Measuring a model."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .root import app


@app.command(name="eval")
def evaluate(
    *names: str,
    model: str = "storybook",
    n: Annotated[int, Parameter(name=["--n", "--cases"])] = 64,
    rows: str = "",
    seed: int = 0,
    probe: Path | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs/eval"),
    docs: Path = Path("docs"),
) -> None:
    """Measure a model against the world that it learned from, and write the tables into docs/RESULTS.md.

    Parameters
    ----------
    names:
        tokenizer, adherence, captions, fidelity, physics, speed, sheets, controls; none is all.
    model:
        A shipped model's name, or a folder with weights.
    n:
        Clips, or cases, a row.
    rows:
        Of the controls, those to measure, such as image,extend; none is all.
    seed:
        Which scenes.
    probe:
        The probe's folder [beside the model, else runs/probe].
    out:
        Folder that keeps clips and figures; a rerun goes on there.
    docs:
        Folder of RESULTS.md; none is written where it does not exist.
    """
    from .. import evals

    some = [row.strip() for row in rows.split(",") if row.strip()]
    evals.main(names, model, n, out, probe=probe, seed=seed, docs=docs if docs.is_dir() else None, rows=some)
