"""Bodies of a film that is done, drawn once more in full: their pictures frame by frame and pixel by pixel, in its own light.

A transformer that is shown a layout (models/layout) draws everything in its place and its light, but of what it draws few steps
a body is soft, and what moves has grain in it and around it. Where a body is, its colours stay and its picture is drawn; what
no frame shows close to it is drawn on from farther away, and its shadow stays.

Dimension key: B batch (1), F frames, H W pixels, R bodies, Q looks, S side of a picture in pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import exact
from .overlay import coloured, sprites

LEAST = 0.3  # share of what is around a pixel that a mean needs
GRAIN = 4  # pixels: what is finer is no shadow
BELOW = 24  # pixels under a body in which its shadow may lie
DEEPEST = 0.25  # of -1 to 1, how much darker a shadow is at most


def drawn_over(
    film_B3FHW: Tensor,
    light_B3FHW: Tensor,
    stances_BFR8: Tensor,
    looks_BR: Tensor,
    pictures_BQ4SS: Tensor,
    counts_FR: Tensor,
    stride: int,
) -> Tensor:
    """The film (-1 to 1) with the bodies' pictures over it, each in the mean colours of `light` under it.

    Stances as models/overlay has them, but of frames; pictures premultiplied, -alpha to alpha; `counts` says how much of a body
    is to be seen, 0 to 1; a latent cell is `stride` pixels wide.
    """
    size = film_B3FHW.shape[3], film_B3FHW.shape[4]
    there = [r for r in range(stances_BFR8.shape[2]) if bool((stances_BFR8[:, :, r, 7] >= 0).any())]
    with exact(film_B3FHW.device):
        light = light_B3FHW.float() / 2 + 0.5
        laid = sprites(stances_BFR8, looks_BR, pictures_BQ4SS, size, stride)
        for r, (picture, cover) in zip(there, laid, strict=True):
            count = counts_FR[:, r].view(1, 1, -1, 1, 1)
            shown = 2 * coloured(picture, cover, light) - cover
            film_B3FHW = film_B3FHW + count * (shown - cover * film_B3FHW)
    return film_B3FHW


def filled(film_B3FHW: Tensor, left_out_BFHW: Tensor) -> Tensor:
    """The film with what is left out (0 to 1) drawn on from around it, frame by frame, in its row where that is seen (push and
    pull, Gortler et al. 1996)."""
    seen = (1 - left_out_BFHW)[:, None]
    whole = torch.cat([film_B3FHW * seen, seen], 1).transpose(1, 2).flatten(0, 1)
    smaller = [whole]
    while max(size := smaller[-1].shape[2:]) > 1:
        part = F.avg_pool2d(smaller[-1], (1, 2) if size[1] > 1 else (2, 1), ceil_mode=True, count_include_pad=False)
        smaller.append(part * (1 / part[:, 3:].clamp(min=0.5)))  # half of it seen is enough
    drawn = smaller[-1][:, :3] / smaller[-1][:, 3:].clamp(min=1e-6)
    for part in reversed(smaller[:-1]):
        drawn = F.interpolate(drawn, part.shape[2:], mode="bilinear")
        drawn = part[:, :3] + (1 - part[:, 3:]) * drawn
    return drawn.unflatten(0, film_B3FHW.shape[:1] + film_B3FHW.shape[2:3]).transpose(1, 2)


def shaded(ground_B3FHW: Tensor, film_B3FHW: Tensor, body_BFHW: Tensor) -> Tensor:
    """The ground as dark as the film has it right under bodies."""
    under = F.max_pool2d(F.pad(body_BFHW, (0, 0, BELOW, 0)), (BELOW + 1, 1), 1)
    under = F.avg_pool2d(under, 2 * GRAIN + 1, 1, GRAIN)
    dark = (_smooth(film_B3FHW, body_BFHW) - _smooth(ground_B3FHW, body_BFHW)).mean(1, keepdim=True)
    return ground_B3FHW + under[:, None] * dark.clamp(-DEEPEST, 0)


def _smooth(film_B3FHW: Tensor, left_out_BFHW: Tensor) -> Tensor:
    """Means of what is not left out (a normalised convolution, Knutsson & Westin 1993); 0 where nearly all is."""
    seen = (1 - left_out_BFHW)[:, None]
    both = torch.cat([film_B3FHW * seen, seen], 1).transpose(1, 2)
    flat = both.flatten(0, 1)
    for _ in range(2):
        flat = F.avg_pool2d(flat, 2 * GRAIN + 1, 1, GRAIN, count_include_pad=False)
    both = flat.view_as(both).transpose(1, 2)
    return torch.where(both[:, 3:] > LEAST, both[:, :3] / both[:, 3:].clamp(min=LEAST), 0.0)
