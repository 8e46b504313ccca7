"""Streets, roads and rooms: the places that people built, each a painter of the layers that an easel holds."""

from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from .backdrop import Easel
from .brush import WORLD, Canvas, Colour, mix, shade
from .scenery import LEAVES, PETALS, foliage, hazy, shrub, tree, tufts

WALLS = ((236, 190, 150), (214, 130, 110), (240, 216, 160), (160, 190, 196), (196, 170, 200), (170, 196, 150), (226, 160, 130))
GLOW = ((255, 220, 130), (255, 236, 190), (170, 220, 255))
NEON = ((255, 80, 150), (80, 220, 255), (255, 190, 70), (150, 255, 130), (190, 110, 255))


def _boards(c: Canvas, step: float, rgb: Colour, start: float = 0.0, contrast: float = 0.1) -> None:
    """Planks that run towards the viewer, in perspective."""
    c.gradient([(start, shade(rgb, 0.86)), (0.5, rgb)], start)
    for k, x in enumerate(np.arange(-5, 5, step)):
        tone = 1 + contrast * np.sin(2.4 * k + 1.3 * (k % 3))
        shape = [c.on_floor(x, -0.15), c.on_floor(x + step * 0.96, -0.15), c.on_floor(x + step * 0.96, 1.4), c.on_floor(x, 1.4)]
        low = [(px, max(py, start)) for px, py in shape]
        c.polygon(low, shade(rgb, tone))


def _facade(
    c: Canvas, left: float, width: float, height: float, rgb: Colour, lamps: list | None, rng: np.random.Generator
) -> None:
    """A town house on the horizon line with a shop below."""
    right = left + width
    c.box(left, -height, right, 0.03, rgb)
    c.box(right - 0.12 * width, -height, right, 0.03, shade(rgb, 0.9))
    c.box(left - 0.008, -height - 0.018, right + 0.008, -height + 0.012, shade(rgb, 0.7))
    columns, pane = max(int(width / 0.1), 2), 0.032
    for row in np.arange(-height + 0.06, -0.17, 0.105):
        for x in left + width * (np.arange(columns) + 0.5) / columns:
            window = (x - pane * 0.75, row, x + pane * 0.75, row + 0.06)
            c.box(window[0] - 0.006, window[1] - 0.006, window[2] + 0.006, window[3] + 0.006, shade(rgb, 1.2))
            c.box(*window, (128, 168, 196))
            if lamps is not None and rng.random() < 0.65:
                lamps.append(partial(c.box, *window, GLOW[rng.integers(2)]))
    awning, shop = WALLS[rng.integers(len(WALLS))], (left + 0.1 * width, -0.095, right - 0.1 * width, 0.03)
    c.box(*shop, (92, 110, 128))
    if lamps is not None:
        lamps.append(partial(c.box, shop[0], shop[1], shop[2], 0.0, (250, 208, 130)))
    c.box(left + 0.44 * width, -0.085, left + 0.6 * width, 0.03, shade(awning, 0.6))
    stripes = np.linspace(left + 0.06 * width, right - 0.06 * width, 6)
    for k, (a, b) in enumerate(pairwise(stripes)):
        c.polygon([(a, -0.125), (b, -0.125), (b + 0.004, -0.08), (a - 0.004, -0.08)], awning if k % 2 else (248, 244, 236))


def street(e: Easel) -> None:
    e.sky(clouds=5)
    mid, ground = e.canvas("mid"), e.canvas("ground")
    lamps = e.lamps if e.dark else None
    far = -WORLD
    while far < WORLD:
        width = mid.rng.uniform(0.12, 0.24)
        mid.box(far, -mid.rng.uniform(0.3, 0.44), far + width, 0.0, hazy((150, 150, 170), 0.5))
        far += width
    left = -WORLD
    while left < WORLD:
        width = mid.rng.uniform(0.22, 0.36)
        if mid.rng.random() < 0.16:
            tree(mid, left + width / 2, 0.03, 0.3, LEAVES[mid.rng.integers(4)], int(mid.rng.integers(9)))
        else:
            _facade(mid, left, width, mid.rng.uniform(0.26, 0.44), WALLS[mid.rng.integers(len(WALLS))], lamps, mid.rng)
        left += width + 0.004
    mid.texture(0.025)
    floor = ground.floor
    ground.gradient(
        [(0, (206, 200, 190)), (0.2 * floor, (196, 190, 180)), (0.22 * floor, (120, 124, 132)), (floor, (98, 102, 112))], 0
    )
    ground.box(-4, 0.2 * floor, 4, 0.235 * floor, (226, 222, 214))
    for x in np.arange(-3.6, 3.6, 0.24):
        ground.line(ground.on_floor(x, -0.15), ground.on_floor(x, 0.09), 0.005, (176, 170, 162))
    _dashes(ground, 0.56, 0.42, (240, 236, 216))
    ground.texture(0.05, ground=True)


