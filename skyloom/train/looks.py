"""What a model remembers of the world: its nouns' sprites, by which names, and who in a scene has which look.

Dimension key: K looks, B batch, T latent frames, R bodies of a scene.
"""

import numpy as np
import torch
from torch import Tensor

from ..models.looks import remembered
from ..models.loops import Loops, encoded
from ..models.vae import VAE
from ..models.vocabulary import Vocabulary
from ..worlds.art import sprite_frames
from ..worlds.captions import LANGUAGES, noun_words
from ..worlds.nouns import Noun, core_nouns
from ..worlds.scene import Scene


def known_nouns(count: int) -> list[Noun]:
    """The nouns whose looks a model keeps: the first of the cast. ValueError where there are not so many."""
    nouns = core_nouns()
    if count > len(nouns):
        raise ValueError(f"text.looks={count}: the cast has {len(nouns)} nouns.")
    return nouns[:count]


def names_of(nouns: list[Noun]) -> list[list[str]]:
    """For each noun all that captions call it."""
    return [[name for language in LANGUAGES for name in noun_words(noun, language)] for noun in nouns]


def memory_of(nouns: list[Noun], vae: VAE) -> tuple[Tensor, Tensor]:
    """The first picture of each noun's sprite as `remembered` keeps it: looks and pictures."""
    return remembered(np.stack([sprite_frames(noun)[0] for noun in nouns]), vae)


def loops_of(nouns: list[Noun]) -> Loops:
    """How those nouns move that move in themselves; a minute of one core for all of the cast."""
    names = [called[0] for called in names_of(nouns)]
    moving = [(name, frames) for name, noun in zip(names, nouns, strict=True) if len(frames := sprite_frames(noun)) > 1]
    return Loops({name: encoded(frames) for name, frames in moving})


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
