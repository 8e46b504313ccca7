"""A model's memory of looks: the world's sprites, as they are and as the tokenizer sees them. Read, never trained.

Dimension key: K looks, C latent channels, H W LOOK cells a side, S pixels a side; B batch, R bodies of a scene.
"""

import numpy as np
import torch
from torch import Tensor

from ..models.bundle import autocast
from ..models.dit import LOOK
from ..models.places import SIDE
from ..models.vae import VAE, to_video
from ..models.vocabulary import Vocabulary
from ..worlds.art import sprite_frames
from ..worlds.captions import LANGUAGES, noun_words
from ..worlds.nouns import Noun, core_nouns
from ..worlds.scene import Scene

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


def pictures(nouns: list[Noun]) -> Tensor:
    """K 4 S S: the first picture of each sprite, uint8 premultiplied red, green, blue, alpha."""
    sprites = torch.stack([torch.from_numpy(np.array(sprite_frames(noun)[0], np.float32)) for noun in nouns]).permute(
        0, 3, 1, 2
    )
    return torch.nn.functional.interpolate(sprites, size=(SIDE, SIDE), mode="area").round().byte()


def latents(nouns: list[Noun], vae: VAE) -> Tensor:
    """K C+1 H W: the first picture of each sprite as latents, and how much of each cell it covers, 0..1."""
    return torch.cat([_latents(noun, vae) for noun in nouns])


def looks_of_bodies(captions: list[str], scenes: list[Scene], stances_BTR8: Tensor, vocabulary: Vocabulary) -> Tensor:
    """looks_BR: which of the looks that its caption names a body has, -1 for none."""
    keys = {noun.key: i for i, noun in enumerate(known_nouns(len(vocabulary.names)))}
    actors_BR = stances_BTR8[..., 7].amax(1).long()  # a body has one actor; -1 in frames where it is too small to be seen
    found = torch.full(actors_BR.shape, -1)
    for b, (caption, scene) in enumerate(zip(captions, scenes, strict=True)):
        named = vocabulary.looks(caption)
        slots = [named.index(k) if (k := keys.get(actor.noun, -1)) in named else -1 for actor in scene.actors]
        for r, actor in enumerate(actors_BR[b].tolist()):
            found[b, r] = slots[actor] if actor >= 0 else -1
    return found


@torch.no_grad()
def _latents(noun: Noun, vae: VAE) -> Tensor:
    sprite = torch.from_numpy(np.array(sprite_frames(noun)[0], np.float32)).permute(2, 0, 1)[None]
    sprite = torch.nn.functional.interpolate(sprite, size=(LOOK * vae.config.stride,) * 2, mode="area")
    cover = sprite[:, 3:] / 255
    shown = (sprite[:, :3] + GREY * (1 - cover)).round().clamp(0, 255).byte()
    with autocast(torch.device("cpu")):
        z = vae.encode(to_video(shown.permute(0, 2, 3, 1).numpy())).float()
    return torch.cat([z[:, :, 0], torch.nn.functional.avg_pool2d(cover, vae.config.stride)], 1)
