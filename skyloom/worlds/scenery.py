"""Trees, rocks, houses and other things to stand about: drawn on a canvas by places, or alone as props.

Every function draws a thing whose foot is at (x, y), `size` units tall unless said.
"""

import functools
from itertools import pairwise

import numpy as np

from .brush import FEET_FAR, Canvas, Colour, mix, shade

PROP_BOX = 0.8  # a prop's sprite is a square of this many units, foot in the middle of its lower edge
PROP_SWAY = {"seaweed": 6.0, "flower": 3.0, "bush": 0.8, "tree": 0.8}  # degrees in wind or water
PROP_VARIANTS = 6
TRUNK = (122, 86, 58)
LEAVES = ((92, 158, 70), (74, 142, 74), (122, 168, 62), (66, 132, 92))
PETALS = ((240, 96, 110), (250, 200, 70), (240, 240, 250), (190, 120, 230), (255, 140, 60))


def foliage(c: Canvas, x: float, y: float, radius: float, rgb: Colour, seed: int = 0) -> None:
    """A round crown of leaves in three tones, lit from the upper left; (x, y) is its middle."""
    if abs(c.x0 + x * c.unit - c.pixels.shape[1] / 2) > c.pixels.shape[1] / 2 + 1.3 * radius * c.unit:
        return
    puffs = _puffs(seed)
    for tone, dx, dy, size in ((0.72, 0.05, 0.1, 1.0), (1.0, -0.02, -0.04, 0.9), (1.16, -0.12, -0.16, 0.55)):
        paint = shade(rgb, tone)
        c.disc(x + dx * radius, y + dy * radius, 0.72 * radius * size, paint)
        for across, down, puff in puffs:
            c.disc(x + (dx + across * size) * radius, y + (dy + down * size) * radius, puff * radius * size, paint)


@functools.lru_cache(maxsize=256)
def _puffs(seed: int) -> list[tuple[float, float, float]]:
    """Middle (across, down) and radius of a crown's outer heaps, for a crown of radius 1."""
    rng = np.random.default_rng(seed)
    return [
        (a * np.cos(t), 0.85 * a * np.sin(t), 0.8 * r)
        for t, a, r in rng.uniform((0, 0.35, 0.5), (2 * np.pi, 0.62, 0.66), (7, 3)).tolist()
    ]


def shrub(c: Canvas, x: float, y: float, size: float, rgb: Colour) -> None:
    """A far bush: three heaps in two tones."""
    for tone, drop in ((0.76, 0.0), (1.05, 0.16)):
        for dx, radius in ((-0.6, 0.42), (0.6, 0.45), (0.0, 0.6)):
            c.disc(x + (dx - 0.5 * drop) * size, y - (0.8 * radius + drop) * size, radius * (1 - drop) * size, shade(rgb, tone))


def tree(c: Canvas, x: float, y: float, size: float, rgb: Colour = LEAVES[0], seed: int = 0) -> None:
    c.line((x, y), (x, y - 0.55 * size), 0.11 * size, TRUNK, 0.07 * size)
    c.line((x + 0.02 * size, y), (x + 0.015 * size, y - 0.5 * size), 0.04 * size, shade(TRUNK, 0.75), 0.02 * size)
    foliage(c, x, y - 0.66 * size, 0.36 * size, rgb, seed)


def pine(c: Canvas, x: float, y: float, size: float, rgb: Colour = (52, 110, 84), snow: bool = False) -> None:
    c.box(x - 0.035 * size, y - 0.16 * size, x + 0.035 * size, y, TRUNK)
    for bottom, width, top in ((0.1, 0.27, 0.5), (0.34, 0.22, 0.72), (0.56, 0.16, 1.0)):
        tip, left, right = (x, y - top * size), (x - width * size, y - bottom * size), (x + width * size, y - bottom * size)
        c.polygon([tip, right, (x, y - (bottom - 0.03) * size), left], rgb)
        c.polygon([tip, right, (x + 0.2 * width * size, y - (bottom - 0.02) * size)], shade(rgb, 0.8))
        if snow:
            ledge = bottom + 0.45 * (top - bottom)
            c.polygon(
                [
                    tip,
                    (x + 0.5 * width * size, y - ledge * size),
                    (x, y - (ledge + 0.03) * size),
                    (x - 0.55 * width * size, y - ledge * size),
                ],
                (244, 248, 255),
            )


