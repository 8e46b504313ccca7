"""Where is what: of every latent cell which remembered picture it shows and where in it, and those pictures laid out that way.

Half way through the transformer every token says so of its cells, from what it makes of the noise, the prompt and the film so
far. The pictures that the prompt names are turned and scaled accordingly, cell by cell, and given back to the network as a
sketch, at each step a better one; what is wrong with it (light, colour, pose, what stands before it) is the other half's
work. Training knows the truth from the scene's record and teaches the first half with it, so that copying a fox is not left
to be found by chance (dense correspondence as in DensePose, arXiv 1802.00434; layers of moved sprites as in MarioNette,
arXiv 2104.14553).

Dimension key: B batch, T H W latent frames and cells, Q looks of a prompt, S side of a picture in pixels, R bodies of a scene,
P what is said of a cell, d dots of a sketch in a cell.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .vocabulary import MOST_LOOKS

SIDE = 96  # S
DOTS = 8  # of a sketch, along each side of a cell
SHARES = MOST_LOOKS + 1  # nothing, or one of the looks
SPOT = 2  # where in it: right and down, -1 to 1
TURN = 4  # how that changes from a cell to the next: right by right, right by down, down by right, down by down
TURN_SCALE = 4.0  # of what the network says of TURN: a sprite spans some 8 cells
SAID = SHARES + SPOT + TURN  # P
HIT = 0.3  # alpha above which a pixel belongs to a picture
SURE = 12.0  # logit of what is known
MARGIN = 9  # pixels around what a picture shows that still belong to it, so that sketches have their edges


def lay_out(said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> Tensor:
    """The pictures as they are said to lie: B T H W d, 4 x DOTS x DOTS numbers a cell (red, green, blue, alpha of dots)."""
    frames, rows, columns = said_BTHWP.shape[1:4]
    shares, spot, turn = said_BTHWP.split([SHARES, SPOT, TURN], -1)
    shares = shares.softmax(-1)
    at = (torch.arange(DOTS, device=spot.device) + 0.5) / DOTS - 0.5
    down, right = torch.meshgrid(at, at, indexing="ij")
    dots = torch.stack([right.flatten(), down.flatten()])  # 2 d, in cells from the middle
    points = spot[..., None, :] + ((turn / TURN_SCALE).unflatten(-1, (2, 2)) @ dots).transpose(-1, -2)
    points = rearrange(points, "B T H W d xy -> B (T H W) d xy")
    sketch = torch.zeros((), device=spot.device)
    for q in range(pictures_BQ4SS.shape[1]):
        seen = F.grid_sample(pictures_BQ4SS[:, q].float(), points, align_corners=False)
        sketch = sketch + seen * rearrange(shares[..., q + 1], "B T H W -> B 1 (T H W) 1")
    return rearrange(sketch, "B c (T H W) d -> B T H W (c d)", T=frames, H=rows, W=columns)


def truth(
    stances_BTR8: Tensor, looks_BR: Tensor, pictures_BQ4SS: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """What is to be said of `size` cells: which_BTHW (0 nothing, q + 1), spot_BTHW2 and turn_BTHW4 (scaled as said).

    `stances` are of worlds.storybook.stances, in cells instead of pixels; `looks` say for each body which of the prompt's looks
    it has, -1 none.
    """
    a, b, c, d, e, f, depth, actor = stances_BTR8.unbind(-1)
    area = a * e - b * d
    there = (actor >= 0) & (area.abs() > 0.05) & (looks_BR[:, None] >= 0)
    area = torch.where(there, area, 1.0)
    inverse = torch.stack([e, -b, -d, a], -1) / area[..., None]  # B T R 4, sprite's sides from 0 to 1 a cell
    rows, columns = (torch.arange(n, device=a.device) + 0.5 for n in size)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    away = torch.stack([x - c[..., None, None], y - f[..., None, None]], -1)  # B T R H W 2
    spot = 2 * torch.einsum("BTRij,BTRHWj->BTRHWi", inverse.unflatten(-1, (2, 2)), away) - 1
    parts = solid(pictures_BQ4SS)
    parts = parts.gather(1, looks_BR.clamp(min=0)[..., None, None].expand(-1, -1, *parts.shape[2:]))  # B R S S
    grid = rearrange(spot, "B T R H W xy -> (B R) (T H) W xy")
    hit = F.grid_sample(parts.flatten(0, 1)[:, None], grid, align_corners=False) > HIT
    hit = rearrange(hit, "(B R) 1 (T H) W -> B T R H W", B=len(a), T=a.shape[1]) & there[..., None, None]
    nearness, body = (hit * (1 + depth[..., None, None])).max(2)
    pick = lambda v: v.gather(2, body[:, :, None, ..., None].expand(-1, -1, 1, -1, -1, v.shape[-1]))[:, :, 0]  # noqa: E731
    which = torch.where(
        nearness > 0, looks_BR[:, None, None, None].expand(*body.shape, -1).gather(-1, body[..., None])[..., 0] + 1, 0
    )
    turn = 2 * TURN_SCALE * inverse[..., None, None, :].expand(*spot.shape[:-1], 4)
    return which, pick(spot), pick(turn)


def solid(pictures_BQ4SS: Tensor) -> Tensor:
    """What belongs to each picture, B Q S S: more than HIT there."""
    rows = F.max_pool2d(pictures_BQ4SS[:, :, 3].float(), (1, 2 * MARGIN + 1), 1, (0, MARGIN))
    return F.max_pool2d(rows, (2 * MARGIN + 1, 1), 1, (MARGIN, 0))


def surely(which_BTHW: Tensor, spot_BTHW2: Tensor, turn_BTHW4: Tensor) -> Tensor:
    """said_BTHWP of somebody who knows."""
    return torch.cat([SURE * F.one_hot(which_BTHW, SHARES).float(), spot_BTHW2, turn_BTHW4], -1)


def errors(
    said_BTHWP: Tensor, which_BTHW: Tensor, spot_BTHW2: Tensor, turn_BTHW4: Tensor, heard_B: Tensor
) -> tuple[Tensor, Tensor]:
    """Two sums, and how many cells each is over: cross-entropy of what a cell shows, in clips whose prompt names a look
    (`heard_B`), and of cells that show one the distance from the truth (Huber) of where in it they are."""
    shares, spot, turn = said_BTHWP.split([SHARES, SPOT, TURN], -1)
    counted = heard_B.float().view(-1, 1, 1, 1).expand(which_BTHW.shape)
    shown = counted * (which_BTHW > 0)
    named = F.cross_entropy(shares.movedim(-1, 1), which_BTHW, reduction="none")
    far = F.smooth_l1_loss(spot, spot_BTHW2, beta=0.2, reduction="none").sum(-1)
    far = far + F.smooth_l1_loss(turn, turn_BTHW4, beta=0.2, reduction="none").sum(-1)
    return torch.stack([(named * counted).sum(), (far * shown).sum()]), torch.stack([counted.sum(), shown.sum()])
