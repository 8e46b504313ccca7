"""Places of water and air, each a painter of the layers that an easel holds."""

from functools import partial

import cv2
import numpy as np

from .backdrop import Easel, stars
from .brush import WORLD, Canvas, Colour, mix, shade
from .scenery import foliage, ground_edge, hazy, palm, rock, scatter, seaweed

X = np.linspace(-WORLD, WORLD, 160)


def beach(e: Easel) -> None:
    e.sky()
    mid, ground = e.canvas("mid"), e.canvas("ground")
    mid.ridge(0.0, hazy((120, 160, 150), 0.4), 0.03, 0.35, bottom=0.02)
    shore = ground_edge(ground) + 0.1 * ground.floor
    ground.gradient(
        [
            (0, (60, 146, 190)),
            (shore - 0.01, (104, 200, 204)),
            (shore, (226, 204, 160)),
            (shore + 0.05, (240, 216, 164)),
            (0.55, (226, 192, 134)),
        ],
        0,
    )
    for k in range(4):
        level = shore * (0.18 + 0.2 * k)
        wave = level + 0.004 * np.sin(X * (16 - 2 * k) + ground.rng.uniform(0, 6))
        ground.curve(X, wave, wave + 0.004 + 0.0025 * k, (128, 206, 216))
    edge = shore + 0.008 * np.sin(4.2 * X + ground.rng.uniform(0, 6)) + 0.005 * np.sin(9.1 * X)
    ground.curve(X, edge + 0.006, edge + 0.026, (206, 178, 130))
    ground.curve(X, edge - 0.01, edge + 0.008, (248, 252, 250))
    ground.texture(0.05, ground=True)
    for x, y, size in scatter(ground, 26, 0.35, 1.05):
        ground.disc(x, y, 0.012 * size, (250, 236, 214), 0.6)
    first = mid.rng.choice((-1, 1))
    for x, side in ((0.4 * first, first), (-1.3 * first, -first), (1.9 * first, first)):
        x += mid.rng.uniform(-0.1, 0.1)
        mid.disc(x, 0.02, 0.26, (236, 212, 160), 0.2)
        mid.disc(x + 0.06, 0.0, 0.1, (120, 166, 90), 0.4)
        palm(mid, x, 0.0, mid.rng.uniform(0.4, 0.5), -0.25 * side)
        palm(mid, x + 0.13 * side, 0.0, mid.rng.uniform(0.26, 0.34), 0.2 * side)
    ground.curve(X, np.full_like(X, -0.0), 0.006, (176, 216, 226))


def sea(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(0.0, hazy((112, 140, 160), 0.5), 0.025, 0.5, bottom=0.01)
    if e.seed % 2:
        x = mid.rng.uniform(-0.7, 0.7)
        mid.polygon([(x - 0.03, 0.0), (x + 0.03, 0.0), (x + 0.022, 0.014), (x - 0.022, 0.014)], (150, 90, 70))
        mid.polygon([(x, -0.07), (x + 0.03, -0.006), (x, -0.006)], (246, 246, 240))
    ground.gradient([(0, (92, 172, 206)), (0.06, (56, 142, 192)), (0.25, (36, 116, 176)), (0.55, (26, 88, 150))], 0)
    for k in range(7):
        depth = -0.1 + 0.19 * k
        y, scale = ground.floor * (0.12 + 0.8 * depth), 0.6 + 0.5 * depth
        crest = np.abs(np.sin(X / scale * 6.5 + ground.rng.uniform(0, 6))) ** 0.8
        ground.curve(X, y - 0.018 * scale * crest, y + 0.012 * scale, shade((46, 128, 186), 0.86 + 0.05 * (k % 3)))
        ground.curve(X, y - 0.018 * scale * crest, y - 0.018 * scale * crest + 0.003 + 0.005 * scale * crest, (112, 182, 214))
    ground.texture(0.05, ground=True, stretch=1.6)
    crest = front.floor - 0.03 - 0.03 * np.abs(np.sin(4.6 * X + e.seed % 7)) ** 0.8
    front.curve(X, crest, front.floor + 0.2, (30, 98, 160))
    front.curve(X, crest, crest + 0.012, (166, 218, 234))


def underwater(e: Easel) -> None:
    back, mid, ground, front = (e.canvas(name) for name in ("back", "mid", "ground", "front"))
    tint = {
        "day": (1, 1, 1),
        "sunset": (1.75, 0.8, 0.74),
        "night": (0.3, 0.34, 0.5),
        "overcast": (1.15, 0.78, 0.72),
        "dawn": (1.75, 0.9, 1.05),
    }[e.light]
    top, low = ((96, 214, 226), (30, 96, 156))
    back.gradient(
        [(back.top, [a * b for a, b in zip(top, tint, strict=True)]), (0.1, [a * b for a, b in zip(low, tint, strict=True)])]
    )
    rays = np.zeros((64, 160), np.uint8)
    for x, width, lean in back.rng.uniform((0, 3, -18), (160, 9, -6), (9, 3)):
        cv2.fillConvexPoly(
            rays, np.array([(x, 0), (x + width, 0), (x + width * 2.2 + lean, 60), (x + lean, 60)], np.int32), 150
        )
    fade = np.linspace(1, 0, 64)[:, None]
    back.cover(
        (cv2.GaussianBlur(rays, (0, 0), 2.2) * fade).astype(np.uint8),
        [min(200 * t + 40, 255) for t in tint],
        0.4 if not e.dark else 0.25,
    )
    back.ridge(0.03, [a * b for a, b in zip((26, 108, 152), tint, strict=True)], 0.1, 1.2, bottom=0.4)
    mid.ridge(0.02, (40, 122, 146), 0.05, 1.6, bottom=0.04)
    for x in mid.rng.uniform(-2.2, 2.2, 12):
        size, kind = mid.rng.uniform(0.05, 0.12), int(mid.rng.integers(3))
        if kind == 0:
            seaweed(mid, x, 0.03, size * 2, (44, 128, 116), int(size * 100))
        elif kind == 1:
            rock(mid, x, 0.03, size, (70, 118, 140), int(size * 100))
        else:
            foliage(
                mid,
                x,
                0.03 - size * 0.4,
                size * 0.7,
                ((206, 110, 130), (226, 150, 96), (160, 110, 190))[int(size * 1000) % 3],
                int(size * 100),
            )
    ground.gradient([(0, (96, 166, 170)), (0.12, (168, 190, 160)), (0.5, (214, 200, 150))], 0)
    ground.texture(0.06, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 22, 0.0, 1.05)):
        ground.disc(x, y, 0.014 * size, ((236, 214, 190), (226, 150, 130), (150, 150, 150))[k % 3], 0.6)
    for k, x in enumerate(front.rng.uniform(-2.4, 2.4, 15)):
        seaweed(
            front, x, front.floor + 0.12, front.rng.uniform(0.2, 0.28), ((46, 132, 92), (80, 140, 76), (132, 84, 110))[k % 3], k
        )
    e.actor_strength = 0.5