def palm(c: Canvas, x: float, y: float, size: float, lean: float = 0.15) -> None:
    bend = [(x + lean * size * t**2, y - size * 0.85 * t) for t in np.linspace(0, 1, 7)]
    for k, (a, b) in enumerate(pairwise(bend)):
        c.line(a, b, size * (0.085 - 0.006 * k), shade((150, 112, 74), 0.9 + 0.14 * (k % 2)))
    top_x, top_y = bend[-1]
    for angle in (-2.9, -2.3, -1.4, -0.7, -0.1, 0.25, -3.35):
        arc = np.linspace(0, 1, 6)
        along = top_x + np.cos(angle) * arc * size * 0.42
        lift = top_y + np.sin(angle) * arc * size * 0.3 + 0.2 * size * arc**2
        width = 0.055 * size * np.sin(np.pi * np.clip(arc * 0.9 + 0.1, 0, 1))
        c.curve(along, lift - width, lift + width, (70, 150, 74) if int(angle * 10) % 2 else (92, 172, 84))


def bush(c: Canvas, x: float, y: float, size: float, rgb: Colour = LEAVES[1], seed: int = 0) -> None:
    for dx, radius in ((-0.55, 0.36), (0.55, 0.38), (0.0, 0.5)):
        foliage(c, x + dx * size, y - radius * 0.85 * size, radius * size, rgb, seed + int(dx * 10) + 6)
    if seed % 2:
        for dx, dy in ((-0.5, 0.5), (-0.15, 0.75), (0.25, 0.45), (0.6, 0.6), (-0.1, 0.3)):
            c.disc(x + dx * size, y - dy * size, 0.06 * size, PETALS[seed % 5])


def rock(c: Canvas, x: float, y: float, size: float, rgb: Colour = (138, 134, 136), seed: int = 0) -> None:
    bump = np.random.default_rng(seed + 40).uniform(0.82, 1.12, 9)
    angles = np.linspace(np.pi, 2 * np.pi, 9)
    edge = np.stack([x + 0.78 * size * bump * np.cos(angles), y + size * bump * np.sin(angles)], 1)
    c.polygon([*edge, (x + 0.7 * size, y + 0.05 * size), (x - 0.7 * size, y + 0.05 * size)], shade(rgb, 0.78))
    inner = (edge - (x, y)) * (0.78, 0.86) + (x - 0.12 * size, y - 0.04 * size)
    c.polygon([*inner[:7], (x + 0.1 * size, y - 0.1 * size)], rgb)
    c.polygon(
        [*(edge[1:5] * 0.45 + np.array((x - 0.1 * size, y - 0.5 * size)) * 0.55), (x - 0.2 * size, y - 0.5 * size)],
        shade(rgb, 1.17),
    )


def flower(c: Canvas, x: float, y: float, size: float, rgb: Colour = PETALS[0]) -> None:
    c.line((x, y), (x + 0.03 * size, y - 0.75 * size), 0.06 * size, (76, 150, 70))
    for side in (-1, 1):
        c.polygon(
            [
                (x, y - 0.1 * size),
                (x + side * 0.16 * size, y - 0.3 * size),
                (x + side * 0.26 * size, y - 0.46 * size),
                (x + side * 0.07 * size, y - 0.26 * size),
            ],
            (92, 172, 82),
        )
    for angle in np.arange(6) * np.pi / 3 + 0.3:
        c.disc(x + 0.03 * size + 0.15 * size * np.cos(angle), y - 0.8 * size + 0.15 * size * np.sin(angle), 0.105 * size, rgb)
    c.disc(x + 0.03 * size, y - 0.8 * size, 0.1 * size, (255, 214, 90) if rgb[1] < 190 else (200, 110, 60))


def cactus(c: Canvas, x: float, y: float, size: float) -> None:
    green, dark = (88, 158, 92), (66, 128, 80)
    for side, low, high in ((-1, 0.34, 0.66), (1, 0.26, 0.54)):
        elbow = x + side * 0.27 * size
        c.line((x, y - low * size), (elbow, y - low * size), 0.12 * size, dark)
        c.disc(elbow, y - low * size, 0.062 * size, dark)
        c.line((elbow, y - low * size), (elbow, y - high * size), 0.125 * size, green if side < 0 else dark)
        c.disc(elbow, y - high * size, 0.0625 * size, green if side < 0 else dark)
    c.line((x, y), (x, y - 0.88 * size), 0.2 * size, green)
    c.disc(x, y - 0.88 * size, 0.1 * size, green)
    c.line((x + 0.055 * size, y), (x + 0.055 * size, y - 0.86 * size), 0.07 * size, dark)
    c.disc(x, y - 0.98 * size, 0.05 * size, (244, 120, 150))


