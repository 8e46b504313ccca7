"""What cells say of remembered pictures (places.py), made whole: bodies, and where each lies in every latent frame.

A sprite is flat and moves as one, so all cells of one must agree where it lies. Cells next to each other that most likely show
the same look, and agree where its middle is, are one body. How it is turned and how large it is, its cells say best themselves
(the mean of their `turn`: measured against the truth, heights are within a tenth and angles within a degree or two where a fit
to the body's outline is off by thrice that, and more where it is half hidden). From frame to frame bodies are followed, and
along each such track the size, the side it looks to and, a little, the place are made steady.

Dimension key: B batch, T H W latent frames and cells, N cells (H W), Q looks of a prompt, K bodies of one look, R all bodies
(Q K), S side of a picture in pixels, P what is said of a cell.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from .places import HIT, SHARES, SPOT, TURN_SCALE, solid, surely, truth

BODIES = 4  # K
LEAST_CELLS = 2.0  # of a body
MOST_CELLS = 20.0  # that a body's weight in its track grows with
AGREED = 1.6  # cells: neighbours of one body differ by less in where its middle is
FARTHEST = 8.0  # cells from the middle
LEAST_SPREAD = 0.3  # of a picture's: cells that all say its middle are a guess, no body
LEAST_AREA = 0.01  # of the part of a picture (-1 to 1) that a cell shows
WIDEST = 1.05  # times its height, by which a picture is ever stretched: what says more does not know which way it looks
SLIM = 0.7  # of its height: what is as slim for a quarter of its track spins, and looks both ways
OFTEN = 0.5  # of a film's frames, from which on a body is taken to be there in all
LOST = 6.0  # cells from one latent frame to the next that a body hardly moves
STEADY, STEADY_TURN, STEADY_PLACE = 2.0, 0.5, 0.5  # latent frames, deviations of what sizes, turns and places are averaged over
ORDERS = torch.tensor(list(itertools.permutations(range(BODIES))))


def settle(said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns said_BTHWP as `surely` says it, but for cells that likely show a look of which no body was found; a mask BT:
    frames with a body; and the bodies' stances_BTR8, as `truth` wants them, their last number the look's, -1 for nobody."""
    count = pictures_BQ4SS.shape[1]
    size = said_BTHWP.shape[2], said_BTHWP.shape[3]
    stances_BTR8 = followed(*seen_bodies(said_BTHWP, pictures_BQ4SS), *size)
    which, *where = truth(stances_BTR8, looks_of(stances_BTR8), pictures_BQ4SS, size)
    found_BTQ = (stances_BTR8[..., 7] >= 0).unflatten(2, (count, BODIES)).any(3)
    likely = said_BTHWP[..., : count + 1].argmax(-1)
    lost = F.pad(~found_BTQ, (1, 0)).gather(2, likely.flatten(2)).view_as(likely) & (which == 0)
    return torch.where(lost[..., None], said_BTHWP, surely(which, *where)), found_BTQ.any(2), stances_BTR8


