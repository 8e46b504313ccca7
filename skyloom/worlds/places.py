"""The outdoor places in the country, each a painter of the layers that an easel holds."""

import numpy as np

from .backdrop import Easel, stars
from .brush import WORLD, mix, shade
from .scenery import LEAVES, PETALS, bush, cactus, fence, foliage, ground_edge, hazy, house, palm, pine, rock, scatter, seaweed, tree, tufts
from .towns import bedroom, kitchen_table, night_city, playground, road, stage, street

X = np.linspace(-WORLD, WORLD, 160)


def meadow(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.05, hazy((112, 164, 120), 0.45), 0.05, 0.8)
    hills = mid.ridge(-0.005, (112, 170, 96), 0.035, 1.4)
    for x, y in hills[mid.rng.integers(0, 140, 16)]:
        bush(mid, x, y + 0.012, mid.rng.uniform(0.025, 0.05), LEAVES[mid.rng.integers(4)], int(mid.rng.integers(3)) * 2)
    mid.texture(0.035)
    ground.gradient([(0, (150, 196, 96)), (0.12, (122, 182, 78)), (0.5, (88, 152, 62))], 0)
    ground.texture(0.05, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 44, 0.0, 1.0)):
        ground.disc(x, y, 0.015 * size, PETALS[k % 3], 0.7)
    tufts(front, (74, 140, 58))


def beach(e: Easel) -> None:
    e.sky()
    mid, ground = e.canvas("mid"), e.canvas("ground")
    mid.ridge(0.0, hazy((120, 160, 150), 0.4), 0.03, 0.35, bottom=0.02)
    shore = ground_edge(ground) + 0.1 * ground.floor
    ground.gradient([(0, (60, 146, 190)), (shore - 0.01, (104, 200, 204)), (shore, (226, 204, 160)), (shore + 0.05, (240, 216, 164)), (0.55, (226, 192, 134))], 0)
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
    tint = {"day": (1, 1, 1), "sunset": (1.9, 0.74, 0.62), "night": (0.3, 0.34, 0.5), "overcast": (1.15, 0.78, 0.72), "dawn": (1.75, 0.9, 1.05)}[e.light]
    top, low = ((96, 214, 226), (30, 96, 156))
    back.gradient([(back.top, [a * b for a, b in zip(top, tint, strict=True)]), (0.1, [a * b for a, b in zip(low, tint, strict=True)])])
    rays = np.zeros((64, 160), np.uint8)
    from cv2 import GaussianBlur, fillConvexPoly

    for x, width, lean in back.rng.uniform((0, 3, -18), (160, 9, -6), (9, 3)):
        fillConvexPoly(rays, np.array([(x, 0), (x + width, 0), (x + width * 2.2 + lean, 60), (x + lean, 60)], np.int32), 150)
    fade = np.linspace(1, 0, 64)[:, None]
    back.cover((GaussianBlur(rays, (0, 0), 2.2) * fade).astype(np.uint8), [min(200 * t + 40, 255) for t in tint], 0.4 if not e.dark else 0.25)
    back.ridge(0.03, [a * b for a, b in zip((26, 108, 152), tint, strict=True)], 0.1, 1.2, bottom=0.4)
    mid.ridge(0.02, (40, 122, 146), 0.05, 1.6, bottom=0.04)
    for x in mid.rng.uniform(-2.2, 2.2, 12):
        size, kind = mid.rng.uniform(0.05, 0.12), int(mid.rng.integers(3))
        if kind == 0:
            seaweed(mid, x, 0.03, size * 2, (44, 128, 116), int(size * 100))
        elif kind == 1:
            rock(mid, x, 0.03, size, (70, 118, 140), int(size * 100))
        else:
            foliage(mid, x, 0.03 - size * 0.4, size * 0.7, ((206, 110, 130), (226, 150, 96), (160, 110, 190))[int(size * 1000) % 3], int(size * 100))
    ground.gradient([(0, (96, 166, 170)), (0.12, (168, 190, 160)), (0.5, (214, 200, 150))], 0)
    ground.texture(0.06, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 22, 0.0, 1.05)):
        ground.disc(x, y, 0.014 * size, ((236, 214, 190), (226, 150, 130), (150, 150, 150))[k % 3], 0.6)
    for k, x in enumerate(front.rng.uniform(-2.4, 2.4, 15)):
        seaweed(front, x, front.floor + 0.12, front.rng.uniform(0.2, 0.28), ((46, 132, 92), (80, 140, 76), (132, 84, 110))[k % 3], k)
    e.actor_strength = 0.5


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
        width, tone = mid.rng.uniform(0.03, 0.055), mid.rng.uniform(0.8, 1.05)
        bark = shade((112, 82, 60), tone)
        mid.line((x, 0.035), (x, -1.3), 2.2 * width, bark, 1.5 * width)
        mid.line((x + 0.5 * width, 0.035), (x + 0.4 * width, -1.3), 0.7 * width, shade(bark, 0.75))
        mid.polygon([(x - 2 * width, 0.04), (x, -0.06), (x + 2 * width, 0.04)], bark)
        for lift in (-0.42, -0.58, -0.8):
            foliage(mid, x + mid.rng.uniform(-0.12, 0.12), lift + mid.rng.uniform(-0.05, 0.04), mid.rng.uniform(0.11, 0.16), LEAVES[mid.rng.integers(4)], int(abs(x * 40)))
    mid.ridge(0.02, (86, 130, 66), 0.018, 3.0, bottom=0.05)
    ground.gradient([(0, (108, 140, 70)), (0.15, (98, 122, 62)), (0.5, (104, 94, 58))], 0)
    ground.texture(0.075, ground=True)
    for k, (x, y, size) in enumerate(scatter(ground, 46, 0.0, 1.05)):
        ground.disc(x, y, 0.013 * size, ((190, 120, 56), (120, 150, 66), (160, 96, 56))[k % 3], 0.5)
    tufts(front, (62, 108, 56), 40, 0.12)


