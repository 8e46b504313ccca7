"""What lies around the bodies of a film that is done: what no frame shows is drawn on from farther away, and shadows stay.

Dimension key: B batch (1), F frames, H W pixels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST = 0.3  # share of what is around a pixel that a mean needs
GRAIN = 4  # pixels
BELOW = 24  # pixels under a body in which its shadow may lie
DEEPEST = 0.25  # of -1 to 1, how much darker a shadow is at most


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


def shaded(ground_B3FHW: Tensor, seen_B3fhw: Tensor, body_Bfhw: Tensor) -> Tensor:
    """The ground (-1 to 1) as dark as the film is right under bodies; what is finer than GRAIN is no shadow. `seen` is the film
    (0 to 1), coarser than the ground in time and space, and `body` what bodies cover of that."""
    times, size = ground_B3FHW.shape[2] // seen_B3fhw.shape[2], ground_B3FHW.shape[3:]
    finer = size[0] // seen_B3fhw.shape[3]
    ground = F.avg_pool3d(ground_B3FHW[:, :, ::times], (1, finer, finer))
    clear, grain, deep = (1 - body_Bfhw)[:, None], max(1, GRAIN // finer), max(1, BELOW // GRAIN)
    lighter = torch.cat([((2 * seen_B3fhw - 1 - ground) * clear).mean(1, keepdim=True), clear], 1)
    coarse = F.avg_pool2d(lighter.transpose(1, 2).flatten(0, 1), grain)
    coarse = F.avg_pool2d(coarse, 3, 1, 1, count_include_pad=False)
    dark = (coarse[:, :1] / coarse[:, 1:].clamp(min=LEAST)).clamp(-DEEPEST, 0) * (coarse[:, 1:] > LEAST)
    body = F.max_pool2d(body_Bfhw.flatten(0, 1)[:, None], grain)
    under = F.max_pool2d(F.pad(body, (0, 0, deep, 0)), (deep + 1, 1), 1)
    dark = F.interpolate(F.avg_pool2d(dark * under, 3, 1, 1), size, mode="bilinear")
    dark = dark.unflatten(0, (-1, seen_B3fhw.shape[2])).transpose(1, 2)
    return ground_B3FHW + dark.repeat_interleave(times, 2)
