"""Places to act in, painted in four layers that move apart when the camera moves.

Units: the frame's short side is 1, x runs right from the frame's centre, y runs down from the horizon. Layers are uint8;
`back` is opaque, the others are premultiplied RGBA, so that an opaque colour drawn with soft edges is right as it is.
"""

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np

WORLD = 2.6  # details are laid out for x in -WORLD..WORLD whatever the frame, so that all sizes show the same place
HORIZONS = {
    "sea": 0.5, "beach": 0.5, "underwater": 0.66, "street": 0.56, "night city": 0.58, "mountains": 0.6, "space": 0.8,
    "kitchen table": 0.56, "stage": 0.62, "sky": 0.8, "bedroom": 0.6, "forest": 0.56,
}  # fmt: skip


@dataclass(frozen=True)
class Light:
    """The colours of an hour: sky from zenith to horizon, clouds, and the grade of everything lit by it."""

    zenith: tuple[int, int, int]
    middle: tuple[int, int, int]
    low: tuple[int, int, int]
    cloud: tuple[int, int, int]
    tint: tuple[float, float, float]
    saturation: float
    shadow: float
    dark: bool = False


LIGHTS = {
    "day": Light((70, 148, 226), (128, 190, 240), (205, 230, 245), (255, 255, 255), (1.02, 1.0, 0.97), 1.0, 0.42),
    "sunset": Light((88, 70, 140), (232, 120, 96), (255, 196, 110), (255, 178, 140), (1.06, 0.8, 0.66), 0.95, 0.4),
    "night": Light((12, 18, 52), (24, 36, 84), (52, 70, 122), (70, 84, 128), (0.4, 0.48, 0.74), 0.85, 0.45, True),
    "overcast": Light((150, 160, 170), (176, 184, 190), (205, 209, 212), (222, 225, 228), (0.84, 0.87, 0.89), 0.62, 0.2),
    "dawn": Light((150, 170, 220), (240, 196, 208), (255, 226, 206), (255, 226, 226), (1.0, 0.86, 0.86), 0.82, 0.3),
}


def grade(light: str, strength: float = 1.0) -> np.ndarray:
    """3x3 matrix on RGB (premultiplied or not): less saturation, then the tint."""
    lit = LIGHTS[light]
    saturation = 1 + (lit.saturation - 1) * strength
    tint = 1 + (np.array(lit.tint) - 1) * strength
    grey = np.outer(np.ones(3), (0.3, 0.59, 0.11))
    return (np.diag(tint) @ (saturation * np.eye(3) + (1 - saturation) * grey)).astype(np.float32)


@dataclass(frozen=True)
class Layer:
    """uint8 (h, w, 3 or 4); the frame's centre column is `x0`, its top row is `y0`, both in pixels of this layer."""

    pixels: np.ndarray
    x0: float
    y0: float


@dataclass(frozen=True)
class Backdrop:
    back: Layer
    mid: Layer | None
    ground: Layer | None
    front: Layer | None
    horizon: float  # row of the frame, pixels
    actor_grade: np.ndarray  # 3x3
    shadow: float  # strength of contact shadows, 0 for none