def _peak(c, x: float, base: float, height: float, width: float, rgb) -> None:
    """A mountain with a lit and a shaded side and a cap of snow."""
    jag = c.rng.uniform(-0.08, 0.08, 4)
    left, right, tip = (x - width, base), (x + width, base), (x, base - height)
    c.polygon([left, (x - width * (0.5 + jag[0]), base - height * (0.52 + jag[1])), tip, (x + width * (0.5 + jag[2]), base - height * (0.5 + jag[3])), right], rgb)
    c.polygon([tip, (x + width * (0.5 + jag[2]), base - height * (0.5 + jag[3])), right, (x + 0.25 * width, base), (x - 0.06 * width, base - 0.55 * height)], shade(rgb, 0.78))
    cut = 0.3
    cap = [tip, (x + width * cut, base - height * (1 - cut)), (x + 0.14 * width, base - height * 0.76), (x + 0.02 * width, base - height * 0.64), (x - 0.1 * width, base - height * 0.77), (x - width * cut, base - height * (1 - cut - 0.02))]
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


def space(e: Easel) -> None:
    back = e.canvas("back")
    hue = {"day": ((26, 40, 96), (80, 130, 210)), "sunset": ((56, 20, 48), (220, 100, 70)), "night": ((10, 12, 36), (84, 60, 160)), "overcast": ((36, 40, 52), (110, 120, 130)), "dawn": ((48, 30, 76), (230, 140, 180))}[e.light]
    back.gradient([(back.top, hue[0]), (0.3, shade(hue[0], 0.6))])
    for _ in range(7):
        x, y, r = back.rng.uniform((-1.6, -0.8, 0.12), (1.6, 0.1, 0.32))
        back.glow(x, y, r, hue[1], back.rng.uniform(0.2, 0.5))
    stars(back, 260, low=0.35)
    for x, y in back.rng.uniform((-1.5, -0.75), (1.5, 0.15), (9, 2)):
        back.glow(x, y, 0.022, (160, 170, 220))
    mid = e.canvas("mid")
    palette = ((222, 150, 96), (110, 170, 214), (196, 120, 170), (150, 190, 130), (226, 196, 120))
    spots = [(-0.34, -0.58, 0.13), (0.4, -0.3, 0.075), (0.95, -0.6, 0.16), (-0.95, -0.3, 0.1), (-0.2, 0.12, 0.06), (1.6, -0.2, 0.11), (-1.7, -0.6, 0.14)]
    shift = mid.rng.uniform(-0.12, 0.12, (len(spots), 2))
    for k, ((x, y, r), (dx, dy)) in enumerate(zip(spots, shift, strict=True)):
        _planet(mid, x + dx, y + dy, r, palette[(k + e.seed) % 5], ringed=(k + e.seed) % 3 == 0)
    e.haze, e.strength, e.actor_strength = 0.0, 0.35, 0.3


def _planet(c, x: float, y: float, r: float, rgb, ringed: bool) -> None:
    tilt = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([np.cos(tilt), 0.28 * np.sin(tilt) - 0.25 * np.cos(tilt)], 1)
    if ringed:
        c.polygon(np.concatenate([ring[30:] * 1.75 * r, ring[30:][::-1] * 1.35 * r]) + (x, y), mix(rgb, (240, 230, 210), 0.5))
    for step in np.linspace(0, 1, 6):
        c.disc(x - 0.24 * r * step, y - 0.22 * r * step, r * (1 - 0.3 * step), shade(rgb, 0.5 + 0.62 * step))
    for dx, dy, size in ((-0.3, -0.1, 0.16), (0.1, -0.42, 0.11), (0.12, 0.3, 0.19)):
        c.disc(x + dx * r, y + dy * r, size * r, shade(rgb, 0.82), 0.8)
    if ringed:
        c.polygon(np.concatenate([ring[:31] * 1.75 * r, ring[:31][::-1] * 1.35 * r]) + (x, y), mix(rgb, (250, 240, 220), 0.6))


