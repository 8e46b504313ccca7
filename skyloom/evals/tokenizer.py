"""What does the tokenizer lose? PSNR and SSIM of held-out clips at the sizes that ship, and whether nouns are still read."""

import math

import cv2
import numpy as np

from ..config import Bucket
from ..worlds.storybook import render
from .adherence import compare, score
from .clips import FPS, Bench, scenes, shrunk, through_tokenizer
from .report import table

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # of SSIM (Wang et al. 2004)


def main(bench: Bench) -> dict:
    """One row for each bucket of the model's training: frames, size, psnr, ssim, and nouns read before and after."""
    rows = []
    for bucket in bench.bundle.config.model.buckets:
        if not bucket.window:  # a part of what another bucket shows whole
            rows.append(measure(bench, bucket))
    return {"rows": rows, "n": bench.n}


def measure(bench: Bench, bucket: Bucket) -> dict:
    errors, likeness = [], []
    read: dict[str, list[bool]] = {"before": [], "after": []}
    for i, scene in enumerate(scenes("val", bucket.frames, bench.n, bench.seed)):
        start = scene.seconds / 2 if bucket.frames == 1 else 0.0
        frames = np.asarray(render(scene, bucket.height, bucket.width, bucket.frames, FPS, start=start))
        drawn = through_tokenizer(bench.bundle, frames)
        errors.append(psnr(frames, drawn))
        likeness.append(ssim(frames, drawn))
        if bench.reader is None:
            continue
        asked = tuple(actor.noun for actor in scene.actors)
        for name, clip in (("before", frames), ("after", drawn)):
            found = compare(scene, bench.probe.read(shrunk(clip), asked=asked), still=bucket.frames == 1)
            read[name] += found["one noun"] + found["two nouns"]
        bench.say(f"tokenizer: {bucket.frames} x {bucket.height} x {bucket.width}", i + 1, bench.n)
    before, after = (score(sum(hits), len(hits)) if hits else None for hits in read.values())
    return {
        "frames": bucket.frames, "height": bucket.height, "width": bucket.width, "psnr": float(np.mean(errors)),
        "worst": float(np.min(errors)), "ssim": float(np.mean(likeness)), "before": before, "after": after,
        "ratio": after["rate"] / before["rate"] if before and after and before["rate"] else None,
    }  # fmt: skip


def psnr(a_THWC: np.ndarray, b_THWC: np.ndarray) -> float:
    """Peak signal to noise of a whole clip in dB; 100 for equal ones."""
    error = float(np.mean((a_THWC.astype(np.float32) - b_THWC.astype(np.float32)) ** 2))
    return 100.0 if error < 6.5e-6 else 10 * math.log10(255**2 / error)


def ssim(a_THWC: np.ndarray, b_THWC: np.ndarray) -> float:
    """Structural similarity of the grey pictures, mean over frames; Gaussian window of 11 pixels, 1.5 deep."""
    values = []
    for a, b in zip(a_THWC, b_THWC, strict=True):
        x, y = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (a, b))
        mean_x, mean_y = _blur(x), _blur(y)
        var_x, var_y, both = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2, _blur(x * y) - mean_x * mean_y
        top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
        values.append(float((top / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).mean()))
    return float(np.mean(values))


def _blur(x: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(x, (11, 11), 1.5)


def _percent(rate: float | None) -> str:
    return "not read" if rate is None else f"{100 * rate:.1f} %"


def tables(result: dict) -> str:
    """Markdown: one row for each shape."""
    rows = [
        [
            str(row["frames"]), f"{row['width']}x{row['height']}", f"{row['psnr']:.2f} dB", f"{row['worst']:.2f} dB",
            f"{row['ssim']:.4f}", *(_percent(row[key] and row[key]["rate"]) for key in ("before", "after")),
            _percent(row["ratio"]),
        ]
        for row in result["rows"]
    ]  # fmt: skip
    columns = ["frames", "size", "PSNR", "worst clip", "SSIM", "nouns read, real", "reconstructed", "ratio"]
    return f"{result['n']} clips of the split `val` for each shape:\n\n{table(columns, rows)}"