@dataclass
class Canvas:
    """A layer being painted; drawing takes units, colours are RGB 0..255."""

    pixels: np.ndarray
    unit: float
    x0: float
    y0: float  # row of the horizon
    rng: np.random.Generator = field(default_factory=np.random.default_rng)

    @property
    def left(self) -> float:
        return -self.x0 / self.unit

    @property
    def right(self) -> float:
        return (self.pixels.shape[1] - self.x0) / self.unit

    def colour(self, rgb) -> tuple:
        rgb = tuple(float(np.clip(v, 0, 255)) for v in rgb)
        return (*rgb, 255.0) if self.pixels.shape[2] == 4 else rgb

    def points(self, points) -> np.ndarray:
        scaled = np.asarray(points, np.float64) * self.unit + (self.x0, self.y0)
        return np.rint(scaled * 16).astype(np.int32)

    def polygon(self, points, rgb) -> None:
        cv2.fillPoly(self.pixels, [self.points(points)], self.colour(rgb), cv2.LINE_AA, 4)

    def box(self, left, top, right, bottom, rgb) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], rgb)

    def disc(self, x, y, radius, rgb, tall=1.0) -> None:
        centre = self.points([(x, y)])[0]
        axes = (max(int(radius * self.unit * 16), 1), max(int(radius * tall * self.unit * 16), 1))
        cv2.ellipse(self.pixels, tuple(int(v) for v in centre), axes, 0, 0, 360, self.colour(rgb), -1, cv2.LINE_AA, 4)

    def line(self, start, end, width, rgb) -> None:
        """A stroke as a thin quadrilateral: its width is exact at every resolution."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
        side = np.array((-along[1], along[0])) * width / 2
        self.polygon([start + side, end + side, end - side, start - side], rgb)

    def ridge(self, y, rgb, bottom=0.02, scale=1.0, amplitude=0.1, rough=0.5) -> None:
        """A smooth skyline that fills down to `bottom`."""
        x = np.linspace(-WORLD, WORLD, 140)
        heights = np.zeros_like(x)
        for octave in range(3):
            frequency, phase = 2.1 * scale * 2.07**octave, self.rng.uniform(0, 2 * np.pi)
            heights += rough**octave * np.sin(frequency * x + phase)
        top = y - amplitude * (heights + 1)
        self.polygon([*zip(x, top, strict=True), (WORLD, bottom), (-WORLD, bottom)], rgb)


@functools.cache
def _noise_bank() -> np.ndarray:
    """Four 256x256 tiles of smooth wrapping noise, mean 0, std 1."""
    rng = np.random.default_rng(20)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None]) * 256
    shape = np.where((frequency >= 2) & (frequency < 28), 1 / np.maximum(frequency, 1) ** 1.2, 0)
    tiles = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((4, 256, 256))) * shape, axes=(1, 2))
    return (tiles / tiles.std(axis=(1, 2), keepdims=True)).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _flat_map(height: int, width: int, unit: float, x0: float, y0: float, stretch: float) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return ((columns - x0) / unit * 150, (rows - y0) / unit * 150 * stretch)


@functools.lru_cache(maxsize=64)
def _ground_map(height: int, width: int, unit: float, x0: float, y0: float, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """Texture coordinates of a floor that recedes to the horizon at row y0."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    near = np.maximum((rows - y0) / (depth * unit), 0) + 0.22
    return (columns - x0) / unit * 90 / near, 120 / near


