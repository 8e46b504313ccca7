"""Looks in the colours that prompts ask for: a blue fox is the fox that the model remembers, with another hue.

What the transformer learned of colours it says too softly for the pictures that lie over its films (models/overlay): they took
on a little blue. So the picture itself is recoloured, as the world recolours its sprites (worlds/puppets).
"""

import dataclasses
import functools
from collections.abc import Iterable

import numpy as np

from ..models.bundle import Bundle
from ..models.looks import with_looks
from ..worlds.expand import colours_of
from ..worlds.prompt import tongue_of
from ..worlds.puppets import HUES, liveliness, recolour

GREY = 20  # levels of colour, the channels' sum over the smallest, below which a sprite has none
SPECIES = (("fox", "red"),)  # names rather than colours, in English: a red fox is a fox


def as_told(bundle: Bundle, prompts: Iterable[str], kept: Iterable[str] = ()) -> Bundle:
    """The model whose looks have the colours that the prompts give them; the one that was given stays as it is.

    A look that is given two colours keeps its own, as do those of the names `kept`, and those of a model that lays no
    pictures over its films.
    """
    vocabulary, asked = bundle.vocabulary, dict[int, set[str]]()
    if not bundle.config.text.looks or bundle.config.laid_above >= 1:
        return bundle
    for prompt in prompts:
        for noun, colour in colours_of(prompt, tongue_of(prompt)).items():
            named = (noun, colour) in SPECIES and tongue_of(prompt) == "en"
            if not named and (look := vocabulary.look(noun)) is not None:
                asked.setdefault(look, set()).add(colour)
    own = {vocabulary.look(name) for name in kept}
    colours = {look: given.pop() for look, given in sorted(asked.items()) if len(given) == 1 and look not in own}
    return painted(bundle, colours) if colours else bundle


def painted(bundle: Bundle, colours: dict[int, str]) -> Bundle:
    """The model with some of its looks in another colour, a key of HUES. Who has it by nature keeps all their own."""
    pictures = bundle.dit.pictures.permute(0, 2, 3, 1).cpu().numpy()
    sprites = {}
    for look, colour in colours.items():
        sprite = np.ascontiguousarray(pictures[look])
        if natural(sprite) != colour:
            sprites[look] = recolour(sprite, HUES[colour], *liveliness(sprite))
    if not sprites:
        return bundle
    changed = with_looks(bundle, sprites, bundle.vocabulary)
    if (loops := bundle.loops) is None:
        return changed
    for look in sprites:
        loops = loops.altered([bundle.vocabulary.names[look][0]], functools.partial(_in, colours[look], own=pictures[look]))
    return dataclasses.replace(changed, loops=loops)


def _in(colour: str, picture: np.ndarray, *, own: np.ndarray) -> np.ndarray:
    """A picture in a colour, as lively as the one of `own`."""
    return recolour(np.ascontiguousarray(picture), HUES[colour], *liveliness(np.ascontiguousarray(own)))


def natural(sprite: np.ndarray) -> str:
    """Which of HUES a sprite, uint8 premultiplied RGBA (H, W, 4), has most of; "" for one without colour."""
    chroma = sprite[..., :3].reshape(-1, 3).astype(float)
    chroma = (chroma - chroma.min(1, keepdims=True)).sum(0)
    if chroma.sum() < GREY * (sprite[..., 3] > 127).sum():
        return ""
    alike = {
        name: float(chroma @ pure / np.linalg.norm(pure)) for name, hue in HUES.items() for pure in (np.array(hue) - min(hue),)
    }
    return max(alike, key=alike.__getitem__)
