"""Draw a Scene: painted layers, actors as sprites, shadows, props, weather, and a camera that moves through it all.

Dimension key: T frames, H rows, W columns. The unit of length is the frame's short side; rows grow downwards.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .art import sprite_extent
from .backdrop import Layer, horizon_row, paint
from .brush import FAR, FEET_FAR, FEET_NEAR, NEAR
from .motion import AIRY_PLACES, Poses, poses
from .puppets import Cast, Stand, actor_side, darken, foam, over, paste, resolve, sprite_matrix
from .scene import Prop, Scene
from .scenery import PROP_BOX, PROP_SWAY
from .weather import draw_air, draw_stars, make_air

BACK_PARALLAX, FRONT_PARALLAX = 0.35, 1.15
BODIES = 4  # at most, in a scene
cv2.setNumThreads(1)


@dataclass(frozen=True)
class Camera:
    """Its place over time, (T,) each: sideways, down, zoom; `pivot` is the parallax that stays still in the picture."""

    x: np.ndarray
    y: np.ndarray
    zoom: np.ndarray
    pivot: np.ndarray


def depth_scale(depth):
    """Size and parallax at a depth (or an array of depths) between 0 and 1."""
    return FAR + (NEAR - FAR) * depth


def shaking(times: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How far a hand-held camera is off at `times` (T, seconds), sideways and down in short sides: (T,) each."""
    return 0.016 * _smooth_noise(times, seed, 0), 0.014 * _smooth_noise(times, seed, 1)


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
        x, y = shaking(times, scene.seed)
    return Camera(x, y, zoom, pivot)


