"""The camera goes where the plan says: what lies behind the bodies of a film is made one panorama (models/panorama).

Of a window that goes on from another, and of a film that begins with given frames, these lie on top: so the place stays the one
that it was. Left as it is where nobody knows how the camera goes, where one place becomes another, and where a film is given.
A camera of which no prompt speaks stands. One that shakes is none that a plan of three moments a second can have: it stands,
and then the whole picture shakes.

Dimension key: C latent channels, T latent frames of a window, H W cells, F frames (4 T; the first latent frame of a film holds
its first frame four times), h w dots and pixels.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.overlay import BEATS, between, drawn_at
from ..models.panorama import passed_over
from ..models.places import DOTS
from ..models.vae import FOLD
from ..worlds.expand import read_facts
from ..worlds.prompt import tongue_of
from ..worlds.storybook import shaking
from .request import Request
from .staged import STILL, Plan, calmed
from .takes import Take

if TYPE_CHECKING:
    from ..models.bundle import Bundle

AROUND, BESIDE = 7, 1  # dots around a body that are no part of the panorama, and those that stay as they are
WARY = 18  # dots around it that are a part of it only where no frame shows better
SOFT = 2  # dots over which one becomes the other


class Panner:
    """Makes the background of a take one, window by window."""

    def __init__(self, take: Take, request: Request, bundle: "Bundle", looks: list[int]):
        self.take, self.bundle, self.looks = take, bundle, looks
        self.said = [scenery(prompt) for prompt in take.prompts]
        self.shakes = all(said["camera"] == "shake" for said in self.said)
        self.stands = self.shakes or all(said["camera"] in ("", "still") for said in self.said)
        self.fps, self.seed = request.fps, request.seed
        self.before: set[tuple[str, str]] = set()  # places, and their light, of the window before

    def __call__(
        self, z_1CTHW: Tensor, weights_PT: Tensor, levels_BTHW: Tensor, plan: Plan | None, held: int, begin: int
    ) -> Tensor:
        """A window's latents, of which the first `held` are the anchor and the end of what was filmed before, and the next is
        the take's latent frame `begin` -> the same with one background. What is given stays."""
        heard = (weights_PT[:, held:].amax(1) > 0).nonzero()[:, 0].tolist()
        places = {(self.said[p]["place"], self.said[p]["light"]) for p in heard}
        one, self.before = len(places | self.before) == 1, places
        new = bool((levels_BTHW[:, held:] == 1).any())  # of given frames nobody knows how the camera goes
        if plan is None or not (one and new and self.take.steady) or z_1CTHW.shape[2] == 1:
            return z_1CTHW
        from_ = 1 if held else 0  # the anchor is long past
        levels = levels_BTHW[:, from_:].clone()
        levels[:, : held - from_] = 0
        given = (levels_BTHW.amax((0, 2, 3)) == 0).tolist()
        shown = Plan(plan.stances_1TS8[:, from_:], going_on(plan.camera_1T5, given)[:, from_:])
        made = self._made(z_1CTHW[:, :, from_:], levels, shown, begin - held + from_, self.shakes)
        return torch.cat([z_1CTHW[:, :, :from_], made], 2)

    def ring(self, z_1CTHW: Tensor, plan: Plan | None) -> Tensor:
        """The same for a ring of latent frames, whose last is followed by its first. Its camera stands: one that goes away does
        not come back in time."""
        if plan is None:
            return z_1CTHW
        around = lambda x, dim: torch.cat([x.narrow(dim, x.shape[dim] - 1, 1), x, x.narrow(dim, 0, 1)], dim)  # noqa: E731
        whole = Plan(around(plan.stances_1TS8, 1), plan.camera_1T5[:, :1].expand(-1, z_1CTHW.shape[2] + 2, -1))
        levels = torch.ones(1, z_1CTHW.shape[2] + 2, 1, 1, device=z_1CTHW.device)
        return self._made(around(z_1CTHW, 2), levels, whole, 1, shakes=False)[:, :, 1:-1]

    def _made(self, z: Tensor, levels: Tensor, plan: Plan, first: int, shakes: bool) -> Tensor:
        """`first` is the take's latent frame that z begins with; 0 is the one that opens it."""
        vae = self.bundle.vae
        film_B3Fhw = vae.picture(z)
        cover = covered(plan.stances_1TS8, self.looks, self.bundle, (z.shape[3], z.shape[4]))
        size = film_B3Fhw.shape[3], film_B3Fhw.shape[4]
        doubtful, hidden, front = (spread(cover, by, size) for by in (WARY, AROUND, BESIDE))
        known = (levels.amax((0, 2, 3)) == 0).repeat_interleave(FOLD).tolist()
        way = along(calmed(plan.camera_1T5, math.inf if self.stands else STILL), opens=first == 0)
        lies = order(known)
        new = passed_over(film_B3Fhw, way, hidden, front, lies, doubtful_BFHW=doubtful, common=not any(known))
        if shakes:
            frames = (np.arange(new.shape[2]) + first * FOLD).clip(min=FOLD - 1) - (FOLD - 1)
            off = np.stack(shaking(frames / self.fps, self.seed))
            new = shifted(new, *(off - off[:, lies[:1]] if any(known) else off))  # what is known is off already
        return z + vae.encode_change(new - film_B3Fhw) * (levels[:, None] > 0)


