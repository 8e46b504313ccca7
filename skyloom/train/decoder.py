"""Let a tokenizer's decoder learn on from footage: crops of clips -> latents, which stay as they are -> crops. Rerun to resume.

The page reads top to bottom: draw the clips, set up, learn as tokenizer.py does.
"""

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..base import checkpoint, dist, files
from ..config import Config, TokenizerTrain, override, to_json
from ..data.catalog import Catalog
from ..data.mixture import Source
from ..data.pool import Pool, load_pool
from ..data.settings import DataConfig
from ..models.bundle import load_bundle
from ..models.shipped import find_model
from ..models.vae import VAE
from .tokenizer import learn, look, measure

SHOWN = 17  # frames of a clip, at most
CHECKED, SEEN = 24, 4  # held-out clips that are measured, and shown


def main(
    sources: Sequence[Source],
    init: str | Path,
    run: Path,
    settings: dict[str, str] | None = None,
    *,
    minutes: float = math.inf,
    check_every: int = 100,
    save_every: int = 100,
) -> Path:
    """Tunes the decoder of the model `init` in `run`; `settings` change its config. Returns run/export/vae.safetensors.

    The latents stay, so data sets need not be encoded again, and the transformer fits as before. Stops early after `minutes`.
    """
    dist.start()
    find_model(init)
    bundle = load_bundle(init)
    pools = [pool_of(source, run) for source in sources]
    config = settled(bundle.config, run.parent.name, settings or {}, pools)
    c = config.tokenizer
    checkpoint.claim(run, to_json(config), ("vae", "tokenizer", "fps"))
    files.write_atomic(run / "data.json", json.dumps({"base": str(init), "sets": [str(s.folder.name) for s in sources]}))
    torch.manual_seed(c.seed)
    base, model, state = bundle.vae, VAE(config.vae), checkpoint.load_latest(run)
    model.load_state_dict(base.state_dict())
    held = [clip for pool in pools for clip in pool.held_out]
    weights = [source.weight for source in sources]

    def draw(step: int) -> tuple[Tensor, Tensor]:
        video = crops(pools, weights, c, step)
        return video, torch.ones_like(video[:, :1])

    def check(tuned: VAE, sheet: Path) -> dict[str, float]:
        look([base, tuned], (held or pools[0].train)[:SEEN], sheet)  # under the truth: before, and now
        return measure(tuned, held[:CHECKED])

    learn(
        model,
        state,
        run,
        c,
        draw,
        check,
        minutes=minutes,
        check_every=check_every,
        save_every=save_every,
        log_every=20,
        before=None if state else measure(base, held[:CHECKED]),
    )
    dist.stop()
    return run / "export" / "vae.safetensors"


def pool_of(source: Source, run: Path) -> Pool:
    """The clips of a data set, decoded once into the run."""
    with Catalog(source.folder) as catalog:
        data = DataConfig()
        for path, value in (catalog.get("meta", "settings") or {}).items():
            data = override(data, path, value)
    return load_pool(source.folder, data, run / "pool", SHOWN, processes=os.cpu_count() or 1)


def settled(config: Config, name: str, settings: dict[str, str], pools: list[Pool]) -> Config:
    """The model's config with a short, gentle run, crops that fit every clip, and the caller's settings."""
    clips = [clip for pool in pools for clip in pool.train]
    crop = min(config.tokenizer.crop, *(side for clip in clips for side in clip.shape[1:3])) // 16 * 16
    frames = min(config.tokenizer.frames, max(len(clip) for clip in clips))
    tokenizer = dataclasses.replace(
        config.tokenizer, steps=300, lr=3e-4, warmup=20, decay=0.5, noise=0.03, crop=crop, frames=frames, actor_weight=0.0
    )
    config = dataclasses.replace(config, name=name, tokenizer=tokenizer)
    for path, value in settings.items():
        if not path.startswith("tokenizer."):
            raise ValueError(
                f"{path}: a tokenizer that learns on keeps its shape. Wanted tokenizer.…, such as tokenizer.steps=600."
            )
        config = override(config, path, value)
    return config


def crops(pools: list[Pool], weights: Sequence[float], c: TokenizerTrain, step: int) -> Tensor:
    """The global batch of a step: video_BCTHW, -1..1, from clips that are long enough."""
    rng = np.random.default_rng((c.seed, step))
    shares, parts = np.array(weights) / sum(weights), []
    long = [[clip for clip in pool.train if len(clip) >= c.frames] for pool in pools]
    shares = shares * [bool(clips) for clips in long]
    for _ in range(c.batch):
        clips = long[rng.choice(len(pools), p=shares / shares.sum())]
        clip = clips[rng.integers(len(clips))]
        t, y, x = (rng.integers(0, side - size + 1) for side, size in zip(clip.shape, (c.frames, c.crop, c.crop), strict=False))
        parts.append(clip[t : t + c.frames, y : y + c.crop, x : x + c.crop])
    return rearrange(torch.from_numpy(np.stack(parts)), "B T H W c -> B c T H W").float() / 127.5 - 1
