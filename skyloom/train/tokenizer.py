"""Train the tokenizer: clips drawn by the storybook -> crops -> VAE -> crops. Rerun to resume.

The page reads top to bottom: draw a pool of clips, fit the transform into the latent space once, set up, loop {a step of the
decoder, log, once in a while look and save}, export. With `transform` the decoder learns on for latents that stay as they are.
"""

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..base import checkpoint, dist
from ..base.log import Log, save_sheet
from ..config import Config, TokenizerTrain, to_json
from ..models.bundle import autocast
from ..models.vae import VAE, fit, lapped_cells, to_frames, to_video
from .optim import Optimisers, PowerEMA, schedule

HELD_OUT = 24  # clips of the pool that are never trained on
SHOWN = 6  # of those, on a sheet
PART = 64  # clips a file of the pool
HAAR = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).float().view(4, 4, 1, 1) / 2


def main(
    config: Config,
    run: Path,
    *,
    transform: Path | None = None,
    minutes: float = math.inf,
    check_every: int = 500,
    save_every: int = 250,
) -> Path:
    """Trains in `run` until all steps are done (or `minutes` have passed); exports run/export/vae.safetensors.

    `transform` names the weights of a tokenizer to start from: its latents stay, its decoder learns on.
    """
    c = config.tokenizer
    rank, _ = dist.start()
    checkpoint.claim(run, to_json(config), ("vae", "tokenizer", "fps"))
    pool = load_pool(config, run / "pool")
    held = [clip[..., :3] for clip in pool[:HELD_OUT]]
    torch.manual_seed(c.seed)
    model, state = VAE(config.vae), checkpoint.load_latest(run)
    if state is None:
        if transform is not None:
            checkpoint.load_weights(model, transform)
        else:
            fit(model, *sample_cells(pool, c, config.vae.stride))
        if rank == 0:  # clips can be encoded from now on: the latents stay
            checkpoint.save_weights(run / "export" / "vae.safetensors", model.state_dict(), torch.bfloat16)

    def check(model: VAE, sheet: Path) -> dict[str, float]:
        look([model], held[:SHOWN], sheet)
        return measure(model, held)

    draw = lambda step: crops(pool, c, step)  # noqa: E731
    learn(model, state, run, c, draw, check, minutes=minutes, check_every=check_every, save_every=save_every)
    dist.stop()
    return run / "export" / "vae.safetensors"


def learn(
    model: VAE,
    state: dict[str, Any] | None,
    run: Path,
    c: TokenizerTrain,
    draw: Callable[[int], tuple[Tensor, Tensor]],
    check: Callable[[VAE, Path], dict[str, float]],
    *,
    minutes: float,
    check_every: int,
    save_every: int,
    log_every: int = 50,
    before: dict[str, float] | None = None,
) -> None:
    """Lets the decoder learn from the `state` of a checkpoint, or from step 0, to the end, or until `minutes` have passed.

    `draw` gives the batch of a step and its weights, as `crops` does; `check` measures the averaged model and draws it a sheet;
    `before` goes into the diary at step 0. Keeps RUN/checkpoints and RUN/export.
    """
    rank, step = dist.rank(), 0
    optimiser = Optimisers(model, c.lr, 0.0, muon=True)
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    ema = PowerEMA(model, gamma=16.97)
    if state:
        ema.average = state["ema"]
    log = Log(run, step, quiet=rank > 0)
    if step == 0 and before:
        log.row(0, **before)
    began = time.time()
    while step < c.steps:
        video, weight = draw(step)
        losses = loss_parts(model, video, weight, c, dist.step_rng(c.seed, step))
        torch.stack(list(losses.values())).sum().backward()
        dist.average_gradients(model)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(schedule(step, c.steps, c.warmup, c.decay))
        step += 1
        ema.update(model, step)
        if step % log_every == 0:
            log.row(step, norm=float(norm), **{k: float(dist.average(v.detach())) for k, v in losses.items()})
        last = step == c.steps or dist.any_rank(time.time() - began > minutes * 60)
        if step % check_every == 0 or last:
            log.row(step, **check(averaged(model, ema), run / "samples" / f"{step:06d}.png"))
        if rank == 0 and (step % save_every == 0 or last):
            checkpoint.save(run, step, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema.average})
            checkpoint.save_weights(run / "export" / "vae.safetensors", ema.average, torch.bfloat16)
        if last:
            break


