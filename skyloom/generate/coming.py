"""Who is in one part of a film and not in the next goes out of the picture, and who is in the next alone comes into it.

A plan has everybody where the prompts of the moment have them; where these no longer name somebody, he would fade. So the last
latent frames in which somebody is named, and the first, are bent away from the way that the plan has, towards the side of the
picture that it leads to or comes from. Who stands where he is does not go, nor who is gone for a moment only.

Dimension key: T latent frames of a window, N of a whole take, U looks that any prompt names, S F rows of a plan and their
numbers (models/staging).
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from ..models.bodies import BODIES
from ..models.staging import Staging, scaled

STEPS = 6  # latent frames in which somebody goes or comes, or LEAST fewer than there are
LEAST = 2
ENTERS = 5  # latent frames in which who was not in given frames comes into the picture
SOON = 2  # latent frames: what a window tells of for no longer, it has not begun with
NAMED = 0.99  # of all that is said in a latent frame: who is named less is on the way out, or in
GOES = 0.05  # short sides: who goes less far in twice that time stands where he is
GONE = 5  # latent frames at least
BEYOND = 2  # of these, those next to where somebody is in which he waits out of the picture

Way = tuple[int, int]  # towards which side of the picture: right or left, down or up; nobody goes both ways


class Comings:
    """Of a take: who comes and who goes, and which way, window by window."""

    def __init__(self, named_NU: Tensor, cells: tuple[int, int]):
        """How much of all that prompts say in each latent frame names each look."""
        self.count, self.cells = len(named_NU), cells
        self.spans = [runs((named > NAMED).tolist()) for named in named_NU.T]
        self.ways: dict[tuple[int, int], Way | None] = {}  # of a row, at the latent frame where its look begins or ends

    def named_in_part(self, first: int, count: int) -> set[int]:
        """Who is there in some of these latent frames and goes on from none before; of those that open a film, not in all."""
        found = set()
        for look, spans in enumerate(self.spans):
            inside = [span for span in spans if span[0] < first + count and span[1] > first]
            if inside and (inside[0][0] > first - SOON if first else inside[0][0] > 0 or inside[0][1] < count):
                found.add(look)
        return found

    def bent(self, plan_1FTS1: Tensor, staging: Staging, at: Sequence[int]) -> Tensor:
        """The scaled plan of a window, of the latent frames of the take that `at` says, with the ways of who comes or goes."""
        raw, rows = scaled(plan_1FTS1, staging, back=True).clone(), []
        for look, spans in enumerate(self.spans):
            gaps = [later[0] - earlier[1] for earlier, later in itertools.pairwise(spans)]
            if spans and spans != [(0, self.count)] and min(gaps, default=GONE) >= GONE:
                rows += [row for row in range(look * BODIES, (look + 1) * BODIES) if self._bent(raw[0, :, :, row, 0], row, at)]
        plan = plan_1FTS1.clone()
        plan[..., rows, :] = scaled(raw, staging)[..., rows, :]
        return plan

    def _bent(self, body_FT: Tensor, row: int, at: Sequence[int]) -> bool:
        """One row, in place; whether anything has changed."""
        spans, waits = self.spans[row // BODIES], set()
        changed = False
        for begin, end in spans:
            inside = [t for t, n in enumerate(at) if begin <= n < end]
            there = [t for t in inside if float(body_FT[-1, t]) > 0.5]
            steps = min(STEPS, end - begin - LEAST)
            if not there or steps < 1:
                continue
            leads = comes = None
            if end < self.count:
                leads = self._way(row, end, body_FT, [t for t in there if at[t] >= end - 2 * steps], 1)
            if begin:
                comes = self._way(row, begin, body_FT, [t for t in there if at[t] < begin + 2 * steps], -1)
            for way, share in (
                (leads, {t: (at[t] + 1 - end + steps) / steps for t in inside if at[t] >= end - steps}),
                (comes, {t: 1 - (at[t] - begin) / steps for t in inside if at[t] < begin + steps}),
            ):
                if way is None:
                    continue
                for t in share.keys() - there:  # as it is nearest to then
                    body_FT[:, t] = body_FT[:, min(there, key=lambda other: abs(other - t))]
                for t, away in share.items():
                    self._move(body_FT[:, t], way, away**2)
                    changed = True
            for way, edge, sense in ((leads, end - 1, 1), (comes, begin, -1)):
                for beyond in range(edge + sense, edge + sense * (BEYOND + 1), sense) if way and edge in at else ():
                    if beyond in at:
                        body_FT[:, at.index(beyond)] = body_FT[:, at.index(edge)]
                        waits.add(beyond)
        if all(self.ways.get((row, edge), True) for span in spans for edge in span):  # who stands may fade
            gone = [t for t, n in enumerate(at) if n not in waits and not any(begin <= n < end for begin, end in spans)]
            changed = changed or bool((body_FT[-1, gone] > 0).any())
            body_FT[-1, gone] = 0
        return changed

    def _way(self, row: int, edge: int, body_FT: Tensor, seen: list[int], sense: int) -> Way | None:
        """Which way somebody goes (`sense` 1) or has come from (-1), as its way in the latent frames that are `seen` says."""
        if (row, edge) not in self.ways and seen:
            x, y = body_FT[0, seen], body_FT[1, seen]
            across, down = float(x[-1] - x[0]), float(y[-1] - y[0])
            way: Way | None = None
            if len(seen) == 1:
                way = (1 if float(x[0]) > 0 else -1), 0
            elif abs(across) >= max(GOES, abs(down)):
                way = sense * (1 if across > 0 else -1), 0
            elif abs(down) >= GOES and down * sense < 0:
                way = 0, -1  # up, or down from there: below is the ground
            self.ways[row, edge] = way
        return self.ways.get((row, edge))

    def _move(self, body_F: Tensor, way: Way, share: float) -> None:
        """So much of the way out of the picture."""
        half = body_F[2].exp() / 2
        for axis, wide in ((0, half * body_F[3].abs().clamp(min=1)), (1, half)):
            if way[axis]:
                edge = self.cells[1 - axis] / min(self.cells) / 2
                body_F[axis] += share * (way[axis] * (edge + wide) - body_F[axis])


def entering(
    plan_1FTS1: Tensor, free_1FTS1: Tensor, looks: list[int], known: int, staging: Staging, cells: tuple[int, int]
) -> Tensor:
    """The plan with some looks as in the `free` one, who come into the picture when the `known` frames have ended: from above
    who goes down, others from behind. Plans are scaled."""
    plan, raw = plan_1FTS1.clone(), scaled(free_1FTS1, staging, back=True).clone()
    tall, wide = (side / min(cells) for side in cells)
    away = (1 - (torch.arange(raw.shape[2], device=raw.device) - known + 1) / ENTERS).clamp(0, 1) ** 2
    rows = [look * BODIES + body for look in looks for body in range(BODIES)]
    rows = [row for row in rows if float(raw[0, -1, known:, row].amax()) > 0.5]
    for row in rows:
        raw[0, :, :known, row] = raw[0, :, known : known + 1, row]
        x, y, size, width = raw[0, :4, known:, row, 0]
        half, across, down = size[0].exp() / 2, float(x[-1] - x[0]), float(y[-1] - y[0])
        if down > abs(across):
            raw[0, 1, :, row, 0] -= away * (tall / 2 + half + y[0])
        else:
            side = -1 if across > 0 or (across == 0 and float(x[0]) < 0) else 1
            raw[0, 0, :, row, 0] += away * (side * (wide / 2 + half * width[0].abs().clamp(min=1)) - x[0])
        raw[0, -1, : known + 1, row] = 1  # out of the picture, and no further than that
    plan[..., rows, :] = scaled(raw, staging)[..., rows, :]
    return plan


def runs(flags: list[bool]) -> list[tuple[int, int]]:
    """[from, to) of each row of True."""
    edges = [i for i, (a, b) in enumerate(itertools.pairwise([False, *flags, False])) if a != b]
    return list(zip(edges[::2], edges[1::2], strict=True))
