"""What falls, drifts and twinkles: particles whose places are pure functions of time.

Units as in brush.py: lengths in short sides; speeds in short sides per second; near particles are larger and faster.
"""

from dataclasses import dataclass

import cv2
import numpy as np

RAIN_SPEED, SNOW_SPEED, BUBBLE_SPEED = 2.1, 0.3, 0.2  # downwards; bubbles rise
WIND = 0.38  # of the leaves, to the right
COUNTS = {"rain": 70, "snow": 46, "leaves": 18, "stars": 42, "bubbles": 16}  # in a square frame
LEAF_COLOURS = ((226, 120, 44), (200, 74, 48), (240, 178, 66), (150, 108, 52))
METEOR_PERIOD, METEOR_LIFE = 1.7, 0.7

STAR = (255, 252, 226), 0.95  # colour and opacity
INKS = {  # colour and opacity by day and at night
    "rain": (((196, 210, 232), 0.55), ((150, 168, 204), 0.55)),
    "snow": (((255, 255, 255), 0.85), ((200, 208, 230), 0.85)),
    "bubbles": (((210, 244, 250), 0.8), ((210, 244, 250), 0.5)),
}


@dataclass(frozen=True)
class Air:
    """The particles of one clip, in a box a little larger than the frame; `near` is 0.5 (far) to 1."""

    kind: str
    x: np.ndarray
    y: np.ndarray
    near: np.ndarray
    phase: np.ndarray
    width: float  # of the frame in units
    height: float
    unit: float
    seed: int


def make_air(kind: str, seed: int, height: int, width: int) -> Air | None:
    """Particles for a weather ("clear": None) or for "bubbles"; they lie the same way at every resolution."""
    if kind not in COUNTS:
        return None
    unit = float(min(height, width))
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    across, down = width / unit, height / unit
    number = int(COUNTS[kind] * across * down)
    x, y, near, phase = rng.uniform(0, 1, (4, number))
    return Air(kind, x, y, 0.5 + 0.5 * near, phase, across + 0.2, down + 0.2, unit, seed)


def _places(air: Air, time: float, speed_x: np.ndarray | float, speed_y: np.ndarray | float, push: float) -> np.ndarray:
    """Wrapped positions (N, 2) in units from the frame's upper left corner; `push` is the camera's way to the right."""
    x = (air.x * air.width + speed_x * time - push * air.near) % air.width - 0.1
    y = (air.y * air.height + speed_y * time) % air.height - 0.1
    return np.stack([x, y], 1)


def _fixed(points: np.ndarray, unit: float) -> np.ndarray:
    return np.rint((points * unit - 0.5) * 16).astype(np.int32)


