"""A model's memory of looks: the world's sprites as the tokenizer sees them. Read by the transformer, never trained.

Dimension key: Q looks, C latent channels, H W LOOK cells a side.
"""

import numpy as np
import torch
from torch import Tensor

from ..models.bundle import autocast
from ..models.dit import LOOK
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


def pictures(nouns: list[Noun], vae: VAE) -> Tensor:
    """Q C+1 H W: the first picture of each sprite as latents, and how much of each cell it covers, 0..1."""
    return torch.cat([_picture(noun, vae) for noun in nouns])


@torch.no_grad()
def _picture(noun: Noun, vae: VAE) -> Tensor:
    sprite = torch.from_numpy(np.array(sprite_frames(noun)[0], np.float32)).permute(2, 0, 1)[None]
    sprite = torch.nn.functional.interpolate(sprite, size=(LOOK * vae.config.stride,) * 2, mode="area")
    cover = sprite[:, 3:] / 255
    shown = (sprite[:, :3] + GREY * (1 - cover)).round().clamp(0, 255).byte()
    with autocast(torch.device("cpu")):
        z = vae.encode(to_video(shown.permute(0, 2, 3, 1).numpy())).float()
    return torch.cat([z[:, :, 0], torch.nn.functional.avg_pool2d(cover, vae.config.stride)], 1)
