"""Where is what: of every latent cell which remembered picture it shows and where in it, and those pictures laid out that way.

Half way through the transformer every token says so of its cells, from what it makes of the noise, the prompt and the film so
far. The pictures that the prompt names are turned and scaled accordingly, cell by cell, and given back to the network as a
sketch, at each step a better one; what is wrong with it (light, colour, pose, what stands before it) is the other half's
work. Training knows the truth from the scene's record and teaches the first half with it, so that copying a fox is not left
to be found by chance (dense correspondence as in DensePose, arXiv 1802.00434; layers of moved sprites as in MarioNette,
arXiv 2104.14553).

Dimension key: B batch, T H W latent frames and cells, Q looks of a prompt, S side of a picture in pixels, R bodies of a scene,
P what is said of a cell, d dots of a sketch in a cell, D model width, G width of the local part, p patch.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .layers import exact, rms
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
BODIES = 4  # of one look, at most, that are laid out
LEAST_CELLS = 2.0  # of a body
AGREED = 1.6  # cells: neighbours of one body differ by less in where its middle is
FARTHEST = 8.0  # cells from the middle
LEAST_SPREAD = 0.3  # of a picture's: cells that all say its middle are a guess, no body
LEAST_AREA = 0.01  # of the part of a picture (-1 to 1) that a cell shows
MARGIN = 9  # pixels around what a picture shows that still belong to it, so that sketches have their edges


class Places(nn.Module):
    """The head that says what is where, and the way of its sketch back into the network."""

    def __init__(self, width: int, local: int, patch: int):
        super().__init__()
        self.patch = patch
        self.head = nn.Linear(width, patch**2 * SAID)
        self.token_in = nn.Linear(4 * DOTS**2 * patch**2, width, bias=False)
        self.cell_in = nn.Linear(4 * DOTS**2, local, bias=False)
        for layer in (self.token_in, self.cell_in):
            nn.init.zeros_(layer.weight)

    def forward(
        self, x_BND: Tensor, grid: tuple[int, int, int], pictures_BQ4SS: Tensor, told: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens, their grid (T, H/p, W/p), the prompt's pictures -> said_BTHWP (once it has learned: as it is laid out), and
        the sketch for the tokens, B N D, and for the cells, (B T) G H W.

        What is `told` (like `said`, and a mask B or BT) is laid out in place of what was said. By default what was said is
        made whole, but not while it learns: then only the truth looks sure, and the rest of the network learns to follow
        what looks sure."""
        p, (frames, h, w) = self.patch, grid
        said = rearrange(self.head(rms(x_BND)), "B (T h w) (p q P) -> B T (h p) (w q) P", T=frames, h=h, w=w, p=p, q=p).float()
        heard = said.detach()
        with exact(x_BND.device):
            if not self.training:
                whole, found_BT = settle(heard, pictures_BQ4SS)
                heard = torch.where(found_BT[..., None, None, None], whole, heard)
            if told is not None:
                heard = torch.where(told[1].view(len(heard), -1, 1, 1, 1), told[0], heard)
            sketch = lay_out(heard, pictures_BQ4SS).to(x_BND.dtype)
        tokens = self.token_in(rearrange(sketch, "B T (h p) (w q) d -> B (T h w) (p q d)", p=p, q=p))
        laid = said if self.training else heard
        return laid, tokens, rearrange(self.cell_in(sketch), "B T H W G -> (B T) G H W")


