"""A region that is painted where nobody was, as a stage of its own: who comes into it is planned as in a film, and moved there.

Dimension key: as of staged.py. Plans are scaled; middles and sizes in them are counted in short sides of the picture.
"""

import math
from collections.abc import Sequence

from torch import Tensor

from ..models.bodies import BODIES
from ..models.staging import Staging, scaled

Box = tuple[float, ...]  # top, left, bottom and right, as shares of the picture; nothing where there is none

FILLS = 0.85  # of the room, by who is too large for it


def unseen_in(
    plan_1FTS1: Tensor, staging: Staging, room: Box, cells: tuple[int, int], named: Sequence[bool], told: bool
) -> list[int]:
    """Which looks nobody has in the plan of given frames, where that look is `named`; none where somebody's middle is in the
    room at any time, who becomes who is asked for, nor where somebody is `told` of and nobody seen: they may be there."""
    raw = scaled(plan_1FTS1, staging, back=True)
    (top, left, bottom, right), (x, y, there) = sides(room, cells), raw[0, [0, 1, -1], :, :-1, 0]
    seen = there > 0.5
    if (told and not bool(seen.any())) or bool((seen & (x > left) & (x < right) & (y > top) & (y < bottom)).any()):
        return []
    found = seen.unflatten(1, (-1, BODIES)).any(2).any(0).tolist()
    return [look for look, known in enumerate(named) if not (known and found[look])]


def only(plan_1FTS1: Tensor, looks: Sequence[int]) -> Tensor:
    """The plan, scaled, without those who have others."""
    plan = plan_1FTS1.clone()
    for look in set(range((plan.shape[3] - 1) // BODIES)).difference(looks):
        plan[:, -1, :, look * BODIES : (look + 1) * BODIES] = -1
    return plan


def sides(room: Box, cells: tuple[int, int]) -> tuple[float, float, float, float]:
    """Of the room, in short sides from the middle of the picture."""
    (tall, wide), (top, left, bottom, right) = (side / min(cells) for side in cells), room
    return (top - 0.5) * tall, (left - 0.5) * wide, (bottom - 0.5) * tall, (right - 0.5) * wide


def moved_into(plan_1FTS1: Tensor, staging: Staging, room: Box, cells: tuple[int, int]) -> Tensor:
    """The plan with all of its picture in the room: ways are as much shorter, bodies smaller only where they would not fit."""
    raw, (top, left, bottom, right) = scaled(plan_1FTS1, staging, back=True), sides(room, cells)
    tall, wide = (side / min(cells) for side in cells)
    for row in (raw[0, -1, :, :-1, 0] > 0.5).any(0).nonzero()[:, 0].tolist():
        x, y, size, width = raw[0, :4, :, row, 0]  # views: what is written to them is written to the plan
        there = raw[0, -1, :, row, 0] > 0.5
        high, broad = size.exp(), size.exp() * width.abs()
        fits = min((bottom - top) / float(high[there].max()), (right - left) / float(broad[there].max()))
        scale = min(1.0, FILLS * fits)
        size += math.log(scale)
        for middle, extent, side, (low, up) in ((x, broad, wide, (left, right)), (y, high, tall, (top, bottom))):
            spare = (up - low - scale * extent).clamp(min=0)
            middle.copy_((low + up) / 2 + spare * (middle / side).clamp(-0.5, 0.5))
    return scaled(raw, staging)