def space(e: Easel) -> None:
    back = e.canvas("back")
    hue = {
        "day": ((26, 40, 96), (80, 130, 210)),
        "sunset": ((56, 20, 48), (220, 100, 70)),
        "night": ((10, 12, 36), (84, 60, 160)),
        "overcast": ((36, 40, 52), (110, 120, 130)),
        "dawn": ((48, 30, 76), (230, 140, 180)),
    }[e.light]
    back.gradient([(back.top, hue[0]), (0.3, shade(hue[0], 0.6))])
    for _ in range(7):
        x, y, r = back.rng.uniform((-1.6, -0.8, 0.12), (1.6, 0.1, 0.32))
        back.glow(x, y, r, hue[1], back.rng.uniform(0.2, 0.5))
    stars(back, 260, low=0.35)
    for x, y in back.rng.uniform((-1.5, -0.75), (1.5, 0.15), (9, 2)):
        back.glow(x, y, 0.022, (160, 170, 220))
    mid = e.canvas("mid")
    palette = ((222, 150, 96), (110, 170, 214), (196, 120, 170), (150, 190, 130), (226, 196, 120))
    spots = [
        (-0.34, -0.58, 0.13),
        (0.4, -0.3, 0.075),
        (0.95, -0.6, 0.16),
        (-0.95, -0.3, 0.1),
        (-0.2, 0.12, 0.06),
        (1.6, -0.2, 0.11),
        (-1.7, -0.6, 0.14),
    ]
    shift = mid.rng.uniform(-0.12, 0.12, (len(spots), 2))
    for k, ((x, y, r), (dx, dy)) in enumerate(zip(spots, shift, strict=True)):
        _planet(mid, x + dx, y + dy, r, palette[(k + e.seed) % 5], ringed=(k + e.seed) % 3 == 0)
    e.haze, e.strength, e.actor_strength = 0.0, 0.35, 0.3


def _planet(c: Canvas, x: float, y: float, r: float, rgb: Colour, ringed: bool) -> None:
    tilt = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([np.cos(tilt), 0.28 * np.sin(tilt) - 0.25 * np.cos(tilt)], 1)
    if ringed:
        c.polygon(_band(ring[30:], r, x, y), mix(rgb, (240, 230, 210), 0.5))
    for step in np.linspace(0, 1, 6):
        c.disc(x - 0.24 * r * step, y - 0.22 * r * step, r * (1 - 0.3 * step), shade(rgb, 0.5 + 0.62 * step))
    for dx, dy, size in ((-0.3, -0.1, 0.16), (0.1, -0.42, 0.11), (0.12, 0.3, 0.19)):
        c.disc(x + dx * r, y + dy * r, size * r, shade(rgb, 0.82), 0.8)
    if ringed:
        c.polygon(_band(ring[:31], r, x, y), mix(rgb, (250, 240, 220), 0.6))


def _band(arc: np.ndarray, r: float, x: float, y: float) -> np.ndarray:
    """Half of a planet's ring, between its outer and its inner edge."""
    return np.concatenate([arc * 1.75 * r, arc[::-1] * 1.35 * r]) + np.array((x, y))


def sky(e: Easel) -> None:
    back = e.sky(clouds=12, highest=-0.6, low=0.1)
    mid = e.canvas("mid")
    for level, share, count in ((-0.12, 0.45, 12), (0.0, 0.2, 12), (0.1, 0.0, 11)):
        rgb = mix(e.lit.cloud, e.lit.low, share)
        spots = [
            (x, level + mid.rng.uniform(-0.05, 0.03), mid.rng.uniform(0.13, 0.22))
            for x in np.linspace(-2.6, 2.6, count) + mid.rng.uniform(-0.1, 0.1, count)
        ]
        e.lamps.append(partial(mid.clouds, spots, rgb, 0.95))
    e.haze = 0.0
    back.texture(0.01, stretch=2)
