"""Draw scenes and encode them: (seed, index) -> clip -> int8 latents, actor weights and the scene's record, in parts on disk.

FOLDER/SPLIT/FRAMESxHEIGHTxWIDTH/000000.{z.npy,w.npy,s.npy,jsonl}: latents int8 (n, C, T, H, W), the share of each cell that
actors cover uint8 (n, T, H, W), where their sprites lie float32 (n, T, BODIES, 8), one Scene a line. The jsonl is renamed into
place last: a part exists or it does not, and a rerun draws only what is missing. Dimension key as in models/vae.
"""

import multiprocessing
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..base.checkpoint import load_weights
from ..base.files import write_atomic
from ..config import Bucket, Config, VAEConfig
from ..models.bundle import autocast
from ..models.vae import VAE, to_video

if TYPE_CHECKING:
    from ..worlds.scene import Scene

PART = 64  # clips a part
INT8 = 127 / 5  # latents beyond 5 deviations are clipped; the step, 0.04, is far below the tokenizer's own error


@dataclass(frozen=True)
class Job:
    stem: Path  # of the part's three files
    split: str
    start: int  # first scene index
    count: int
    bucket: Bucket
    config: Config
    weights: Path  # the tokenizer


def main(config: Config, weights: Path, folder: Path, *, processes: int | None = None, held_out: int = 64) -> None:
    """Encodes every bucket of config.model (and `held_out` validation clips each) that is not yet in `folder`."""
    jobs = {job.stem: job for bucket in config.model.buckets for job in bucket_jobs(config, weights, folder, bucket, held_out)}
    last = (".jsonl", ".s.npy")  # parts of older versions lack the second
    missing = [job for job in jobs.values() if not all(job.stem.with_suffix(suffix).exists() for suffix in last)]
    count = processes or os.cpu_count() or 1
    if not missing:
        return
    with multiprocessing.get_context("spawn").Pool(min(count, len(missing)), initializer=_start_worker) as workers:
        for done, _ in enumerate(workers.imap(encode_part, missing)):
            print(f"\rencoding part {done + 1}/{len(missing)}", end="", flush=True)
    print()


def bucket_jobs(config: Config, weights: Path, folder: Path, bucket: Bucket, held_out: int) -> list[Job]:
    name = bucket_name(bucket)
    plans = [("val", held_out), ("train", bucket.clips)]
    return [
        Job(folder / split / name / f"{start:06d}", split, start, min(PART, total - start), bucket, config, weights)
        for split, total in plans
        for start in range(0, total, PART)
    ]


def bucket_name(bucket: Bucket) -> str:
    return f"{bucket.frames}x{bucket.height}x{bucket.width}"


def bucket_stream(bucket: Bucket) -> int:
    """The seed of a bucket's scenes: buckets show different scenes, in every run the same."""
    return bucket.frames * 1_000_003 + bucket.height * 1_009 + bucket.width


def start_of(index: int, bucket: Bucket, fps: float) -> float:
    """When in its scene the clip of that number begins, in seconds: single frames come from all over it."""
    return (index * 0.618 % 1) * max(bucket.frames, 17) / fps if bucket.frames == 1 else 0.0


def encode_part(job: Job) -> None:
    """Draws and encodes one part. Runs in a worker process."""
    from ..worlds.sample import sample_scene
    from ..worlds.storybook import render

    vae = _load_vae(job)
    bucket, fps = job.bucket, job.config.fps
    latents, weights, places, records = [], [], [], []
    for index in range(job.start, job.start + job.count):
        seconds = max(bucket.frames, 17) / fps
        scene = sample_scene(job.config.model.seed + bucket_stream(bucket), index, split=job.split, seconds=seconds)
        start = start_of(index, bucket, fps)
        frames, mask = render(scene, bucket.height, bucket.width, bucket.frames, fps, start=start, masks=True)
        latents.append(encode_clip(vae, frames))
        weights.append(pool_mask(mask, vae.config.stride))
        places.append(stances_in_cells(scene, bucket, start, fps, vae.config.stride))
        records.append(scene.to_json())
    job.stem.parent.mkdir(parents=True, exist_ok=True)
    for suffix, array in ((".z.npy", latents), (".w.npy", weights), (".s.npy", places)):
        beside = job.stem.with_suffix(f".{os.getpid()}.npy")
        np.save(beside, np.stack(array))
        os.replace(beside, job.stem.with_suffix(suffix))
    write_atomic(job.stem.with_suffix(".jsonl"), "".join(record + "\n" for record in records))


def stances_in_cells(scene: "Scene", bucket: Bucket, start: float, fps: float, stride: int) -> np.ndarray:
    """worlds.storybook.stances at the middle of each latent frame, in cells: T BODIES 8."""
    from ..worlds.storybook import stances

    times = start + middles(bucket.frames) / fps
    return stances(scene, bucket.height, bucket.width, times) / np.array([*(stride,) * 6, 1, 1], np.float32)


def middles(frames: int) -> np.ndarray:
    """The middle of each latent frame of a film, in frames."""
    return np.array([0, *(np.arange(1, frames, VAEConfig.time_stride) + (VAEConfig.time_stride - 1) / 2)])


def encode_clip(vae: VAE, frames_THWC: np.ndarray) -> np.ndarray:
    """uint8 frames -> int8 latents C T H W, each channel in its own deviations, whatever its gain."""
    with torch.no_grad(), autocast(torch.device("cpu")):
        z = vae.encode(to_video(frames_THWC))[0].float() / vae.gain_C[:, None, None, None]
    return (z * INT8).round().clamp(-127, 127).to(torch.int8).numpy()


def decode_int8(z: np.ndarray, gain_C: Tensor) -> Tensor:
    """int8 latents of a batch -> z_BCTHW; `gain_C` is the tokenizer's."""
    return torch.from_numpy(z).float() / INT8 * gain_C.view(1, -1, 1, 1, 1)


def pool_mask(mask_THW: np.ndarray, stride: int) -> np.ndarray:
    """Actor coverage per pixel, uint8 -> per latent cell, uint8: frames pooled as the tokenizer packs them."""
    mask = torch.from_numpy(mask_THW.astype(np.float32))[None]
    cells = torch.nn.functional.avg_pool2d(mask, stride)[0]  # T H W
    first, rest = cells[:1], cells[1:]
    packed = torch.cat([first, rearrange(rest, "(N t) H W -> N t H W", t=4).mean(1)]) if len(rest) else first
    return packed.round().to(torch.uint8).numpy()


_vae: VAE | None = None


def _start_worker() -> None:
    torch.set_num_threads(1)


def _load_vae(job: Job) -> VAE:
    global _vae
    if _vae is None:
        _vae = VAE(job.config.vae).eval()
        load_weights(_vae, job.weights)
    return _vae
