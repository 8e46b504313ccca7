"""Small models of single frames, for ablations: the same steps, frames and seeds, and one thing that differs.

Dimension key: B pictures, C latent channels, h w latent cells.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skyloom.config import Config
from skyloom.data.encode import decode_int8, encode_clip, pool_mask
from skyloom.diffusion import patterns
from skyloom.evals import find_probe
from skyloom.models.bundle import Bundle, autocast, load_bundle
from skyloom.models.dit import DiT
from skyloom.models.probe import Probe
from skyloom.models.vae import to_frames
from skyloom.models.vocabulary import Vocabulary
from skyloom.train import optim
from skyloom.train.model import bundle_loss, sampled

Picture = tuple[np.ndarray, np.ndarray]  # a frame (1, H, W, 3), and what its actors cover (1, H, W)
AT_ONCE = 24  # pictures that are drawn together
Say = Callable[[int, np.random.Generator], str]  # a caption of picture number i


def begun(model: str, probe: Path | None) -> tuple[Bundle, Probe]:
    """The model whose tokenizer and words are used, and the probe that judges."""
    judge = find_probe(model, probe)
    if judge is None:
        raise SystemExit(f"no probe beside {model!r}: train one, or give its folder with --probe.")
    return load_bundle(model), judge


def newborn(start: Bundle, config: Config, seed: int) -> Bundle:
    """A model with random weights, and the tokenizer, words and, where the config remembers some, pictures of `start`."""
    torch.manual_seed(seed)
    dit = DiT(config.dit, config.text, config.vae.channels, len(start.vocabulary))
    for name, buffer in dit.named_buffers():
        buffer.copy_(start.dit.get_buffer(name))
    return Bundle(
        config, start.vae, dit, Vocabulary(start.vocabulary.words, start.vocabulary.names if config.text.looks else [])
    )


def encoded(bundle: Bundle, pictures: Sequence[Picture]) -> tuple[Tensor, Tensor]:
    """Latents B C 1 h w, and how much of each cell is actor, B 1 h w, 0..1."""
    z = decode_int8(np.stack([encode_clip(bundle.vae, frame) for frame, _ in pictures]), bundle.vae.gain_C)
    cover = np.stack([pool_mask(mask, bundle.config.vae.stride) for _, mask in pictures])
    return z, torch.from_numpy(cover).float() / 255


def learn(bundle: Bundle, pictures: tuple[Tensor, Tensor], say: Say, *, steps: int, batch: int, lr: float, seed: int) -> Bundle:
    """The model after `steps` on `pictures` (of `encoded`), under what `say` says of them; its averaged weights."""
    (z, cover), c, dit = pictures, bundle.config.model, bundle.dit.train()
    optimiser = optim.Optimisers(dit, lr, c.weight_decay, muon=True)
    ema = optim.PowerEMA(dit, 6.94)
    rng, choose, speak = torch.Generator().manual_seed(seed), np.random.default_rng(seed), np.random.default_rng((seed, 1))
    for step in range(steps):
        at, silent = choose.integers(0, len(z), batch).tolist(), choose.random(batch) < c.drop_text
        captions = ["" if hush else say(i, speak) for i, hush in zip(at, silent, strict=True)]
        levels = patterns.draw_levels((batch, 1, 1, 1), c.shift, c.uniform, rng)
        noise = torch.randn(z[at].shape, generator=rng)
        loss = bundle_loss(bundle, z[at], noise, levels, 1 + c.actor_weight * cover[at], captions, learn=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dit.parameters(), c.clip_grad)
        optimiser.step(optim.schedule(step, steps, 10, 0.3))
        ema.update(dit, step + 1)
        if step % 20 == 0 or step + 1 == steps:
            print(f"step {step + 1}/{steps}, loss {float(loss.detach()):.3f}", flush=True)
    dit.load_state_dict(ema.average)
    return dataclasses.replace(bundle, dit=dit.eval())


@torch.no_grad()
def drawn(bundle: Bundle, prompts: Sequence[str], cells: tuple[int, int], steps: int, seed: int) -> list[np.ndarray]:
    """A picture (1, H, W, 3) of each prompt, as the weights alone make it."""
    pictures = []
    for i in range(0, len(prompts), AT_ONCE):
        z = sampled(bundle, list(prompts[i : i + AT_ONCE]), (1, *cells), steps=steps, seed=seed + i)
        with autocast(z.device):
            pictures += [to_frames(bundle.vae.decode(one[None])) for one in z]
    return pictures