def sky(e: Easel) -> None:
    back = e.sky(clouds=12, highest=-0.6, low=0.1)
    mid = e.canvas("mid")
    for level, share, count in ((-0.12, 0.45, 12), (0.0, 0.2, 12), (0.1, 0.0, 11)):
        rgb = mix(e.lit.cloud, e.lit.low, share)
        spots = [(x, level + mid.rng.uniform(-0.05, 0.03), mid.rng.uniform(0.13, 0.22)) for x in np.linspace(-2.6, 2.6, count) + mid.rng.uniform(-0.1, 0.1, count)]
        e.lamps.append(lambda spots=spots, rgb=rgb: mid.clouds(spots, rgb, 0.95))
    e.haze = 0.0
    back.texture(0.01, stretch=2)


def farm(e: Easel) -> None:
    e.sky()
    mid, ground, front = e.canvas("mid"), e.canvas("ground"), e.canvas("front")
    mid.ridge(-0.03, hazy((150, 180, 110), 0.35), 0.04, 0.8)
    mid.ridge(0.0, (168, 186, 96), 0.02, 1.2)
    lamps = e.lamps if e.dark else None
    shift = mid.rng.uniform(-0.3, 0.1)
    for x in (-1.55 + shift, shift, 1.5 + shift):
        _barn(mid, x, 0.02, 0.3, lamps)
        tree(mid, x + 0.3, 0.02, 0.24, LEAVES[1], int(abs(x) * 9))
        tree(mid, x - 0.62, 0.02, 0.18, LEAVES[0], int(abs(x) * 9) + 1)
    fence(mid, 0, 0.035, 0.06, 5.0, (226, 204, 168))
    mid.texture(0.03)
    ground.gradient([(0, (176, 176, 86)), (0.5, (156, 148, 68))], 0)
    for k, x in enumerate(np.arange(-4.2, 4.3, 0.28)):
        far_l, near_l = ground.on_floor(x, -0.15), ground.on_floor(x, 1.3)
        far_r, near_r = ground.on_floor(x + 0.14, -0.15), ground.on_floor(x + 0.14, 1.3)
        ground.polygon([far_l, far_r, near_r, near_l], (130, 160, 70) if k % 2 else (142, 168, 74))
    ground.texture(0.05, ground=True)
    tufts(front, (170, 158, 70), 44, 0.09)


def _barn(c, x: float, y: float, size: float, lamps: list | None) -> None:
    red, white = (186, 66, 54), (244, 238, 228)
    c.box(x + 0.66 * size, y - 1.2 * size, x + 0.94 * size, y, (190, 194, 200))
    c.disc(x + 0.8 * size, y - 1.2 * size, 0.14 * size, (150, 156, 166))
    c.polygon([(x - 0.6 * size, y), (x - 0.6 * size, y - 0.6 * size), (x - 0.42 * size, y - 0.88 * size), (x, y - 1.05 * size), (x + 0.42 * size, y - 0.88 * size), (x + 0.6 * size, y - 0.6 * size), (x + 0.6 * size, y)], red)
    roof = [(x - 0.68 * size, y - 0.57 * size), (x - 0.46 * size, y - 0.92 * size), (x, y - 1.1 * size), (x + 0.46 * size, y - 0.92 * size), (x + 0.68 * size, y - 0.57 * size)]
    for a, b in zip(roof, roof[1:], strict=False):
        c.line(a, b, 0.08 * size, (96, 84, 84))
    c.box(x - 0.24 * size, y - 0.46 * size, x + 0.24 * size, y, shade(red, 0.72))
    for a, b in (((-0.24, 0), (0.24, -0.46)), ((0.24, 0), (-0.24, -0.46))):
        c.line((x + a[0] * size, y + a[1] * size), (x + b[0] * size, y + b[1] * size), 0.05 * size, white)
    pane = (x - 0.1 * size, y - 0.8 * size, x + 0.1 * size, y - 0.62 * size)
    c.box(*pane, white)
    if lamps is not None:
        lamps.append(lambda: c.box(*pane, (255, 216, 130)))
        lamps.append(lambda: house(c, x - 1.0 * size, y, 0.5 * size, 0.5 * size, (90, 84, 80), (60, 40, 44)))


PAINTERS = {
    "meadow": meadow, "beach": beach, "desert": desert, "snow": snow, "sea": sea, "underwater": underwater, "forest": forest,
    "street": street, "night city": night_city, "mountains": mountains, "space": space, "kitchen table": kitchen_table,
    "stage": stage, "road": road, "farm": farm, "sky": sky, "playground": playground, "bedroom": bedroom,
}  # fmt: skip
