"""Simple animated creatures drawn from a name, for tests and for machines without the art."""

import functools
import zlib

import cv2
import numpy as np

FRAMES = 12
SHAPES = ("round", "tall", "wide", "square", "drop")


@functools.lru_cache(maxsize=512)
def draw_sprite(key: str, side: int) -> np.ndarray:
    """A wobbling figure that is always the same for the same name, uint8 (12, side, side, 4), premultiplied RGBA."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    hue, accent = rng.uniform(0, 180), rng.uniform(0, 180)
    body, mark = _rgb(hue, 190, 230), _rgb(accent, 150, 250)
    shape = SHAPES[rng.integers(len(SHAPES))]
    ears, spots = int(rng.integers(0, 4)), rng.uniform(-0.5, 0.5, (int(rng.integers(1, 5)), 2))
    frames = np.zeros((FRAMES, side, side, 4), np.uint8)
    for i, frame in enumerate(frames):
        _figure(frame, i / FRAMES, shape, ears, spots, (*body, 255), (*mark, 255))
    return frames


def _rgb(hue: float, saturation: int, value: int) -> tuple[int, ...]:
    pixel = np.array([[[hue % 180, saturation, value]]], np.uint8)
    return tuple(int(v) for v in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])


def _figure(frame: np.ndarray, turn: float, shape: str, ears: int, spots: np.ndarray, body: tuple, mark: tuple) -> None:
    side = len(frame)
    wobble = 1 + 0.05 * np.sin(2 * np.pi * turn)
    half_w = side * {"tall": 0.27, "wide": 0.46, "drop": 0.34}.get(shape, 0.4)
    half_h = side * {"wide": 0.27}.get(shape, 0.37) * wobble
    centre_x, centre_y = side / 2, side - 3 - half_h
    dark = (*(int(v * 0.55) for v in body[:3]), 255)
    for k in range(ears):
        x = centre_x + (k - (ears - 1) / 2) * half_w * 0.8
        _ellipse(frame, x, centre_y - half_h * 0.95, side * 0.07, side * 0.13, dark)
    if shape == "square":
        _ellipse(frame, centre_x, centre_y, half_w, half_h, body, power=5)
    elif shape == "drop":
        _ellipse(frame, centre_x, centre_y - half_h * 0.35, half_w * 0.6, half_h * 0.75, body)
        _ellipse(frame, centre_x, centre_y + half_h * 0.3, half_w, half_h * 0.7, body)
    else:
        _ellipse(frame, centre_x, centre_y, half_w, half_h, body)
    for x, y in spots:
        _ellipse(frame, centre_x + x * half_w, centre_y + (0.35 + y * 0.5) * half_h, side * 0.05, side * 0.05, mark)
    blink = 0.2 if turn > 0.9 else 1.0
    for x in (-0.36, 0.36):
        _ellipse(
            frame, centre_x + x * half_w, centre_y - half_h * 0.25, side * 0.075, side * 0.085 * blink, (255, 255, 255, 255)
        )
        _ellipse(
            frame,
            centre_x + x * half_w + side * 0.012,
            centre_y - half_h * 0.25,
            side * 0.036,
            side * 0.045 * blink,
            (30, 25, 40, 255),
        )


def _ellipse(frame: np.ndarray, x: float, y: float, half_w: float, half_h: float, colour: tuple, power: float = 2) -> None:
    """Superellipse; drawing an opaque RGBA colour with soft edges on a clear layer leaves it premultiplied."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    bend = 2 / power
    points = np.stack([x + half_w * np.sign(cos) * np.abs(cos) ** bend, y + half_h * np.sign(sin) * np.abs(sin) ** bend], 1)
    cv2.fillPoly(frame, [np.rint(points * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
