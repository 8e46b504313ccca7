"""The pictures of a data set, for what learns from pixels: each kept clip's beginning as KEY.npy, uint8 (T, H, W, 3).

Clips have the size and rate that they are encoded at. A file exists or it does not: a rerun makes those that are missing.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.files import sweep, write_atomic
from . import shards, workers
from .build import source_folder
from .catalog import Catalog
from .cut import Cut, clips
from .settings import DataConfig

MOST = 400  # clips, evenly out of all


@dataclass(frozen=True)
class Pool:
    """Memory-mapped clips, uint8 (T, H, W, 3)."""

    train: list[np.ndarray]
    held_out: list[np.ndarray]


def load_pool(dataset: Path, config: DataConfig, folder: Path, frames: int, *, processes: int = 1) -> Pool:
    """Clips of up to `frames` frames; those that are missing in `folder` are decoded first.

    FileNotFoundError where there is no data set; ValueError where no clip was kept; RuntimeError where one cannot be read.
    """
    with Catalog(dataset) as catalog:
        wanted = [clip for shard in shards.planned(catalog, "", config.encode) for clip in shard.clips]
        wanted = [wanted[i] for i in np.linspace(0, len(wanted) - 1, min(MOST, len(wanted))).astype(int)]
        home, files = source_folder(catalog), dict(catalog.rows("file"))
    if not any(clip.split == "train" for clip in wanted):
        raise ValueError(f"{dataset}: no clip to train on. See `skyloom data show {dataset}`.")
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    films: dict[str, list[Cut]] = {}
    for clip in wanted:
        if not (folder / f"{clip.cut.key}.npy").is_file():
            films.setdefault(clip.file, []).append(clip.cut)
    jobs = [(name, (home / files[name]["path"], cuts, files[name]["interlaced"], frames)) for name, cuts in films.items()]
    for name, drawn in workers.each(draw_film, jobs, processes=processes, seconds=600, memory_mb=config.ingest.memory_mb):
        if isinstance(drawn, workers.Failure):
            raise RuntimeError(f"{name}: cannot be read ({drawn.reason}). Run skyloom data build again.")
        for key, pictures in drawn.items():
            write_atomic(folder / f"{key}.npy", npy(pictures))
    found = {clip.cut.key: np.load(folder / f"{clip.cut.key}.npy", mmap_mode="c") for clip in wanted}
    by = {split: [found[clip.cut.key] for clip in wanted if clip.split == split] for split in shards.SPLITS}
    return Pool(by["train"], by["heldout"])


def draw_film(path: Path, cuts: list[Cut], interlaced: bool, frames: int) -> dict[str, np.ndarray]:
    """Runs in a worker: the beginnings of the cuts of one film."""
    return {cut.key: pictures[:frames] for cut, pictures in clips(path, cuts, interlaced=interlaced)}


def npy(array: np.ndarray) -> bytes:
    """An array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
