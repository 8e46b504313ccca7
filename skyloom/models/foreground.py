"""Bodies of a film that is done, drawn once more in full: their pictures frame by frame and pixel by pixel, in its own light.

A transformer that is shown a layout (models/layout) draws everything in its place and its light, but of what it draws few steps
a body is soft, and what moves has grain in it and around it. Where a body is, its colours stay and its picture is drawn; what
no frame shows close to it is drawn on from farther away, and its shadow stays.

Dimension key: B batch (1), F frames, H W pixels, S side of a picture in pixels.
"""

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import exact
from .overlay import drawn_at, tone, window

COARSE = 4  # dots along a side of a cell, where only means are wanted
LEAST = 0.3  # share of what is around a pixel that a mean needs
GRAIN = 4  # pixels
BELOW = 24  # pixels under a body in which its shadow may lie
DEEPEST = 0.25  # of -1 to 1, how much darker a shadow is at most


@dataclass(frozen=True)
class Row:
    """Somebody or something that is drawn: stances as models/overlay has them, but of frames, in cells; a picture,
    premultiplied, -alpha to alpha; how much of it is to be seen in each frame, 0 to 1; whether it has its light already."""

    stances_BF8: Tensor
    picture_B4SS: Tensor
    count_F: Tensor
    lit: bool = False


def drawn_over(film_B3FHW: Tensor, light_B3FHW: Tensor, rows: list[Row], stride: int) -> Tensor:
    """The film (-1 to 1) with pictures over it, from far to near, each in the mean colours of `light` where it is seen; of
    equal depth the later row is nearer. A latent cell is `stride` pixels wide."""
    rows = [row for row in rows if bool((row.stances_BF8[..., 7] >= 0).any())]
    if not rows:
        return film_B3FHW
    drawn = film_B3FHW.float().clone()
    with exact(film_B3FHW.device):
        tones = _tones(rows, light_B3FHW, stride)
        for first, last, order in _orders(rows):
            for r in order:
                _paint(drawn[:, :, first:last], rows[r], slice(first, last), tones[r], stride)
    return drawn