def crops(pool: list[np.ndarray], c: TokenizerTrain, step: int) -> tuple[Tensor, Tensor]:
    """The global batch of `step`: video_BCTHW in -1..1 and the weight of each pixel, B 1 T H W."""
    rng = np.random.default_rng((c.seed, step))
    parts = []
    for _ in range(c.batch):
        clip = pool[rng.integers(HELD_OUT, len(pool))]
        y, x = rng.integers(0, clip.shape[1] - c.crop + 1, 2)
        parts.append(clip[:, y : y + c.crop, x : x + c.crop])
    both = rearrange(torch.from_numpy(np.stack(parts)), "B T H W c -> B c T H W").float()
    return both[:, :3] / 127.5 - 1, 1 + c.actor_weight * both[:, 3:] / 255


def loss_parts(model: VAE, video: Tensor, weight: Tensor, c: TokenizerTrain, rng: torch.Generator) -> dict[str, Tensor]:
    """All terms of the loss on this rank's share of a global batch, weighted, by name. Every rank draws the same numbers.

    Half of the latents are a little noisy, as those of the sampler are.
    """
    with torch.no_grad():
        z = model.encode(video)
    level = c.noise * torch.rand((len(z), 1, 1, 1, 1), generator=rng) * (torch.rand((len(z), 1, 1, 1, 1), generator=rng) < 0.5)
    z = z + level * torch.randn(z.shape, generator=rng)
    mine = dist.share(len(video))
    z, video, weight = z[mine], video[mine], weight[mine]
    with autocast(torch.device("cpu")):
        drawn = model.draw(z)
    weight = weight / weight.mean()
    return {
        "l1": (weight * (drawn - video).abs()).mean(),
        "square": c.square * (weight * (drawn - video).square()).mean(),
        "haar": c.haar * haar_distance(drawn, video, weight),
        "time": c.temporal * ((drawn - video).diff(dim=2).abs() * weight[:, :, 1:]).mean(),
    }


def haar_distance(a: Tensor, b: Tensor, weight: Tensor, levels: int = 3) -> Tensor:
    """Weighted L1 between the Haar details of two clips, level by level."""
    d = rearrange(a - b, "B c T H W -> (B T) c H W")
    w = rearrange(weight, "B c T H W -> (B T) c H W")
    total = d.new_zeros(())
    for _ in range(levels):
        w = F.avg_pool2d(w, 2)
        bands = F.conv2d(F.pixel_unshuffle(d, 2), HAAR.repeat(3, 1, 1, 1), groups=3)  # (B T) 12 h w: 4 bands a colour
        d, details = rearrange(bands, "N (c k) h w -> N c k h w", k=4).split([1, 3], 2)
        d = d.squeeze(2)
        total = total + (w[:, :, None] * details.abs()).mean() * 1.5
    return total / levels + (w * d.abs()).mean() / 8


