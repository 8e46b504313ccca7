"""Layouts of clips whose records are known: who lies where, and in which picture of the loop that their sprite is.

Some clips are shown the very picture that they show, though without its light: what such a layout says can be copied, and
light, shadow and what stands before a body are learned. The others are shown the one picture that the model will remember,
the first of the loop, as a film's layout will: so poses are learned too. Which of the two it is, the layout says (POSED).

Dimension key as in models/layout; F beats (two of each latent frame), S side of a picture.
"""

import functools

import cv2
import numpy as np
import torch
from torch import Tensor

from ..data.loader import Batch
from ..models.bundle import Bundle
from ..models.layout import in_dots, in_latents, layout_of
from ..models.overlay import BEATS
from ..models.places import SIDE
from ..models.vae import FOLD
from ..worlds.art import sprite_frames
from ..worlds.puppets import HUES, liveliness, moment, recolour, resolve
from ..worlds.scene import Scene
from ..worlds.storybook import phases
from .looks import known_nouns


def laid_of(
    scene: Scene, stances_TR8: Tensor, start: float, fps: float, size: tuple[int, int], looks: int, *, posed: bool = True
) -> Tensor:
    """laid_4Fhw of models/layout.in_dots, of a clip that begins at `start`, `posed` or in remembered pictures. Who has none of
    so many looks is left out."""
    known, stances = {noun.key for noun in known_nouns(looks)}, stances_TR8.clone()
    frames, bodies = len(stances), stances.shape[1]
    times = start + shown_in(frames) / fps
    pictures = torch.zeros(bodies, BEATS * frames, 4, SIDE, SIDE)
    offsets = phases(scene, 64, 64)
    for r, number in enumerate(stances[..., 7].amax(0).long().tolist()):
        actor = scene.actors[number]
        if number < 0 or actor.noun not in known:
            stances[:, r, 7] = -1
        elif not posed:
            pictures[r] = torch.from_numpy(loop_of(actor.noun, actor.colour, 0.0, np.zeros((1, 1))))
        else:
            pictures[r] = torch.from_numpy(loop_of(actor.noun, actor.colour, float(offsets[r]), times))
    return in_dots(stances[None], pictures[None], size)[0]


def shown_in(frames: int) -> np.ndarray:
    """The frames of a clip of so many latent frames that each beat shows: F FOLD/BEATS. The first is one frame alone."""
    each = np.arange(frames * FOLD).reshape(-1, FOLD // BEATS) - (FOLD - 1)
    return each.clip(min=0)


def loop_of(noun: str, colour: str, phase: float, times_F2: np.ndarray) -> np.ndarray:
    """What a sprite shows in each beat, the mean of its frames: float32 F 4 S S, colours from -alpha to alpha."""
    count = len(sprite_frames(resolve(noun)))
    shown = [[_picture(noun, colour, moment(time, phase, count)) for time in beat] for beat in times_F2.tolist()]
    mean = np.stack([np.mean(beat, 0, dtype=np.float32) for beat in shown]) / 255
    mean[:, :3] = 2 * mean[:, :3] - mean[:, 3:]
    return mean


@functools.lru_cache(maxsize=4096)
def _picture(noun: str, colour: str, at: int) -> np.ndarray:
    """A frame of a sprite's loop as the world colours it: uint8 4 S S, premultiplied."""
    loop = sprite_frames(resolve(noun))
    sprite = np.ascontiguousarray(loop[at])
    if colour in HUES:
        sprite = recolour(sprite, HUES[colour], *liveliness(loop[0]))
    return cv2.resize(sprite, (SIDE, SIDE), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)


def layout_in(
    bundle: Bundle, batch: Batch, mine: slice, told_B: Tensor, seen_B: Tensor | None = None, posed_B: Tensor | None = None
) -> Tensor | None:
    """layout_BKTHW of a part of a batch for who is `told`; None where the model is shown none, or the clips have no record.

    Of layouts that were made before the batch knows which are posed; of others `posed_B` says which are to be, by default none.
    """
    if not bundle.config.dit.layout or not (batch.starts or batch.laid_BCTHW is not None):
        return None
    device, (rows, columns) = bundle.vae.gain_C.device, batch.z_BCTHW.shape[3:]
    if batch.laid_BCTHW is None:
        posed_B = torch.zeros(len(batch.scenes[mine])) if posed_B is None else posed_B
        known = zip(batch.scenes[mine], batch.stances_BTR8[mine], batch.starts[mine], posed_B.tolist(), strict=True)
        size, looks, fps = (rows, columns), len(bundle.vocabulary.names), bundle.config.fps
        dots = torch.stack(
            [laid_of(scene, at, start, fps, size, looks, posed=bool(posed)) for scene, at, start, posed in known]
        )
        laid = in_latents(bundle.overlay, dots.to(device))
    else:
        laid, posed_B = batch.laid_BCTHW[mine], None if batch.posed_B is None else batch.posed_B[mine]
    camera = batch.cameras_BT5
    posed_B = None if posed_B is None else posed_B.to(device)
    return layout_of(laid, None if camera is None else camera[mine].to(device), told_B, seen_B, posed_B)