def _dashes(c: Canvas, depth: float, step: float, rgb: Colour) -> None:
    for x in np.arange(-4, 4, step):
        near, far = depth + 0.028, depth - 0.028
        c.polygon(
            [c.on_floor(x, far), c.on_floor(x + step * 0.55, far), c.on_floor(x + step * 0.55, near), c.on_floor(x, near)], rgb
        )


def night_city(e: Easel) -> None:
    back = e.sky(clouds=4)
    mid, ground = e.canvas("mid"), e.canvas("ground")
    dim = (70, 70, 110) if not e.dark else (54, 56, 92)
    back.glow(0, 0.05, 0.9, (70, 50, 90), 0.7)
    _towers(back, (0.36, 0.64), mix(dim, e.lit.low, 0.25), e.lamps, 0.35, 0.011, 30)
    _towers(mid, (0.16, 0.46), (78, 72, 112), e.lamps, 0.5, 0.015, 17)
    for x, y, k in mid.rng.uniform((-2.2, -0.2, 0), (2.2, -0.08, 4.99), (9, 3)):
        rgb = NEON[int(k)]
        e.lamps.append(partial(mid.glow, x, y, 0.07, shade(rgb, 0.4)))
        e.lamps.append(partial(mid.box, x - 0.05, y - 0.018, x + 0.05, y + 0.018, rgb))
        e.lamps.append(partial(ground.glow, x, 0.06, 0.11, shade(rgb, 0.42)))
    ground.gradient([(0, (104, 98, 132)), (0.1, (92, 90, 122)), (0.5, (72, 72, 100))], 0)
    ground.box(-4, 0.16 * ground.floor, 4, 0.19 * ground.floor, (156, 150, 176))
    _dashes(ground, 0.6, 0.5, (214, 196, 130))
    ground.texture(0.07, ground=True)
    e.haze, e.strength, e.actor_strength = 0.12, 0.75, 0.4


def _towers(c: Canvas, heights: tuple[float, float], rgb: Colour, lamps: list, share: float, pane: float, count: int) -> None:
    """A skyline with lit windows."""
    lit: dict[int, list] = {0: [], 1: [], 2: []}
    edges = np.linspace(-WORLD, WORLD, count + 1)
    for left, right in pairwise(edges):
        right += c.rng.uniform(-0.02, 0.05)
        top = -c.rng.uniform(*heights)
        tone = shade(rgb, c.rng.uniform(0.75, 1.25))
        c.box(left, top, right, 0.04, tone)
        c.box(right - 0.2 * (right - left), top, right, 0.04, shade(tone, 0.8))
        if c.rng.random() < 0.35:
            c.box((left + right) / 2 - 0.006, top - 0.07, (left + right) / 2 + 0.006, top, tone)
        xs, ys = np.arange(left + 2 * pane, right - 1.5 * pane, 2.9 * pane), np.arange(top + 2 * pane, -0.02, 3.3 * pane)
        for x in xs:
            for y in ys[c.rng.random(len(ys)) < share]:
                lit[int(c.rng.integers(3))].append(
                    [(x, y), (x + 1.5 * pane, y), (x + 1.5 * pane, y + 1.7 * pane), (x, y + 1.7 * pane)]
                )
    for k, shapes in lit.items():
        lamps.append(partial(c.polygons, np.array(shapes), shade(GLOW[k], 0.92)))


