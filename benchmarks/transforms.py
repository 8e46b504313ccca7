"""How well does a linear map of so many numbers a cell show the world? Choices behind the tokenizer's transform.

    python benchmarks/transforms.py

Fits principal components to cells of training clips and measures held-out clips of 9 frames at 256x256: cells of 16 pixels
with and without lapping, 2x2 of them taken together (a stride of 32), and an encoder that reads the clip at half its size.
Writes the table into docs/RESULTS.md. Minutes on one core.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from skyloom.evals import report
from skyloom.models.vae import lap, unfold
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.storybook import render

FRAMES, SIZE, CELL, CHUNKS = 9, 256, 16, 3
SEED = 0
KEEP = 128  # components of a 16-pixel cell that are looked at when four cells are taken together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=int, default=240, help="clips to fit on")
    parser.add_argument("--clips", type=int, default=48, help="held-out clips to measure")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    a = parser.parse_args()
    train, held_out = clips("train", a.train), clips("val", a.clips)
    rows = []
    for name, lapped in (("16x16 cells", False), ("16x16 cells, lapped", True)):
        basis = Basis(lambda clip, lapped=lapped: cells(clip, lapped), train)
        for channels in (32, 48, 64, 96, 128):
            rows.append([name, f"{channels}", f"{4 * channels}", f"{mean_psnr(basis, channels, held_out):.2f} dB"])
    inner = Basis(lambda clip: cells(clip, True), train)
    outer = Basis(lambda clip: four(inner.project(cells(clip, True), KEEP)), train)
    lost = torch.tensor([inner.missed(clip, KEEP) for clip in held_out])
    for channels in (128, 192, 256, 384):
        missed = lost + torch.tensor([outer.missed(clip, channels) for clip in held_out])
        rows.append(["32x32 cells (2x2 lapped ones)", f"{channels}", f"{channels}", f"{psnr(missed):.2f} dB"])
    rows += half_size(train, held_out)
    table = report.table(["transform", "channels", "numbers for 32x32 pixels, 4 frames", "mean PSNR"], rows)
    print(table)
    command = f"python benchmarks/transforms.py --train {a.train} --clips {a.clips}"
    report.publish(a.docs, "transforms", table, report.circumstances(command, SEED))


def clips(split: str, count: int) -> list[np.ndarray]:
    scenes = (sample_scene(SEED + 31, i, split=split) for i in range(count))
    return [np.asarray(render(scene, SIZE, SIZE, FRAMES, start=0.37 * i % 2)) for i, scene in enumerate(scenes)]


def cells(frames: np.ndarray, lapped: bool) -> Tensor:
    """The tokenizer's cells of a clip, (N h w, 3 * 4 * 16 * 16), rows and columns of cells in order."""
    video = rearrange(torch.from_numpy(frames), "T H W c -> 1 c T H W").float() / 127.5 - 1
    video = torch.cat([video[:, :, :1].expand(-1, -1, 3, -1, -1), video], 2)
    if lapped:
        video = lap(video, CELL)
    return rearrange(video, "1 c (N t) (h p) (w q) -> (N h w) (c t p q)", t=4, p=CELL, q=CELL)


def four(parts: Tensor) -> Tensor:
    """Neighbouring 2x2 cells of a clip taken together."""
    side = math.isqrt(len(parts) // CHUNKS)
    return rearrange(parts, "(N h a w b) k -> (N h w) (a b k)", N=CHUNKS, h=side // 2, a=2, b=2)


class Basis:
    """Principal components of what `view` makes of clips."""

    def __init__(self, view: Callable[[np.ndarray], Tensor], train: list[np.ndarray]):
        self.view = view
        rng = torch.Generator().manual_seed(SEED)
        samples = []
        for clip in train:
            seen = view(clip)
            samples.append(seen[torch.randint(0, len(seen), (128,), generator=rng)])
        joined = torch.cat(samples)
        self.centre = joined.mean(0)
        _, vectors = torch.linalg.eigh((joined - self.centre).T @ (joined - self.centre))
        self.vectors = vectors.flip(1)

    def project(self, seen: Tensor, channels: int) -> Tensor:
        return (seen - self.centre) @ self.vectors[:, :channels]

    def missed(self, clip: np.ndarray, channels: int) -> float:
        """Squared error of a clip over the whole of it, in units of the range -1..1, summed over numbers."""
        seen = self.view(clip)
        kept = self.project(seen, channels)
        return float((seen - self.centre).square().sum() - kept.square().sum())


def mean_psnr(basis: Basis, channels: int, held_out: list[np.ndarray]) -> float:
    return psnr(torch.tensor([basis.missed(clip, channels) for clip in held_out]))


def psnr(missed: Tensor) -> float:
    """Mean over clips, from squared errors summed over a clip of CHUNKS chunks."""
    numbers = CHUNKS * 4 * 3 * SIZE * SIZE
    return float((-10 * torch.log10(missed / numbers / 4)).mean())


def half_size(train: list[np.ndarray], held_out: list[np.ndarray]) -> list[list[str]]:
    """The clip at half its size through lapped cells of 16 pixels, drawn large again by bicubic interpolation."""
    basis = Basis(lambda clip: cells(shrunk(clip), True), train)
    rows = []
    for channels in (64, 128, 256):
        errors = []
        for clip in held_out:
            seen = basis.view(clip)
            drawn = basis.project(seen, channels) @ basis.vectors[:, :channels].T + basis.centre
            side = SIZE // 2 // CELL
            parts = rearrange(drawn, "(N h w) d -> N d h w", N=CHUNKS, h=side, w=side)
            video = lap(unfold(parts, 1, CELL), CELL, back=True)[0, :, 3:]
            frames = ((video.permute(1, 2, 3, 0) + 1) * 127.5).clamp(0, 255).numpy()
            large = np.stack([cv2.resize(frame, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for frame in frames])
            errors.append(-10 * math.log10(float((((large - clip) / 255) ** 2).mean())))
        rows.append(["half size, lapped, drawn large", f"{channels}", f"{channels}", f"{np.mean(errors):.2f} dB"])
    return rows


def shrunk(frames: np.ndarray) -> np.ndarray:
    half = (SIZE // 2, SIZE // 2)
    return np.stack([cv2.resize(frame, half, interpolation=cv2.INTER_AREA) for frame in frames])


if __name__ == "__main__":
    main()