def sample_cells(pool: list[np.ndarray], c: TokenizerTrain, stride: int, samples: int = 24000) -> tuple[Tensor, Tensor]:
    """Cells of random clips, for `fit`, and their weights: those with actors count for more."""
    rng = np.random.default_rng(c.seed)
    each, cells, weights = 64, [], []
    for _ in range(min(samples // each, 8 * len(pool))):
        clip = pool[rng.integers(HELD_OUT, len(pool))]
        lapped = rearrange(lapped_cells(to_video(clip[..., :3]), stride), "N d h w -> (N h w) d")
        frames = torch.from_numpy(np.array(clip[..., 3])).float()[None] / 255  # 1 T H W
        mask = F.avg_pool2d(torch.cat([frames[:, :1].expand(-1, 3, -1, -1), frames], 1), stride)
        covered = rearrange(mask, "1 (N t) h w -> (N h w) t", t=4).mean(1)
        picked = torch.from_numpy(rng.integers(0, len(lapped), each))
        cells.append(lapped[picked])
        weights.append(1 + c.actor_weight * covered[picked])
    return torch.cat(cells), torch.cat(weights)


@torch.no_grad()
def measure(vae: VAE, clips: Sequence[np.ndarray]) -> dict[str, float]:
    """Mean PSNR in dB of whole clips through the tokenizer, and through its linear map alone; nothing where there are none."""
    drawn, linear = [], []
    for clip in clips:
        video = to_video(clip)
        z = vae.encode(video)
        with autocast(video.device):
            drawn.append(psnr(vae.decode(z), video))
        linear.append(psnr(vae.picture(z)[:, :, 3:].clamp(-1, 1), video))
    return {"psnr": sum(drawn) / len(drawn), "linear": sum(linear) / len(linear)} if drawn else {}


@torch.no_grad()
def look(vaes: Sequence[VAE], clips: Sequence[np.ndarray], sheet: Path) -> None:
    """A sheet: of each clip the truth, and under it what each tokenizer makes of it."""
    rows: list[np.ndarray] = []
    for clip in clips:
        shown, video = [clip], to_video(clip)
        for vae in vaes:
            with autocast(video.device):
                shown.append(to_frames(vae.decode(vae.encode(video))))
        rows += [frames[::4] for frames in shown]
    save_sheet(sheet, rows)


def psnr(drawn: Tensor, video: Tensor) -> float:
    return -10 * math.log10(float(((drawn - video) / 2).square().mean()) + 1e-10)


def averaged(model: VAE, ema: PowerEMA) -> VAE:
    """Another model like it, with the averaged weights."""
    other = VAE(model.config)
    other.load_state_dict(ema.average)
    return other.eval()


def load_pool(config: Config, folder: Path) -> list[np.ndarray]:
    """Clips as uint8 T H W 4 (red, green, blue, actor mask), drawn in parallel on the first call; memory-mapped parts."""
    c = config.tokenizer
    starts = range(0, c.pool, PART)
    jobs = [(folder / f"{start:06d}.npy", start, min(PART, c.pool - start), c, config.fps) for start in starts]
    missing = [job for job in jobs if not job[0].exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        with multiprocessing.get_context("spawn").Pool(min(len(missing), os.cpu_count() or 1)) as workers:
            for done, _ in enumerate(workers.imap(draw_part, missing)):
                print(f"\rdrawing clips {done + 1}/{len(missing)}", end="", flush=True)
        print()
    return [clip for job in jobs for clip in np.load(job[0], mmap_mode="r")]


def draw_part(job: tuple[Path, int, int, TokenizerTrain, int]) -> None:
    """Draws one part of the pool. Worlds are imported here, in the workers alone."""
    from ..worlds.sample import sample_scene
    from ..worlds.storybook import render

    path, start, count, c, fps = job
    clips = np.empty((count, c.frames, c.pool_size, c.pool_size, 4), np.uint8)
    for index in range(start, start + count):
        scene = sample_scene(c.seed + 7001, index, split="val" if index < HELD_OUT else "train")
        offset = (index * 0.37) % max(0.1, scene.seconds - c.frames / fps)
        frames, mask = render(scene, c.pool_size, c.pool_size, c.frames, fps, start=offset, masks=True)
        clips[index - start] = np.concatenate([frames, mask[..., None]], -1)
    beside = path.with_suffix(".part.npy")
    np.save(beside, clips)
    os.replace(beside, path)