def lay_out(said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> Tensor:
    """The pictures as they are said to lie: B T H W d, 4 x DOTS x DOTS numbers a cell (red, green, blue, alpha of dots)."""
    return sum(layers(said_BTHWP, pictures_BQ4SS), torch.zeros((), device=said_BTHWP.device))


def layers(said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> Iterator[Tensor]:
    """The same, one look after the other."""
    frames, rows, columns = said_BTHWP.shape[1:4]
    shares, spot, turn = said_BTHWP.split([SHARES, SPOT, TURN], -1)
    shares = shares.softmax(-1)
    at = (torch.arange(DOTS, device=spot.device) + 0.5) / DOTS - 0.5
    down, right = torch.meshgrid(at, at, indexing="ij")
    dots = torch.stack([right.flatten(), down.flatten()])  # 2 d, in cells from the middle
    points = spot[..., None, :] + ((turn / TURN_SCALE).unflatten(-1, (2, 2)) @ dots).transpose(-1, -2)
    points = rearrange(points, "B T H W d xy -> B (T H W) d xy")
    for q in range(pictures_BQ4SS.shape[1]):
        seen = F.grid_sample(pictures_BQ4SS[:, q].float(), points, align_corners=False)
        seen = seen * rearrange(shares[..., q + 1], "B T H W -> B 1 (T H W) 1")
        yield rearrange(seen, "B c (T H W) d -> B T H W (c d)", T=frames, H=rows, W=columns)


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
    solid = _solid(pictures_BQ4SS)
    solid = solid.gather(1, looks_BR.clamp(min=0)[..., None, None].expand(-1, -1, *solid.shape[2:]))  # B R S S
    grid = rearrange(spot, "B T R H W xy -> (B R) (T H) W xy")
    hit = F.grid_sample(solid.flatten(0, 1)[:, None], grid, align_corners=False) > HIT
    hit = rearrange(hit, "(B R) 1 (T H) W -> B T R H W", B=len(a), T=a.shape[1]) & there[..., None, None]
    nearness, body = (hit * (1 + depth[..., None, None])).max(2)
    pick = lambda v: v.gather(2, body[:, :, None, ..., None].expand(-1, -1, 1, -1, -1, v.shape[-1]))[:, :, 0]  # noqa: E731
    which = torch.where(
        nearness > 0, looks_BR[:, None, None, None].expand(*body.shape, -1).gather(-1, body[..., None])[..., 0] + 1, 0
    )
    turn = 2 * TURN_SCALE * inverse[..., None, None, :].expand(*spot.shape[:-1], 4)
    return which, pick(spot), pick(turn)


def _solid(pictures_BQ4SS: Tensor) -> Tensor:
    """What belongs to each picture, B Q S S: more than HIT there."""
    rows = F.max_pool2d(pictures_BQ4SS[:, :, 3].float(), (1, 2 * MARGIN + 1), 1, (0, MARGIN))
    return F.max_pool2d(rows, (2 * MARGIN + 1, 1), 1, (MARGIN, 0))


def surely(which_BTHW: Tensor, spot_BTHW2: Tensor, turn_BTHW4: Tensor) -> Tensor:
    """said_BTHWP of somebody who knows."""
    return torch.cat([SURE * F.one_hot(which_BTHW, SHARES).float(), spot_BTHW2, turn_BTHW4], -1)


def settle(said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> tuple[Tensor, Tensor]:
    """What is said, made whole: sprites are flat and move as one, so that all cells of one must agree where it lies.

    Cells next to each other that most likely show the same look are one body. Where it lies is the affine map that takes the
    picture's centre and spread to the body's, turned as its cells say (orthogonal Procrustes). Returns said_BTHWP as `surely`
    says it, but for cells that likely show a look of which no body was found, and a mask BT: frames with a body.
    """
    count = pictures_BQ4SS.shape[1]
    shares = said_BTHWP[..., :SHARES].softmax(-1)[..., 1 : count + 1].permute(0, 1, 4, 2, 3)  # B T Q H W
    weights_BTRN = _bodies(shares, _centres(said_BTHWP))
    looks_BR = torch.arange(count, device=shares.device).repeat_interleave(BODIES).expand(len(shares), -1)
    rows, columns = (torch.arange(n, device=shares.device) + 0.5 for n in shares.shape[3:])
    cells_N2 = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).flatten(0, 1)
    spot = said_BTHWP[..., SHARES : SHARES + SPOT].flatten(2, 3)[:, :, None]
    mass, middle, spread = _moments(weights_BTRN, cells_N2)
    _, said_middle, said_spread = _moments(weights_BTRN, spot)
    alpha = (F.avg_pool2d(_solid(pictures_BQ4SS), 4) > HIT).float()
    grain = (torch.arange(alpha.shape[-1], device=alpha.device) + 0.5) / (alpha.shape[-1] / 2) - 1
    points = torch.stack(torch.meshgrid(grain, grain, indexing="xy"), -1).flatten(0, 1)
    _, own_middle, own_spread = (part.repeat_interleave(BODIES, 1)[:, None] for part in _moments(alpha.flatten(2), points))
    away, said_away = cells_N2 - middle[..., None, :], spot - said_middle[..., None, :]
    together = torch.einsum("...n,...ni,...nj->...ij", weights_BTRN, away, said_away) / mass.clamp(min=1e-3)[..., None, None]
    body, own = _root(spread), _inverse(_root(own_spread))
    linear = body @ _turn(_inverse(body) @ together @ own) @ own  # from the picture, -1 to 1, to cells
    corner = middle - (linear @ (own_middle + 1)[..., None])[..., 0]
    wide = [x.diagonal(dim1=-2, dim2=-1).sum(-1) for x in (said_spread, own_spread)]
    there = (mass >= LEAST_CELLS) & (wide[0] >= LEAST_SPREAD * wide[1])
    there &= mass >= 0.25 * mass.unflatten(2, (count, BODIES)).amax(3).repeat_interleave(BODIES, 2)
    a, b, d, e = (2 * linear).flatten(-2).unbind(-1)
    c, f = corner.unbind(-1)
    stances = torch.stack([a, b, c, d, e, f, middle[..., 1] / len(rows), torch.where(there, 0.0, -1.0)], -1)
    which, *where = truth(stances, looks_BR, pictures_BQ4SS, (len(rows), len(columns)))
    found_BTQ = there.unflatten(2, (count, BODIES)).any(3)
    likely = said_BTHWP[..., : count + 1].argmax(-1)
    lost = F.pad(~found_BTQ, (1, 0)).gather(2, likely.flatten(2)).view_as(likely) & (which == 0)
    return torch.where(lost[..., None], said_BTHWP, surely(which, *where)), found_BTQ.any(2)


def _centres(said_BTHWP: Tensor) -> Tensor:
    """Where every cell says that the middle of its picture is, in cells: B T 1 H W 2."""
    spot, turn = said_BTHWP[..., SHARES : SHARES + SPOT], said_BTHWP[..., SHARES + SPOT :] / TURN_SCALE
    matrix = turn.unflatten(-1, (2, 2))
    area = _determinant(matrix)
    area = torch.where(area < 0, area.clamp(max=-LEAST_AREA), area.clamp(min=LEAST_AREA))
    away = (_cofactors(matrix).mT @ spot[..., None])[..., 0] / area[..., None]
    rows, columns = (torch.arange(n, device=spot.device) + 0.5 for n in said_BTHWP.shape[2:4])
    cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
    return (cells - away.clamp(-FARTHEST, FARTHEST))[:, :, None]


def _bodies(shares_BTQHW: Tensor, centres_BT1HW2: Tensor) -> Tensor:
    """Weights of cells, B T R N: for each look its BODIES heaviest groups of neighbouring cells that likely show it, of which
    neighbours agree where its middle is: so two of a kind that touch are two."""
    rows, columns = shares_BTQHW.shape[3:]
    likely = shares_BTQHW > 0.5
    near = lambda axis: centres_BT1HW2.diff(dim=axis).norm(dim=-1) < AGREED  # noqa: E731
    beside = (near(4) & likely[..., 1:] & likely[..., :-1]).flatten(0, 2)
    below = (near(3) & likely[..., 1:, :] & likely[..., :-1, :]).flatten(0, 2)
    likely = likely.flatten(0, 2).float()
    label = likely * torch.arange(1, rows * columns + 1, device=likely.device).view(rows, columns)
    for _ in range(rows + columns):  # every cell takes the highest number that reaches it
        for gate, axis in ((beside, 2), (below, 1)):
            first, second = label.narrow(axis, 0, gate.shape[axis]), label.narrow(axis, 1, gate.shape[axis])
            highest = torch.maximum(first, second)
            pad = (0, 1, 0, 0) if axis == 2 else (0, 0, 0, 1)
            back = (1, 0, 0, 0) if axis == 2 else (0, 0, 1, 0)
            gated = highest * gate
            label = torch.maximum(label, torch.maximum(F.pad(gated, pad), F.pad(gated, back)))
    label, share = label.flatten(1).long(), (shares_BTQHW.flatten(0, 2) * likely).flatten(1)
    masses = torch.zeros(len(label), rows * columns + 1, device=share.device).scatter_add_(1, label, share)
    masses[:, 0] = 0
    chosen = masses.topk(BODIES, 1).indices
    weights = share[:, None] * (label[:, None] == chosen[..., None])
    return weights.unflatten(0, shares_BTQHW.shape[:3]).flatten(2, 3)


def _moments(weights: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mass ..., mean ... 2 and covariance ... 2 2 of points N 2."""
    mass = weights.sum(-1)
    shares = weights / mass.clamp(min=1e-3)[..., None]
    mean = (shares[..., None] * points).sum(-2)
    away = points - mean[..., None, :]
    return mass, mean, torch.einsum("...n,...ni,...nj->...ij", shares, away, away)


def _root(covariance: Tensor) -> Tensor:
    """The square root of matrices ... 2 2 without negative directions (Cayley and Hamilton's); none is thinner than 0.1."""
    eye = torch.eye(2, device=covariance.device)
    half = covariance.diagonal(dim1=-2, dim2=-1).mean(-1)
    least = half - (half.square() - _determinant(covariance)).clamp(min=0).sqrt()
    wide = covariance + (1e-2 - least).clamp(min=0)[..., None, None] * eye
    area = _determinant(wide).clamp(min=1e-8).sqrt()
    sides = (wide.diagonal(dim1=-2, dim2=-1).sum(-1) + 2 * area).sqrt()
    return (wide + area[..., None, None] * eye) / sides[..., None, None]


def _turn(matrix: Tensor) -> Tensor:
    """The nearest turn or mirror image to matrices ... 2 2: their orthogonal polar factor, the identity where they are 0."""
    matrix = matrix + 1e-6 * torch.eye(2, device=matrix.device)
    side = torch.where(_determinant(matrix) < 0, -1.0, 1.0)[..., None, None]
    turn = matrix + side * _cofactors(matrix)
    return turn / (turn.square().sum((-2, -1), keepdim=True) / 2).sqrt().clamp(min=1e-12)


def _inverse(matrix: Tensor) -> Tensor:
    return _cofactors(matrix).mT / _determinant(matrix)[..., None, None]


def _cofactors(matrix: Tensor) -> Tensor:
    a, b, c, d = matrix.flatten(-2).unbind(-1)
    return torch.stack([d, -c, -b, a], -1).unflatten(-1, (2, 2))


def _determinant(matrix: Tensor) -> Tensor:
    a, b, c, d = matrix.flatten(-2).unbind(-1)
    return a * d - b * c


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