def texture(canvas: Canvas, amount: float, ground: float = 0.0, stretch: float = 1.0) -> None:
    """Multiply soft noise into the canvas; `ground` > 0 is the floor's height in units, for a perspective texture."""
    height, width = canvas.pixels.shape[:2]
    tile = _noise_bank()[canvas.rng.integers(4)]
    shift = canvas.rng.uniform(0, 256, 2).astype(np.float32)
    args = (height, width, canvas.unit, canvas.x0, canvas.y0)
    u, v = _ground_map(*args, ground) if ground else _flat_map(*args, stretch)
    noise = cv2.remap(np.roll(tile, shift.astype(int), (0, 1)), u % 255, v % 255, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    gain = cv2.merge([1 + amount * noise] * canvas.pixels.shape[2])
    if canvas.pixels.shape[2] == 4:
        gain[..., 3] = 1
    canvas.pixels[:] = cv2.multiply(canvas.pixels, gain, dtype=cv2.CV_8U)


def fill_gradient(canvas: Canvas, stops: list[tuple[float, tuple]], top: int = 0) -> None:
    """Vertical blend of colours at heights `y` (units), written to the rows from `top` on."""
    rows = (np.arange(top, canvas.pixels.shape[0]) - canvas.y0) / canvas.unit
    ys = [y for y, _ in stops]
    column = np.stack([np.interp(rows, ys, [c[k] for _, c in stops]) for k in range(3)], 1)
    canvas.pixels[top:, :, :3] = np.clip(column + 0.5, 0, 255).astype(np.uint8)[:, None]
    if canvas.pixels.shape[2] == 4:
        canvas.pixels[top:, :, 3] = 255


def glow(canvas: Canvas, x: float, y: float, radius: float, rgb, strength: float = 1.0) -> None:
    """Add a soft light around a point."""
    reach = int(radius * canvas.unit * 2) + 1
    column, row = int(canvas.x0 + x * canvas.unit), int(canvas.y0 + y * canvas.unit)
    height, width = canvas.pixels.shape[:2]
    top, bottom, left, right = max(row - reach, 0), min(row + reach, height), max(column - reach, 0), min(column + reach, width)
    if top >= bottom or left >= right:
        return
    dy, dx = np.arange(top, bottom) - row, np.arange(left, right) - column
    light = strength * np.exp(-(dy[:, None] ** 2 + dx[None] ** 2) / (0.5 * (radius * canvas.unit) ** 2))[..., None]
    patch = canvas.pixels[top:bottom, left:right, :3]
    patch[:] = np.clip(patch + light * np.array(rgb, np.float64), 0, 255).astype(np.uint8)


def clouds(canvas: Canvas, rgb, count: int, highest: float, opacity: float = 0.9) -> None:
    """Soft heaps, drawn at a quarter of the resolution."""
    height, width = canvas.pixels.shape[:2]
    quarter = Canvas(np.zeros((height // 3 + 1, width // 3 + 1, 3), np.uint8), canvas.unit / 3, canvas.x0 / 3, canvas.y0 / 3)
    for _ in range(count):
        x, y, size = canvas.rng.uniform(-WORLD, WORLD), canvas.rng.uniform(highest, highest * 0.25), canvas.rng.uniform(0.05, 0.1)
        for puff in canvas.rng.uniform((-1.6, -0.5, 0.5), (1.6, 0.1, 1.0), (5, 3)):
            quarter.disc(x + puff[0] * size, y + puff[1] * size * 0.7, size * puff[2], (255, 255, 255), 0.62)
    mask = cv2.GaussianBlur(quarter.pixels, (0, 0), max(0.012 * canvas.unit / 3, 0.6))
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) * (opacity / 255)
    canvas.pixels[..., :3] = (canvas.pixels[..., :3] * (1 - mask) + mask * np.array(rgb, np.float32)).astype(np.uint8)


def apply_grade(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A 3x3 colour matrix on RGB or RGBA."""
    if pixels.shape[2] == 4:
        wide = np.eye(4, dtype=np.float32)
        wide[:3, :3] = matrix
        return cv2.transform(pixels, wide)
    return cv2.transform(pixels, matrix)


def horizon_row(place: str, seed: int, height: int) -> float:
    jitter = np.random.default_rng([seed, 5]).uniform(-0.03, 0.03)
    return height * (HORIZONS.get(place, 0.54) + jitter)


def paint(
    place: str, light: str, weather: str, seed: int, height: int, width: int, margin_x: float = 0.0, margin_y: float = 0.0,
) -> Backdrop:  # fmt: skip
    """Paint a place; the layers exceed the frame by the margins (units) on every side so that the camera can move."""
    from .places import PAINTERS

    unit = float(min(height, width))
    horizon = horizon_row(place, seed, height)
    pad_x, pad_y = int(np.ceil(margin_x * unit)) + 1, int(np.ceil(margin_y * unit)) + 1
    shape = (height + 2 * pad_y, width + 2 * pad_x)
    x0, y0 = pad_x + width / 2, pad_y + horizon

    def canvas(channels: int, k: int) -> Canvas:
        return Canvas(np.zeros((*shape, channels), np.uint8), unit, x0, y0, np.random.default_rng([seed, k]))

    back, mid, ground = canvas(3, 0), canvas(4, 1), canvas(4, 2)
    lit = LIGHTS[light]
    PAINTERS.get(place, PAINTERS["meadow"])(back, mid, ground, lit, seed)
    matrix = grade(light)
    layers = [Layer(c.pixels if c is back else apply_grade(c.pixels, matrix), x0, float(pad_y)) for c in (back, mid, ground)]
    return Backdrop(layers[0], layers[1], layers[2], None, horizon, grade(light, 0.62), lit.shadow)