def looks_of(stances_BTR8: Tensor) -> Tensor:
    """looks_BR of what `settle` found: K bodies of each look, one look after the other."""
    batch, _, bodies, _ = stances_BTR8.shape
    return torch.arange(bodies // BODIES, device=stances_BTR8.device).repeat_interleave(BODIES).expand(batch, -1)


def seen_bodies(said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> tuple[Tensor, Tensor]:
    """What each latent frame alone shows: weights_BTQK of bodies in cells, 0 where there is none, and where they lie,
    stance_BTQK6: the middle, right and down, cosine and sine of the turn, and width (negative: mirrored) and height of half a
    picture, in cells."""
    count = pictures_BQ4SS.shape[1]
    shares = said_BTHWP[..., :SHARES].softmax(-1)[..., 1 : count + 1].permute(0, 1, 4, 2, 3)  # B T Q H W
    weights_BTRN = _bodies(shares, _centres(said_BTHWP))
    rows, columns = (torch.arange(n, device=shares.device) + 0.5 for n in shares.shape[3:])
    cells_N2 = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).flatten(0, 1)
    spot, turn = said_BTHWP[..., SHARES:].flatten(2, 3)[:, :, None].split([SPOT, said_BTHWP.shape[-1] - SHARES - SPOT], -1)
    mass, middle = _mean(weights_BTRN, cells_N2)
    _, said_middle = _mean(weights_BTRN, spot)
    _, apart = _mean(weights_BTRN, (spot - said_middle[..., None, :]).square().sum(-1, keepdim=True))
    x_by, y_by = (_mean(weights_BTRN, turn)[1] / TURN_SCALE).unflatten(-1, (2, 2)).unbind(-2)  # of the picture, cell by cell
    high = y_by.norm(dim=-1).clamp(min=0.05)
    cos, sin = y_by[..., 1] / high, -y_by[..., 0] / high
    across = x_by[..., 0] * cos + x_by[..., 1] * sin
    tall = 1 / high
    wide = torch.where(across < 0, -1, 1) * torch.minimum(1 / across.abs().clamp(min=0.02), WIDEST * tall)
    right, down = said_middle[..., 0] * wide, said_middle[..., 1] * tall
    middle = middle - torch.stack([cos * right - sin * down, sin * right + cos * down], -1)
    heaviest = mass.unflatten(2, (count, BODIES)).amax(3).repeat_interleave(BODIES, 2)
    breadth = _breadth(pictures_BQ4SS)
    there = (mass >= LEAST_CELLS) & (mass >= 0.25 * heaviest) & (breadth > 0) & (apart[..., 0] >= LEAST_SPREAD * breadth)
    stance = torch.cat([middle, torch.stack([cos, sin, wide, tall], -1)], -1)
    return (mass * there).unflatten(2, (count, BODIES)), stance.unflatten(2, (count, BODIES))


def followed(weights_BTQK: Tensor, stance_BTQK6: Tensor, rows: int, columns: int) -> Tensor:
    """Bodies as each frame shows them -> stances_BTR8, those of one body at one place of R, steady over time."""
    order = _order(weights_BTQK, stance_BTQK6[..., :2])
    weights = weights_BTQK.gather(3, order).flatten(2).clamp(max=MOST_CELLS)
    stance = stance_BTQK6.gather(3, order[..., None].expand(*order.shape, 6)).flatten(2, 3)
    middle, turn, wide, tall = stance.split([2, 2, 1, 1], -1)
    weight = weights[..., None]
    slim = (wide / tall).abs()
    spins = ((slim < SLIM) * weight).sum(1, keepdim=True) > 0.25 * weight.sum(1, keepdim=True)
    side = torch.where(spins, wide.sign(), torch.where(_steady(wide.sign(), weight, STEADY) < 0, -1.0, 1.0))
    tall = _steady(tall.log(), weight, STEADY).exp()
    wide = (side * _steady(slim, weight, STEADY_TURN) * tall)[..., 0]
    cos, sin = F.normalize(_steady(turn, weight, STEADY_TURN), dim=-1).unbind(-1)
    x, y = _steady(middle, weight, STEADY_PLACE).unbind(-1)
    tall = tall[..., 0]
    a, b, d, e = 2 * cos * wide, -2 * sin * tall, 2 * sin * wide, 2 * cos * tall  # from the picture, 0 to 1
    look = torch.arange(weights.shape[2], device=weights.device) // BODIES
    reach = torch.stack([(cos * wide).abs() + (sin * tall).abs(), (sin * wide).abs() + (cos * tall).abs()], -1)
    inside = ((middle > reach) & (middle < reach.new_tensor([columns, rows]) - reach)).all(-1)
    whose = torch.where(_lasting(weights > 0, inside), look.float(), -1.0)
    return torch.stack([a, b, x - (a + b) / 2, d, e, y - (d + e) / 2, y / rows, whose], -1)


def _order(weights_BTQK: Tensor, middle_BTQK2: Tensor) -> Tensor:
    """For each frame the order of a look's bodies in which they move least from where each was seen last."""
    orders = ORDERS.to(weights_BTQK.device)
    last, known = middle_BTQK2[:, 0], weights_BTQK[:, 0] > 0
    chosen = [torch.arange(BODIES, device=last.device).expand(known.shape)]
    for middle, here in zip(middle_BTQK2[:, 1:].unbind(1), (weights_BTQK[:, 1:] > 0).unbind(1), strict=True):
        far = (last[..., :, None, :] - middle[..., None, :, :]).norm(dim=-1).clamp(max=LOST)  # place in the track, body
        either, both = known[..., :, None] | here[..., None, :], known[..., :, None] & here[..., None, :]
        cost = torch.where(both, far, LOST * either)
        total = sum((cost[..., k, :][..., orders[:, k]] for k in range(BODIES)), torch.zeros((), device=cost.device))
        best = orders[total.argmin(-1)]
        chosen.append(best)
        here = here.gather(2, best)
        last = torch.where(here[..., None], middle.gather(2, best[..., None].expand(*best.shape, 2)), last)
        known = known | here
    return torch.stack(chosen, 1)


def _lasting(seen_BTR: Tensor, inside_BTR: Tensor) -> Tensor:
    """When bodies are there: a track that is seen in half of the frames, or else the best of its look, is there all the time
    - a body does not come and go in the middle of a film - but for what is before or after it was seen at the border."""
    frames = seen_BTR.shape[1]
    often = seen_BTR.float().mean(1, keepdim=True)
    best = often.unflatten(2, (-1, BODIES)).amax(3).repeat_interleave(BODIES, 2)
    frame = torch.arange(frames, device=seen_BTR.device)[:, None]
    before = torch.where(seen_BTR, frame, -1).cummax(1).values
    after = torch.where(seen_BTR, frame, frames).flip(1).cummin(1).values.flip(1)
    went = (after == frames) & ~inside_BTR.gather(1, before.clamp(min=0))
    to_come = (before < 0) & ~inside_BTR.gather(1, after.clamp(max=frames - 1))
    return (often > 0) & ((often >= OFTEN) | (often == best)) & ~went & ~to_come


def _steady(x_BTRd: Tensor, weight_BTR1: Tensor, deviation: float) -> Tensor:
    """Weighted means over the frames around each; where none of these has a weight, of the nearest that has."""
    frame = torch.arange(x_BTRd.shape[1], device=x_BTRd.device)
    far = (frame[:, None] - frame).abs()
    kernel = torch.exp(-(far / deviation).square() / 2) + 1e-3 * torch.exp(-far.float())
    total = torch.einsum("ts,bsrd->btrd", kernel, x_BTRd * weight_BTR1)
    return total / torch.einsum("ts,bsrd->btrd", kernel, weight_BTR1).clamp(min=1e-30)


def _breadth(pictures_BQ4SS: Tensor) -> Tensor:
    """The variance of a picture's places, -1 to 1, as said of all its cells: B 1 R."""
    alpha = (F.avg_pool2d(solid(pictures_BQ4SS), 4) > HIT).float()
    grain = (torch.arange(alpha.shape[-1], device=alpha.device) + 0.5) / (alpha.shape[-1] / 2) - 1
    points = torch.stack(torch.meshgrid(grain, grain, indexing="xy"), -1).flatten(0, 1)
    _, middle = _mean(alpha.flatten(2), points)
    _, apart = _mean(alpha.flatten(2), (points - middle[..., None, :]).square().sum(-1, keepdim=True))
    return apart[:, None, :, 0].repeat_interleave(BODIES, 2)


def _centres(said_BTHWP: Tensor) -> Tensor:
    """Where every cell says that the middle of its picture is, in cells: B T 1 H W 2."""
    spot, turn = said_BTHWP[..., SHARES : SHARES + SPOT], said_BTHWP[..., SHARES + SPOT :] / TURN_SCALE
    a, b, c, d = turn.unbind(-1)
    area = a * d - b * c
    area = torch.where(area < 0, area.clamp(max=-LEAST_AREA), area.clamp(min=LEAST_AREA))
    x, y = spot.unbind(-1)
    away = torch.stack([d * x - b * y, a * y - c * x], -1) / area[..., None]
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


def _mean(weights: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of weights ... N, and weighted mean ... d of values N d or ... N d."""
    mass = weights.sum(-1)
    return mass, (weights[..., None] * values).sum(-2) / mass.clamp(min=1e-3)[..., None]


def ordered(stances_1TK8: Tensor) -> Tensor:
    """Bodies of one look from left to right, as they are where first seen; those that are not there last."""
    there = stances_1TK8[..., 7] >= 0
    first = there.int().argmax(1)
    middle = stances_1TK8[..., 2] + (stances_1TK8[..., 0] + stances_1TK8[..., 1]) / 2
    at = middle.gather(1, first[:, None])[0, 0]
    order = torch.where(there.any(1)[0], at, torch.inf).argsort()
    return stances_1TK8[:, :, order]
