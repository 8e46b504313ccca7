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
from .brush import FAR, FEET_FAR, FEET_NEAR, NEAR
from .motion import AIRY_PLACES, Poses, poses
from .nouns import Noun, load_nouns
from .scene import SIZES, Actor, Prop, Scene
from .scenery import PROP_BOX, PROP_SWAY, PROP_VARIANTS, prop_lamp, prop_sprite
from .weather import draw_air, draw_stars, make_air

BACK_PARALLAX, FRONT_PARALLAX = 0.35, 1.15
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
    """One clip: what does not change from frame to frame, and how a frame is put together."""

    def __init__(self, scene: Scene, height: int, width: int, times: np.ndarray):
        self.scene, self.height, self.width, self.times = scene, height, width, times
        self.unit = float(min(height, width))
        self.half_width = width / self.unit / 2
        self.airy = scene.place in AIRY_PLACES
        nouns = [resolve(actor.noun) for actor in scene.actors]
        self.sides = [actor_side(a, n) for a, n in zip(scene.actors, nouns, strict=True)]
        self.poses = self._track(times)
        self.camera = self._camera(times, self.poses)
        self.backdrop = paint(scene.place, scene.light, scene.weather, scene.seed, height, width, *self._margins())
        self.cast = [_Cast(n, a, self.backdrop) for n, a in zip(nouns, scene.actors, strict=True)]
        self.props = [_Stand(prop, k, scene, self.backdrop) for k, prop in enumerate(scene.props)]
        self.air = make_air("bubbles" if scene.place == "underwater" else scene.weather, scene.seed, height, width)
        self.starry = self.air is not None and self.air.kind == "stars"
        lively = self.starry or scene.place == "sea" or scene.camera != "still"
        self.static = None if lively else self._background(0)

    def _track(self, times: np.ndarray) -> Poses:
        on_screen = tuple(s * float(depth_scale(a.depth)) for s, a in zip(self.sides, self.scene.actors, strict=True))
        return poses(self.scene, times, on_screen, self.half_width)

    def _camera(self, times: np.ndarray, track: Poses) -> Camera:
        lead_x, lead_depth = np.zeros_like(times), np.full_like(times, 0.6)
        if len(track.actor):
            leads = [int(np.argmax(track.actor == k)) for k in self._leads()]
            lead_x, lead_depth = track.x[leads].mean(0), track.depth[leads].mean(0)
        return camera_path(self.scene, times, lead_x, lead_depth, self.half_width)

    def _leads(self) -> list[int]:
        """Whom the camera minds: the first actor, with whom it chases or meets."""
        first = self.scene.actors[0]
        both = {"chase", "meet"} & set(first.actions) and 0 < first.partner < len(self.scene.actors)
        return [0, first.partner] if both else [0]

    def _margins(self) -> tuple[float, float]:
        """How far any layer travels beyond the frame, over the whole scene so that a part of it looks like the whole."""
        times = np.union1d(np.linspace(0, self.scene.seconds, 12), self.times)
        path = self._camera(times, self._track(times))
        shift = max(float(np.abs(path.x * (p - path.pivot)).max()) for p in (BACK_PARALLAX, FAR, FRONT_PARALLAX + 0.05))
        return min(shift, 1.6), float(np.abs(path.y).max()) + (0.02 if self.scene.place == "sea" else 0)

    def _matrix(self, layer: Layer, i: int, far: float, near: float, zoom_power: float = 1.0) -> np.ndarray:
        """Layer pixels to frame pixels; parallax grows from `far` at depth 0 to `near` at depth 1: a shear of the ground."""
        camera, horizon = self.camera, self.backdrop.horizon
        floor = self.height - horizon
        slope = (near - far) / ((FEET_NEAR - FEET_FAR) * floor)
        at_horizon = far - slope * FEET_FAR * floor
        push = camera.x[i] * self.unit
        zoom = camera.zoom[i] ** zoom_power
        shift_x = layer.x0 + push * (at_horizon - slope * (layer.y0 + horizon) - camera.pivot[i])
        centre_y = 0.6 * self.height
        row = layer.y0 + camera.y[i] * self.unit * (0.7 if zoom_power < 1 else 1.0) + centre_y
        return np.array([[zoom, -zoom * push * slope, self.width / 2 - zoom * shift_x], [0, zoom, centre_y - zoom * row]])

    def _background(self, i: int) -> np.ndarray:
        scenery, time = self.backdrop, self.times[i]
        matrix = self._matrix(scenery.back, i, BACK_PARALLAX, BACK_PARALLAX, 0.6)
        picture = cv2.warpAffine(scenery.back.pixels, matrix, (self.width, self.height), borderMode=cv2.BORDER_REFLECT)
        if self.starry:
            low = self.backdrop.horizon if scenery.ground else self.height
            draw_stars(self.air, picture, time, self.camera.x[i], low / self.unit)
        if scenery.mid:
            edge = FAR - (NEAR - FAR) * FEET_FAR / (FEET_NEAR - FEET_FAR)  # parallax of the ground at the horizon
            self._lay(picture, scenery.mid, self._matrix(scenery.mid, i, edge, edge))
        if scenery.ground:
            matrix = self._matrix(scenery.ground, i, FAR, NEAR)
            if self.scene.place == "sea":
                matrix[0, 2] += 0.012 * self.unit * np.sin(1.3 * time)
                matrix[1, 2] += 0.003 * self.unit * np.sin(2.2 * time)
            self._lay(picture, scenery.ground, matrix)
        return picture

    def _lay(self, picture: np.ndarray, layer: Layer, matrix: np.ndarray) -> None:
        """Blend a layer into the rows where it has anything."""
        top = max(int(np.floor(matrix[1, 1] * layer.rows[0] + matrix[1, 2])), 0)
        bottom = min(int(np.ceil(matrix[1, 1] * layer.rows[1] + matrix[1, 2])) + 1, self.height)
        if layer.rows[1] == len(layer.pixels):
            bottom = self.height
        if top >= bottom:
            return
        local = matrix - [[0, 0, 0], [0, 0, top]]
        _over(picture[top:bottom], cv2.warpAffine(layer.pixels, local, (self.width, bottom - top), borderMode=cv2.BORDER_REFLECT))

    def draw(self, i: int, picture: np.ndarray, coverage: np.ndarray | None) -> None:
        """Far to near: scenery, shadows, actors and props by depth, the fringe in front, weather."""
        picture[:] = self._background(i) if self.static is None else self.static
        track, time = self.poses, self.times[i]
        spots = [self._spot(i, track.x[b, i], track.depth[b, i], self.sides[k]) for b, k in enumerate(track.actor)]
        things = [(track.depth[b, i], self._body, b) for b in range(len(spots))]
        things += [(stand.prop.depth, self._prop, k) for k, stand in enumerate(self.props)]
        for b, spot in enumerate(spots):
            self._shadow(picture, b, i, spot)
        for _, paint_one, k in sorted(things, key=lambda thing: thing[0]):
            paint_one(picture, coverage, k, i, spots)
        if self.backdrop.front:
            matrix = self._matrix(self.backdrop.front, i, FRONT_PARALLAX, FRONT_PARALLAX)
            sway = {"underwater": 0.06, "sea": 0.0}.get(self.scene.place, 0.02) * np.sin(1.7 * time)
            matrix[:, 2] += (sway * 0.15 * self.unit, 0.006 * self.unit * np.sin(2.2 * time + 1) if self.scene.place == "sea" else 0)
            self._lay(picture, self.backdrop.front, matrix)
        if self.air and not self.starry:
            draw_air(self.air, picture, time, self.camera.x[i], self.scene.light == "night")

    def _spot(self, i: int, x: float, depth: float, side: float) -> tuple[float, float, float]:
        """Frame column and row under a thing's feet, and the length in pixels of one unit of its size."""
        camera, scale = self.camera, FAR + (NEAR - FAR) * depth
        if self.airy:
            row = self.height * (0.36 + 0.3 * depth) + 0.5 * side * scale * self.unit
        else:
            row = self.backdrop.horizon + (self.height - self.backdrop.horizon) * (FEET_FAR + (FEET_NEAR - FEET_FAR) * depth)
        zoom, centre_y = camera.zoom[i], 0.6 * self.height
        column = self.width / 2 + zoom * (x - camera.x[i] * (scale - camera.pivot[i])) * self.unit
        return column, centre_y + zoom * (row - camera.y[i] * self.unit - centre_y), zoom * self.unit * scale

    def _shadow(self, picture: np.ndarray, b: int, i: int, spot: tuple[float, float, float]) -> None:
        if self.airy or self.scene.place == "sea":
            return
        track, cast = self.poses, self.cast[self.poses.actor[b]]
        lift = track.height[b, i] * self.unit * self.camera.zoom[i]
        side = self.sides[track.actor[b]] * spot[2]
        fade = 1 / (1 + 2.2 * max(lift, 0) / max(side, 1))
        half = side * cast.wide * 0.58 * max(abs(track.wide[b, i]), 0.4) * (0.55 + 0.45 * fade)
        _darken(picture, spot[0], spot[1] - 0.012 * spot[2], max(half, 2), max(half * 0.26, 1.2), self.backdrop.shadow * fade)

    def _body(self, picture: np.ndarray, coverage: np.ndarray | None, b: int, i: int, spots: list) -> None:
        track, spot, zoom = self.poses, spots[b], self.camera.zoom[i]
        cast = self.cast[track.actor[b]]
        side = self.sides[track.actor[b]] * spot[2]
        if side < 1:
            return
        flip = -1 if cast.facing and track.look[b, i] != cast.facing else 1
        height = track.height[b, i]
        row, cut = spot[1] - height * zoom * self.unit, None
        if self.scene.place == "sea" and height < 0.1:  # afloat: a part stays below the water line
            row = spot[1] + (0.24 * cast.tall * side - 0.4 * height * zoom * self.unit) * (1 - height / 0.1)
            row += 0.008 * self.unit * np.sin(2.0 * self.times[i] + 3 * b) - height * zoom * self.unit * height / 0.1
            cut = spot[1]
        frame = cast.frame(self.times[i], track.phase[b], side)
        pivot = track.pivot[b, i] * cast.tall
        matrix = _sprite_matrix(len(frame), side, flip * track.wide[b, i], track.tall[b, i], track.angle[b, i], pivot, spot[0], row)
        _paste(picture, coverage, frame, matrix, cut)
        if cut is not None and row > cut:
            _foam(picture, spot[0], cut, 0.44 * side * cast.wide * abs(track.wide[b, i]), self.scene.light == "night")

    def _prop(self, picture: np.ndarray, coverage: np.ndarray | None, k: int, i: int, spots: list) -> None:
        stand = self.props[k]
        floats = stand.prop.kind == "cloud" or self.airy
        x, y, length = self._spot(i, stand.prop.x * self.half_width, stand.prop.depth, 0.3)
        side = PROP_BOX * length
        if side < 2 or not -side < x < self.width + side:
            return
        sway = PROP_SWAY.get(stand.prop.kind, 0) * np.sin(1.9 * self.times[i] + 2 * k)
        if stand.prop.kind == "cloud" and not self.airy:
            y -= 0.42 * length
        elif not floats:
            _darken(picture, x, y - 0.008 * length, stand.width * length, stand.width * length * 0.24, self.backdrop.shadow * 0.8)
        sprite = stand.sprite(side)
        matrix = _sprite_matrix(len(sprite), side, 1, 1, sway, 0, x, y)
        _paste(picture, coverage, sprite, matrix, y if self.scene.place == "sea" else None, cover=False)


