"""Where a model's memory of looks begins: the world's sprites, seen through the tokenizer. Training goes on from there.

Dimension key: K looks, S sprite side in pixels, C latent channels, E text width; a look is LOOK tokens, a 4 x 4 grid.
"""

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..models.bundle import autocast
from ..models.text import LOOK
from ..models.vae import VAE, to_video
from ..worlds.art import sprite_frames
from ..worlds.captions import LANGUAGES, noun_words
from ..worlds.nouns import Noun, core_nouns

GREY = 128  # what a sprite stands before


def known_nouns(count: int) -> list[Noun]:
    """The nouns whose looks a model keeps: the first of the cast. ValueError where there are not so many."""
    nouns = core_nouns()
    if count > len(nouns):
        raise ValueError(f"text.looks={count}: the cast has {len(nouns)} nouns.")
    return nouns[:count]


def names_of(nouns: list[Noun]) -> list[list[str]]:
    """For each noun all that captions call it."""
    return [[name for language in LANGUAGES for name in noun_words(noun, language)] for noun in nouns]


@torch.no_grad()
def first_looks(nouns: list[Noun], vae: VAE, width: int) -> Tensor:
    """K LOOK E: the first picture of each sprite as latents and coverage, turned onto its principal axes, mean square 1.

    Axes are scaled by the root of their deviation: between the true picture, whose detail is too faint to learn from, and a
    whitened one, which is mostly detail.
    """
    rows = rearrange(torch.cat([_seen(noun, vae) for noun in nouns]), "k s f -> (k s) f")
    rows = rows - rows.mean(0)
    _, deviations, axes = torch.linalg.svd(rows, full_matrices=False)
    count = min(width, len(axes))
    looks = torch.zeros(len(rows), width)
    looks[:, :count] = rows @ axes[:count].T * deviations[:count].clamp(min=1e-3).rsqrt()
    return rearrange(looks / looks.square().mean().sqrt(), "(k s) e -> k s e", s=LOOK)


def _seen(noun: Noun, vae: VAE) -> Tensor:
    """1 LOOK F: what each of the 4 x 4 parts of the sprite's first picture holds."""
    side = round(LOOK**0.5)
    cells = side * 2  # latent cells a side: two a part, as the transformer's patches are
    sprite = torch.from_numpy(np.array(sprite_frames(noun)[0], np.float32))
    sprite = rearrange(sprite, "h w c -> 1 c h w")
    sprite = torch.nn.functional.interpolate(sprite, size=(cells * vae.config.stride,) * 2, mode="area")
    shown = sprite[:, :3] + GREY * (1 - sprite[:, 3:] / 255)
    with autocast(torch.device("cpu")):
        z = vae.encode(to_video(rearrange(shown, "1 c h w -> 1 h w c").round().clamp(0, 255).byte().numpy())).float()
    cover = torch.nn.functional.adaptive_avg_pool2d(sprite[:, 3:] / 255, side * 4)
    parts = rearrange(z[:, :, 0], "1 c (h p) (w q) -> 1 (h w) (c p q)", p=2, q=2)
    return torch.cat([parts, rearrange(cover, "1 1 (h p) (w q) -> 1 (h w) (p q)", p=4, q=4)], -1)
