"""The eighteen places, each a painter of back, middle and ground."""

import numpy as np

from .backdrop import Canvas, Light, clouds, fill_gradient, glow, texture


def _sky(back: Canvas, lit: Light, cloud_count: int = 12) -> None:
    top = -back.y0 / back.unit
    fill_gradient(back, [(min(top, -0.5), lit.zenith), (-0.25, lit.middle), (-0.02, lit.low), (0.3, lit.low)])
    x, y = back.rng.uniform(-0.4, 0.4), back.rng.uniform(-0.42, -0.3)
    if lit.dark:
        for _ in range(150):
            sx, sy, r = back.rng.uniform((-2.6, -1.2, 0.002), (2.6, -0.05, 0.006))
            back.disc(sx, sy, r, (200, 210, 240))
        glow(back, x, y, 0.16, (90, 100, 130))
        back.disc(x, y, 0.05, (240, 240, 220))
    else:
        glow(back, x, y, 0.2, (120, 100, 40))
        back.disc(x, y, 0.055, (255, 246, 200))
    clouds(back, lit.cloud, cloud_count, -0.5)


def _meadow(back: Canvas, mid: Canvas, ground: Canvas, lit: Light, seed: int) -> None:
    _sky(back, lit)
    mid.ridge(-0.06, (120, 170, 130), amplitude=0.05, scale=0.8)
    mid.ridge(-0.01, (100, 165, 95), amplitude=0.035, scale=1.4)
    texture(mid, 0.03)
    fill_gradient(ground, [(0, (130, 185, 85)), (0.5, (88, 150, 62))], top=int(ground.y0))
    texture(ground, 0.06, ground=0.45)


PAINTERS = {"meadow": _meadow}
