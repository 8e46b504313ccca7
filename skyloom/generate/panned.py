"""A film that is done goes where its plan says: what lies behind its bodies is made one panorama (models/panorama), and they
are drawn in full in front of it (models/foreground).

Of a window that goes on from another, and of a film that begins with given frames, these lie on top: so the place stays the one
that it was. The background stays as it is where nobody knows how the camera goes, where one place becomes another, and where
a film is given. A camera that shakes is none that a plan of three moments a second can have: it stands, and then the whole
picture shakes.

Dimension key: C latent channels, T latent frames of a window, H W cells, F frames (4 T; the first latent frame of a film holds
its first frame four times), h w dots and pixels.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.bodies import BODIES
from ..models.foreground import drawn_over, filled, shaded
from ..models.overlay import BEATS, between, drawn_at
from ..models.panorama import passed_over
from ..models.places import DOTS
from ..models.vae import FOLD
from ..worlds.storybook import shaking
from .request import Request
from .staged import Plan, calmed, scenery
from .takes import Take

if TYPE_CHECKING:
    from ..models.bundle import Bundle

AROUND, BESIDE = 10, 1  # dots around a body that are no part of the panorama, and those that stay as they are
WARY = 18  # dots around it that are a part of it only where no frame shows better
SOFT = 2  # dots over which one becomes the other


class Panner:
    """Makes the background of a take one and draws its bodies, window by window."""

    def __init__(self, take: Take, request: Request, bundle: "Bundle", looks: list[int]):
        self.take, self.bundle, self.looks = take, bundle, looks
        self.said = [scenery(prompt) for prompt in take.prompts]
        self.shakes = all(said["camera"] == "shake" for said in self.said)
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
        goes = one and new and self.take.steady and z_1CTHW.shape[2] > 1
        if plan is None or not (goes or self.draws):
            return z_1CTHW
        from_ = 1 if held else 0  # the anchor is long past
        levels = levels_BTHW[:, from_:].clone()
        levels[:, : held - from_] = 0
        given = (levels_BTHW.amax((0, 2, 3)) == 0).tolist()
        shown = Plan(plan.stances_1TS8[:, from_:], going_on(plan.camera_1T5, given)[:, from_:])
        first = begin - held + from_
        made = self._made(z_1CTHW[:, :, from_:], weights_PT[:, from_:], levels, shown, first, goes=goes, shakes=self.shakes)
        return torch.cat([z_1CTHW[:, :, :from_], made], 2)

    @property
    def draws(self) -> bool:
        """Whether bodies are drawn here, by models that do not lay pictures over what takes shape (generate/sampling)."""
        return self.bundle.config.dit.layout and self.bundle.config.laid_above < 1

    def ring(self, z_1CTHW: Tensor, weights_PT: Tensor, plan: Plan | None) -> Tensor:
        """The same for a ring of latent frames, whose last is followed by its first. Its camera stands: one that goes away does
        not come back in time."""
        if plan is None:
            return z_1CTHW
        around = lambda x, dim: torch.cat([x.narrow(dim, x.shape[dim] - 1, 1), x, x.narrow(dim, 0, 1)], dim)  # noqa: E731
        whole = Plan(around(plan.stances_1TS8, 1), plan.camera_1T5[:, :1].expand(-1, z_1CTHW.shape[2] + 2, -1))
        levels = torch.ones(1, z_1CTHW.shape[2] + 2, 1, 1, device=z_1CTHW.device)
        made = self._made(around(z_1CTHW, 2), around(weights_PT, 1), levels, whole, 1, goes=True, shakes=False)
        return made[:, :, 1:-1]

    def _made(self, z: Tensor, weights: Tensor, levels: Tensor, plan: Plan, first: int, *, goes: bool, shakes: bool) -> Tensor:
        """`first` is the take's latent frame that z begins with; 0 is the one that opens it."""
        vae = self.bundle.vae
        film_B3Fhw = vae.picture(z)
        known = (levels.amax((0, 2, 3)) == 0).repeat_interleave(FOLD).tolist()
        lies, new = order(known), film_B3Fhw
        if goes:
            cover = covered(plan.stances_1TS8, self.looks, self.bundle, (z.shape[3], z.shape[4]))
            size = film_B3Fhw.shape[3], film_B3Fhw.shape[4]
            whole = cover.unflatten(1, (-1, BEATS)).amax(2).repeat_interleave(BEATS, 1)  # a latent frame is drawn as one
            doubtful, hidden, front = (spread(c, by, size) for c, by in ((whole, WARY), (whole, AROUND), (cover, BESIDE)))
            way = along(calmed(plan.camera_1T5), opens=first == 0)
            ground = filled(film_B3Fhw, hidden) if self.draws else film_B3Fhw
            new = passed_over(ground, way, hidden, front, lies, doubtful_BFHW=doubtful, common=not any(known))
            new = shaded(new, film_B3Fhw, front) if self.draws else new
        if self.draws:
            new = self._peopled(new, film_B3Fhw, weights, plan)
        if shakes:
            frames = (np.arange(new.shape[2]) + first * FOLD).clip(min=FOLD - 1) - (FOLD - 1)
            off = np.stack(shaking(frames / self.fps, self.seed))
            new = shifted(new, *(off - off[:, lies[:1]] if any(known) else off))  # what is known is off already
        return z + vae.encode_change(new - film_B3Fhw) * (levels[:, None] > 0)

    def _peopled(self, ground_B3Fhw: Tensor, film_B3Fhw: Tensor, weights_PT: Tensor, plan: Plan) -> Tensor:
        """The ground with everybody in front of it whom the prompts of a frame name."""
        vocabulary, count = self.bundle.vocabulary, len(self.looks)
        names = torch.tensor([[look in vocabulary.looks(prompt) for look in self.looks] for prompt in self.take.prompts])
        named_TQ = weights_PT.T @ names.float().to(weights_PT.device)
        looks = torch.tensor([self.looks], device=film_B3Fhw.device)
        whose = torch.arange(count, device=looks.device).repeat_interleave(BODIES)[None]
        counts_FR = named_TQ.clamp(max=1).repeat_interleave(BODIES, 1).repeat_interleave(FOLD, 0).to(looks.device)
        stances = between(plan.stances_1TS8, FOLD)
        stride = self.bundle.config.vae.stride
        return drawn_over(ground_B3Fhw, film_B3Fhw, stances, whose, self.bundle.dit.remembered(looks), counts_FR, stride)


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
    side = 2 * dots + 1
    wide = F.max_pool2d(F.max_pool2d(cover_1Fhw, (1, side), 1, (0, dots)), (side, 1), 1, (dots, 0))
    soft = F.avg_pool2d(F.pad(wide, (SOFT,) * 4, mode="replicate"), 2 * SOFT + 1, 1)
    return F.interpolate(soft, size, mode="bilinear").repeat_interleave(FOLD // BEATS, 1)
