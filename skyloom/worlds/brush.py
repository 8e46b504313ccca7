"""Painting in units: a canvas that draws the same shapes at every resolution, and the soft textures laid over them.

Units: the frame's short side is 1, x runs right from the frame's centre, y runs down from the horizon. Layers are uint8, opaque
RGB or premultiplied RGBA: an opaque colour drawn with soft edges on a clear RGBA layer is premultiplied as it is.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

WORLD = 2.6  # details are laid out for x in -WORLD..WORLD whatever the frame, so that all sizes show the same place
FAR, NEAR = 0.6, 1.1  # size and parallax at depth 0 and 1
FEET_FAR, FEET_NEAR = 0.12, 0.92  # where feet stand between the horizon (0) and the lower edge (1) at depth 0 and 1

Colour = Sequence[float]


def mix(a: Colour, b: Colour, share: float) -> tuple[float, ...]:
    """From `a` (share 0) to `b` (share 1)."""
    return tuple(x + (y - x) * share for x, y in zip(a, b, strict=True))


def shade(rgb: Colour, gain: float) -> tuple[float, ...]:
    return tuple(min(v * gain, 255) for v in rgb)


@dataclass
class Canvas:
    """A layer being painted; drawing takes units, colours are RGB 0..255."""

    pixels: np.ndarray
    unit: float  # pixels in one unit
    x0: float  # column of the frame's centre
    y0: float  # row of the horizon
    floor: float  # units from the horizon to the frame's lower edge
    rng: np.random.Generator

    @property
    def top(self) -> float:
        """The layer's upper edge in units, negative."""
        return -self.y0 / self.unit

    def colour(self, rgb: Colour) -> tuple[float, ...]:
        """Opaque; OpenCV saturates and leaves out what the canvas has no channel for."""
        red, green, blue = rgb
        return (float(red), float(green), float(blue), 255.0)

    def points(self, points) -> np.ndarray:
        scaled = np.asarray(points, np.float64) * self.unit + (self.x0 - 0.5, self.y0 - 0.5)
        return np.rint(scaled * 16).astype(np.int32)

    def on_floor(self, x: float, depth: float) -> tuple[float, float]:
        """Where a point of the ground is seen: `x` counts at the size of depth 1 / NEAR, as for the actors."""
        return x * (FAR + (NEAR - FAR) * depth), self.floor * (FEET_FAR + (FEET_NEAR - FEET_FAR) * depth)

    def polygon(self, points, rgb: Colour) -> None:
        fixed = self.points(points)
        if fixed[:, 0].max() > 0 and fixed[:, 0].min() < self.pixels.shape[1] * 16:
            cv2.fillPoly(self.pixels, [fixed], self.colour(rgb), cv2.LINE_AA, 4)

    def polygons(self, shapes, rgb: Colour) -> None:
        """Many shapes (N, points, 2) of one colour that do not overlap."""
        cv2.fillPoly(self.pixels, list(self.points(shapes)), self.colour(rgb), cv2.LINE_AA, 4)

    def box(self, left: float, top: float, right: float, bottom: float, rgb: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], rgb)

    def disc(self, x: float, y: float, radius: float, rgb: Colour, tall: float = 1.0) -> None:
        column, row, reach = x * self.unit + self.x0 - 0.5, y * self.unit + self.y0 - 0.5, radius * self.unit
        if (
            column + reach < -1
            or column - reach > self.pixels.shape[1]
            or row + reach < -1
            or row - reach > self.pixels.shape[0]
        ):
            return
        axes = (max(int(reach * 16), 1), max(int(reach * tall * 16), 1))
        cv2.ellipse(self.pixels, (int(column * 16), int(row * 16)), axes, 0, 0, 360, self.colour(rgb), -1, cv2.LINE_AA, 4)

    def line(self, start, end, width: float, rgb: Colour, width_end: float | None = None) -> None:
        """A stroke as a thin quadrilateral: its width is exact at every resolution."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
        side = np.array((-along[1], along[0])) / 2
        last = side * (width if width_end is None else width_end)
        self.polygon([start + side * width, end + last, end - last, start - side * width], rgb)

    def curve(self, x: np.ndarray, top: np.ndarray, bottom: np.ndarray | float, rgb: Colour) -> None:
        """Fill between two lines over the same `x`."""
        bottom = np.broadcast_to(bottom, x.shape)
        self.polygon(np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]]), rgb)

    def ridge(
        self, y: float, rgb: Colour, amplitude: float = 0.1, scale: float = 1.0, rough: float = 0.5, bottom: float = 0.03
    ) -> np.ndarray:
        """A smooth skyline that fills down to `bottom`; returns its points (140, 2)."""
        x = np.linspace(-WORLD, WORLD, 140)
        heights = np.zeros_like(x)
        for octave in range(3):
            phase = self.rng.uniform(0, 2 * np.pi)
            heights += rough**octave * np.sin(2.1 * scale * 2.07**octave * x + phase)
        top = y - amplitude * (heights + 1)
        self.curve(x, top, bottom, rgb)
        return np.stack([x, top], 1)

    def gradient(self, stops: Sequence[tuple[float, Colour]], start: float | None = None) -> None:
        """Vertical blend of colours at heights in units; fills the rows from `start` (default: the top) down."""
        first = 0 if start is None else int(np.clip(round(self.y0 + start * self.unit), 0, len(self.pixels)))
        rows = (np.arange(first, len(self.pixels)) + 0.5 - self.y0) / self.unit
        ys = [y for y, _ in stops]
        column = np.stack([np.interp(rows, ys, [rgb[k] for _, rgb in stops]) for k in range(3)], 1)
        self.pixels[first:, :, :3] = np.clip(column + 0.5, 0, 255).astype(np.uint8)[:, None]
        if self.pixels.shape[2] == 4:
            self.pixels[first:, :, 3] = 255

    def texture(self, amount: float, *, ground: bool = False, stretch: float = 1.0) -> None:
        """Multiply soft noise into what is painted; with `ground` it recedes to the horizon. `stretch` > 1 makes it flat."""
        tile = _noise_bank()[self.rng.integers(4)]
        shift = self.rng.uniform(0, 256, 2)
        start = max(int(self.y0), 0) if ground else 0
        pixels = self.pixels[start:]
        noise = self._receding(tile, shift, start, stretch) if ground else self._flat(tile, shift, stretch)
        gain = [1 + amount * noise] * 3
        if pixels.shape[2] == 4:
            gain.append(np.ones_like(noise))
        pixels[:] = cv2.multiply(pixels, cv2.merge(gain), dtype=cv2.CV_8U)
        if pixels.shape[2] == 4:  # premultiplied colour never exceeds its alpha
            cv2.min(pixels, cv2.merge([np.ascontiguousarray(pixels[..., 3])] * 4), pixels)

    def _flat(self, tile: np.ndarray, shift: np.ndarray, stretch: float) -> np.ndarray:
        step = 150 / self.unit
        matrix = np.array([[step, 0, shift[0] - self.x0 * step], [0, step * stretch, shift[1] - self.y0 * step * stretch]])
        size = (self.pixels.shape[1], self.pixels.shape[0])
        return cv2.warpAffine(tile, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_WRAP)

    def _receding(self, tile: np.ndarray, shift: np.ndarray, start: int, stretch: float) -> np.ndarray:
        """Texture of a floor that shrinks towards the horizon at the same rate as the actors do."""
        height, width = self.pixels.shape[:2]
        rows, columns = np.arange(start, height, dtype=np.float32), np.arange(width, dtype=np.float32)
        depth = ((rows - self.y0) / self.unit / self.floor - FEET_FAR) / (FEET_NEAR - FEET_FAR)
        size = (FAR + (NEAR - FAR) * depth)[:, None]
        across = ((columns - self.x0) * (130 / self.unit / stretch))[None] / size + np.float32(shift[0])
        down = np.broadcast_to(-420 / (0.5 + size) * stretch + np.float32(shift[1]), across.shape)
        return cv2.remap(tile, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def glow(self, x: float, y: float, radius: float, rgb: Colour, strength: float = 1.0) -> None:
        """Add a soft light around a point, fading to nothing at two radii."""
        reach = 2 * radius * self.unit
        column, row = self.x0 + x * self.unit, self.y0 + y * self.unit
        height, width = self.pixels.shape[:2]
        top, bottom = max(int(row - reach), 0), min(int(row + reach) + 1, height)
        left, right = max(int(column - reach), 0), min(int(column + reach) + 1, width)
        if top >= bottom or left >= right:
            return
        scale = 31.5 / reach
        matrix = np.array([[1 / scale, 0, column - reach - left], [0, 1 / scale, row - reach - top]])
        light = cv2.warpAffine(_soft_light(), matrix, (right - left, bottom - top))
        patch = self.pixels[top:bottom, left:right]
        layers = [cv2.convertScaleAbs(light, alpha=strength * v / 255) for v in rgb]
        if self.pixels.shape[2] == 4:
            layers.append(cv2.max(cv2.max(layers[0], layers[1]), layers[2]))
        patch[:] = cv2.add(patch, cv2.merge(layers))

    def cover(self, mask: np.ndarray, rgb: Colour, opacity: float = 1.0) -> None:
        """Paint one colour through a mask of any resolution, uint8 (h, w), stretched over the canvas."""
        size = (self.pixels.shape[1], self.pixels.shape[0])
        alpha = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR)
        alpha = cv2.convertScaleAbs(alpha, alpha=opacity)
        channels = self.pixels.shape[2]
        rest = cv2.merge([255 - alpha] * channels)
        paint = cv2.merge([cv2.convertScaleAbs(alpha, alpha=v / 255) for v in self.colour(rgb)[:channels]])
        self.pixels[:] = cv2.add(cv2.multiply(self.pixels, rest, scale=1 / 255), paint)

    def clouds(self, spots: Sequence[tuple[float, float, float]], rgb: Colour, opacity: float = 0.9) -> None:
        """Soft heaps at (x, y, size), shaded below; drawn at a third of the resolution, where blurring is cheap."""
        height, width = self.pixels.shape[:2]
        small = (height // 3 + 1, width // 3 + 1)
        to_small = (small[1] / width, small[0] / height)
        mask, under = np.zeros((*small, 3), np.uint8), np.zeros((*small, 3), np.uint8)
        for layer, drop in ((mask, 0.0), (under, 0.35)):
            low = Canvas(layer, self.unit * to_small[0], self.x0 * to_small[0], self.y0 * to_small[1], self.floor, self.rng)
            for x, y, size in spots:
                shape = np.random.default_rng(int(abs(x * 1e4)))
                low.disc(x, y + (0.18 + drop * 0.5) * size, size * 1.5, (255, 255, 255), 0.3)
                for along, lift, puff in shape.uniform((-1.1, -0.55, 0.45), (1.1, 0.0, 0.85), (6, 3)):
                    puff *= 1 - 0.4 * abs(along)
                    low.disc(x + along * size, y + (lift + drop) * size * 0.6, size * puff, (255, 255, 255), 0.7)
        soft = max(0.013 * self.unit / 3, 0.5)
        body = cv2.GaussianBlur(mask[..., 0], (0, 0), soft)
        dark = cv2.min(cv2.GaussianBlur(under[..., 0], (0, 0), 2 * soft), body)
        self.cover(body, rgb, opacity)
        self.cover(dark, shade(rgb, 0.86), opacity * 0.5)


@functools.cache
def _soft_light() -> np.ndarray:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    distance = np.minimum(np.hypot(x, y), 1)
    return np.rint(255 * np.exp(-5.5 * distance**2) * (1 - distance**4)).astype(np.uint8)


@functools.cache
def _noise_bank() -> np.ndarray:
    """Four 256x256 tiles of smooth wrapping noise, mean 0, std 1."""
    rng = np.random.default_rng(20)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None]) * 256
    shape = np.where((frequency >= 2) & (frequency < 26), 1 / np.maximum(frequency, 1) ** 1.15, 0)
    tiles = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((4, 256, 256))) * shape, axes=(1, 2))
    return np.clip(tiles / tiles.std(axis=(1, 2), keepdims=True), -2.5, 2.5).astype(np.float32)
