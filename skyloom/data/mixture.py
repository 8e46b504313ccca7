"""Data sets of own footage -> training batches, several sets mixed by weight. Dimension key as in models/vae.

Clips of one shape are a group. The first latent frame of a clip stands alone, so it is a still as well: stills are groups of
their own. A step draws a group by its share, and the group hands out its clips in an order that is shuffled anew after each
time through. Both are pure functions of the seed and the step: a run goes on exactly from any step, in the middle of an epoch
too, with any number of processes.
"""

import functools
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base.sizes import Ruler
from ..config import Bucket, Config
from . import shards, storage
from .caption import SYNTHETIC, pick
from .catalog import mark_of
from .encode import decode_int8
from .loader import Batch

LENGTHS = (1, 2, 3, 5, 7, 9, 13, 19, 25, 31)  # latent frames: a clip gives its beginning, as many as fit it
STILLS = 0.2  # share of the steps that see single frames
DRAWN = 1024  # steps whose groups are drawn at once
HELD_OUT = 16  # clips of a group that are checked on, at most


@dataclass(frozen=True)
class Source:
    """A data set and its share of the training tokens, relative to the others'."""

    folder: Path
    weight: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Source":
        """'runs/holiday', 's3://bucket/holiday', either with ':0.7' behind. ValueError for a weight that is none."""
        path, colon, weight = text.rpartition(":")
        if not colon or not weight.replace(".", "", 1).isdigit():
            path, weight = text, "1"
        if float(weight) <= 0:
            raise ValueError(f"data {text!r}: wanted a weight above 0, such as {path}:0.5.")
        return cls(storage.pulled(path) if storage.is_url(path) else Path(path), float(weight))

    def rows(self, tokenizer: str) -> list[dict[str, Any]]:
        """The rows of its index. FileNotFoundError of none; ValueError where the latents are another tokenizer's."""
        if shards.index_tokenizer(self.folder) != tokenizer:
            raise ValueError(
                f"{self.folder}: its latents are those of another tokenizer than the model's. Run `skyloom data encode -o "
                f"{self.folder} --model MODEL` with the model that you start from."
            )
        return sorted(shards.index_rows(self.folder), key=lambda row: row["key"])


@dataclass(frozen=True)
class Group:
    """Clips of one data set that give the same shape."""

    folder: Path
    bucket: Bucket
    rows: tuple[dict[str, Any], ...]  # of the index
    share: float  # of the steps

    @property
    def name(self) -> str:
        return f"{self.bucket.frames}x{self.bucket.height}x{self.bucket.width}"


class Mixture:
    """`batch(step)` for the trainer, `held_out()` to check on, `about()` for the card.

    `tokenizer` is the `shards.vae_hash` of the model that learns, `tokens` what a step takes at most, `longest` the frames that
    a clip gives at most, `stills` the share of the steps that see single frames, `dense` that of long captions.
    FileNotFoundError or ValueError where a data set cannot be learned from.
    """

    def __init__(
        self,
        sources: list[Source],
        config: Config,
        gain_C: Tensor,
        *,
        tokenizer: str,
        tokens: int,
        longest: int,
        stills: float = STILLS,
        dense: float = SYNTHETIC,
    ):
        self.seed, self.drop_text, self.gain_C, self.dense = config.model.seed, config.model.drop_text, gain_C, dense
        self.ruler = Ruler(config.vae.time_stride, config.vae.stride, (1, config.dit.patch, config.dit.patch))
        self.sets = [(source, source.rows(tokenizer)) for source in sources]
        whole = sum(source.weight for source in sources)
        self.groups: list[Group] = []
        self.kept: list[Group] = []
        for source, rows in self.sets:
            cut = functools.partial(_groups, source.folder, ruler=self.ruler, tokens=tokens, longest=longest, stills=stills)
            mine = cut([row for row in rows if row["split"] == "train"], weight=source.weight / whole)
            if not mine:
                raise ValueError(
                    f"{source.folder}: no clip to train on. See `skyloom data show {source.folder}`; "
                    "encode.held_out=0 holds none out."
                )
            self.groups += mine
            self.kept += cut([row for row in rows if row["split"] == "heldout"], weight=1.0)
        self.shares = tuple(group.share for group in self.groups)
        self.buckets = tuple(group.bucket for group in self.groups)
        self._before = [np.zeros(len(self.groups), np.int64)]  # times each group was drawn before each block of steps

    def state(self) -> dict[str, str]:
        """What a run that goes on must find again; its place in the data follows from the step."""
        return {"clips": mark_of([[(row["key"], row["mark"], row["split"]) for row in rows] for _, rows in self.sets])}

    def restore(self, state: dict[str, str]) -> None:
        """ValueError where the data is not what it was."""
        if state != self.state():
            raise ValueError("the data has changed since the run began. Begin another run, with --init this one.")

    def batch(self, step: int) -> Batch:
        """The global batch of a step."""
        block, place = divmod(step, DRAWN)
        while len(self._before) <= block:
            counts = np.bincount(drawn_groups(self.seed, len(self._before) - 1, self.shares), minlength=len(self.groups))
            self._before.append(self._before[-1] + counts)
        drawn = drawn_groups(self.seed, block, self.shares)
        number = int(drawn[place])
        size = self.groups[number].bucket.batch
        first = size * int(self._before[block][number] + (drawn[:place] == number).sum())
        return self._collate(number, range(first, first + size), np.random.default_rng((self.seed, 23, step)))

    def held_out(self, most: int = HELD_OUT) -> dict[str, Batch]:
        """Clips that are never trained on, always the same, by the name of their set (of several) and shape.

        Sets whose folders have one name are told apart by their numbers: holiday, holiday-2.
        """
        names: dict[Path, str] = {}
        for folder in dict.fromkeys(source.folder for source, _ in self.sets):
            before = sum(other.name == folder.name for other in names)
            names[folder] = f"{folder.name}-{before + 1}" if before else folder.name
        found: dict[str, Batch] = {}
        for group in self.kept:
            name = f"{names[group.folder]}:{group.name}" if len(self.sets) > 1 else group.name
            found[name] = self._batch(group, group.rows[:most], np.random.default_rng(99), 0.0)
        return found

    def about(self) -> list[dict[str, Any]]:
        """Each data set in plain facts, for model cards: name, weight, clips, seconds, licences."""
        return [
            {
                "name": source.folder.name,
                "weight": source.weight,
                "clips": len(rows),
                "held_out": sum(row["split"] == "heldout" for row in rows),
                "seconds": round(sum(row["frames"] / row["fps"] for row in rows), 1),
                "licences": dict(Counter(row["licence"] or "not stated" for row in rows).most_common()),
            }
            for source, rows in self.sets
        ]

    def _collate(self, number: int, places: range, rng: np.random.Generator) -> Batch:
        """The clips at some places of a group's endless row."""
        group = self.groups[number]
        chosen = []
        for place in places:
            epoch, at = divmod(place, len(group.rows))
            chosen.append(group.rows[int(shuffled(self.seed, number, epoch, len(group.rows))[at])])
        return self._batch(group, chosen, rng, self.drop_text)

    def _batch(self, group: Group, rows: Any, rng: np.random.Generator, drop_text: float) -> Batch:
        latents, captions = [], []
        for row in rows:
            z, record = shards.read_clip(group.folder, row)
            latents.append(z[:, : self.ruler.latent_frames(group.bucket.frames)])
            captions.append("" if rng.random() < drop_text else pick(record["captions"], rng, self.dense))
        z_BCTHW = decode_int8(np.stack(latents), self.gain_C)
        nobody = torch.zeros(len(latents), z_BCTHW.shape[2], 0, 8)
        return Batch(z_BCTHW, torch.zeros(len(latents), *z_BCTHW.shape[2:]), nobody, [], captions, str(group.bucket.frames))


