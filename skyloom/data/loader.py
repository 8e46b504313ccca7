"""Encoded parts -> training batches. A batch is a pure function of (seed, step, parts in use): there is no position to lose."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base.dist import world_size
from ..config import Bucket, Config, ModelTrain
from ..worlds.captions import caption
from ..worlds.scene import Scene
from ..worlds.storybook import cameras
from .encode import bucket_name, decode_int8, middles, start_of

FPS = float(Config.fps)
STYLES = ("tags", "sentence", "dense")


@dataclass(frozen=True)
class Prompts:
    """Captions as the model reads them (Vocabulary.batch); which of its prompt's looks each body of a scene has, -1 none."""

    ids_BL: Tensor
    mask_BL: Tensor
    looks_BQ: Tensor
    bodies_BR: Tensor


@dataclass(frozen=True)
class Batch:
    z_BCTHW: Tensor  # latents, as models/vae gives them
    coverage_BTHW: Tensor  # 0..1, how much of a cell is actor
    stances_BTR8: Tensor  # where sprites lie, in cells (encode.stances_in_cells); R is 0 where nobody knows
    scenes: list[Scene]
    captions: list[str]
    kind: str  # frames, and w for windows: names its loss in the diary
    prompts: Prompts | None = None  # in place of scenes and captions, where they were read before
    cameras_BT5: Tensor | None = None  # worlds.storybook.cameras in the middle of each latent frame; of windows nobody knows it
    laid_BCTHW: Tensor | None = None  # models/layout.in_latents, where it was made before
    posed_B: Tensor | None = None  # 1 for clips whose layout shows the poses of the moment (train/layouts)
    starts: list[float] = field(default_factory=list)  # when in its scene each clip begins, in seconds


class Shelf:
    """The parts of one bucket and split, memory-mapped."""

    def __init__(self, folder: Path, bucket: Bucket, split: str):
        self.folder, self.bucket = folder / split / bucket_name(bucket), bucket
        self.parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]] = []
        self.rescan()

    def rescan(self, limit: int | None = None) -> int:
        """Opens parts that have come since, at most `limit` in all; returns how many are open."""
        stems = sorted(self.folder.glob("*.jsonl"))[:limit]
        for path in stems[len(self.parts) :]:
            if not path.with_suffix(".s.npy").exists():
                raise FileNotFoundError(f"{path}: encoded by an older version. Run `skyloom train encode` again.")
            z, w, s = (np.load(path.with_suffix(suffix), mmap_mode="r") for suffix in (".z.npy", ".w.npy", ".s.npy"))
            self.parts.append((z, w, s, path.read_text().splitlines()))
        return len(self.parts)

    def __len__(self) -> int:
        return sum(len(records) for *_, records in self.parts)

    @functools.cached_property
    def alone(self) -> list[int]:
        """The clips with a single actor, for windows; of the parts that were open when first asked."""
        records = (record for *_, part in self.parts for record in part)
        return [i for i, record in enumerate(records) if _one_actor(Scene.from_json(record))]

    def draw(self, count: int, rng: np.random.Generator) -> list[int]:
        """Numbers of `count` clips, with repetition."""
        if self.bucket.window:
            return [self.alone[i] for i in rng.integers(0, len(self.alone), count)]
        return rng.integers(0, len(self), count).tolist()

    def take(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
        size = len(self.parts[0][-1])
        return tuple(part[index % size] for part in self.parts[index // size])  # type: ignore[return-value]


class Loader:
    """Batches of every bucket, mixed in the shares of the phase that a step is in."""

    def __init__(self, folder: Path, config: ModelTrain, gain_C: Tensor, fps: float = FPS):
        self.config, self.gain_C, self.fps = config, gain_C, fps
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
        return collate(shelf, shelf.draw(shelf.bucket.batch, rng), self.config, self.gain_C, rng, self.fps)


def collate(
    shelf: Shelf, indices: list[int], config: ModelTrain, gain_C: Tensor, rng: np.random.Generator, fps: float = FPS
) -> Batch:
    zs, ws, stances, records = zip(*(shelf.take(i) for i in indices), strict=True)
    scenes = [Scene.from_json(record) for record in records]
    captions = [draw_caption(scene, shelf.bucket, config, rng) for scene in scenes]
    if side := shelf.bucket.window:
        views = [view_of_actor(w, side, rng) for w in ws]
        zs, ws = ([a[..., rows, columns] for a, (rows, columns) in zip(part, views, strict=True)] for part in (zs, ws))
        corners = [np.array([0, 0, columns.start, 0, 0, rows.start, 0, 0]) for rows, columns in views]
        stances = [s - corner for s, corner in zip(stances, corners, strict=True)]
    coverage = torch.from_numpy(np.stack(ws)).float() / 255
    kind = f"{shelf.bucket.frames}{'w' if shelf.bucket.window else ''}"
    where = torch.from_numpy(np.stack(stances)).float()
    starts = [start_of(i, shelf.bucket, fps) for i in indices]
    seen = [] if side else [camera_of(scene, start, shelf.bucket, fps) for scene, start in zip(scenes, starts, strict=True)]
    cameras_BT5 = torch.from_numpy(np.stack(seen)) if seen else None
    z_BCTHW = decode_int8(np.stack(zs), gain_C)
    return Batch(z_BCTHW, coverage, where, scenes, captions, kind, cameras_BT5=cameras_BT5, starts=starts)


def camera_of(scene: Scene, start: float, bucket: Bucket, fps: float) -> np.ndarray:
    """The camera of a clip that begins at `start` in its scene, in the middle of each latent frame: T 5."""
    return cameras(scene, bucket.height, bucket.width, start + middles(bucket.frames) / fps)


def view_of_actor(cover_THW: np.ndarray, side: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Rows and columns of a window of `side` cells whose middle is near a cell that an actor covers, drawn by coverage."""
    cover = cover_THW.sum(0, dtype=np.int64) + 1
    row, column = divmod(int(rng.choice(cover.size, p=(cover**2 / (cover**2).sum()).ravel())), cover.shape[1])
    corner = [
        int(np.clip(at - side // 2 + rng.integers(-1, 2), 0, size - side))
        for at, size in zip((row, column), cover.shape, strict=True)
    ]
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


def draw_caption(scene: Scene, bucket: Bucket, config: ModelTrain, rng: np.random.Generator, *, whole: bool = False) -> str:
    """One of the scene's captions; for a share of `drop_text` none, which teaches guidance, unless `whole`.

    Windows get no dense ones: those speak of much that a window leaves out.
    """
    if not whole and rng.random() < config.drop_text:
        return ""
    language = "zh" if rng.random() < config.chinese else "en"
    shares = np.array(config.dense) * (1, 1, 0 if bucket.window else 1)
    style = STYLES[rng.choice(3, p=shares / shares.sum())]
    return caption(scene, language, style, variant=int(rng.integers(1 << 16)), still=bucket.frames == 1)


def _one_actor(scene: Scene) -> bool:
    return len(scene.actors) == 1 and scene.actors[0].count == 1
