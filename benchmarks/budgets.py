"""One prompt at three budgets of training, the same seed: what more compute buys, side by side.

    python benchmarks/budgets.py grow --minutes 5 --data runs/storybook/data --tokenizer .../vae.safetensors
    python benchmarks/budgets.py sheet --models 1x=runs/budgets/1x 4x=runs/budgets/4x 32x=runs/budgets/32x

`grow` trains one model and puts its weights aside after 1, 4 and 32 times the minutes (stop it and run it again: finished
budgets are kept). `sheet` films the prompts with each and writes docs/img/budgets.jpg and its part of docs/RESULTS.md.
"""

import argparse
import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np

from skyloom.base.video import contact_sheet
from skyloom.evals import report
from skyloom.evals.sheets import save_jpeg
from skyloom.generate import Request, generate
from skyloom.models.bundle import load_bundle
from skyloom.presets import PRESETS

BUDGETS = (1, 4, 32)
ENDLESS = 10_000_000
PROMPTS = ("a red fox runs in the forest at sunset", "three penguins walk on the snow at dawn")
FRAMES, SHOWN, TILE = 17, 4, 144


def main() -> None:
    a = arguments()
    if a.verb == "grow":
        grow(a)
    else:
        sheet(a)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    growing = verbs.add_parser("grow", help="train, and put weights aside at each budget")
    growing.add_argument("--data", type=Path, required=True)
    growing.add_argument("--tokenizer", type=Path, required=True)
    growing.add_argument("--run", type=Path, default=Path("runs/budgets"))
    growing.add_argument("--preset", choices=sorted(PRESETS), default="storybook")
    growing.add_argument("--minutes", type=float, default=5, help="of the smallest budget")
    showing = verbs.add_parser("sheet", help="film the prompts with each model")
    showing.add_argument("--models", nargs="+", required=True, metavar="NAME=FOLDER", help="in the order of the rows")
    showing.add_argument("--prompts", nargs="+", default=list(PROMPTS))
    showing.add_argument("--seed", type=int, default=0)
    showing.add_argument("--quality", default="good")
    showing.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


def grow(a: argparse.Namespace) -> None:
    """Train for 1, then 3 more, then 28 more of `minutes`, copying the export after each."""
    from skyloom.train import model as trainer

    preset = PRESETS[a.preset]
    config = dataclasses.replace(preset, model=dataclasses.replace(preset.model, steps=ENDLESS))  # no decay: minutes end it
    spent = 0
    for budget in BUDGETS:
        kept = a.run / f"{budget}x"
        if not kept.is_dir():
            trainer.main(config, a.run / "model", a.data, a.tokenizer, minutes=a.minutes * (budget - spent))
            beside = kept.with_name(f".{kept.name}")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(a.run / "model" / "export", beside)
            beside.rename(kept)
        spent = budget


def sheet(a: argparse.Namespace) -> None:
    """A row of frames for each model and prompt, the same seed throughout."""
    named = [item.partition("=")[::2] for item in a.models]
    for name, folder in named:
        if not name or not folder:
            raise SystemExit(f"--models {name or folder!r}: wanted NAME=FOLDER, for example 4x=runs/budgets/4x.")
    strips = []
    for prompt in a.prompts:
        for _, folder in named:
            request = Request(prompt, seconds=FRAMES / 12, seed=a.seed, quality=a.quality)
            strips.append(strip(generate(request, load_bundle(folder)).frames))
    save_jpeg(a.docs / "img" / "budgets.jpg", contact_sheet(strips, columns=1))
    rows = [[name, f"`{prompt}`"] for prompt in a.prompts for name, _ in named]
    table = report.table(["row: training compute", "prompt"], rows)
    text = f"![One prompt at growing budgets](img/budgets.jpg)\n\n{table}\nFrom top to bottom; the same seed in every row."
    command = f"python benchmarks/budgets.py sheet --models {' '.join(name for name, _ in named)} --seed {a.seed}"
    report.publish(a.docs, "budgets", text, report.circumstances(command, a.seed))


def strip(frames_THWC: np.ndarray) -> np.ndarray:
    """SHOWN frames of a film, evenly spread, side by side."""
    chosen = frames_THWC[np.linspace(0, len(frames_THWC) - 1, SHOWN).round().astype(int)]
    return np.concatenate([cv2.resize(frame, (TILE, TILE), interpolation=cv2.INTER_AREA) for frame in chosen], 1)


if __name__ == "__main__":
    main()