def road(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.06, hazy((120, 150, 160), 0.45), 0.06, 0.7)
    mid.ridge(-0.01, hazy((150, 176, 110), 0.1), 0.03, 1.1)
    for x in np.arange(-2.4, 2.5, 0.55) + mid.rng.uniform(-0.1, 0.1):
        mid.line((x, 0.03), (x, -0.24), 0.014, (110, 88, 72))
        mid.line((x - 0.05, -0.21), (x + 0.05, -0.21), 0.01, (110, 88, 72))
    for x in mid.rng.uniform(-2.4, 2.4, 14):
        shrub(mid, x, 0.03, mid.rng.uniform(0.03, 0.06), LEAVES[mid.rng.integers(4)])
    mid.texture(0.03)
    ground.gradient([(0, (164, 184, 104)), (0.5, (120, 152, 78))], 0)
    ground.texture(0.07, ground=True)
    far, near = ground.on_floor(0, 0.14)[1], ground.on_floor(0, 0.93)[1]
    ground.box(-4, far - 0.008, 4, near + 0.012, (204, 190, 158))
    ground.box(-4, far, 4, near, (104, 106, 116))
    for y, width in ((far + 0.014, 0.007), (near - 0.02, 0.012)):
        ground.box(-4, y, 4, y + width, (238, 236, 226))
    _dashes(ground, 0.55, 0.4, (250, 214, 96))
    ground.texture(0.035, ground=True)
    tufts(front, (110, 146, 70), 40, 0.05)


def playground(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.01, hazy((120, 168, 110), 0.25), 0.03, 1.0)
    for x in np.arange(-2.5, 2.6, 0.36) + mid.rng.uniform(-0.1, 0.1):
        tree(mid, x, 0.02, mid.rng.uniform(0.18, 0.28), hazy(LEAVES[mid.rng.integers(4)], 0.15), int(abs(x) * 20))
    shift = mid.rng.uniform(-0.15, 0.15)
    for x in (-1.6, 0.0, 1.6):
        _slide(mid, x - 0.34 + shift, 0.035, 0.3)
        _swing(mid, x + 0.3 + shift, 0.035, 0.3)
    ground.gradient([(0, (150, 190, 104)), (0.2, (238, 206, 150)), (0.5, (226, 186, 128))], 0)
    for k, x in enumerate(np.arange(-3.3, 3.4, 0.19)):  # a path of coloured stepping stones
        rgb = ((240, 130, 110), (120, 180, 220), (250, 206, 96), (150, 200, 120))[k % 4]
        at = ground.on_floor(x, 0.12 + 0.05 * np.sin(2 * k))
        ground.disc(*at, 0.045, mix(rgb, (238, 206, 150), 0.25), 0.36)
    ground.texture(0.05, ground=True)
    tufts(front, (110, 166, 78), 44, 0.05)


def _slide(c: Canvas, x: float, y: float, size: float) -> None:
    for dx in (-0.3, -0.12):
        c.line((x + dx * size, y), (x + dx * size, y - 0.95 * size), 0.05 * size, (226, 80, 76))
    for k in range(5):
        c.line(
            (x - 0.3 * size, y - (0.12 + 0.15 * k) * size),
            (x - 0.12 * size, y - (0.12 + 0.15 * k) * size),
            0.035 * size,
            (250, 200, 80),
        )
    t = np.linspace(0, 1, 12)
    top = y - size * (0.74 - 0.68 * (1 - np.cos(np.pi * t)) / 2)
    c.curve(x + size * (-0.12 + 0.85 * t), top - 0.04 * size, top + 0.05 * size, (80, 160, 226))
    c.curve(x + size * (-0.12 + 0.85 * t), top - 0.1 * size, top - 0.04 * size, (250, 206, 90))


def _swing(c: Canvas, x: float, y: float, size: float) -> None:
    for side in (-1, 1):
        for foot in (-0.1, 0.1):
            c.line((x + (0.42 * side + foot) * size, y), (x + 0.42 * side * size, y - 0.9 * size), 0.045 * size, (90, 170, 120))
    c.line((x - 0.46 * size, y - 0.9 * size), (x + 0.46 * size, y - 0.9 * size), 0.055 * size, (70, 146, 104))
    for seat in (-0.2, 0.18):
        for dx in (-0.075, 0.075):
            c.line(
                (x + (seat + dx) * size, y - 0.9 * size),
                (x + (seat + dx) * size, y - 0.24 * size),
                0.018 * size,
                (110, 110, 120),
            )
        c.box(x + (seat - 0.1) * size, y - 0.25 * size, x + (seat + 0.1) * size, y - 0.2 * size, (226, 96, 84))


