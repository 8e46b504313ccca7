"""What stands still is drawn once: latent frames that show the same there are averaged while a film takes its finest form.

A model that draws every latent frame from noise of its own gives each a texture of its own: the ground shimmers three times a
second, and a camera that stands still seems to shake. The coarse form tells whether two frames show the same in a cell: where
it agrees, each becomes the mean of both, where something moves they stay apart (a bilateral filter, Tomasi & Manduchi 1998,
along time). What is known better counts more, however far away, and so a film goes on in the place that it was given. No
training knows of it.

Dimension key: B batch, C latent channels, T S latent frames, H W cells.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE = 6  # channels: the strongest, form without detail
ALIKE = 1.0  # mean square by which these differ where two frames count e times less for each other
NEAR = 2.0  # latent frames, deviation of what counts
KNOWN = 20.0  # times as much counts what has less than half of the noise


def steadied(film_BCTHW: Tensor, t_BTHW: Tensor, below: float, bodies_BTHW: Tensor | None = None) -> Tensor:
    """The film, each cell of noise level above 0 and under `below` averaged with what the same cell shows in other frames.

    Cells where a body is (bool) have a part in no other's mean, nor others in theirs: a body keeps its looks as it moves.
    """
    frames = film_BCTHW.shape[2]
    if frames == 1 or not bool(((t_BTHW > 0) & (t_BTHW < below)).any()):
        return film_BCTHW
    form = film_BCTHW[:, :COARSE].float()
    apart_BTSHW = (form[:, :, :, None] - form[:, :, None]).square().mean(1)
    around = F.avg_pool2d(apart_BTSHW.flatten(1, 2), 3, 1, 1, count_include_pad=False).view_as(apart_BTSHW)
    frame = torch.arange(frames, device=form.device)
    far = ((frame[:, None] - frame) / NEAR).square() / 2
    known = t_BTHW[:, None] < 0.5 * t_BTHW[:, :, None]  # of a pair the second, B T S, and H W or 1 1
    likeness = torch.where(known, math.log(KNOWN), -far[..., None, None]) - around / ALIKE
    if bodies_BTHW is not None:
        others = (frame[:, None] != frame)[..., None, None]
        likeness = likeness.masked_fill(others & (bodies_BTHW[:, :, None] | bodies_BTHW[:, None]), -torch.inf)
    shares_BTSHW = likeness.softmax(2)
    mean = torch.einsum("btshw,bcshw->bcthw", shares_BTSHW, film_BCTHW.float())
    return torch.where(((t_BTHW > 0) & (t_BTHW < below))[:, None], mean, film_BCTHW)
