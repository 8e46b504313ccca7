"""A run's diary: one JSON object a line in metrics.jsonl, and a short line on the console."""

import json
import time
from pathlib import Path

import numpy as np
from PIL import Image


class Log:
    """Appends rows; after a resume, rows past the resumed step are dropped first, so steps never repeat."""

    def __init__(self, run: Path, step: int, quiet: bool = False):
        self.path, self.quiet, self.began = run / "metrics.jsonl", quiet, time.time()
        run.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            rows = [row for row in self.path.read_text().splitlines() if row.endswith("}")]
            kept = [row for row in rows if json.loads(row)["step"] <= step]
            self.path.write_text("".join(row + "\n" for row in kept))

    def row(self, step: int, **values: float) -> None:
        if self.quiet:
            return
        numbers = {key: float(f"{value:.6g}") for key, value in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, "seconds": round(time.time() - self.began, 1), **numbers}) + "\n")
        print(f"{step:7d}  " + "  ".join(f"{key} {value:.4g}" for key, value in numbers.items()), flush=True)


def save_sheet(path: Path, rows: list[np.ndarray]) -> None:
    """A contact sheet: each row is frames_THWC uint8, laid left to right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    strips = [np.concatenate(list(row), 1) for row in rows]
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(strip, ((0, 2), (0, width - strip.shape[1]), (0, 0))) for strip in strips]
    Image.fromarray(np.concatenate(padded)).save(path)
