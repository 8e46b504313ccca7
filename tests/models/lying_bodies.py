"""Pictures, and bodies that lie somewhere, for the tests of places, bodies and overlay."""

import math

import torch

from skyloom.models.places import SIDE


def a_picture() -> torch.Tensor:
    """1 1 4 S S: a disc, red above and blue below."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, SIDE),) * 2, indexing="ij")
    alpha = (x**2 + y**2 < 0.8).float()
    return torch.stack([alpha * (y < 0), 0 * alpha, alpha * (y > 0), alpha])[None, None]


def lying(*rows: tuple[float, ...]) -> torch.Tensor:
    """stances_BTR8 of one frame: matrix in cells, depth, actor."""
    return torch.tensor([[list(rows)]])


def body(x: float, y: float, side: float = 6.0, wide: float = 1.0, angle: float = 0.0, depth: float = 0.5) -> tuple[float, ...]:
    """The row of `lying` of a body with its middle there, `wide` times as wide (negative: mirrored), turned by degrees."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    a, b, d, e = side * wide * cos, -side * sin, side * wide * sin, side * cos
    return a, b, x - (a + b) / 2, d, e, y - (d + e) / 2, depth, 0.0
