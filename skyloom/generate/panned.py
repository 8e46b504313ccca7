"""The camera goes where the plan says: what lies behind the bodies of a film is made one panorama (models/panorama).

Of a window that goes on from another, and of a film that begins with given frames, these lie on top: so the place stays the one
that it was. Left as it is where nobody knows how the camera goes, where one place becomes another, and where a film is given.

Dimension key: C latent channels, T latent frames of a window, H W cells, F frames (4 T; the first latent frame of a film holds
its first frame four times), h w dots and pixels.
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.overlay import BEATS, between, drawn_at
from ..models.panorama import passed_over
from ..models.places import DOTS
from ..models.vae import FOLD
from ..worlds.expand import read_facts
from ..worlds.prompt import tongue_of

if TYPE_CHECKING:
    from ..models.bundle import Bundle
    from .staged import Plan

AROUND, BESIDE = 7, 3  # dots around a body that are no part of the panorama, and those that stay as they are: its shadow, too
SOFT = 2  # dots over which one becomes the other


def one_place(prompts: set[str]) -> bool:
    """Whether all speak of one place in one light, or of none."""
    return len({tuple(_said(prompt, kind) for kind in ("place", "light")) for prompt in prompts}) == 1


def _said(prompt: str, kind: str) -> str:
    return next((fact.label for fact in read_facts(prompt, tongue_of(prompt)) if fact.kind == kind), "")


def panned(
    z_1CTHW: Tensor, levels_BTHW: Tensor, plan: "Plan", looks: list[int], bundle: "Bundle", held: int, opens: bool
) -> Tensor:
    """A window's latents, of which the first `held` are the anchor and the end of what was filmed before -> the same with one
    background. What is given stays. `looks` are those that the plan's rows are of; `opens` says whether the first latent frame
    is a film's first."""
    if z_1CTHW.shape[2] == 1:
        return z_1CTHW
    from_ = 1 if held else 0  # the anchor is long past
    z, levels = z_1CTHW[:, :, from_:], levels_BTHW[:, from_:].clone()
    levels[:, : held - from_] = 0
    film_B3Fhw = bundle.vae.picture(z)
    cover = covered(plan.stances_1TS8[:, from_:], looks, bundle, (z.shape[3], z.shape[4]))
    hidden, front = (spread(cover, by, (film_B3Fhw.shape[3], film_B3Fhw.shape[4])) for by in (AROUND, BESIDE))
    known = (levels.amax((0, 2, 3)) == 0).repeat_interleave(FOLD).tolist()
    camera = along(plan.camera_1T5[:, from_:], opens)
    new = passed_over(film_B3Fhw, camera, hidden, front, order(known), common=not any(known))
    change = bundle.vae.encode_change(new - film_B3Fhw) * (levels[:, None] > 0)
    return torch.cat([z_1CTHW[:, :, :from_], z + change], 2)


def panned_ring(z_1CTHW: Tensor, plan: "Plan", looks: list[int], bundle: "Bundle") -> Tensor:
    """The same for a ring of latent frames, whose last is followed by its first."""
    around = lambda x, dim: torch.cat([x.narrow(dim, x.shape[dim] - 1, 1), x, x.narrow(dim, 0, 1)], dim)  # noqa: E731
    whole = type(plan)(around(plan.stances_1TS8, 1), around(plan.camera_1T5, 1))
    levels = torch.ones(1, z_1CTHW.shape[2] + 2, 1, 1, device=z_1CTHW.device)
    return panned(around(z_1CTHW, 2), levels, whole, looks, bundle, 0, opens=False)[:, :, 1:-1]


def order(known: list[bool]) -> list[int]:
    """Which frame lies on which, the uppermost first: known ones, the last before the others; if none is, the middle."""
    last = max((i for i, so in enumerate(known) if so), default=len(known) // 2)
    return sorted(range(len(known)), key=lambda i: (not known[i], abs(i - last)))


def along(camera_1T5: Tensor, opens: bool) -> Tensor:
    """The camera in the middle of each latent frame -> in each frame, 1 F 5: on a straight line from one to the next."""
    count = camera_1T5.shape[1]
    middle = torch.arange(count, device=camera_1T5.device) * FOLD + (FOLD - 1) / 2
    if opens:
        middle[0] = FOLD - 1  # the one frame that the first latent frame holds comes right before the second's
    if count == 1:
        return camera_1T5.expand(-1, FOLD, -1)
    at = torch.arange(count * FOLD, device=middle.device, dtype=middle.dtype)
    after = torch.searchsorted(middle, at).clamp(1, count - 1)
    share = ((at - middle[after - 1]) / (middle[after] - middle[after - 1]))[:, None]
    if opens:
        share[:FOLD] = 0
    return camera_1T5[:, after - 1] * (1 - share) + camera_1T5[:, after] * share


def covered(stances_1TS8: Tensor, looks: list[int], bundle: "Bundle", cells: tuple[int, int]) -> Tensor:
    """What bodies cover in each beat, 1 F h w in dots."""
    stances = between(stances_1TS8)
    size = cells[0] * DOTS, cells[1] * DOTS
    cover = torch.zeros(1, stances.shape[1], *size, device=stances.device)
    alpha = bundle.dit.pictures[torch.tensor(looks, device=stances.device)][:, 3:].float() / 255
    each = stances.shape[2] // len(looks)
    for row in range(stances.shape[2]):
        if bool((stances[..., row, 7] >= 0).any()):
            body = drawn_at(stances[:, :, row], alpha[row // each][None], size)
            cover = torch.maximum(cover, body[:, 0])
    return cover


def spread(cover_1Fhw: Tensor, dots: int, size: tuple[int, int]) -> Tensor:
    """What is covered and so many dots around it, softly; in frames and pixels."""
    wide = F.max_pool2d(cover_1Fhw, 2 * dots + 1, 1, dots)
    soft = F.avg_pool2d(F.pad(wide, (SOFT,) * 4, mode="replicate"), 2 * SOFT + 1, 1)
    return F.interpolate(soft, size, mode="bilinear").repeat_interleave(FOLD // BEATS, 1)
