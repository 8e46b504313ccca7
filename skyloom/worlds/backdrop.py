"""A place under a light: painted in up to four layers that move apart when the camera moves.

Layers from far to near: `back` (opaque: sky, walls), `mid` (hills, houses), `ground` (from the horizon down), `front` (a fringe
at the lower edge). All are uint8 and larger than the frame by the margins that the camera needs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from .brush import WORLD, Canvas, Colour, mix

HORIZONS = {
    "sea": 0.48, "beach": 0.46, "underwater": 0.56, "street": 0.56, "night city": 0.58, "mountains": 0.56, "space": 0.8,
    "kitchen table": 0.52, "stage": 0.6, "sky": 0.8, "bedroom": 0.58, "forest": 0.54, "road": 0.5, "farm": 0.52,
}  # fmt: skip
INDOORS = ("kitchen table", "bedroom", "stage")


@dataclass(frozen=True)
class Light:
    """The colours of an hour: sky from zenith to horizon, clouds, and the grade of everything lit by it."""

    zenith: Colour
    middle: Colour
    low: Colour
    cloud: Colour
    tint: tuple[float, float, float]
    saturation: float
    shadow: float  # strength of contact shadows
    dark: bool = False


LIGHTS = {
    "day": Light((62, 142, 224), (124, 188, 240), (206, 232, 246), (255, 255, 255), (1.02, 1.0, 0.96), 1.05, 0.45),
    "sunset": Light((92, 70, 146), (236, 118, 96), (255, 200, 112), (255, 176, 140), (1.08, 0.79, 0.62), 0.95, 0.42),
    "night": Light((11, 16, 48), (24, 36, 86), (54, 74, 128), (62, 76, 120), (0.37, 0.45, 0.69), 0.85, 0.5, True),
    "overcast": Light((146, 156, 166), (174, 182, 188), (204, 209, 212), (214, 218, 221), (0.82, 0.85, 0.87), 0.55, 0.22),
    "dawn": Light((150, 168, 222), (242, 196, 212), (255, 228, 206), (255, 228, 230), (1.02, 0.86, 0.88), 0.8, 0.32),
}


def grade(light: str, strength: float = 1.0) -> np.ndarray:
    """3x3 matrix on RGB (premultiplied or not): the hour's saturation, then its tint; strength 0 changes nothing."""
    lit = LIGHTS[light]
    saturation = 1 + (lit.saturation - 1) * strength
    tint = 1 + (np.array(lit.tint) - 1) * strength
    grey = np.outer(np.ones(3), (0.3, 0.59, 0.11))
    return (np.diag(tint) @ (saturation * np.eye(3) + (1 - saturation) * grey)).astype(np.float32)


def apply_grade(pixels: np.ndarray, matrix: np.ndarray, haze: Colour = (0, 0, 0), share: float = 0.0) -> np.ndarray:
    """A 3x3 colour matrix on RGB or premultiplied RGBA, then `share` of the haze colour (RGBA only)."""
    if pixels.shape[2] == 3:
        return cv2.transform(pixels, matrix)
    wide = np.eye(4, dtype=np.float32)
    wide[:3, :3] = matrix * (1 - share)
    wide[:3, 3] = np.array(haze, np.float32) * share / 255
    out = cv2.transform(pixels, wide)
    return cv2.min(out, cv2.merge([np.ascontiguousarray(out[..., 3])] * 4))


@dataclass(frozen=True)
class Layer:
    """uint8 (h, w, 3 or 4); the frame's centre column is `x0`, its top row is `y0`; rows outside `rows` are clear."""

    pixels: np.ndarray
    x0: float
    y0: float
    rows: tuple[int, int]


@dataclass(frozen=True)
class Backdrop:
    back: Layer
    mid: Layer | None
    ground: Layer | None
    front: Layer | None
    horizon: float  # row of the frame, pixels
    floor: float  # units from the horizon to the lower edge
    actor_grade: np.ndarray  # 3x3
    prop_grade: np.ndarray  # 3x3
    shadow: float  # strength of contact shadows, 0 for none


