"""Do the films look and move like real ones? Distances between clouds of clips in the probe's feature space, flicker, copies.

Dimension key: n clips, D features. Everything is measured against real clips of other scenes, next to references that say what
a number means: real against real (as good as it gets), frozen at the first frame, frames in random order.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from ..data.encode import bucket_stream
from ..models.probe import Probe
from ..worlds.sample import sample_scene
from ..worlds.storybook import render
from .clips import FPS, Bench, prompt_of, scenes, shrunk
from .report import table

FRAMES = 17
TRAINING = 1000  # training clips among which copies are sought
CALM = 20  # grey levels: a pixel that strays less from its median belongs to the background


def main(bench: Bench) -> dict:
    """Rows of distances for each kind of clip, flicker, and nearest neighbours among training clips."""
    ours, others = scenes("val", FRAMES, bench.n, bench.seed), scenes("val", FRAMES, bench.n, bench.seed, first=bench.n)
    real, reference = ([bench.real(s, FRAMES) for s in part] for part in (ours, others))
    rebuilt, films = [], []
    for i, scene in enumerate(ours):
        rebuilt.append(bench.reconstructed(scene, FRAMES))
        films.append(bench.generated(prompt_of(scene), FRAMES, bench.seed + i))
        bench.say("fidelity: films", i + 1, bench.n)
    rng = np.random.default_rng(bench.seed)
    kinds = {
        "real": real,
        "through the tokenizer": rebuilt,
        "generated": films,
        "frozen at the first frame": [np.repeat(clip[:1], len(clip), 0) for clip in real],
        "frames in random order": [clip[rng.permutation(len(clip))] for clip in real],
    }
    still = [i for i, scene in enumerate(ours) if scene.camera == "still" and scene.weather == "clear"]
    y = features(bench.probe, reference)
    clouds = {name: features(bench.probe, clips) for name, clips in kinds.items()}
    rows = compare(clouds, y)
    for row in rows:
        row["flicker"] = mean([flicker(kinds[row["name"]][i]) for i in still])
    return {
        "rows": rows,
        "n": bench.n,
        "still": len(still),
        "chance": chance(clouds["real"], y, rng),
        "copies": copies(bench, films, real),
    }


def features(probe: Probe, clips: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([probe.features(clip) for clip in clips])


def compare(clouds: dict[str, np.ndarray], reference_nD: np.ndarray) -> list[dict]:
    """Distances of each cloud to the reference, in units of the reference's spread along each feature."""
    centre, spread = _spread(reference_nD)
    y = (reference_nD - centre) / spread
    base = mmd((clouds["real"] - centre) / spread, y, biased=True)
    rows = []
    for name, cloud in clouds.items():
        x = (cloud - centre) / spread
        biased = mmd(x, y, biased=True)
        rows.append(
            {"name": name, "mmd": mmd(x, y), "mmd_biased": biased, "times_real": biased / base, "frechet": frechet(x, y)}
        )
    return rows


def _spread(cloud_nD: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and standard deviation of each feature; features that hardly vary are not blown up."""
    deviation = cloud_nD.std(0)
    return cloud_nD.mean(0), np.maximum(deviation, 0.1 * np.median(deviation) + 1e-6)


def chance(x_nD: np.ndarray, y_nD: np.ndarray, rng: np.random.Generator, rounds: int = 100) -> dict[str, float]:
    """What the unbiased distance is between two random halves of real clips: its mean and the 95th percentile."""
    centre, spread = _spread(y_nD)
    both = (np.concatenate([x_nD, y_nD]) - centre) / spread
    kernel, found = _kernel(both, both), []
    for _ in range(rounds):
        order = rng.permutation(len(both))
        a, b = order[: len(x_nD)], order[len(x_nD) :]
        found.append(_mmd(kernel[np.ix_(a, a)], kernel[np.ix_(b, b)], kernel[np.ix_(a, b)], biased=False))
    return {"mean": float(np.mean(found)), "p95": float(np.percentile(found, 95))}


def mmd(x_nD: np.ndarray, y_nD: np.ndarray, *, biased: bool = False) -> float:
    """Squared maximum mean discrepancy with the kernel (x.y/D + 1)^3.

    Unbiased, it is 0 on average for two samples of one distribution and may fall below; `biased` keeps it positive, for ratios.
    """
    return _mmd(_kernel(x_nD, x_nD), _kernel(y_nD, y_nD), _kernel(x_nD, y_nD), biased=biased)


def _kernel(x_nD: np.ndarray, y_nD: np.ndarray) -> np.ndarray:
    return (x_nD.astype(np.float64) @ y_nD.T.astype(np.float64) / x_nD.shape[1] + 1) ** 3


def _mmd(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray, *, biased: bool) -> float:
    n, m = len(xx), len(yy)
    if biased:
        return float(xx.mean() + yy.mean() - 2 * xy.mean())
    if min(n, m) < 2:
        raise ValueError(f"mmd: got {n} and {m} clips, wanted at least 2 of each. Try a larger --n.")
    return float((xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean())


def frechet(x_nD: np.ndarray, y_nD: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to the samples: |mean difference|^2 + Tr(A + B - 2 (A B)^1/2)."""
    x, y = x_nD.astype(np.float64), y_nD.astype(np.float64)
    a, b = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (x, y))
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    return float(max(0.0, np.square(x.mean(0) - y.mean(0)).sum() + np.trace(a) + np.trace(b) - 2 * cross))