def _window(e: Easel, c: Canvas, x: float, y: float, width: float, height: float) -> None:
    """A window onto the sky of the hour, painted after the room's grade; (x, y) is its middle."""
    half, tall, lit = width / 2, height / 2, e.lit

    def view() -> None:
        bands = np.linspace(0, 1, 9)
        for a, b in pairwise(bands):
            c.box(
                x - half,
                y - tall + a * height,
                x + half,
                y - tall + b * height + 0.004,
                mix(mix(lit.zenith, lit.middle, min(2 * a, 1)), lit.low, max(2 * a - 1, 0)),
            )
        if e.dark:
            c.disc(x + 0.5 * half, y - 0.5 * tall, 0.16 * half, (244, 242, 222))
            for dx, dy in ((-0.6, -0.5), (-0.2, -0.7), (-0.4, 0.1), (0.3, 0.3), (0.75, 0.0)):
                c.disc(x + dx * half, y + dy * tall, 0.006, (240, 240, 250))
        elif e.light != "overcast":
            c.disc(x + 0.45 * half, y - (0.5 if e.light == "day" else -0.1) * tall, 0.16 * half, (255, 240, 190))
        tone = np.array(lit.tint)
        foliage(c, x - 0.55 * half, y + 0.95 * tall, 0.4 * tall, tuple(np.array((110, 160, 96)) * tone), 3)
        frame = tuple(np.array((250, 246, 238)) * (0.4 + 0.6 * tone))
        for side in (-half, 0, half):
            c.line((x + side, y - tall), (x + side, y + tall), 0.016, frame)
        for level in (-tall, 0, tall):
            c.line((x - half - 0.008, y + level), (x + half + 0.008, y + level), 0.016, frame)
        c.box(x - half - 0.03, y + tall, x + half + 0.03, y + tall + 0.022, frame)

    e.lamps.append(view)


def kitchen_table(e: Easel) -> None:
    back, ground = e.canvas("back"), e.canvas("ground")
    wall = ((232, 224, 196), (196, 222, 214), (240, 208, 190), (206, 214, 234))[e.seed % 4]
    back.gradient([(back.top, shade(wall, 1.04)), (0.3, shade(wall, 0.9))])
    for k, x in enumerate(np.arange(-2.6, 2.6, 0.14)):
        for row in range(3):
            if (k + row) % 2:
                back.box(x, -0.3 + 0.1 * row, x + 0.134, -0.206 + 0.1 * row, shade(wall, 0.94))
    back.box(-4, -0.012, 4, 0.3, shade(wall, 0.72))
    shift = back.rng.uniform(-0.14, 0.14)
    for x in (-1.5, 0.0, 1.5):
        _window(e, back, x - 0.2 + shift, -0.36, 0.34, 0.3)
        _shelf(back, x + 0.27 + shift, -0.3, 0.34)
    back.texture(0.015)
    wood = ((196, 140, 88), (176, 120, 76), (214, 164, 110))[e.seed % 3]
    _boards(ground, 0.3, wood)
    ground.box(-4, 0.0, 4, 0.012, shade(wood, 0.7))
    ground.texture(0.05, ground=True, stretch=2.5)
    cloth = [ground.on_floor(x, d) for x, d in ((-0.62, 0.02), (0.62, 0.02), (0.7, 1.02), (-0.7, 1.02))]
    if e.seed % 2:
        rgb = ((226, 110, 100), (110, 160, 206), (120, 176, 130))[e.seed % 3]
        ground.polygon(cloth, mix(rgb, (250, 246, 240), 0.55))
        for k in np.linspace(-0.55, 0.55, 5):
            ground.polygon(
                [
                    ground.on_floor(k - 0.05, 0.02),
                    ground.on_floor(k + 0.05, 0.02),
                    ground.on_floor(k * 1.05 + 0.05, 1.02),
                    ground.on_floor(k * 1.05 - 0.05, 1.02),
                ],
                mix(rgb, (250, 246, 240), 0.25),
            )


