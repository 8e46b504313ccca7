"""The country: meadow to mountains, each a painter of the layers that an easel holds; and the table of all places."""

from functools import partial
from itertools import pairwise

import numpy as np

from .backdrop import Easel
from .brush import WORLD, Canvas, Colour, shade
from .elements import beach, sea, sky, space, underwater
from .scenery import (
    LEAVES,
    PETALS,
    cactus,
    fence,
    foliage,
    hazy,
    house,
    pine,
    rock,
    scatter,
    shrub,
    tree,
    tufts,
)
from .towns import bedroom, kitchen_table, night_city, playground, road, stage, street

X = np.linspace(-WORLD, WORLD, 160)


def meadow(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.05, hazy((112, 164, 120), 0.45), 0.05, 0.8)
    hills = mid.ridge(-0.005, (112, 170, 96), 0.035, 1.4)
    for x, y in hills[mid.rng.integers(0, 140, 16)]:
        shrub(mid, x, y + 0.012, mid.rng.uniform(0.025, 0.05), LEAVES[mid.rng.integers(4)])
    mid.texture(0.035)
    ground.gradient([(0, (150, 196, 96)), (0.12, (122, 182, 78)), (0.5, (88, 152, 62))], 0)
    ground.texture(0.05, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 44, 0.0, 1.0)):
        ground.disc(x, y, 0.015 * size, PETALS[k % 3], 0.7)
    tufts(front, (74, 140, 58))


def desert(e: Easel) -> None:
    e.sky(clouds=3)
    mid, ground = e.canvas("mid"), e.canvas("ground")
    e.haze = 0.16
    for k, (y, amplitude, rgb) in enumerate(((-0.07, 0.07, (226, 180, 136)), (-0.02, 0.055, (236, 186, 120)))):
        top = mid.ridge(y, rgb, amplitude, 0.7 + 0.4 * k, 0.35)
        rise = np.gradient(top[:, 1])
        lee = np.where(rise > 0, np.minimum(rise * 9, 0.07), 0)
        mid.curve(top[:, 0], top[:, 1], top[:, 1] + lee + 0.001, shade(rgb, 0.88))
    if e.seed % 3 == 0:
        for x in mid.rng.uniform(-1.2, 1.2, 2):
            size = mid.rng.uniform(0.16, 0.26)
            mid.polygon([(x - size, 0.03), (x, -0.75 * size), (x + size, 0.03)], (226, 178, 112))
            mid.polygon([(x + size, 0.03), (x, -0.75 * size), (x + 0.3 * size, 0.03)], (188, 140, 90))
    for x in mid.rng.uniform(-2, 2, 6):
        cactus(mid, x, 0.03, mid.rng.uniform(0.08, 0.16))
    mid.texture(0.03)
    ground.gradient([(0, (242, 204, 142)), (0.15, (236, 190, 120)), (0.5, (214, 160, 92))], 0)
    for k in range(6):
        y = ground.floor * (0.1 + 0.17 * k)
        line = y + 0.012 * np.sin(X * (7.5 - k) + ground.rng.uniform(0, 6))
        ground.curve(X, line, line + 0.009 + 0.004 * k, (224, 176, 108))
    ground.texture(0.04, ground=True)


def snow(e: Easel) -> None:
    e.sky(clouds=7)
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.07, (196, 210, 232), 0.07, 0.9)
    for x in np.sort(mid.rng.uniform(-2.4, 2.4, 22)):
        pine(mid, x, -0.01, mid.rng.uniform(0.1, 0.2), (78, 124, 116), snow=True)
    mid.ridge(0.0, (226, 234, 246), 0.018, 1.3)
    mid.texture(0.02)
    ground.gradient([(0, (228, 236, 248)), (0.2, (240, 245, 252)), (0.5, (214, 224, 242))], 0)
    for k in range(4):
        y = ground.floor * (0.2 + 0.22 * k)
        bank = y + 0.02 * np.sin(X * (3.4 - 0.3 * k) + ground.rng.uniform(0, 6))
        ground.curve(X, bank, bank + 0.03 + 0.012 * k, (222, 231, 246))
    ground.texture(0.025, ground=True)
    base = front.floor + 0.14
    front.curve(X, base - 0.155 + 0.018 * np.sin(3.1 * X + e.seed % 6), base, (246, 249, 255))


