"""Draw a Scene: painted layers, actors as sprites, shadows, props, weather, and a camera that moves through it all.

Dimension key: T frames, H rows, W columns. The unit of length is the frame's short side; rows grow downwards.
"""

import difflib
import functools
from dataclasses import dataclass

import cv2
import numpy as np

from .art import SIDE, SPRITE_FPS, sprite_extent, sprite_frames
from .backdrop import Backdrop, Layer, apply_grade, paint
from .motion import AIRY_PLACES, Poses, poses
from .nouns import Noun, load_nouns
from .scene import SIZES, Actor, Scene

FAR, NEAR = 0.6, 1.1  # size and parallax at depth 0 and 1
BACK_PARALLAX = 0.35
FEET_FAR, FEET_NEAR = 0.12, 0.92  # where feet stand between the horizon (0) and the lower edge (1)
CROWD = (1.0, 0.86, 0.74, 0.66)  # several alike are drawn smaller so that they fit side by side
HUES = {
    "red": (1.0, 0.16, 0.14), "orange": (1.0, 0.52, 0.06), "yellow": (1.0, 0.86, 0.1), "green": (0.2, 0.82, 0.25),
    "blue": (0.14, 0.42, 1.0), "purple": (0.6, 0.22, 0.92), "pink": (1.0, 0.46, 0.72),
}  # fmt: skip
MIPS = (144, 108, 72, 54, 36, 27, 18, 9)

cv2.setNumThreads(1)


@dataclass(frozen=True)
class Camera:
    """Its place over time, (T,) each: sideways, down, zoom; `pivot` is the parallax that stays still in the picture."""

    x: np.ndarray
    y: np.ndarray
    zoom: np.ndarray
    pivot: np.ndarray


def resolve(name: str) -> Noun:
    """The noun of a record; ValueError names the nearest one where it is unknown."""
    nouns = load_nouns()
    if name in nouns:
        return nouns[name]
    near = difflib.get_close_matches(name, nouns, 1, 0.5)
    raise ValueError(f"no noun {name!r}" + (f", did you mean {near[0]!r}" if near else f"; there are {len(nouns)} in nouns.tsv"))


def actor_side(actor: Actor, noun: Noun) -> float:
    """Length of the sprite's larger side at scale 1, in short sides; wide things get more so that they stay visible."""
    wide, tall = sprite_extent(noun)
    stretch = float(np.clip(np.sqrt(wide / max(tall, 1e-3)), 1, 1.3))
    return noun.size * SIZES[actor.size] * stretch * CROWD[min(max(actor.count, 1), 4) - 1]


def depth_scale(depth: np.ndarray) -> np.ndarray:
    return FAR + (NEAR - FAR) * depth


def _smooth_noise(times: np.ndarray, seed: int, k: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 77, k])
    waves = zip(rng.uniform(0.5, 2.2, 4), rng.uniform(0, 2 * np.pi, 4), strict=True)
    return sum(np.sin(2 * np.pi * f * times + p) for f, p in waves) / 2.5


def camera_path(scene: Scene, times: np.ndarray, lead_x: np.ndarray, lead_depth: np.ndarray, half_width: float) -> Camera:
    """Where the camera is; `lead_x` and `lead_depth` (T,) belong to the first actor, whom it follows or circles."""
    u = times / scene.seconds - 0.5
    zero = np.zeros_like(times)
    x, y, zoom, pivot, move = zero, zero, zero + 1, zero, scene.camera
    if move in ("pan left", "pan right"):
        x = 0.7 * half_width * u * (1 if move == "pan right" else -1)
    elif move in ("tilt up", "tilt down"):
        y = 0.3 * u * (1 if move == "tilt down" else -1)
    elif move in ("zoom in", "zoom out"):
        zoom = 1.35 ** np.clip(0.5 + (u if move == "zoom in" else -u), 0, 1.2)
    elif move == "follow":
        x = lead_x / depth_scale(lead_depth)
    elif move == "orbit":
        x, pivot = 1.1 * u, depth_scale(lead_depth)
    elif move == "shake":
        x, y = 0.016 * _smooth_noise(times, scene.seed, 0), 0.014 * _smooth_noise(times, scene.seed, 1)
    return Camera(x, y, zoom, pivot)