def _tones(rows: list[Row], light_B3FHW: Tensor, stride: int) -> list[tuple[Tensor, Tensor] | None]:
    """Gain and shift of each row (overlay.tone), by what of it is seen; None of one that is lit."""
    light = F.avg_pool3d(light_B3FHW, (1, stride // COARSE, stride // COARSE)).float() / 2 + 0.5
    small = [drawn_at(row.stances_BF8, row.picture_B4SS, (light.shape[3], light.shape[4]), COARSE) for row in rows]
    depths = [row.stances_BF8[..., 6].view(len(light), 1, -1, 1, 1) for row in rows]
    tones: list[tuple[Tensor, Tensor] | None] = []
    for i, (row, body) in enumerate(zip(rows, small, strict=True)):
        if row.lit:
            tones.append(None)
            continue
        for j, other in enumerate(small):
            if i != j:
                nearer = (depths[j] > depths[i]) | (depths[j] == depths[i]) & (j > i)
                body = body * (1 - other[:, 3:] * nearer)
        tones.append(tone((body[:, :3] + body[:, 3:]) / 2, body[:, 3:], light))
    return tones


def _orders(rows: list[Row]) -> list[tuple[int, int, list[int]]]:
    """Spans of frames, [first, last), and the rows that are there from far to near: the same throughout a span."""
    depth_FR = torch.stack([row.stances_BF8[0, :, 6] for row in rows], 1)
    there_FR = torch.stack([(row.stances_BF8[:, :, 7] >= 0).any(0) for row in rows], 1).tolist()
    near_FR = depth_FR.sort(dim=1, stable=True).indices.tolist()
    orders = [[r for r in near if there[r]] for near, there in zip(near_FR, there_FR, strict=True)]
    edges = [0, *(f for f in range(1, len(orders)) if orders[f] != orders[f - 1]), len(orders)]
    return [(a, b, orders[a]) for a, b in itertools.pairwise(edges)]


def _paint(film_B3FHW: Tensor, row: Row, span: slice, tones: tuple[Tensor, Tensor] | None, stride: int) -> None:
    """One row over a span of frames, in place."""
    stances, count = row.stances_BF8[:, span], row.count_F[span].view(1, 1, -1, 1, 1)
    if bool((stances == stances[:, :1]).all()):  # drawn once
        stances = stances[:, :1]
    down, right = window(stances[:, :, None], film_B3FHW.shape[3] // stride, film_B3FHW.shape[4] // stride)
    size = stride * (down.stop - down.start), stride * (right.stop - right.start)
    if not size[0] or not size[1]:
        return
    here = stances - stances.new_tensor([0, 0, right.start, 0, 0, down.start, 0, 0])
    body = drawn_at(here, row.picture_B4SS, size, stride)
    cover = body[:, 3:]
    picture = body[:, :3] if tones is None else (body[:, :3] + cover) * tones[0] + (2 * tones[1] - 1) * cover
    part = film_B3FHW[..., stride * down.start : stride * down.stop, stride * right.start : stride * right.stop]
    part += count * (picture - cover * part)


def filled(film_B3FHW: Tensor, left_out_BFHW: Tensor) -> Tensor:
    """The film with what is left out (0 to 1) drawn on from around it, frame by frame, in its row where that is seen (push and
    pull, Gortler et al. 1996)."""
    seen = (1 - left_out_BFHW)[:, None]
    whole = torch.cat([film_B3FHW * seen, seen], 1).transpose(1, 2).flatten(0, 1)
    smaller = [_halved(whole, 2, 2)]  # what is drawn on is soft: no need to go down to the pixel
    while max(smaller[-1].shape[2:]) > 1:
        smaller.append(_halved(smaller[-1], *((1, 2) if smaller[-1].shape[3] > 1 else (2, 1))))
    drawn = smaller[-1][:, :3] / smaller[-1][:, 3:].clamp(min=1e-6)
    for part in reversed(smaller[:-1]):
        drawn = F.interpolate(drawn, part.shape[2:], mode="bilinear")
        drawn = part[:, :3] + (1 - part[:, 3:]) * drawn
    drawn = F.interpolate(drawn, film_B3FHW.shape[3:], mode="bilinear")
    drawn = drawn.unflatten(0, film_B3FHW.shape[:1] + film_B3FHW.shape[2:3]).transpose(1, 2)
    return torch.lerp(film_B3FHW.to(drawn.dtype), drawn, left_out_BFHW[:, None].to(drawn.dtype))


def _halved(part_N4HW: Tensor, rows: int, columns: int) -> Tensor:
    """Means of so many rows and columns; half of a pixel seen is enough."""
    part = F.avg_pool2d(part_N4HW, (rows, columns), ceil_mode=True, count_include_pad=False)
    return part * (1 / part[:, 3:].clamp(min=0.5))


def shaded(ground_B3FHW: Tensor, film_B3FHW: Tensor, body_BFHW: Tensor) -> Tensor:
    """The ground as dark as the film has it right under bodies; what is finer than GRAIN is no shadow."""
    frames, size = film_B3FHW.shape[2], film_B3FHW.shape[3:]
    seen = (1 - body_BFHW)[:, None]
    lighter = torch.cat([((film_B3FHW - ground_B3FHW) * seen).mean(1, keepdim=True), seen], 1)
    coarse = F.avg_pool2d(lighter.transpose(1, 2).flatten(0, 1), GRAIN)
    coarse = F.avg_pool2d(coarse, 3, 1, 1, count_include_pad=False)
    dark = (coarse[:, :1] / coarse[:, 1:].clamp(min=LEAST)).clamp(-DEEPEST, 0) * (coarse[:, 1:] > LEAST)
    body = F.max_pool2d(body_BFHW.flatten(0, 1)[:, None], GRAIN)
    under = F.max_pool2d(F.pad(body, (0, 0, BELOW // GRAIN, 0)), (BELOW // GRAIN + 1, 1), 1)
    dark = F.interpolate(F.avg_pool2d(dark * under, 3, 1, 1), size, mode="bilinear")
    return ground_B3FHW + dark.unflatten(0, (-1, frames)).transpose(1, 2)
