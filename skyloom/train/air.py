"""Train the air: particles of the world, drawn over nothing -> latents with noise -> velocity. Rerun to resume.

Each clip shows one kind over plain grey, and what it adds to the latents of the grey is what is learned; the batch of a step is
a pure function of its number. Dimension key as in models/air: B clips, C latent channels, T latent frames, H W cells.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..base import checkpoint, dist
from ..config import Config, VAEConfig, to_json
from ..diffusion import patterns
from ..diffusion.flow import draw_levels, flow_loss
from ..generate import falling
from ..models.air import GROUNDS, KINDS, Air, number
from ..models.bundle import AIR, Bundle, autocast, load_bundle
from ..models.vae import to_video
from ..worlds.weather import draw_air, make_air
from .small import learn
from .staging import drawn

DRIFT = 0.25  # short sides a second, deviation of the camera's way
PIECES = 4  # of each clip, with `crop` cells a side
CONTINUED = 0.3  # share of pieces whose first latent frames are given, so that a film's next window goes on from the last
LOUDEST = 2.5  # most that what is drawn is made stronger by
UNIFORM = 0.5  # share of noise levels that are drawn alike between 0 and 1
WATCHED = 2  # batches of particles that are never learned


@dataclass(frozen=True)
class Batch:
    air_BCTHW: Tensor  # not scaled
    kind_B: Tensor
    given_B: Tensor  # how many latent frames are
    opens: bool


def main(
    config: Config, run: Path, model: str | Path, *, minutes: float = math.inf, save_minutes: float = 3, check_every: int = 200
) -> Path:
    """Trains in `run` for the tokenizer of the model of that name or folder; exports run/export.

    Stops early, with everything saved and exported, after `minutes`. ValueError where the config has no air.
    """
    c = config.air
    if not c.depth:
        raise ValueError("air.depth is 0: in this preset's films nothing falls. Set it, or take another preset.")
    checkpoint.claim(run, to_json(config), ("air", "vae", "fps"))
    batches = Batches(config, model)
    torch.manual_seed(c.seed)
    air = Air(c, config.vae.channels)
    air.gain_C.copy_(spread(batches))
    watched = [batches[-1 - i] for i in range(WATCHED)]
    return learn(
        air,
        c,
        run,
        AIR,
        lambda step: drawn(batches, step, c.steps),
        lambda part, batch, step: air_loss(part, batch, config, step),
        lambda part: validate(part, watched, config),
        minutes=minutes,
        save_minutes=save_minutes,
        check_every=check_every,
        finish=lambda part: part.loud_K.copy_(loudness(part, batches)),
    )


def air_loss(air: Air, batch: Batch, config: Config, step: int) -> Tensor:
    """The flow loss of a batch at the noise levels of its step."""
    rng = dist.step_rng(config.air.seed, step)
    z = batch.air_BCTHW / air.gain_C.view(1, -1, 1, 1, 1)
    frame = torch.arange(z.shape[2])
    levels = draw_levels((len(z), 1, 1, 1), config.air.shift, UNIFORM, rng)
    levels = torch.where(frame[None] < batch.given_B[:, None], 0.0, levels[:, :, 0, 0])[..., None, None]
    with autocast(z.device):
        noise = torch.randn(z.shape, generator=rng)
        return flow_loss(lambda z, t: air(z, t, batch.kind_B, batch.opens), z, noise, levels, torch.ones_like(levels))


@torch.no_grad()
def validate(air: Air, watched: list[Batch], config: Config) -> float:
    return sum(float(air_loss(air, batch, config, i)) for i, batch in enumerate(watched)) / len(watched)


class Batches(Dataset[Batch]):
    """The batch of a step, whatever came before: nothing to resume. Those of numbers below 0 are of other particles."""

    def __init__(self, config: Config, model: str | Path):
        self.config, self.model = config, model
        self._bundle: Bundle | None = None  # loaded by whoever draws
        self._grounds: dict[tuple[int, int], Tensor] = {}

    def __getitem__(self, step: int) -> Batch:
        if self._bundle is None:
            self._bundle = load_bundle(self.model)
        c, stride = self.config.air, VAEConfig.time_stride
        rng = np.random.default_rng((c.seed, 61, abs(step), int(step < 0)))
        opens = bool(rng.random() < 0.5)
        parts, kinds = [], []
        for _ in range(-(-c.batch // PIECES)):
            kind, dark = KINDS[rng.integers(len(KINDS))], bool(rng.random() < 0.3)
            clip = self._clip(kind, dark, 1 + stride * (c.frames - (1 if opens else 0)), rng)
            z = self._added(clip, GROUNDS[dark])[:, :, 0 if opens else 1 :]
            for _ in range(PIECES):
                top, left = (int(rng.integers(0, side - c.crop + 1)) for side in z.shape[3:])
                parts.append(z[..., top : top + c.crop, left : left + c.crop])
                kinds.append(number(kind, dark))
        count = len(parts)
        given = np.where(rng.random(count) < CONTINUED, rng.integers(1, max(2, c.frames - 1), count), 0)
        return Batch(torch.cat(parts), torch.tensor(kinds), torch.from_numpy(given), opens)

    def _clip(self, kind: str, dark: bool, frames: int, rng: np.random.Generator) -> np.ndarray:
        """Particles over grey: F H W 3 uint8."""
        size = self.config.air.size
        air = make_air(kind, int(rng.integers(1 << 30)), size, size)
        assert air is not None
        clip = np.full((frames, size, size, 3), GROUNDS[dark], np.uint8)
        start, drift = float(rng.random()) * 8, float(rng.normal()) * DRIFT * (rng.random() < 0.5)
        for i, picture in enumerate(clip):
            seconds = i / self.config.fps
            draw_air(air, picture, start + seconds, drift * seconds, dark)
        return clip

    def _added(self, clip_FHW3: np.ndarray, ground: int) -> Tensor:
        """What the particles add to the latents of their ground: 1 C T H W."""
        key = len(clip_FHW3), ground
        if key not in self._grounds:
            self._grounds[key] = self._latents(np.full_like(clip_FHW3, ground))
        return self._latents(clip_FHW3) - self._grounds[key]

    def _latents(self, clip_FHW3: np.ndarray) -> Tensor:
        assert self._bundle is not None
        with torch.no_grad():
            return self._bundle.vae.encode(to_video(clip_FHW3)).float()


def loudness(air: Air, batches: Batches, clips: int = 4) -> Tensor:
    """How many times as strong as what is drawn the world's particles are, for each kind: from so many clips of each."""
    found: list[float] = []
    for kind in KINDS:
        for dark in (False, True):
            rng = np.random.default_rng((batches.config.air.seed, 67, len(found)))
            added = [batches._added(batches._clip(kind, dark, 17, rng), GROUNDS[dark]) for _ in range(clips)]
            noise = [torch.randn(added[0].shape, generator=torch.Generator().manual_seed(i)) for i in range(clips)]
            which, unknown = number(kind, dark), patterns.unknown(added[0].shape)
            with torch.inference_mode(), autocast(added[0].device):
                made = [falling.drawn(air, z, which, unknown, opens=True) for z in noise]
            true, false = (strength(parts) for parts in (added, [air.gain_C.view(1, -1, 1, 1, 1) * z for z in made]))
            found.append(true / max(false, 1e-4))
    return torch.tensor(found).clamp(1, LOUDEST)


def strength(parts: list[Tensor]) -> float:
    return float(torch.stack(parts).square().mean().sqrt())


def spread(batches: Batches, most: int = 12) -> Tensor:
    """The channels' deviations, C, over so many batches."""
    squares = torch.stack([batches[step].air_BCTHW.square().mean((0, 2, 3, 4)) for step in range(most)])
    return squares.mean(0).sqrt().clamp(min=1e-4)
