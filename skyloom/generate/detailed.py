"""What is fine in a film, drawn anew by models/detail where nobody is, once the large model has done.

Each window goes on from the last latent frames of the one before. What is given stays as it is, what is half known is changed
by half.

Dimension key: P prompts, B batch (1), C latent channels, G fine ones, T latent frames of a window, H W cells.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..diffusion import patterns, sampler
from ..models.detail import Detail, view_of
from ..worlds.expand import read_facts
from ..worlds.prompt import tongue_of
from ..worlds.scene import PLACES
from .noise import Noise
from .request import Request

if TYPE_CHECKING:
    from ..models.bundle import Bundle

STEPS, SHIFT = 10, 2.0  # of sampling, and of its times towards noise
TOUCHED = 0.5  # noise level from which bodies are drawn anew: what is large in them is known, specks are not
SALT = 3_000_003  # added to seeds: detail has noise of its own


class Finer:
    """Draws what is fine in a take, window by window."""

    def __init__(self, prompts: tuple[str, ...], request: Request, bundle: "Bundle", cells: tuple[int, int]):
        self.detail = bundle.detail
        if self.detail is not None:
            self.places = [place_of(prompt) for prompt in prompts]
            self.noise = Noise(request, len(self.detail.gain_C) - self.detail.coarse, cells, SALT)

    def __call__(
        self,
        z_1CTHW: Tensor,
        weights_PT: Tensor,
        levels_BTHW: Tensor,
        somebody_BTHW: Tensor | None,
        camera_1T5: Tensor | None,
        held: int,
        opens: bool,
        ring: bool = False,
    ) -> Tensor:
        """A window's latents, of which the first `held` are the anchor and the end of what was filmed before -> the same,
        finer where nobody is. `opens` says whether its first frame opens the film; of a `ring` the last is followed by the
        first."""
        if self.detail is None:
            return z_1CTHW
        from_ = 1 if held else 0  # the anchor is long past
        z = z_1CTHW[:, :, from_:]
        frames, size = z.shape[2], z.shape[3:]
        given = (1 - levels_BTHW[:, from_:]).expand(1, frames, *size).clone()
        given[:, : held - from_] = 1
        if somebody_BTHW is not None:
            given = torch.where(somebody_BTHW[:, from_:], given.clamp(min=1 - TOUCHED), given)
        noise = self.noise.draw(z_1CTHW.shape[2] - held).to(z.device)
        noise = torch.cat([noise.new_zeros(*noise.shape[:2], held - from_, *size), noise], 2)
        camera = None if camera_1T5 is None else camera_1T5[:, from_:]
        view = view_of(camera, (1, frames, *size)).to(z.device)
        place = self.places[int(weights_PT[:, held:].sum(1).argmax())]
        place_B, opens_B = torch.tensor([place], device=z.device), torch.tensor([opens], device=z.device)
        gain = self.detail.gain_C.view(1, -1, 1, 1, 1)
        finer = gain * drawn(self.detail, z / gain, noise, given, view, place_B, opens_B, ring)
        return torch.cat([z_1CTHW[:, :, :from_], torch.where(given[:, None] == 1, z, finer)], 2)


def drawn(
    detail: Detail,
    z_BCTHW: Tensor,
    noise_BGTHW: Tensor,
    given_BTHW: Tensor,
    view_BTHWV: Tensor,
    place_B: Tensor,
    opens_B: Tensor,
    ring: bool = False,
) -> Tensor:
    """Latents divided by their gains -> the same with fine channels drawn anew in as far as `given_BTHW` is below 1."""
    coarse, fine = z_BCTHW.tensor_split([detail.coarse], 1)
    levels, turning = 1 - given_BTHW.float(), sampler.Ring(coarse.shape[2])

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        if not ring:
            return detail(z, t, coarse, view_BTHWV, place_B, opens_B)
        turning.turn()
        z, known, t, view = (turning.opened(x, dim) for x, dim in ((z, 2), (coarse, 2), (t, 1), (view_BTHWV, 1)))
        return turning.closed(detail(z, t, known, view, place_B, opens_B))

    *_, found = sampler.sample(velocity, noise_BGTHW, patterns.Pattern(levels, fine), sampler.schedule(STEPS, SHIFT))
    loud = 1 + levels[:, None] * (detail.loud_C[detail.coarse :].view(1, -1, 1, 1, 1) - 1)
    return torch.cat([coarse, loud * found], 1)


def number_of(place: str) -> int:
    """As models.detail.Detail counts places; 0 for one that the world does not have."""
    return 1 + PLACES.index(place) if place in PLACES else 0


def place_of(prompt: str) -> int:
    """The number of the place that a prompt speaks of; 0 where it speaks of none."""
    facts = read_facts(prompt, tongue_of(prompt))
    return next((number_of(fact.label) for fact in facts if fact.kind == "place"), 0)