def spot_of(
    camera: Camera, i: int, horizon: float, size: tuple[int, int], airy: bool, x: float, depth: float, side: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Column and row of frame `i` under the feet of a thing, and the length in pixels of one unit of its size.

    `size` is height and width; where it is `airy` things float, else they stand on the ground below the row `horizon`.
    """
    height, width = size
    unit, scale = float(min(size)), FAR + (NEAR - FAR) * depth
    if airy:
        row = height * (0.36 + 0.3 * depth) + 0.5 * side * scale * unit
    else:
        row = horizon + (height - horizon) * (FEET_FAR + (FEET_NEAR - FEET_FAR) * depth)
    zoom, centre_y = camera.zoom[i], 0.6 * height
    column = width / 2 + zoom * (x - camera.x[i] * (scale - camera.pivot[i])) * unit
    return column, centre_y + zoom * (row - camera.y[i] * unit - centre_y), zoom * unit * scale


def prop_stance(prop: Prop, k: int, spot: tuple[float, float, float], airy: bool, time: float) -> tuple[float, np.ndarray]:
    """The side in pixels of a prop's sprite, the scene's number `k`, and the matrix from it (sides 0 to 1) to pixels."""
    x, y, length = spot
    if prop.kind == "cloud" and not airy:
        y -= 0.42 * length
    sway = PROP_SWAY.get(prop.kind, 0) * np.sin(1.9 * time + 2 * k)
    return PROP_BOX * length, sprite_matrix(1, PROP_BOX * length, 1, 1, sway, 0, x, y)


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


def stances(scene: Scene, height: int, width: int, times: np.ndarray) -> np.ndarray:
    """Where `render` puts the actors' sprites at `times` (T, seconds): float32 (T, BODIES, 8), nobody drawn.

    Of each body: the matrix a b c, d e f by which it maps its sprite, whose sides run from 0 to 1, to pixels (x is a u + b v
    + c), its depth, and the number of its actor: -1, and zeros, where there is no body, or one too small to be drawn.
    """
    staging = _Staging(scene, height, width, times)
    found = np.zeros((len(times), BODIES, 8), np.float32)
    found[..., 7] = -1
    for i in range(len(times)):
        spots = staging.spots(i)
        for b, spot in enumerate(spots):
            side, matrix, _ = staging.stance(b, i, spot)
            if side >= 1:
                found[i, b] = [*matrix.ravel(), staging.poses.depth[b, i], staging.poses.actor[b]]
    return found


def phases(scene: Scene, height: int, width: int) -> np.ndarray:
    """Of each body of `stances` where in the loop of its sprite it is when a scene begins: float (BODIES,), 0 to 1."""
    staging = _Staging(scene, height, width, np.zeros(1))
    found = np.zeros(BODIES)
    found[: len(staging.poses.phase)] = staging.poses.phase
    return found


def cameras(scene: Scene, height: int, width: int, times: np.ndarray) -> np.ndarray:
    """The camera at `times` (T, seconds), (T, 5): its place sideways and down in short sides, log of its zoom, the parallax
    that stays still in the picture, and where the horizon is, as a share of the height."""
    staging = _Staging(scene, height, width, times)
    camera, low = staging.camera, np.full(len(times), staging.horizon / height)
    return np.stack([camera.x, camera.y, np.log(camera.zoom), camera.pivot, low], 1).astype(np.float32)


class _Staging:
    """Who stands where in a clip, and where the camera is."""

    def __init__(self, scene: Scene, height: int, width: int, times: np.ndarray):
        self.scene, self.height, self.width, self.times = scene, height, width, times
        self.unit = float(min(height, width))
        self.half_width = width / self.unit / 2
        self.airy = scene.place in AIRY_PLACES
        self.horizon = horizon_row(scene.place, scene.seed, height)
        self.nouns = [resolve(actor.noun) for actor in scene.actors]
        self.sides = [actor_side(a, n) for a, n in zip(scene.actors, self.nouns, strict=True)]
        self.poses = self._track(times)
        self.camera = self._camera(times, self.poses)

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

    def _spot(self, i: int, x: float, depth: float, side: float) -> tuple[float, float, float]:
        return spot_of(self.camera, i, self.horizon, (self.height, self.width), self.airy, x, depth, side)

    def spots(self, i: int) -> list[tuple[float, float, float]]:
        """`_spot` of every body."""
        track = self.poses
        return [self._spot(i, track.x[b, i], track.depth[b, i], self.sides[k]) for b, k in enumerate(track.actor)]

    def stance(self, b: int, i: int, spot: tuple[float, float, float]) -> tuple[float, np.ndarray, float | None]:
        """A body's length on screen, the matrix from its sprite (sides 0 to 1) to pixels, and the water line if it floats."""
        track, zoom, noun = self.poses, self.camera.zoom[i], self.nouns[self.poses.actor[b]]
        _, tall = sprite_extent(noun)
        side = self.sides[track.actor[b]] * spot[2]
        flip = -1 if noun.facing and track.look[b, i] != noun.facing else 1
        height = track.height[b, i]
        row, cut = spot[1] - height * zoom * self.unit, None
        if self.scene.place == "sea" and height < 0.1:  # afloat: a part stays below the water line
            row = spot[1] + (0.24 * tall * side - 0.4 * height * zoom * self.unit) * (1 - height / 0.1)
            row += 0.008 * self.unit * np.sin(2.0 * self.times[i] + 3 * b) - height * zoom * self.unit * height / 0.1
            cut = spot[1]
        turn = track.angle[b, i], track.pivot[b, i] * tall
        matrix = sprite_matrix(1, side, flip * track.wide[b, i], track.tall[b, i], *turn, spot[0], row)
        return side, matrix, cut if cut is not None and row > cut else None


class _Shot(_Staging):
    """One clip: what does not change from frame to frame, and how a frame is put together."""

    def __init__(self, scene: Scene, height: int, width: int, times: np.ndarray):
        super().__init__(scene, height, width, times)
        self.backdrop = paint(scene.place, scene.light, scene.weather, scene.seed, height, width, *self._margins())
        self.cast = [Cast(n, a, self.backdrop) for n, a in zip(self.nouns, scene.actors, strict=True)]
        self.props = [Stand(prop, k, scene, self.backdrop) for k, prop in enumerate(scene.props)]
        self.air = make_air("bubbles" if scene.place == "underwater" else scene.weather, scene.seed, height, width)
        self.starry = self.air is not None and self.air.kind == "stars"
        lively = self.starry or scene.place == "sea" or scene.camera != "still"
        self.static = None if lively else self._background(0)
        self.far_props = self._set_far_props()

    def _set_far_props(self) -> set[int]:
        """Draw what always stands behind everyone into the still background, once."""
        if self.static is None:
            return set()
        nearest = self.poses.depth.min(initial=2)
        far = [k for k, s in enumerate(self.props) if s.prop.depth < nearest and s.prop.kind not in PROP_SWAY]
        for k in sorted(far, key=lambda k: self.props[k].prop.depth):
            self._prop(self.static, None, k, 0, [])
        return set(far)

    def _margins(self) -> tuple[float, float]:
        """How far any layer travels beyond the frame, over the whole scene so that a part of it looks like the whole."""
        times = np.union1d(np.linspace(0, self.scene.seconds, 12), self.times)
        path = self._camera(times, self._track(times))
        shift = max(float(np.abs(path.x * (p - path.pivot)).max()) for p in (BACK_PARALLAX, FAR, FRONT_PARALLAX + 0.05))
        return min(shift, 1.6), float(np.abs(path.y).max()) + (0.02 if self.scene.place == "sea" else 0)

    def _matrix(self, layer: Layer, i: int, far: float, near: float, zoom_power: float = 1.0) -> np.ndarray:
        """Layer pixels to frame pixels; parallax grows from `far` at depth 0 to `near` at depth 1: a shear of the ground."""
        camera, horizon = self.camera, self.horizon
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
        if self.air and self.starry:
            low = self.horizon if scenery.ground else self.height
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
        over(
            picture[top:bottom], cv2.warpAffine(layer.pixels, local, (self.width, bottom - top), borderMode=cv2.BORDER_REFLECT)
        )

    def draw(self, i: int, picture: np.ndarray, coverage: np.ndarray | None) -> None:
        """Far to near: scenery, shadows, actors and props by depth, the fringe in front, weather."""
        picture[:] = self._background(i) if self.static is None else self.static
        track, time = self.poses, self.times[i]
        spots = self.spots(i)
        things: list[tuple[float, Callable, int]] = [(track.depth[b, i], self._body, b) for b in range(len(spots))]
        things += [(stand.prop.depth, self._prop, k) for k, stand in enumerate(self.props) if k not in self.far_props]
        for b, spot in enumerate(spots):
            self._shadow(picture, b, i, spot)
        for _, paint_one, k in sorted(things, key=lambda thing: thing[0]):
            paint_one(picture, coverage, k, i, spots)
        if self.backdrop.front:
            matrix = self._matrix(self.backdrop.front, i, FRONT_PARALLAX, FRONT_PARALLAX)
            sway = {"underwater": 0.06, "sea": 0.0}.get(self.scene.place, 0.02) * np.sin(1.7 * time)
            matrix[:, 2] += (
                sway * 0.15 * self.unit,
                0.006 * self.unit * np.sin(2.2 * time + 1) if self.scene.place == "sea" else 0,
            )
            self._lay(picture, self.backdrop.front, matrix)
        if self.air and not self.starry:
            draw_air(self.air, picture, time, self.camera.x[i], self.scene.light == "night")

    def _shadow(self, picture: np.ndarray, b: int, i: int, spot: tuple[float, float, float]) -> None:
        if self.airy or self.scene.place == "sea":
            return
        track, cast = self.poses, self.cast[self.poses.actor[b]]
        lift = track.height[b, i] * self.unit * self.camera.zoom[i]
        side = self.sides[track.actor[b]] * spot[2]
        fade = 1 / (1 + 2.2 * max(lift, 0) / max(side, 1))
        half = side * cast.wide * 0.58 * max(abs(track.wide[b, i]), 0.4) * (0.55 + 0.45 * fade)
        darken(picture, spot[0], spot[1] - 0.012 * spot[2], max(half, 2), max(half * 0.26, 1.2), self.backdrop.shadow * fade)

    def _body(self, picture: np.ndarray, coverage: np.ndarray | None, b: int, i: int, spots: list) -> None:
        side, matrix, cut = self.stance(b, i, spots[b])
        if side < 1:
            return
        track, cast = self.poses, self.cast[self.poses.actor[b]]
        frame = cast.frame(self.times[i], track.phase[b], side)
        paste(picture, coverage, frame, matrix / [len(frame), len(frame), 1], cut)
        if cut is not None:
            foam(picture, spots[b][0], cut, 0.44 * side * cast.wide * abs(track.wide[b, i]), self.scene.light == "night")

    def _prop(self, picture: np.ndarray, coverage: np.ndarray | None, k: int, i: int, spots: list) -> None:
        stand = self.props[k]
        floats = stand.prop.kind == "cloud" or self.airy
        x, y, length = self._spot(i, stand.prop.x * self.half_width, stand.prop.depth, 0.3)
        side = PROP_BOX * length
        if side < 2 or not -side < x < self.width + side:
            return
        if not floats:
            darken(
                picture, x, y - 0.008 * length, stand.width * length, stand.width * length * 0.24, self.backdrop.shadow * 0.8
            )
        sprite = stand.sprite(side)
        _, matrix = prop_stance(stand.prop, k, (x, y, length), self.airy, self.times[i])
        cut = y - (0.42 * length if floats else 0) if self.scene.place == "sea" else None
        paste(picture, coverage, sprite, matrix / [len(sprite), len(sprite), 1], cut, cover=False)