class Ahead:
    """The batches of a mixture or of packs, the next one read by a thread while the last one is learned from.

    A batch depends on its step alone, so nothing is lost where a run stops in between.
    """

    def __init__(self, batches: Any):
        self.batches, self.reader = batches, ThreadPoolExecutor(1)
        self.coming: dict[int, Future[Any]] = {}

    def batch(self, step: int) -> Any:
        found = (self.coming.get(step) or self.reader.submit(self.batches.batch, step)).result()
        self.coming = {step + 1: self.reader.submit(self.batches.batch, step + 1)}
        return found


@functools.lru_cache(maxsize=8)
def drawn_groups(seed: int, block: int, shares: tuple[float, ...]) -> np.ndarray:
    """The groups of DRAWN steps."""
    return np.random.default_rng((seed, 17, block)).choice(len(shares), DRAWN, p=shares)


@functools.lru_cache(maxsize=256)
def shuffled(seed: int, group: int, epoch: int, count: int) -> np.ndarray:
    """The order in which a group hands out its clips in an epoch."""
    return np.random.default_rng((seed, 19, group, epoch)).permutation(count)


def _groups(
    folder: Path, rows: list[dict[str, Any]], *, ruler: Ruler, tokens: int, longest: int, stills: float, weight: float
) -> list[Group]:
    """Films by shape, each clip as likely as another; and stills, a share of `stills` of the steps where there are films."""
    films: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    pictures: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    for row in rows:
        frames, height, width = given_frames(row["frames"], longest, ruler), row["height"], row["width"]
        if frames > 1:
            films.setdefault((frames, height, width), []).append(row)
        if frames == 1 or stills > 0:
            pictures.setdefault((1, height, width), []).append(row)
    parts = [(films, 1 - stills if pictures else 1.0), (pictures, stills if films else 1.0)]
    groups = []
    for shapes, part in parts:
        found = []
        for shape, some in sorted(shapes.items()):
            batch = max(1, tokens // ruler.tokens(*shape))
            found.append((Bucket(*shape, clips=len(some), batch=batch), tuple(some), len(some) / batch))
        whole = sum(steps for *_, steps in found)
        groups += [Group(folder, bucket, some, weight * part * steps / whole) for bucket, some, steps in found]
    return groups


def given_frames(frames: int, longest: int, ruler: Ruler) -> int:
    """How many frames a clip gives, so that clips of many lengths make few shapes."""
    held = ruler.latent_frames(frames)
    most = max(count for count in LENGTHS if count <= held and 1 + (count - 1) * ruler.time_stride <= max(1, longest))
    return 1 + (most - 1) * ruler.time_stride