def fence(c: Canvas, x: float, y: float, size: float, width: float, rgb: Colour = (216, 186, 146)) -> None:
    for rail in (0.35, 0.7):
        c.line((x - width / 2, y - rail * size), (x + width / 2, y - rail * size), 0.13 * size, shade(rgb, 0.85))
    for left in np.linspace(x - width / 2, x + width / 2 - 0.22 * size, max(int(width / (0.42 * size)), 2)):
        right = left + 0.22 * size
        c.polygon(
            [(left, y), (left, y - 0.85 * size), ((left + right) / 2, y - size), (right, y - 0.85 * size), (right, y)], rgb
        )


def lamp_post(c: Canvas, x: float, y: float, size: float, lit: bool) -> None:
    iron = (74, 80, 94)
    c.line((x, y), (x, y - 0.84 * size), 0.045 * size, iron)
    c.box(x - 0.055 * size, y - 0.07 * size, x + 0.055 * size, y, shade(iron, 0.85))
    c.polygon(
        [
            (x - 0.05 * size, y - 0.82 * size),
            (x - 0.085 * size, y - 0.95 * size),
            (x + 0.085 * size, y - 0.95 * size),
            (x + 0.05 * size, y - 0.82 * size),
        ],
        (255, 236, 170) if lit else (226, 232, 236),
    )
    c.polygon([(x - 0.11 * size, y - 0.95 * size), (x, y - size), (x + 0.11 * size, y - 0.95 * size)], iron)


def lamp_light(c: Canvas, x: float, y: float, size: float) -> None:
    c.glow(x, y - 0.88 * size, 0.16 * size, (150, 116, 50))
    c.disc(x, y - 0.88 * size, 0.05 * size, (255, 240, 186))


def seaweed(c: Canvas, x: float, y: float, size: float, rgb: Colour = (58, 150, 104), seed: int = 0) -> None:
    t = np.linspace(0, 1, 14)
    for k, (offset, tall) in enumerate(((-0.14, 0.72), (0.13, 0.84), (0.0, 1.0))):
        bend = x + offset * size + 0.07 * size * np.sin(2 * np.pi * (1.1 * t + 0.3 * k + 0.17 * seed)) * t**0.6
        half = 0.06 * size * np.sin(np.pi * (0.12 + 0.88 * t)) ** 0.7 + 0.004
        rows = y - tall * size * t
        ribbon = np.concatenate([np.stack([bend - half, rows], 1), np.stack([bend + half, rows], 1)[::-1]])
        c.polygon(ribbon, shade(rgb, 0.78 + 0.16 * k))


def crate(c: Canvas, x: float, y: float, size: float, rgb: Colour = (196, 148, 96)) -> None:
    half = 0.52 * size
    c.box(x - half, y - size, x + half, y, rgb)
    for row in (0.33, 0.66):
        c.line((x - half, y - row * size), (x + half, y - row * size), 0.03 * size, shade(rgb, 0.72))
    c.line((x - half, y - 0.06 * size), (x + half, y - 0.94 * size), 0.11 * size, shade(rgb, 1.14))
    for edge in (-half + 0.06 * size, half - 0.06 * size):
        c.line((x + edge, y), (x + edge, y - size), 0.12 * size, shade(rgb, 0.86))
    for edge in (0.06, 0.94):
        c.line((x - half, y - edge * size), (x + half, y - edge * size), 0.12 * size, shade(rgb, 0.92))


def house(
    c: Canvas, x: float, y: float, width: float, size: float, wall: Colour, roof: Colour, lamps: list | None = None
) -> None:
    """A cottage with a door and windows; `lamps` takes the painting of lit windows for after dark."""
    half, eaves = width / 2, y - 0.58 * size
    c.box(x - half, eaves, x + half, y, wall)
    c.box(x + 0.2 * half, eaves, x + half, y, shade(wall, 0.9))
    c.polygon(
        [(x - 1.18 * half, eaves), (x - 0.7 * half, y - size), (x + 0.7 * half, y - size), (x + 1.18 * half, eaves)], roof
    )
    c.polygon(
        [
            (x - 1.18 * half, eaves),
            (x + 1.18 * half, eaves),
            (x + 1.1 * half, eaves - 0.06 * size),
            (x - 1.1 * half, eaves - 0.06 * size),
        ],
        shade(roof, 0.8),
    )
    c.box(x - 0.16 * half, y - 0.36 * size, x + 0.16 * half, y, shade(roof, 0.62))
    for side in (-0.6, 0.6):
        pane = (x + (side - 0.17) * half, y - 0.42 * size, x + (side + 0.17) * half, y - 0.2 * size)
        c.box(*pane, (176, 208, 226))
        if lamps is not None:
            lamps.append(functools.partial(c.box, *pane, (255, 218, 130)))