def forest(e: Easel) -> None:
    back = e.sky(clouds=2)
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    lit = np.array(e.lit.tint)
    for tone, y, count in (((176, 208, 176), -0.16, 26), ((136, 182, 142), -0.1, 22)):
        rgb = tuple(np.array(tone) * lit)
        for x in np.linspace(-WORLD, WORLD, count) + back.rng.uniform(-0.08, 0.08, count):
            width = back.rng.uniform(0.02, 0.035)
            back.box(x - width, -0.9, x + width, 0.3, shade(rgb, 0.86))
            foliage(back, x, y - 0.2 - back.rng.uniform(0, 0.16), 0.2, rgb, int(abs(x) * 50))
        back.ridge(0.0, shade(rgb, 0.95), 0.03, 2.0, bottom=0.4)
    e.haze = 0.05
    for x in np.linspace(-WORLD, WORLD, 14) + mid.rng.uniform(-0.14, 0.14, 14):
        width, bark = mid.rng.uniform(0.03, 0.055), shade((112, 82, 60), mid.rng.uniform(0.8, 1.05))
        mid.line((x, 0.035), (x, -1.3), 2.2 * width, bark, 1.5 * width)
        mid.line((x + 0.5 * width, 0.035), (x + 0.4 * width, -1.3), 0.7 * width, shade(bark, 0.75))
        mid.polygon([(x - 2 * width, 0.04), (x, -0.06), (x + 2 * width, 0.04)], bark)
        for lift in (-0.42, -0.58, -0.8):
            foliage(
                mid,
                x + mid.rng.uniform(-0.12, 0.12),
                lift + mid.rng.uniform(-0.05, 0.04),
                mid.rng.uniform(0.11, 0.16),
                LEAVES[mid.rng.integers(4)],
                int(abs(x * 40)),
            )
    mid.ridge(0.02, (86, 130, 66), 0.018, 3.0, bottom=0.05)
    ground.gradient([(0, (108, 140, 70)), (0.15, (98, 122, 62)), (0.5, (104, 94, 58))], 0)
    ground.texture(0.075, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 46, 0.0, 1.05)):
        ground.disc(x, y, 0.013 * size, ((190, 120, 56), (120, 150, 66), (160, 96, 56))[k % 3], 0.5)
    tufts(front, (62, 108, 56), 40, 0.12)


def _peak(c: Canvas, x: float, base: float, height: float, width: float, rgb: Colour) -> None:
    """A mountain with a lit and a shaded side and a cap of snow."""
    jag = c.rng.uniform(-0.08, 0.08, 4)
    left, right, tip = (x - width, base), (x + width, base), (x, base - height)
    c.polygon(
        [
            left,
            (x - width * (0.5 + jag[0]), base - height * (0.52 + jag[1])),
            tip,
            (x + width * (0.5 + jag[2]), base - height * (0.5 + jag[3])),
            right,
        ],
        rgb,
    )
    c.polygon(
        [
            tip,
            (x + width * (0.5 + jag[2]), base - height * (0.5 + jag[3])),
            right,
            (x + 0.25 * width, base),
            (x - 0.06 * width, base - 0.55 * height),
        ],
        shade(rgb, 0.78),
    )
    cut = 0.3
    cap = [
        tip,
        (x + width * cut, base - height * (1 - cut)),
        (x + 0.14 * width, base - height * 0.76),
        (x + 0.02 * width, base - height * 0.64),
        (x - 0.1 * width, base - height * 0.77),
        (x - width * cut, base - height * (1 - cut - 0.02)),
    ]
    c.polygon(cap, (247, 250, 255))
    c.polygon([tip, cap[1], cap[2], (x + 0.02 * width, base - height * 0.82)], (212, 222, 240))


def mountains(e: Easel) -> None:
    e.sky(clouds=7, highest=-0.52, low=-0.3)
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    for x in np.linspace(-2.4, 2.4, 8) + mid.rng.uniform(-0.2, 0.2, 8):
        _peak(mid, x, 0.0, mid.rng.uniform(0.24, 0.34), mid.rng.uniform(0.34, 0.46), hazy((140, 150, 178), 0.4))
    for x in np.linspace(-2.3, 2.3, 6) + mid.rng.uniform(-0.25, 0.25, 6):
        _peak(mid, x, 0.0, mid.rng.uniform(0.2, 0.42), mid.rng.uniform(0.26, 0.38), (124, 132, 152))
    mid.ridge(-0.005, hazy((92, 136, 104), 0.2), 0.03, 1.5)
    for x in np.sort(mid.rng.uniform(-2.4, 2.4, 34)):
        pine(mid, x, 0.01, mid.rng.uniform(0.06, 0.11), (70, 118, 92))
    mid.texture(0.03)
    ground.gradient([(0, (136, 172, 110)), (0.12, (126, 164, 92)), (0.5, (98, 138, 72))], 0)
    ground.texture(0.055, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 26, 0.0, 1.0)):
        rock(ground, x, y, 0.018 * size, (166, 164, 162), k)
    tufts(front, (86, 128, 66), 34)