@dataclass
class Easel:
    """What a painter of places works with. `canvas("mid")` makes a layer when it is first asked for."""

    light: str
    weather: str
    seed: int
    shape: tuple[int, int]
    unit: float
    x0: float
    y0: float
    floor: float
    layers: dict[str, Canvas] = field(default_factory=dict)
    lamps: list[Callable[[], object]] = field(default_factory=list)  # what shines: painted after the grade
    haze: float = 0.12  # share of the horizon's colour in `mid`
    strength: float = 1.0  # of the hour's grade, less indoors
    actor_strength: float = 0.6

    @property
    def lit(self) -> Light:
        return LIGHTS[self.light]

    @property
    def dark(self) -> bool:
        return self.lit.dark

    def canvas(self, name: str) -> Canvas:
        if name not in self.layers:
            channels, key = (3 if name == "back" else 4), sum(map(ord, name))
            pixels = np.zeros((*self.shape, channels), np.uint8)
            rng = np.random.default_rng([self.seed, key])
            self.layers[name] = Canvas(pixels, self.unit, self.x0, self.y0, self.floor, rng)
        return self.layers[name]

    def sky(self, clouds: int = 15, highest: float = -0.5, low: float = -0.1) -> Canvas:
        """Gradient, sun or moon, stars, clouds; rain and snow bring a greyer sky without a sun."""
        back, lit = self.canvas("back"), self.lit
        wet = 0.5 if self.weather in ("rain", "snow") else 0.0
        grey = mix((168, 176, 184), (30, 36, 60), 0.8) if lit.dark else (168, 176, 184)
        zenith, middle, bottom = (mix(c, grey, wet) for c in (lit.zenith, lit.middle, lit.low))
        back.gradient([(min(back.top, -0.55), zenith), (-0.24, middle), (-0.01, bottom), (0.4, bottom)])
        low_sun = self.light in ("sunset", "dawn")
        sun = (back.rng.uniform(-0.42, 0.42), back.rng.uniform(-0.2, -0.12) if low_sun else back.rng.uniform(-0.42, -0.32))
        if lit.dark:
            stars(back, 150, wet)
        shines = not wet and self.light != "overcast"
        if shines:
            self._luminary(back, *sun)
        spots = back.rng.uniform((-WORLD, highest, 0.055), (WORLD, low, 0.115), (clouds + 8 * (self.light == "overcast"), 3))
        clear = [tuple(s) for s in spots.tolist() if not shines or np.hypot(s[0] - sun[0], s[1] - sun[1]) > 0.23]
        back.clouds(clear, mix(lit.cloud, grey, wet * 0.8), 0.85)
        back.texture(0.009, stretch=2.5)
        return back

    def _luminary(self, back: Canvas, x: float, y: float) -> None:
        if self.dark:
            back.glow(x, y, 0.16, (84, 96, 130))
            back.disc(x, y, 0.052, (244, 242, 222))
            for dx, dy, radius in ((-0.016, -0.012, 0.011), (0.016, 0.008, 0.014), (-0.006, 0.022, 0.008)):
                back.disc(x + dx, y + dy, radius, (226, 222, 200))
            return
        colour = {"sunset": (255, 214, 120), "dawn": (255, 238, 214)}.get(self.light, (255, 247, 206))
        back.glow(x, y, 0.24, (84, 66, 36) if self.light == "day" else (110, 84, 40))
        back.disc(x, y, 0.065 if self.light in ("sunset", "dawn") else 0.055, colour)


def stars(canvas: Canvas, count: int, hidden: float = 0.0, low: float = -0.04) -> None:
    """Small soft points of a few sizes."""
    for x, y, radius, bright in canvas.rng.uniform((-WORLD, -1.3, 0.0025, 0.5), (WORLD, low, 0.006, 1.0), (count, 4)):
        if canvas.rng.random() >= hidden * 1.6:
            canvas.disc(x, y, radius, (215 * bright, 222 * bright, 250 * bright))


def horizon_row(place: str, seed: int, height: int) -> float:
    jitter = np.random.default_rng([seed, 5]).uniform(-0.025, 0.025)
    return height * (HORIZONS.get(place, 0.52) + jitter)


def paint(
    place: str, light: str, weather: str, seed: int, height: int, width: int, margin_x: float = 0.0, margin_y: float = 0.0,
) -> Backdrop:  # fmt: skip
    """Paint a place; the layers exceed the frame by the margins (units) on every side so that the camera can move."""
    from .places import PAINTERS

    unit = float(min(height, width))
    horizon = horizon_row(place, seed, height)
    pad_x, pad_y = int(np.ceil(margin_x * unit)) + 1, int(np.ceil(margin_y * unit)) + 1
    shape = (height + 2 * pad_y, width + 2 * pad_x)
    floor = (height - horizon) / unit
    easel = Easel(light, weather, seed, shape, unit, pad_x + width / 2, pad_y + horizon, floor)
    if place in INDOORS:
        easel.strength, easel.actor_strength, easel.haze = 0.6, 0.35, 0.0
    PAINTERS[place](easel)
    matrix = grade(light, easel.strength)
    for name, canvas in easel.layers.items():
        if name != "back" or place in INDOORS:
            canvas.pixels = apply_grade(canvas.pixels, matrix, easel.lit.low, easel.haze if name == "mid" else 0.0)
    for lamp in easel.lamps:
        lamp()
    layers = {name: _layer(canvas, pad_y) for name, canvas in easel.layers.items()}
    shadow = 0.0 if "ground" not in layers else easel.lit.shadow
    return Backdrop(
        layers["back"], layers.get("mid"), layers.get("ground"), layers.get("front"), horizon, floor,
        grade(light, easel.actor_strength), matrix, shadow,
    )  # fmt: skip


def _layer(canvas: Canvas, pad_y: int) -> Layer:
    rows = (0, len(canvas.pixels))
    if canvas.pixels.shape[2] == 4:
        used = np.flatnonzero(canvas.pixels[..., 3].any(1))
        rows = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    return Layer(canvas.pixels, canvas.x0, float(pad_y), rows)