def _shelf(c: Canvas, x: float, y: float, width: float) -> None:
    c.box(x - width / 2, y, x + width / 2, y + 0.022, (150, 104, 68))
    for k, at in enumerate(np.linspace(-0.38, 0.38, 5)):
        rgb = ((226, 120, 90), (120, 170, 190), (240, 200, 100), (150, 180, 120), (200, 140, 180))[k]
        tall = 0.07 + 0.035 * ((k * 7) % 3)
        c.box(x + at * width - 0.024, y - tall, x + at * width + 0.024, y, rgb)
        c.box(x + at * width - 0.024, y - tall, x + at * width + 0.024, y - tall + 0.02, shade(rgb, 0.65))


def bedroom(e: Easel) -> None:
    back, ground = e.canvas("back"), e.canvas("ground")
    wall = ((190, 206, 232), (236, 206, 214), (210, 226, 200), (240, 224, 186), (214, 200, 232))[e.seed % 5]
    back.gradient([(back.top, shade(wall, 1.05)), (0.3, shade(wall, 0.93))])
    for x in np.arange(-2.6, 2.6, 0.2):
        back.box(x, -1.5, x + 0.09, 0.0, shade(wall, 0.965))
    back.texture(0.012)
    shift, shade_on = back.rng.uniform(-0.12, 0.12), e.light in ("night", "sunset", "dawn", "overcast")
    for x in (-1.7, 0.0, 1.7):
        _window(e, back, x + 0.02 + shift, -0.34, 0.3, 0.3)
        for side in (-1, 1):
            back.polygon(
                [
                    (x + shift + 0.02 + side * 0.17, -0.52),
                    (x + shift + 0.02 + side * 0.28, -0.52),
                    (x + shift + 0.02 + side * 0.26, -0.08),
                    (x + shift + 0.02 + side * 0.19, -0.12),
                ],
                shade(WALLS[e.seed % 7], 0.95),
            )
        _bed(back, x - 0.52 + shift, 0.02, 0.42, PETALS[e.seed % 5])
        _bedside(e, back, x + 0.43 + shift, 0.02, shade_on)
    back.box(-4, -0.012, 4, 0.02, (246, 242, 234))
    wood = ((204, 160, 112), (180, 132, 92))[e.seed % 2]
    _boards(ground, 0.24, wood, contrast=0.06)
    rug = ((226, 130, 120), (130, 160, 210), (240, 196, 110), (150, 190, 150))[e.seed % 4]
    centre = ground.on_floor(0, 0.52)
    for size, rgb in ((1.0, rug), (0.84, mix(rug, (255, 255, 255), 0.45)), (0.66, rug)):
        ground.disc(centre[0], centre[1], 0.46 * size, rgb, 0.36)
    ground.texture(0.04, ground=True, stretch=1.5)


def _bed(c: Canvas, x: float, y: float, size: float, blanket: Colour) -> None:
    wood = (150, 108, 80)
    c.box(x - 0.62 * size, y - 0.66 * size, x - 0.54 * size, y, wood)
    c.box(x + 0.56 * size, y - 0.46 * size, x + 0.64 * size, y, wood)
    c.box(x - 0.58 * size, y - 0.28 * size, x + 0.6 * size, y - 0.08 * size, shade(wood, 1.15))
    c.disc(x - 0.36 * size, y - 0.36 * size, 0.18 * size, (252, 250, 246), 0.5)
    t = np.linspace(-0.56, 0.57, 16)
    c.curve(x + t * size, y - (0.33 + 0.05 * np.sin(3.2 * t + 0.8)) * size, y - 0.14 * size, mix(blanket, (255, 250, 245), 0.2))
    c.curve(
        x + t[6:] * size,
        y - (0.36 + 0.05 * np.sin(3.2 * t[6:] + 0.8)) * size,
        y - 0.12 * size,
        mix(blanket, (120, 110, 130), 0.15),
    )