def render(
    scene: Scene, height: int, width: int, frames: int, fps: float = 12, *, start: float = 0.0, masks: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Draw `frames` frames from `start` seconds on: uint8 (T, H, W, 3); with `masks` also the actors' coverage (T, H, W).

    Raises ValueError on sizes that are not positive and on nouns that do not exist.
    """
    for name, value in (("height", height), ("width", width), ("frames", frames), ("fps", fps)):
        if value <= 0:
            raise ValueError(f"{name} is {value}, wanted more than 0")
    shot = _Shot(scene, height, width, start + np.arange(frames) / fps)
    pictures = np.empty((frames, height, width, 3), np.uint8)
    coverage = np.zeros((frames, height, width), np.uint8) if masks else None
    for i in range(frames):
        shot.draw(i, pictures[i], None if coverage is None else coverage[i])
    return pictures if coverage is None else (pictures, coverage)


class _Shot:
    """Everything about one clip that does not change from frame to frame."""

    def __init__(self, scene: Scene, height: int, width: int, times: np.ndarray):
        self.scene, self.height, self.width, self.times = scene, height, width, times
        self.unit = float(min(height, width))
        self.half_width = width / self.unit / 2
        self.airy = scene.place in AIRY_PLACES
        nouns = [resolve(actor.noun) for actor in scene.actors]
        self.sides = [actor_side(a, n) for a, n in zip(scene.actors, nouns, strict=True)]
        on_screen = tuple(s * float(depth_scale(a.depth)) for s, a in zip(self.sides, scene.actors, strict=True))
        self.poses = poses(scene, times, on_screen, self.half_width)
        self.camera = self._camera(times, self.poses)
        margin_x, margin_y = self._margins(on_screen)
        self.backdrop = paint(scene.place, scene.light, scene.weather, scene.seed, height, width, margin_x, margin_y)
        self.actors = [_Cast(n, a, self.backdrop, self) for n, a in zip(nouns, scene.actors, strict=True)]
        moving = scene.camera != "still"
        self.static = None if moving else self._background(0)

    def _camera(self, times: np.ndarray, track: Poses) -> Camera:
        if not self.scene.actors:
            zero = np.zeros_like(times)
            return camera_path(self.scene, times, zero, zero + 0.6, self.half_width)
        return camera_path(self.scene, times, track.x[0], track.depth[0], self.half_width)

    def _margins(self, sides: tuple[float, ...]) -> tuple[float, float]:
        """How far any layer travels beyond the frame, over the whole scene so that a part of it looks like the whole."""
        times = np.union1d(np.linspace(0, self.scene.seconds, 12), self.times)
        path = self._camera(times, poses(self.scene, times, sides, self.half_width) if self.scene.actors else self.poses)
        shift = max(float(np.abs(path.x * (p - path.pivot)).max()) for p in (BACK_PARALLAX, FAR, NEAR + 0.1))
        return min(shift, 1.6), float(np.abs(path.y).max())

    def _matrix(self, layer: Layer, i: int, far: float, near: float, zoom_power: float = 1.0) -> np.ndarray:
        """Layer pixels to frame pixels; parallax grows from `far` at the horizon to `near` at depth 1: a shear of the ground."""
        camera, horizon = self.camera, self.backdrop.horizon
        floor = self.height - horizon
        slope = (near - far) / ((FEET_NEAR - FEET_FAR) * floor)
        at_horizon = far - slope * FEET_FAR * floor
        push = camera.x[i] * self.unit
        zoom = camera.zoom[i] ** zoom_power
        shift_x = layer.x0 + push * (at_horizon - slope * (layer.y0 + horizon) - camera.pivot[i])
        centre_x, centre_y = self.width / 2, 0.6 * self.height
        row = layer.y0 + camera.y[i] * self.unit * (0.7 if zoom_power < 1 else 1.0) + centre_y
        return np.array([[zoom, -zoom * push * slope, centre_x - zoom * shift_x], [0, zoom, centre_y - zoom * row]])

    def _background(self, i: int) -> np.ndarray:
        scenery = self.backdrop
        size = (self.width, self.height)
        back = self._matrix(scenery.back, i, BACK_PARALLAX, BACK_PARALLAX, 0.6)
        picture = cv2.warpAffine(scenery.back.pixels, back, size, borderMode=cv2.BORDER_REFLECT)
        for layer, near in ((scenery.mid, FAR), (scenery.ground, NEAR)):
            if layer is not None:
                warped = cv2.warpAffine(layer.pixels, self._matrix(layer, i, FAR, near), size, borderMode=cv2.BORDER_REFLECT)
                _over(picture, warped)
        return picture

    def draw(self, i: int, picture: np.ndarray, coverage: np.ndarray | None) -> None:
        picture[:] = self._background(i) if self.static is None else self.static
        track = self.poses
        order = np.argsort(track.depth[:, i], kind="stable")
        spots = {int(b): self._spot(int(b), i) for b in order}
        for b in order:
            self._shadow(picture, int(b), i, spots[int(b)])
        for b in order:
            self._body(picture, coverage, int(b), i, spots[int(b)])

    def _spot(self, b: int, i: int) -> tuple[float, float, float]:
        """Frame column and row under a body's feet on the ground, and the length in pixels of one unit there."""
        track, camera = self.poses, self.camera
        depth = track.depth[b, i]
        scale = float(depth_scale(depth))
        x = (track.x[b, i] - camera.x[i] * (scale - camera.pivot[i])) * self.unit
        side = self.sides[track.actor[b]] * scale
        if self.airy:
            row = self.height * (0.36 + 0.3 * depth) + 0.5 * side * self.unit
        else:
            row = self.backdrop.horizon + (self.height - self.backdrop.horizon) * (FEET_FAR + (FEET_NEAR - FEET_FAR) * depth)
        zoom, centre_y = camera.zoom[i], 0.6 * self.height
        return self.width / 2 + zoom * x, centre_y + zoom * (row - camera.y[i] * self.unit - centre_y), zoom * self.unit

    def _shadow(self, picture: np.ndarray, b: int, i: int, spot: tuple[float, float, float]) -> None:
        if self.airy or not self.backdrop.shadow:
            return
        track = self.poses
        cast = self.actors[track.actor[b]]
        lift = track.height[b, i] * spot[2]
        side = self.sides[track.actor[b]] * float(depth_scale(track.depth[b, i])) * spot[2]
        fade = 1 / (1 + 2.2 * lift / max(side, 1))
        half = side * cast.wide * 0.58 * abs(track.wide[b, i]) ** 0.5 * (0.55 + 0.45 * fade)
        _darken(picture, spot[0], spot[1] - 0.01 * spot[2], max(half, 2), max(half * 0.26, 1.2), self.backdrop.shadow * fade)

    def _body(self, picture: np.ndarray, coverage: np.ndarray | None, b: int, i: int, spot: tuple[float, float, float]) -> None:
        track = self.poses
        cast = self.actors[track.actor[b]]
        side = self.sides[track.actor[b]] * float(depth_scale(track.depth[b, i])) * spot[2]
        if side < 1:
            return
        flip = -1 if cast.facing and track.look[b, i] != cast.facing else 1
        column, row = spot[0], spot[1] - track.height[b, i] * spot[2]
        frame = cast.frame(self.times[i], track.phase[b], side)
        matrix = _sprite_matrix(
            len(frame), side, flip * track.wide[b, i], track.tall[b, i], track.angle[b, i], track.pivot[b, i] * cast.tall, column, row,
        )  # fmt: skip
        _paste(picture, coverage, frame, matrix)


class _Cast:
    """An actor's sprite, recoloured and lit, at the sizes that the clip asks for."""

    def __init__(self, noun: Noun, actor: Actor, backdrop: Backdrop, shot: _Shot):
        self.frames, self.facing = sprite_frames(noun), noun.facing
        self.wide, self.tall = sprite_extent(noun)
        self.hue = HUES.get(actor.colour)
        self.grade = backdrop.actor_grade
        self.ready: dict[tuple[int, int], np.ndarray] = {}

    def frame(self, time: float, phase: float, side: float) -> np.ndarray:
        """The loop's frame at `time`, RGBA, at the smallest stored size not below `side` pixels."""
        at = int(time * SPRITE_FPS + phase * len(self.frames) + 1e-6) % len(self.frames)
        size = next((s for s in reversed(MIPS) if s >= side), SIDE)
        if (at, size) not in self.ready:
            sprite = np.ascontiguousarray(self.frames[at])
            if size != SIDE:
                sprite = cv2.resize(sprite, (size, size), interpolation=cv2.INTER_AREA)
            if self.hue is not None:
                sprite = recolour(sprite, self.hue)
            self.ready[at, size] = apply_grade(sprite, self.grade)
        return self.ready[at, size]


def recolour(sprite: np.ndarray, hue: tuple[float, float, float]) -> np.ndarray:
    """Give every coloured pixel one hue and keep its shading: grey part plus colourfulness times the new hue."""
    red, green, blue, alpha = cv2.split(sprite)
    high, low = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    chroma = cv2.subtract(high, low)
    chroma = cv2.min(cv2.add(chroma, cv2.multiply(chroma, chroma, scale=0.15 / 255)), high)
    grey = cv2.subtract(high, chroma)
    return cv2.merge([cv2.add(grey, cv2.convertScaleAbs(chroma, alpha=h)) for h in hue] + [alpha])


def _sprite_matrix(stored: int, side: float, wide: float, tall: float, angle: float, pivot: float, x: float, y: float) -> np.ndarray:
    """Sprite pixels to frame pixels: stretch about the feet, turn about the pivot (a fraction of its side above the feet)."""
    turn = np.radians(angle)
    cos, sin = np.cos(turn), np.sin(turn)
    k = side / stored
    lift = pivot * side * tall
    # p = feet + (0,-lift) + R(S(q - foot) + (0, lift))
    linear = np.array([[cos * k * wide, -sin * k * tall], [sin * k * wide, cos * k * tall]])
    offset = np.array([x - sin * lift, y - lift + cos * lift]) - linear @ (stored / 2, stored)
    return np.column_stack([linear, offset])


def _paste(picture: np.ndarray, coverage: np.ndarray | None, sprite: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a premultiplied sprite through an affine map, only where it lands."""
    side = len(sprite)
    corners = matrix @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
    left, top = np.maximum(np.floor(corners.min(1)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(1)).astype(int) + 1, (picture.shape[1], picture.shape[0]))
    if left >= right or top >= bottom:
        return
    local = matrix.copy()
    local[:, 2] -= (left + 0.0, top + 0.0)
    warped = cv2.warpAffine(sprite, local, (int(right - left), int(bottom - top)), flags=cv2.INTER_LINEAR)
    _over(picture[top:bottom, left:right], warped)
    if coverage is not None:
        alpha = warped[..., 3]
        region = coverage[top:bottom, left:right]
        region[:] = cv2.add(alpha, cv2.multiply(region, 255 - alpha, scale=1 / 255))


def _over(picture: np.ndarray, layer: np.ndarray) -> None:
    """Premultiplied RGBA over RGB, in place."""
    rest = cv2.cvtColor(255 - layer[..., 3], cv2.COLOR_GRAY2RGB)
    picture[:] = cv2.add(cv2.multiply(picture, rest, scale=1 / 255), cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB))


@functools.cache
def _soft_disc() -> np.ndarray:
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    return np.clip(1.25 * (1 - np.hypot(x, y)), 0, 1).astype(np.float32) ** 1.3


def _darken(picture: np.ndarray, x: float, y: float, half_w: float, half_h: float, strength: float) -> None:
    """A soft elliptic shadow."""
    left, right = max(int(x - half_w), 0), min(int(np.ceil(x + half_w)) + 1, picture.shape[1])
    top, bottom = max(int(y - half_h), 0), min(int(np.ceil(y + half_h)) + 1, picture.shape[0])
    if left >= right or top >= bottom:
        return
    matrix = np.array([[half_w / 24, 0, x - half_w - left], [0, half_h / 24, y - half_h - top]])
    disc = cv2.warpAffine(_soft_disc(), matrix, (right - left, bottom - top))
    region = picture[top:bottom, left:right]
    region[:] = cv2.multiply(region, cv2.merge([1 - strength * disc] * 3), dtype=cv2.CV_8U)