def flicker(frames_THWC: np.ndarray) -> float:
    """Mean absolute second difference over time, in grey levels, where the picture holds still."""
    x = frames_THWC.astype(np.float32)
    calm = np.abs(x - np.median(x, 0)).max((0, 3)) < CALM
    second = np.abs(x[:-2] - 2 * x[1:-1] + x[2:]).mean((0, 3))
    return float(second[calm].mean()) if calm.any() and len(x) > 2 else 0.0


def copies(bench: Bench, films: list[np.ndarray], real: list[np.ndarray]) -> dict[str, float]:
    """How near films come to a training clip, over how near fresh real clips come: below 1 would be copying.

    Distances are medians over clips of the distance to the nearest of TRAINING clips, in features and in small pictures.
    """
    training = training_clips(bench, TRAINING)
    stats: dict[str, float] = {}
    for name, view in (("features", lambda c: bench.probe.features(c)), ("pixels", thumbnail)):
        known = np.stack([view(clip) for clip in training])
        near = {
            kind: nearest(np.stack([view(clip) for clip in clips]), known) for kind, clips in (("film", films), ("real", real))
        }
        stats |= {f"{name}_{kind}": float(np.median(values)) for kind, values in near.items()}
        stats[f"{name}_closest"] = float(near["film"].min() / max(1e-9, float(np.median(near["real"]))))
    return stats


def training_clips(bench: Bench, n: int) -> list[np.ndarray]:
    """The first `n` clips of 17 square frames that the model was trained on (or fewer, where it was trained on fewer)."""
    config = bench.bundle.config
    chosen = [b for b in config.model.buckets if b.frames == FRAMES] or list(config.model.buckets)
    bucket = chosen[0]
    clips = []
    for index in range(min(n, bucket.clips)):
        seconds = max(bucket.frames, 17) / FPS
        scene = sample_scene(config.model.seed + bucket_stream(bucket), index, split="train", seconds=seconds)
        clips.append(shrunk(render(scene, 128, 128, FRAMES, FPS)))  # type: ignore[arg-type]
        bench.say("fidelity: training clips", index + 1, min(n, bucket.clips))
    return clips


def thumbnail(frames_THWC: np.ndarray, side: int = 24, count: int = 5) -> np.ndarray:
    """A clip as a few tiny pictures, one vector, 0..1."""
    at = np.linspace(0, len(frames_THWC) - 1, count).round().astype(int)
    tiny = [cv2.resize(frames_THWC[i], (side, side), interpolation=cv2.INTER_AREA) for i in at]
    return np.stack(tiny).astype(np.float32).ravel() / 255


def nearest(x_nD: np.ndarray, known_mD: np.ndarray) -> np.ndarray:
    """Distance of each row to the nearest known row, root mean square over features."""
    square = (x_nD**2).sum(1)[:, None] + (known_mD**2).sum(1) - 2 * x_nD @ known_mD.T
    return np.sqrt(square.clip(0).min(1) / x_nD.shape[1])


def mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def tables(result: dict) -> str:
    """Markdown of the distances, and of the search for copies."""
    rows = [
        [
            row["name"], f"{1000 * row['mmd']:.1f}", f"{row['times_real']:.2f}", f"{row['frechet']:.2f}",
            "" if row["flicker"] is None else f"{row['flicker']:.2f}",
        ]
        for row in result["rows"]
    ]  # fmt: skip
    chance, near = result["chance"], result["copies"]
    return "\n".join([
        f"Distance to {result['n']} real clips of other scenes (MMD squared x 1000, polynomial kernel, unbiased):\n",
        table(["clips", "MMD", "biased MMD over real's", "Frechet", "flicker"], rows),
        f"Two random halves of real clips are {1000 * chance['mean']:.1f} apart on average, {1000 * chance['p95']:.1f} at the",
        "95th percentile. Flicker: mean absolute second difference of background pixels in grey levels, on the",
        f"{result['still']} scenes with a still camera and clear weather.\n",
        "Nearest training clip, median distance of films / of fresh real clips:",
        f"features {near['features_film']:.3f} / {near['features_real']:.3f},",
        f"pixels {near['pixels_film']:.4f} / {near['pixels_real']:.4f}. The closest film of all lies at",
        f"{near['features_closest']:.2f} and {near['pixels_closest']:.2f} of the real clips' median.",
    ])  # fmt: skip