def cloud(c: Canvas, x: float, y: float, size: float, seed: int = 0) -> None:
    """A soft heap, `size` units tall, its lower edge at y."""
    puffs = np.random.default_rng(seed + 9).uniform((-0.85, 0.35, 0.3), (0.85, 0.6, 0.5), (6, 3))
    for drop, rgb in ((0.0, (222, 230, 242)), (0.07, (250, 252, 255))):
        c.disc(x, y - (0.28 + drop) * size, 1.0 * size, rgb, 0.26)
        for along, lift, radius in puffs:
            radius *= 1 - 0.4 * abs(along)
            c.disc(x + along * size * 0.8, y - (lift + drop) * size, radius * size, rgb, 0.85)


@functools.lru_cache(maxsize=512)
def prop_sprite(kind: str, variant: int, side: int, dark: bool) -> np.ndarray:
    """A prop alone, uint8 (side, side, 4), premultiplied RGBA, foot in the middle of the lower edge; lamp light comes later."""
    unit = side / PROP_BOX
    pixels = np.zeros((side, side, 4), np.uint8)
    c = Canvas(pixels, unit, side / 2, side - 0.012 * unit, 0.5, np.random.default_rng(variant))
    grow = 0.88 + 0.06 * (variant % 4)
    if kind == "tree":
        tree(c, 0, 0, 0.66 * grow, LEAVES[variant % 4], variant)
    elif kind == "bush":
        bush(c, 0, 0, 0.22 * grow, LEAVES[(variant + 1) % 4], variant)
    elif kind == "rock":
        rock(c, 0, 0, 0.19 * grow, ((138, 134, 136), (150, 136, 122), (120, 126, 138))[variant % 3], variant)
    elif kind == "flower":
        flower(c, 0, 0, 0.26 * grow, PETALS[variant % 5])
    elif kind == "cactus":
        cactus(c, 0, 0, 0.42 * grow)
    elif kind == "fence":
        fence(c, 0, 0, 0.2, 0.6, ((236, 232, 224), (204, 168, 126))[variant % 2])
    elif kind == "lamp post":
        lamp_post(c, 0, 0, 0.7, dark)
    elif kind == "cloud":
        cloud(c, 0, 0, 0.2 * grow, variant)
    elif kind == "seaweed":
        seaweed(c, 0, 0, 0.46 * grow, ((58, 150, 104), (96, 158, 84), (150, 96, 120))[variant % 3], variant)
    elif kind == "crate":
        crate(c, 0, 0, 0.24 * grow)
    else:
        raise ValueError(f"no prop {kind!r}, wanted one of the PROPS of scene.py")
    return pixels


def prop_lamp(pixels: np.ndarray) -> None:
    """Light the lamp post's lantern, after its sprite was graded."""
    side = len(pixels)
    unit = side / PROP_BOX
    lamp_light(Canvas(pixels, unit, side / 2, side - 0.012 * unit, 0.5, np.random.default_rng(0)), 0, 0, 0.7)


def scatter(c: Canvas, count: int, far: float = 0.0, near: float = 1.1, spread: float = 2.6) -> np.ndarray:
    """Spots on the ground, far ones first: (count, 3) of x, y and the size of things there."""
    spots = c.rng.uniform((-spread, far), (spread, near), (count, 2))
    spots = spots[np.argsort(spots[:, 1])]
    return np.array([(*c.on_floor(x, d), 0.6 + 0.5 * d) for x, d in spots]).reshape(-1, 3)


def tufts(c: Canvas, rgb: Colour, count: int = 46, tall: float = 0.07, y: float | None = None) -> None:
    """Blades along the lower edge, for the fringe in front."""
    base = (c.floor if y is None else y) + 0.14
    for x, size, lean in c.rng.uniform((-2.6, 0.5, -0.5), (2.6, 1.0, 0.5), (count, 3)):
        height = 0.14 + tall * (size - 0.35)
        for k in (-1, 0, 1):
            tip = (x + (lean + 0.5 * k) * 0.05, base - height * (1 - 0.16 * abs(k)))
            c.polygon(
                [(x + 0.012 * k - 0.014, base), tip, (x + 0.012 * k + 0.014, base)], shade(rgb, 0.82 + 0.15 * ((k + 1) % 3))
            )


def ground_edge(c: Canvas) -> float:
    """Height in units at which depth 0 stands."""
    return c.floor * FEET_FAR


def hazy(rgb: Colour, share: float) -> Colour:
    return mix(rgb, (186, 206, 222), share)
