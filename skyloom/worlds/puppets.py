"""Puppets: sprites of actors and props at the right size, colour and light, and the ways to lay them on a picture.

Pictures are uint8 (H, W, 3), sprites premultiplied RGBA (side, side, 4) with their foot in the middle of the lower edge;
matrices are 2x3, sprite pixels to picture pixels.
"""

import difflib
import functools

import cv2
import numpy as np

from .art import SIDE, SPRITE_FPS, sprite_extent, sprite_frames
from .backdrop import Backdrop, apply_grade
from .nouns import Noun, load_nouns
from .scene import SIZES, Actor, Prop, Scene
from .scenery import PROP_VARIANTS, prop_lamp, prop_sprite

CROWD = (1.0, 0.86, 0.74, 0.66)  # several alike are drawn smaller so that they fit side by side
HUES = {
    "red": (1.0, 0.16, 0.14), "orange": (1.0, 0.52, 0.06), "yellow": (1.0, 0.86, 0.1), "green": (0.2, 0.82, 0.25),
    "blue": (0.14, 0.42, 1.0), "purple": (0.6, 0.22, 0.92), "pink": (1.0, 0.46, 0.72),
}  # fmt: skip
MIPS = (144, 108, 72, 54, 36, 27, 18, 9)
PROP_SIZES = (24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
PROP_WIDTHS = {  # half the width of what touches the ground, in units
    "tree": 0.2, "bush": 0.2, "rock": 0.15, "flower": 0.06, "cactus": 0.12, "fence": 0.3, "lamp post": 0.06, "seaweed": 0.09,
    "crate": 0.14, "cloud": 0.1,
}  # fmt: skip


def resolve(name: str) -> Noun:
    """The noun of a record; ValueError names the nearest one where it is unknown."""
    nouns = load_nouns()
    if name in nouns:
        return nouns[name]
    near = difflib.get_close_matches(name, nouns, 1, 0.5)
    raise ValueError(
        f"no noun {name!r}" + (f", did you mean {near[0]!r}" if near else f"; there are {len(nouns)} in nouns.tsv")
    )


def actor_side(actor: Actor, noun: Noun) -> float:
    """Length of the sprite's larger side at scale 1, in short sides; wide things get more so that they stay visible."""
    wide, tall = sprite_extent(noun)
    stretch = float(np.clip(np.sqrt(wide / max(tall, 1e-3)), 1, 1.3))
    return noun.size * SIZES[actor.size] * stretch * CROWD[min(max(actor.count, 1), 4) - 1]


class Cast:
    """An actor's sprite, recoloured and lit, at the sizes that the clip asks for."""

    def __init__(self, noun: Noun, actor: Actor, backdrop: Backdrop):
        self.frames, self.facing = sprite_frames(noun), noun.facing
        self.wide, self.tall = sprite_extent(noun)
        self.hue = HUES.get(actor.colour)
        self.lift = liveliness(self.frames[0]) if self.hue else (1.0, 1.0)
        self.grade = backdrop.actor_grade
        self.ready: dict[tuple[int, int], np.ndarray] = {}

    def frame(self, time: float, phase: float, side: float) -> np.ndarray:
        """The loop's frame at `time`, RGBA, at the smallest stored size not below `side` pixels."""
        at = moment(time, phase, len(self.frames))
        size = next((s for s in reversed(MIPS) if s >= side), SIDE)
        if (at, size) not in self.ready:
            sprite = np.ascontiguousarray(self.frames[at])
            if size != SIDE:
                sprite = _shrink(sprite, size)
            if self.hue is not None:
                sprite = recolour(sprite, self.hue, *self.lift)
            self.ready[at, size] = apply_grade(sprite, self.grade)
        return self.ready[at, size]


def moment(time: float, phase: float, frames: int) -> int:
    """Which of a loop's frames is shown at `time`, in seconds."""
    return int(time * SPRITE_FPS + phase * frames + 1e-6) % frames


def _shrink(sprite: np.ndarray, size: int) -> np.ndarray:
    """To `size` px: whole steps by averaging, the last 4:3 by interpolation (an average of fractions is five times slower)."""
    whole = next(s for s in (SIDE, SIDE // 2, SIDE // 4, SIDE // 8, SIDE // 16) if s * 3 <= size * 4)
    if whole < SIDE:
        sprite = cv2.resize(sprite, (whole, whole), interpolation=cv2.INTER_AREA)
    return sprite if whole == size else cv2.resize(sprite, (size, size), interpolation=cv2.INTER_LINEAR)


def recolour(sprite: np.ndarray, hue: tuple[float, float, float], vivid: float = 1.0, bright: float = 1.0) -> np.ndarray:
    """Give every coloured pixel one hue and keep its shading: grey part plus colourfulness times the new hue.

    `vivid` and `bright` raise colourfulness and value, for what is naturally greyish or dark.
    """
    red, green, blue, alpha = cv2.split(sprite)
    high, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    chroma = cv2.subtract(high, low)
    if bright > 1:  # the whites stay as they are
        high = cv2.min(cv2.add(high, cv2.convertScaleAbs(chroma, alpha=bright - 1)), alpha)
    chroma = cv2.min(cv2.convertScaleAbs(chroma, alpha=1.1 * vivid), high)
    grey = cv2.subtract(high, chroma)
    return cv2.merge([cv2.add(grey, cv2.convertScaleAbs(chroma, alpha=h)) for h in hue] + [alpha])


def liveliness(sprite: np.ndarray) -> tuple[float, float]:
    """How much more vivid and bright a sprite must become to show a hue well, 1..2 each."""
    solid = sprite[sprite[..., 3] > 200][:, :3].astype(np.float32)
    high, low = solid.max(1, initial=1), solid.min(1, initial=255)
    coloured = high - low > 20
    if coloured.sum() < 30:
        return 2.0, 1.5
    share = ((high - low) / high)[coloured].mean()
    return float(np.clip(0.66 / share, 1, 2)), float(np.clip(1 + (170 - high[coloured].mean()) / 100, 1, 1.8))


def sprite_matrix(
    stored: int, side: float, wide: float, tall: float, angle: float, pivot: float, x: float, y: float
) -> np.ndarray:
    """Sprite pixels to frame pixels: stretch about the feet, turn about the pivot (a fraction of its side above the feet)."""
    turn = np.radians(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    k = side / stored
    lift = pivot * side * tall
    linear = np.array([[cos * k * wide, -sin * k * tall], [sin * k * wide, cos * k * tall]])
    offset = np.array([x - sin * lift, y - lift + cos * lift]) - linear @ (stored / 2, stored)
    return np.column_stack([linear, offset])


def paste(
    picture: np.ndarray, coverage: np.ndarray | None, sprite: np.ndarray, matrix: np.ndarray,
    cut: float | None = None, cover: bool = True,
) -> None:  # fmt: skip
    """Draw a sprite where it lands and above the row `cut`; `coverage` (H, W) gains it if it is to `cover`, else is hidden."""
    side = len(sprite)
    corners = matrix @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
    left, top = (max(int(np.floor(v)), 0) for v in corners.min(1))
    right, bottom = (min(int(np.ceil(v)) + 1, n) for v, n in zip(corners.max(1), picture.shape[1::-1], strict=True))
    if cut is not None:
        bottom = min(bottom, round(cut))
    if left >= right or top >= bottom:
        return
    local = matrix - [[0, 0, left], [0, 0, top]]
    warped = cv2.warpAffine(sprite, local, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    over(picture[top:bottom, left:right], warped)
    if coverage is not None:
        alpha = np.ascontiguousarray(warped[..., 3])
        region = coverage[top:bottom, left:right]
        below = cv2.multiply(region, 255 - alpha, scale=1 / 255)
        region[:] = cv2.add(alpha, below) if cover else below


def foam(picture: np.ndarray, x: float, y: float, half: float, dark: bool) -> None:
    """A bright ring where something meets the water."""
    rgb = (120, 140, 190) if dark else (206, 234, 244)
    centre, axes = (int(x * 16), int(y * 16)), (max(int(half * 16), 16), max(int(half * 2.2), 10))
    cv2.ellipse(picture, centre, axes, 0, -20, 200, rgb, max(1, round(min(picture.shape[:2]) / 110)), cv2.LINE_AA, 4)


def over(picture: np.ndarray, layer: np.ndarray) -> None:
    """Premultiplied RGBA over RGB, in place."""
    rest = cv2.cvtColor(255 - layer[..., 3], cv2.COLOR_GRAY2RGB)
    picture[:] = cv2.add(cv2.multiply(picture, rest, scale=1 / 255), cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB))


@functools.cache
def soft_disc() -> np.ndarray:
    """Of a shadow, 0 to 1."""
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    return np.clip(1.25 * (1 - np.hypot(x, y)), 0, 1).astype(np.float32) ** 1.3


def darken(picture: np.ndarray, x: float, y: float, half_w: float, half_h: float, strength: float) -> None:
    """A soft elliptic shadow."""
    left, right = max(int(x - half_w), 0), min(int(np.ceil(x + half_w)) + 1, picture.shape[1])
    top, bottom = max(int(y - half_h), 0), min(int(np.ceil(y + half_h)) + 1, picture.shape[0])
    if left >= right or top >= bottom:
        return
    matrix = np.array([[half_w / 24, 0, x - half_w - left], [0, half_h / 24, y - half_h - top]])
    disc = cv2.warpAffine(soft_disc(), matrix, (right - left, bottom - top))
    region = picture[top:bottom, left:right]
    region[:] = cv2.multiply(region, cv2.merge([1 - strength * disc] * 3), dtype=cv2.CV_8U)


class Stand:
    """A prop's sprite, lit."""

    def __init__(self, prop: Prop, order: int, scene: Scene, backdrop: Backdrop):
        self.prop, self.grade, self.dark = prop, backdrop.prop_grade, scene.light in ("night", "sunset")
        self.width = PROP_WIDTHS[prop.kind]
        self.variant = (scene.seed // 4 + order * (0 if prop.kind == "fence" else 1)) % PROP_VARIANTS
        self.ready: dict[int, np.ndarray] = {}

    def sprite(self, side: float) -> np.ndarray:
        size = next((s for s in PROP_SIZES if s >= side), PROP_SIZES[-1])
        if size not in self.ready:
            pixels = apply_grade(prop_sprite(self.prop.kind, self.variant, size, self.dark), self.grade)
            if self.prop.kind == "lamp post" and self.dark:
                prop_lamp(pixels)
            self.ready[size] = pixels
        return self.ready[size]
