"""Encoded parts -> training batches. A batch is a pure function of (seed, step, parts in use): there is no position to lose."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base.dist import world_size
from ..config import Bucket, ModelTrain
from ..worlds.captions import caption
from ..worlds.scene import Scene
from .encode import bucket_name, decode_int8

STYLES = ("tags", "sentence", "dense")


@dataclass(frozen=True)
class Batch:
    z_BCTHW: Tensor  # latents, as models/vae gives them
    coverage_BTHW: Tensor  # 0..1, how much of a cell is actor
    scenes: list[Scene]
    captions: list[str]


class Shelf:
    """The parts of one bucket and split, memory-mapped."""

    def __init__(self, folder: Path, bucket: Bucket, split: str):
        self.folder, self.bucket = folder / split / bucket_name(bucket), bucket
        self.parts: list[tuple[np.ndarray, np.ndarray, list[str]]] = []
        self.rescan()

    def rescan(self, limit: int | None = None) -> int:
        """Opens parts that have come since, at most `limit` in all; returns how many are open."""
        stems = sorted(self.folder.glob("*.jsonl"))[:limit]
        for path in stems[len(self.parts) :]:
            z, w = (np.load(path.with_suffix(suffix), mmap_mode="r") for suffix in (".z.npy", ".w.npy"))
            self.parts.append((z, w, path.read_text().splitlines()))
        return len(self.parts)

    def __len__(self) -> int:
        return sum(len(records) for _, _, records in self.parts)

    def take(self, index: int) -> tuple[np.ndarray, np.ndarray, str]:
        size = len(self.parts[0][2])
        z, w, records = self.parts[index // size]
        return z[index % size], w[index % size], records[index % size]


class Loader:
    """Batches of every bucket, mixed in the shares of the phase that a step is in."""

    def __init__(self, folder: Path, config: ModelTrain, gain_C: Tensor):
        self.config, self.gain_C = config, gain_C
        self.shelves = [Shelf(folder, bucket, "train") for bucket in config.buckets]

    def state(self) -> list[int]:
        """How many parts of each bucket are in use. New ones are taken in here, at checkpoints, by a lone process only:
        several might see different ones."""
        return [shelf.rescan() if world_size() == 1 else len(shelf.parts) for shelf in self.shelves]

    def restore(self, state: list[int]) -> None:
        for shelf, count in zip(self.shelves, state, strict=True):
            shelf.parts = []
            if shelf.rescan(count) < count:
                raise FileNotFoundError(
                    f"{shelf.folder}: {count} parts were in use, {len(shelf.parts)} are left. Encode again."
                )

    def batch(self, step: int) -> Batch:
        """The global batch of a step."""
        rng = np.random.default_rng((self.config.seed, 17, step))
        shares = [share for first, share in self.config.phases if step >= first][-1]
        usable = np.array([s if len(shelf) else 0.0 for s, shelf in zip(shares, self.shelves, strict=True)])
        if usable.sum() == 0:
            raise FileNotFoundError(
                f"no encoded clips for step {step} in {self.shelves[0].folder.parent}. Run `skyloom train encode`."
            )
        shelf = self.shelves[rng.choice(len(usable), p=usable / usable.sum())]
        indices = rng.integers(0, len(shelf), shelf.bucket.batch)
        return collate(shelf, indices.tolist(), self.config, self.gain_C, rng)


def collate(shelf: Shelf, indices: list[int], config: ModelTrain, gain_C: Tensor, rng: np.random.Generator) -> Batch:
    zs, ws, records = zip(*(shelf.take(i) for i in indices), strict=True)
    scenes = [Scene.from_json(record) for record in records]
    captions = [draw_caption(scene, shelf.bucket.frames, config, rng) for scene in scenes]
    coverage = torch.from_numpy(np.stack(ws)).float() / 255
    return Batch(decode_int8(np.stack(zs), gain_C), coverage, scenes, captions)


def draw_caption(scene: Scene, frames: int, config: ModelTrain, rng: np.random.Generator) -> str:
    """One of the scene's captions; for a share of `drop_text` none, which teaches guidance."""
    if rng.random() < config.drop_text:
        return ""
    language = "zh" if rng.random() < config.chinese else "en"
    style = STYLES[rng.choice(3, p=config.dense)]
    return caption(scene, language, style, variant=int(rng.integers(1 << 16)), still=frames == 1)