def going_on(camera_1T5: Tensor, given: list[bool]) -> Tensor:
    """The camera where frames at one end are given: nobody knows where in its way it is there, but it goes on with no jump."""
    fresh = [i for i, so in enumerate(given) if not so]
    if not fresh or given[0] == given[-1] or fresh != list(range(fresh[0], fresh[-1] + 1)):
        return camera_1T5
    way = camera_1T5.clone()
    mine, its, inner = (fresh[0], fresh[0] - 1, 1) if given[0] else (fresh[-1], fresh[-1] + 1, -1)
    pace = camera_1T5[:, mine + inner] - camera_1T5[:, mine] if len(fresh) > 1 else 0 * camera_1T5[:, mine]
    jump = camera_1T5[:, mine] - camera_1T5[:, its] - pace
    way[:, fresh, :3] -= jump[:, None, :3]
    way[..., 3:] = camera_1T5[:, fresh, 3:].mean(1, keepdim=True)
    return way


def scenery(prompt: str) -> dict[str, str]:
    """What a prompt says of place, light and camera; "" where it says nothing."""
    facts = read_facts(prompt, tongue_of(prompt))
    return {kind: next((f.label for f in facts if f.kind == kind), "") for kind in ("place", "light", "camera")}


def shifted(film_B3FHW: Tensor, right_F: np.ndarray, down_F: np.ndarray) -> Tensor:
    """The film as a camera sees it that is off by so many short sides; its border is drawn out."""
    height, width = film_B3FHW.shape[3:]
    unit = min(height, width)
    still = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]], device=film_B3FHW.device).repeat(len(right_F), 1, 1)
    still[:, 0, 2] = torch.from_numpy(right_F).to(still) * 2 * unit / width
    still[:, 1, 2] = torch.from_numpy(down_F).to(still) * 2 * unit / height
    frames = film_B3FHW[0].transpose(0, 1)
    grid = F.affine_grid(still, list(frames.shape), align_corners=False)
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False).transpose(0, 1)[None]


def order(known: list[bool]) -> list[int]:
    """Which frame lies on which, the uppermost first: the known one that is nearest to an unknown one, the other known ones,
    the rest; if none is known, the middle."""
    fresh = [i for i, so in enumerate(known) if not so]
    near = [min((abs(i - j) for j in fresh), default=0) for i in range(len(known))]
    top = min((i for i, so in enumerate(known) if so), key=lambda i: near[i], default=len(known) // 2)
    return sorted(range(len(known)), key=lambda i: (not known[i], abs(i - top)))


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