def _discs(centres: np.ndarray, radii: np.ndarray, corners: int = 8) -> np.ndarray:
    angle = np.arange(corners) * 2 * np.pi / corners
    return centres[:, None] + radii[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def _fill_discs(mask: np.ndarray, centres: np.ndarray, radii: np.ndarray, unit: float) -> None:
    """Neighbours go to different calls, as one call leaves holes where shapes overlap."""
    shapes = _fixed(_discs(centres, radii), unit)[np.argsort(centres[:, 0])]
    for k in range(3):
        cv2.fillPoly(mask, list(shapes[k::3]), 255, cv2.LINE_AA, 4)


def _blend(picture: np.ndarray, mask: np.ndarray, rgb: tuple[float, ...], opacity: float) -> None:
    """Lay one colour over the picture where the mask is set, in place."""
    rest = cv2.cvtColor(cv2.convertScaleAbs(mask, alpha=-opacity, beta=255), cv2.COLOR_GRAY2RGB)
    paint = cv2.merge([cv2.convertScaleAbs(mask, alpha=opacity * v / 255) for v in rgb])
    picture[:] = cv2.add(cv2.multiply(picture, rest, scale=1 / 255), paint)


def draw_air(air: Air, picture: np.ndarray, time: float, push: float, dark: bool) -> None:
    """Lay rain, snow, leaves or bubbles over the finished picture (H, W, 3), in place; or stars alone, all over it."""
    if air.kind == "leaves":
        _draw_leaves(air, picture, time, push, 0.55 if dark else 1.0)
        return
    mask = np.zeros(picture.shape[:2], np.uint8)
    if air.kind == "rain":
        fall = RAIN_SPEED * air.near
        head = _places(air, time, -0.12 * fall, fall, push)
        tail = head - np.stack([-0.12 * 0.085 * air.near, 0.085 * air.near], 1)
        half = np.array([0.0026, 0.0])
        cv2.fillPoly(
            mask,
            list(_fixed(np.stack([head - half, head + half, tail + half * 0.4, tail - half * 0.4], 1), air.unit)),
            255,
            cv2.LINE_AA,
            4,
        )
        _blend(picture, mask, *INKS["rain"][dark])
    elif air.kind == "snow":
        at = _places(air, time, 0.0, SNOW_SPEED * air.near, push)
        at[:, 0] += 0.02 * np.sin(2 * np.pi * (0.4 * time + air.phase))
        _fill_discs(mask, at, 0.006 + 0.015 * (air.near - 0.5), air.unit)
        _blend(picture, mask, *INKS["snow"][dark])
    elif air.kind == "bubbles":
        at = _places(air, time, 0.0, -BUBBLE_SPEED * air.near, push)
        at[:, 0] += 0.012 * np.sin(2 * np.pi * (0.7 * time + air.phase))
        radii = 0.007 + 0.011 * air.phase**2
        cv2.fillPoly(mask, list(_fixed(_discs(at, radii, 12), air.unit)), 110, cv2.LINE_AA, 4)
        cv2.fillPoly(mask, list(_fixed(_discs(at - radii[:, None] * 0.3, radii * 0.35), air.unit)), 255, cv2.LINE_AA, 4)
        _blend(picture, mask, *INKS["bubbles"][dark])
    elif air.kind == "stars":
        _fill_stars(mask, air, _places(air, 0.0, 0.0, 0.0, 0.35 * push), time)
        _blend(picture, mask, *STAR)


def _draw_leaves(air: Air, picture: np.ndarray, time: float, push: float, light: float) -> None:
    at = _places(air, time, WIND * air.near, 0.14 * air.near, push)
    at[:, 1] += 0.03 * np.sin(2 * np.pi * (0.5 * time + air.phase))
    turn = 2 * np.pi * (0.5 * time * (1 + air.phase) + air.phase)
    angle = np.array([0.0, 0.9, 2.2, np.pi, 4.05, 5.4])
    outline = np.stack([np.cos(angle), 0.5 * np.sin(angle)], 1) * 0.024
    cos, sin = np.cos(turn), np.sin(turn)
    flip = 0.35 + 0.65 * np.abs(np.sin(turn * 0.7))  # seen from the side they are thin
    x = outline[:, 0] * cos[:, None] - outline[:, 1] * flip[:, None] * sin[:, None]
    y = outline[:, 0] * sin[:, None] + outline[:, 1] * flip[:, None] * cos[:, None]
    leaves = _fixed(at[:, None] + np.stack([x, y], 2) * air.near[:, None, None], air.unit)
    for k, rgb in enumerate(LEAF_COLOURS):
        cv2.fillPoly(picture, list(leaves[k :: len(LEAF_COLOURS)]), tuple(v * light for v in rgb), cv2.LINE_AA, 4)


def draw_stars(air: Air, sky: np.ndarray, time: float, push: float, low: float) -> None:
    """Twinkling and shooting stars above `low` (units from the frame's top), before anything stands in front of the sky."""
    at = _places(air, 0.0, 0.0, 0.0, 0.35 * push)
    at[:, 1] = at[:, 1] / air.height * low
    mask = np.zeros(sky.shape[:2], np.uint8)
    _fill_stars(mask, air, at, time)
    _draw_meteor(air, mask, time, low)
    _blend(sky, mask, *STAR)


def _fill_stars(mask: np.ndarray, air: Air, at: np.ndarray, time: float) -> None:
    """Four rays each, which grow and shrink."""
    bright = 0.35 + 0.65 * np.sin(2 * np.pi * (0.6 * time + air.phase)) ** 2
    ray = (0.005 + 0.009 * air.near) * bright
    slim = ray * 0.22
    angle = np.arange(8) * np.pi / 4
    reach = np.where(np.arange(8)[None] % 2 == 0, ray[:, None], slim[:, None])
    shapes = at[:, None] + np.stack([reach * np.cos(angle), reach * np.sin(angle)], 2)
    cv2.fillPoly(mask, list(_fixed(shapes, air.unit)), 255, cv2.LINE_AA, 4)


def _draw_meteor(air: Air, mask: np.ndarray, time: float, low: float) -> None:
    turn = int(np.floor(time / METEOR_PERIOD + air.phase[0]))
    age = (time / METEOR_PERIOD + air.phase[0] - turn) * METEOR_PERIOD
    if age > METEOR_LIFE:
        return
    start = np.random.default_rng([air.seed, turn & 0xFFFF]).uniform((0.1, 0.02), (0.75, 0.4)) * (air.width - 0.2, low)
    way = np.array([0.9, 0.34])
    head = start + way * age
    tail = start + way * max(age - 0.2, 0)
    side = np.array([-0.34, 0.9]) * 0.006
    cv2.fillPoly(
        mask,
        [_fixed(np.stack([tail, head - side, head + way * 0.012, head + side]), air.unit)],
        int(255 * (1 - age / METEOR_LIFE) ** 0.5),
        cv2.LINE_AA,
        4,
    )