def farm(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.03, hazy((150, 180, 110), 0.35), 0.04, 0.8)
    mid.ridge(0.0, (168, 186, 96), 0.02, 1.2)
    lamps = e.lamps if e.dark else None
    shift = mid.rng.uniform(-0.3, 0.1)
    for x in (-1.55 + shift, shift, 1.5 + shift):
        house(mid, x - 0.3, 0.02, 0.15, 0.15, (236, 220, 190), (150, 84, 70), lamps)
        _barn(mid, x, 0.02, 0.3, lamps)
        tree(mid, x + 0.3, 0.02, 0.24, LEAVES[1], int(abs(x) * 9))
        tree(mid, x - 0.7, 0.02, 0.18, LEAVES[0], int(abs(x) * 9) + 1)
    fence(mid, 0, 0.035, 0.06, 5.0, (226, 204, 168))
    mid.texture(0.03)
    ground.gradient([(0, (176, 176, 86)), (0.5, (156, 148, 68))], 0)
    for k, x in enumerate(np.arange(-4.2, 4.3, 0.28)):
        far_l, near_l = ground.on_floor(x, -0.15), ground.on_floor(x, 1.3)
        far_r, near_r = ground.on_floor(x + 0.14, -0.15), ground.on_floor(x + 0.14, 1.3)
        ground.polygon([far_l, far_r, near_r, near_l], (130, 160, 70) if k % 2 else (142, 168, 74))
    ground.texture(0.05, ground=True)
    tufts(front, (170, 158, 70), 44, 0.09)


def _barn(c: Canvas, x: float, y: float, size: float, lamps: list | None) -> None:
    red, white = (186, 66, 54), (244, 238, 228)
    c.box(x + 0.66 * size, y - 1.2 * size, x + 0.94 * size, y, (190, 194, 200))
    c.disc(x + 0.8 * size, y - 1.2 * size, 0.14 * size, (150, 156, 166))
    c.polygon(
        [
            (x - 0.6 * size, y),
            (x - 0.6 * size, y - 0.6 * size),
            (x - 0.42 * size, y - 0.88 * size),
            (x, y - 1.05 * size),
            (x + 0.42 * size, y - 0.88 * size),
            (x + 0.6 * size, y - 0.6 * size),
            (x + 0.6 * size, y),
        ],
        red,
    )
    roof = [
        (x - 0.68 * size, y - 0.57 * size),
        (x - 0.46 * size, y - 0.92 * size),
        (x, y - 1.1 * size),
        (x + 0.46 * size, y - 0.92 * size),
        (x + 0.68 * size, y - 0.57 * size),
    ]
    for a, b in pairwise(roof):
        c.line(a, b, 0.08 * size, (96, 84, 84))
    c.box(x - 0.24 * size, y - 0.46 * size, x + 0.24 * size, y, shade(red, 0.72))
    for a, b in (((-0.24, 0), (0.24, -0.46)), ((0.24, 0), (-0.24, -0.46))):
        c.line((x + a[0] * size, y + a[1] * size), (x + b[0] * size, y + b[1] * size), 0.05 * size, white)
    pane = (x - 0.1 * size, y - 0.8 * size, x + 0.1 * size, y - 0.62 * size)
    c.box(*pane, white)
    if lamps is not None:
        lamps.append(partial(c.box, *pane, (255, 216, 130)))


PAINTERS = {
    "meadow": meadow, "beach": beach, "desert": desert, "snow": snow, "sea": sea, "underwater": underwater, "forest": forest,
    "street": street, "night city": night_city, "mountains": mountains, "space": space, "kitchen table": kitchen_table,
    "stage": stage, "road": road, "farm": farm, "sky": sky, "playground": playground, "bedroom": bedroom,
}  # fmt: skip
