"""Train the detail: encoded clips of the world in which nothing falls -> fine channels with noise -> velocity. Rerun to resume.

Pieces of clips are learned from; in half of them cells with actors are given, in the others half given. The batch of a step is
a pure function of its number and of the parts that are there. Dimension key as in models/detail: B pieces, T latent frames, H W
cells.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..base import checkpoint, dist
from ..base.log import Log
from ..config import Config, to_json
from ..data.encode import decode_int8, middles
from ..data.loader import Shelf
from ..diffusion.flow import draw_levels, noised
from ..generate import detailed
from ..models.bundle import DETAIL, autocast, load_bundle
from ..models.detail import Detail, view_of
from ..worlds.scene import Scene
from ..worlds.storybook import cameras
from .optim import Optimisers, PowerEMA, schedule
from .staging import drawn

WET = ("rain", "snow", "leaves")  # weathers that another network draws (models/air)
STILLS = 0.1  # share of steps that see single frames
SPARED = 0.5  # share of pieces whose actors are given; in the others as much is known of them as when films are made finer
CONTINUED = 0.3  # share of pieces whose first latent frames are given, so that a film's next window goes on from the last
UNKNOWN = 0.1  # share of pieces whose place nobody knows, and of those whose camera nobody knows
UNSURE = 0.3  # most noise on coarse channels, in deviations: what is drawn there is not as in clips
UNIFORM = 0.5  # share of noise levels that are drawn alike between 0 and 1
LOUDEST = 2.0  # most that what is drawn is made stronger by
WATCHED = 4  # batches of held-out clips


@dataclass(frozen=True)
class Batch:
    z_BCTHW: Tensor  # divided by gains
    given_BTHW: Tensor  # how much of each cell is, 0 to 1
    view_BTHWV: Tensor
    place_B: Tensor
    opens_B: Tensor


def main(
    config: Config,
    run: Path,
    data: Path,
    model: str | Path,
    *,
    minutes: float = math.inf,
    save_minutes: float = 3,
    check_every: int = 200,
) -> Path:
    """Trains in `run` on the clips that `skyloom train encode` left in `data`, for the tokenizer of the model of that name or
    folder; exports run/export.

    Stops early, with everything saved and exported, after `minutes`. ValueError where the config has no detail,
    FileNotFoundError where there are no clips.
    """
    c = config.detail
    if not c.depth:
        raise ValueError("detail.depth is 0: in this preset the large model draws everything. Set it, or take another preset.")
    checkpoint.claim(run, to_json(config), ("detail", "vae", "fps"))
    torch.manual_seed(c.seed)
    detail = Detail(c, config.vae.channels)
    detail.gain_C.copy_(load_bundle(model).vae.gain_C)
    batches, held_out = (Batches(config, data, split) for split in ("train", "val"))
    optimiser, ema, step = Optimisers(detail, c.lr, c.weight_decay, muon=True), PowerEMA(detail, 6.94), 0
    if state := checkpoint.load_latest(run):
        detail.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.average, step = state["ema"], state["step"]
    log = Log(run, step)
    watched = [held_out[i] for i in range(WATCHED)]
    began = saved = time.time()
    for batch in drawn(batches, step, c.steps):
        loss = detail_loss(detail, batch, config, step)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(detail.parameters(), 1.0)
        optimiser.step(schedule(step, c.steps, c.warmup, c.decay))
        step += 1
        ema.update(detail, step)
        now = time.time()
        last = step == c.steps or now - began > minutes * 60
        if step % 20 == 0:
            log.row(step, loss=float(loss.detach()), norm=float(norm))
        if step % check_every == 0 or last:
            log.row(step, val=validate(averaged(detail, ema, config), watched, config))
        if last or now - saved > save_minutes * 60:
            checkpoint.save(run, step, {"model": detail.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema.average})
            learned = averaged(detail, ema, config)
            if last:
                learned.loud_C.copy_(loudness(learned, held_out))
            checkpoint.save_weights(run / "export" / DETAIL, learned.state_dict(), torch.bfloat16)
            saved = now
        if last:
            break
    return run / "export"


def detail_loss(detail: Detail, batch: Batch, config: Config, step: int) -> Tensor:
    """The flow loss of a batch at the noise levels of its step; of two channels that count which shows more counts more."""
    rng = dist.step_rng(config.detail.seed, step)
    coarse, fine = batch.z_BCTHW.tensor_split([detail.coarse], 1)
    unsure = UNSURE * torch.rand((len(coarse), 1, 1, 1, 1), generator=rng)
    coarse = coarse + unsure * torch.randn(coarse.shape, generator=rng)
    levels = draw_levels((len(fine), 1, 1, 1), config.detail.shift, UNIFORM, rng)
    levels = levels * (1 - batch.given_BTHW)
    noise = torch.randn(fine.shape, generator=rng)
    with autocast(fine.device):
        v = detail(noised(fine, noise, levels), levels, coarse, batch.view_BTHWV, batch.place_B, batch.opens_B)
    counts = detail.gain_C[detail.coarse :] / detail.gain_C[detail.coarse :].mean()
    error = ((v - (noise - fine)).square() * counts.view(1, -1, 1, 1, 1)).mean(1)
    weight = (levels > 0).float()
    return (error * weight).sum() / weight.sum().clamp(min=1)


@torch.no_grad()
def validate(detail: Detail, watched: list[Batch], config: Config) -> float:
    return sum(float(detail_loss(detail, batch, config, i)) for i, batch in enumerate(watched)) / len(watched)


def averaged(detail: Detail, ema: PowerEMA, config: Config) -> Detail:
    """A copy with the averaged weights."""
    with torch.device("meta"):
        copy = Detail(config.detail, config.vae.channels)
    copy.load_state_dict(ema.average, assign=True)
    return copy.eval()


class Batches(Dataset[Batch]):
    """The batch of a step, whatever came before: nothing to resume."""

    def __init__(self, config: Config, data: Path, split: str):
        self.config, self.split = config, split
        shelves = [Shelf(data, bucket, split) for bucket in config.model.buckets if not bucket.window]
        self.shelves = [shelf for shelf in shelves if len(shelf)]
        self.dry = [_dry(shelf) for shelf in self.shelves]
        if not any(self.dry):
            raise FileNotFoundError(f"no encoded clips in {data}. Run `skyloom train encode`.")

    def __getitem__(self, step: int) -> Batch:
        c = self.config.detail
        rng = np.random.default_rng((c.seed, 71, step, int(self.split == "train")))
        clips = np.array(
            [len(dry) * (1 + shelf.bucket.frames // 17) for shelf, dry in zip(self.shelves, self.dry, strict=True)]
        )
        still = np.array([shelf.bucket.frames == 1 for shelf in self.shelves])
        shares = np.where(still, STILLS, 1 - STILLS) * clips / np.where(still, clips[still].sum(), clips[~still].sum()).clip(1)
        number = int(rng.choice(len(shares), p=shares / shares.sum()))
        parts = [self._piece(number, rng) for _ in range(c.batch)]
        z, given, view, place, opens = zip(*parts, strict=True)
        return Batch(torch.cat(z), torch.cat(given), torch.cat(view), torch.tensor(place), torch.tensor(opens))

    def _piece(self, number: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, int, bool]:
        c, shelf = self.config.detail, self.shelves[number]
        z, cover, _, record = shelf.take(int(rng.choice(self.dry[number])))
        scene, bucket = Scene.from_json(record), shelf.bucket
        frames = min(c.frames, z.shape[1])
        begin = int(rng.integers(0, z.shape[1] - frames + 1))
        sides = [min(c.crop, side) for side in z.shape[2:]]
        top, left = (int(rng.integers(0, side - crop + 1)) for side, crop in zip(z.shape[2:], sides, strict=True))
        cut = np.s_[begin : begin + frames, top : top + sides[0], left : left + sides[1]]
        known = 1.0 if rng.random() < SPARED else 1 - detailed.TOUCHED
        given = torch.from_numpy(np.where(cover[cut] > 0, known, 0.0)).float()[None]
        if frames > 1 and rng.random() < CONTINUED:
            given[:, : int(rng.integers(1, max(2, frames - 1)))] = 1
        camera = cameras(scene, bucket.height, bucket.width, middles(bucket.frames) / self.config.fps)[
            None, begin : begin + frames
        ]
        told = rng.random() > UNKNOWN
        size = (1, frames, *z.shape[2:])
        view = view_of(torch.from_numpy(camera) if told else None, size)[:, :, cut[1], cut[2]]
        place = detailed.number_of(scene.place) if rng.random() > UNKNOWN else 0
        return decode_int8(np.array(z[:, *cut])[None], torch.ones(len(z))), given, view, place, begin == 0


def _dry(shelf: Shelf) -> list[int]:
    records = (record for *_, part in shelf.parts for record in part)
    return [i for i, record in enumerate(records) if Scene.from_json(record).weather not in WET]


def loudness(detail: Detail, held_out: Batches, batches: int = 6) -> Tensor:
    """How many times as strong as what is drawn the channels of real clips are, C; 1 for those that are not drawn."""
    true, made = torch.zeros_like(detail.gain_C), torch.zeros_like(detail.gain_C)
    for i in range(batches):
        batch = held_out[WATCHED + i]
        noise = torch.randn(batch.z_BCTHW[:, detail.coarse :].shape, generator=torch.Generator().manual_seed(i))
        known = batch.given_BTHW, batch.view_BTHWV, batch.place_B, batch.opens_B
        with torch.inference_mode(), autocast(noise.device):
            z_BCTHW = detailed.drawn(detail, batch.z_BCTHW, noise, *known)
        for film, energy in ((batch.z_BCTHW, true), (z_BCTHW, made)):
            energy += (film.square() * (batch.given_BTHW[:, None] == 0)).sum((0, 2, 3, 4))
    return (true / made.clamp(min=1e-6)).sqrt().clamp(1, LOUDEST)