class _Stand:
    """A prop's sprite, lit."""

    WIDTHS = {"tree": 0.2, "bush": 0.2, "rock": 0.15, "flower": 0.06, "cactus": 0.12, "fence": 0.3, "lamp post": 0.06, "seaweed": 0.09, "crate": 0.14}

    def __init__(self, prop: Prop, order: int, scene: Scene, backdrop: Backdrop):
        self.prop, self.grade, self.dark = prop, backdrop.prop_grade, scene.light in ("night", "sunset")
        self.width = self.WIDTHS.get(prop.kind, 0.1)
        self.variant = (scene.seed // 4 + order * (0 if prop.kind == "fence" else 1)) % PROP_VARIANTS
        self.ready: dict[int, np.ndarray] = {}

    def sprite(self, side: float) -> np.ndarray:
        size = next((s for s in (24, 32, 48, 64, 96, 128, 192, 256, 384) if s >= side), 512)
        if size not in self.ready:
            pixels = apply_grade(prop_sprite(self.prop.kind, self.variant, size, self.dark), self.grade)
            if self.prop.kind == "lamp post" and self.dark:
                prop_lamp(pixels)
            self.ready[size] = pixels
        return self.ready[size]


class _Cast:
    """An actor's sprite, recoloured and lit, at the sizes that the clip asks for."""

    def __init__(self, noun: Noun, actor: Actor, backdrop: Backdrop):
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


def _paste(
    picture: np.ndarray, coverage: np.ndarray | None, sprite: np.ndarray, matrix: np.ndarray, cut: float | None = None, cover: bool = True,
) -> None:  # fmt: skip
    """Draw a premultiplied sprite through an affine map, only where it lands and above the row `cut`; keep the actors' coverage."""
    side = len(sprite)
    corners = matrix @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
    left, top = (max(int(np.floor(v)), 0) for v in corners.min(1))
    right, bottom = (min(int(np.ceil(v)) + 1, n) for v, n in zip(corners.max(1), picture.shape[1::-1], strict=True))
    if cut is not None:
        bottom = min(bottom, int(round(cut)))
    if left >= right or top >= bottom:
        return
    local = matrix - [[0, 0, left], [0, 0, top]]
    warped = cv2.warpAffine(sprite, local, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    _over(picture[top:bottom, left:right], warped)
    if coverage is not None:
        alpha = np.ascontiguousarray(warped[..., 3])
        region = coverage[top:bottom, left:right]
        below = cv2.multiply(region, 255 - alpha, scale=1 / 255)
        region[:] = cv2.add(alpha, below) if cover else below


def _foam(picture: np.ndarray, x: float, y: float, half: float, dark: bool) -> None:
    """A bright ring where something meets the water."""
    rgb = (120, 140, 190) if dark else (206, 234, 244)
    centre, axes = (int(x * 16), int(y * 16)), (max(int(half * 16), 16), max(int(half * 2.2), 10))
    cv2.ellipse(picture, centre, axes, 0, -20, 200, rgb, max(1, round(min(picture.shape[:2]) / 110)), cv2.LINE_AA, 4)


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
