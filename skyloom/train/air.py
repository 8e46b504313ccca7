"""Keep the air: particles of the world, each seen alone from frame to frame. Nothing is learned by gradients.

A particle is drawn over black and over white: how opaque it is in each pixel, and in which colour, follows from both; where
its middle is says how it goes. Dimension key as in models/air.
"""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import torch

from ..base.checkpoint import save_weights
from ..config import AirConfig, Config
from ..models.air import KINDS, SHAPES, STANDING, TURNING, UNIT, Air, Swarm, number
from ..models.bundle import AIR
from ..worlds.weather import COUNTS, LEAF_COLOURS, draw_air, make_air
from ..worlds.weather import Air as Particles

# Short sides: wide enough for four seconds from the start.
CANVAS = {"rain": (1.0, 3.2), "snow": (0.5, 1.8), "leaves": (2.0, 1.2), "bubbles": (0.5, 1.4), "stars": (0.5, 0.5)}
START = {"rain": (0.7, 0.2), "snow": (0.25, 0.2), "leaves": (0.2, 0.3), "bubbles": (0.25, 1.2), "stars": (0.25, 0.25)}
ASIDE = 0.1  # of the world's box, beyond the picture
COLOURS = len(LEAF_COLOURS)
COARSE = 2  # times smaller are the pictures that only tell where a particle is
CLEAR = 0.02  # opacity of what is nothing
MEETS = 8  # frames at the end of a round in which a way comes back to where it began


def main(config: Config, run: Path) -> Path:
    """Writes run/export/air.safetensors. ValueError where the config has no air."""
    if not config.air.particles:
        raise ValueError("air.particles is 0: in this preset's films nothing falls. Set it, or take another preset.")
    export = run / "export"
    save_weights(export / AIR, remembered(config.air, config.fps).state_dict(), torch.bfloat16)
    return export


def remembered(config: AirConfig, fps: int) -> Air:
    """The world's particles of every kind, by day and at night."""
    air = Air(config)
    for kind in KINDS:
        for dark in (False, True):
            air.keep(number(kind, dark), seen(kind, dark, config, fps))
    return air


def seen(kind: str, dark: bool, config: AirConfig, fps: int) -> Swarm:
    """Particles of a kind, one after the other."""
    some = make_air(kind, config.seed, UNIT, UNIT)
    assert some is not None
    near = np.linspace(some.near.min(), some.near.max(), config.particles)  # evenly from the farthest to the nearest
    phase = np.random.default_rng((config.seed, KINDS.index(kind))).uniform(0, 1, config.particles)
    parts = []
    box = np.array(CANVAS[kind]) + 2 * ASIDE
    place = ((np.array(START[kind]) + ASIDE) / box)[:, None]
    for i in range(config.particles):
        same = np.repeat(i, 1 + i % COLOURS)  # of leaves each has the next colour: the last one lies on top
        one = dataclasses.replace(
            some, x=place[0].repeat(len(same)), y=place[1].repeat(len(same)), near=near[same], phase=phase[same],
            width=box[0], height=box[1],
        )  # fmt: skip
        parts.append(alone(one, dark, config.frames, fps))
    alpha, ink, step, sway = (torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))
    return Swarm(alpha, ink, step.float(), sway.float(), COUNTS[kind])


def alone(one: Particles, dark: bool, frames: int, fps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A particle's pictures L S T, colour, mean step and the rest of its way F 2."""
    rows, columns = SHAPES[one.kind]
    pictures, middles, ink = [], [], np.zeros(3)
    for frame in range(frames):
        pictured = frame == 0 or one.kind in TURNING
        opaque, black = _opaque(one, frame / fps, dark, UNIT if pictured else UNIT // COARSE)
        y, x = np.nonzero(opaque > CLEAR)
        if not len(y) or y.max() > len(opaque) - 2 or y.min() < 1:
            break  # it leaves the picture
        weight = opaque[y, x]
        middle = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
        middles.append((middle + 0.5) / (UNIT if pictured else UNIT // COARSE))
        if frame == 0:
            sure = opaque > 0.97 * opaque.max()
            ink = (black[sure] / opaque[sure][:, None]).mean(0)
        if pictured:
            to = np.array([[1, 0, (columns - 1) / 2 - middle[0]], [0, 1, (rows - 1) / 2 - middle[1]]])
            pictures.append(cv2.warpAffine(opaque, to, (columns, rows), flags=cv2.INTER_LINEAR))
    way = np.stack(middles)
    time = np.arange(len(way))
    step = np.polyfit(time, way, 1)[0] if len(way) > 1 else np.zeros(2)
    sway = way - step * time[:, None]
    sway = np.concatenate([sway, np.repeat(sway[-1:], frames - len(sway), 0)]) - sway.mean(0)
    share = np.linspace(0, 1, MEETS)[:, None]
    sway[-MEETS:] = (1 - share) * sway[-MEETS:] + share * sway[:1]
    if one.kind in STANDING:
        share = share[..., None]
        pictures[-MEETS:] = list((1 - share) * np.stack(pictures[-MEETS:]) + share * pictures[0])
    return (255 * np.stack(pictures)).round().astype(np.uint8), ink.clip(0, 255).round().astype(np.uint8), step, sway


def _opaque(one: Particles, seconds: float, dark: bool, unit: int) -> tuple[np.ndarray, np.ndarray]:
    """How opaque the particle is in each pixel, H W, and what is seen of it over black, H W 3."""
    across, down = (round(side * unit) for side in CANVAS[one.kind])
    black, white = (np.full((down, across, 3), ground, np.uint8) for ground in (0, 255))
    for picture in (black, white):
        draw_air(dataclasses.replace(one, unit=float(unit)), picture, seconds, 0.0, dark)
    return 1 - (white.max(2).astype(np.float32) - black.max(2)) / 255, black