def _bedside(e: Easel, c: Canvas, x: float, y: float, on: bool) -> None:
    c.box(x - 0.085, y - 0.15, x + 0.085, y, (170, 124, 88))
    c.box(x - 0.07, y - 0.12, x + 0.07, y - 0.075, (190, 144, 104))
    c.line((x, y - 0.15), (x, y - 0.21), 0.014, (110, 100, 96))
    shape = [(x - 0.06, y - 0.2), (x - 0.035, y - 0.29), (x + 0.035, y - 0.29), (x + 0.06, y - 0.2)]
    c.polygon(shape, (250, 226, 176))
    if on:
        e.lamps.append(partial(c.glow, x, y - 0.23, 0.17, (96, 68, 26)))
        e.lamps.append(partial(c.polygon, shape, (255, 238, 190)))
    c.box(x - 0.075, y - 0.56, x + 0.075, y - 0.42, (150, 108, 80))
    c.box(x - 0.062, y - 0.547, x + 0.062, y - 0.433, (200, 224, 236))
    c.disc(x + 0.02, y - 0.47, 0.026, (250, 206, 100))


def stage(e: Easel) -> None:
    back, mid, ground = e.canvas("back"), e.canvas("mid"), e.canvas("ground")
    cloth = ((150, 36, 52), (56, 52, 120), (32, 96, 92), (116, 44, 110))[e.seed % 4]
    columns = np.arange(back.pixels.shape[1]) + 0.5
    fold = 0.5 + 0.5 * np.sin((columns - back.x0) / back.unit * 2 * np.pi / 0.16)
    tone = (0.66 + 0.3 * fold)[None, :, None] * np.linspace(0.62, 1.0, len(back.pixels))[:, None, None] ** 0.7
    back.pixels[:] = np.clip(tone * np.array(cloth), 0, 255).astype(np.uint8)
    beam = {
        "day": (255, 250, 226),
        "sunset": (255, 190, 120),
        "night": (150, 180, 255),
        "overcast": (210, 216, 222),
        "dawn": (255, 200, 214),
    }[e.light]
    _beams(e, back, beam)
    for side in (-1, 1):
        for k in range(3):
            _drape(mid, side, 0.43 + 0.62 * k, shade(cloth, 1.18))
    swag = np.linspace(-WORLD, WORLD, 120)
    mid.curve(swag, np.full_like(swag, -2.0), -0.53 + 0.035 * np.abs(np.sin(swag * np.pi / 0.36)), shade(cloth, 1.15))
    edge = -0.53 + 0.035 * np.abs(np.sin(swag * np.pi / 0.36))
    mid.curve(swag, edge - 0.012, edge + 0.008, (236, 196, 96))
    _boards(ground, 0.22, (176, 122, 78), contrast=0.08)
    ground.texture(0.04, ground=True, stretch=1.5)
    for x in (-0.55, 0.0, 0.55):
        spot = ground.on_floor(x, 0.5)
        e.lamps.append(partial(ground.glow, *spot, 0.2, shade(beam, 0.28)))


def _drape(c: Canvas, side: int, at: float, rgb: Colour) -> None:
    """A side curtain, gathered towards its lower part."""
    for k in range(4):
        x = side * (at + 0.05 * k)
        c.polygon(
            [
                (x, -2.0),
                (x + side * 0.055, -2.0),
                (x + side * 0.06, 0.035),
                (x + side * 0.012 * (3 - k), 0.035),
                (x - side * 0.02, -0.3),
            ],
            shade(rgb, 0.74 + 0.16 * (k % 2)),
        )


def _beams(e: Easel, back: Canvas, rgb: Colour) -> None:
    height, width = back.pixels.shape[:2]
    mask = np.zeros((height // 3 + 1, width // 3 + 1), np.uint8)
    low = Canvas(mask, back.unit / 3, back.x0 / 3, back.y0 / 3, back.floor, back.rng)
    for x, foot in ((-0.5, -0.3), (0.0, 0.0), (0.5, 0.3), (-1.2, -1.0), (1.2, 1.0)):
        shape = low.points([(x - 0.02, -0.9), (x + 0.02, -0.9), (foot + 0.17, 0.05), (foot - 0.17, 0.05)]) // 16
        cv2.fillConvexPoly(mask, shape, 110)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.025 * low.unit, 0.6))
    e.lamps.append(partial(back.cover, soft, rgb, 0.34))
