"""Rain, snow, leaves and bubbles over a film, where its prompts speak of them: drawn by models/air, and added to the latents.

A prompt says which, as `worlds.expand.read_facts` hears it: a weather, or a place under water, where bubbles rise. Each window
goes on from the last latent frames of the one before. What is given stays as it is.

Dimension key: P prompts, T latent frames of a window, H W cells.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..diffusion import patterns, sampler
from ..models.air import GROUNDS, KINDS, Air, number
from ..worlds.expand import read_facts
from ..worlds.prompt import tongue_of
from ..worlds.weather import INKS
from .noise import Noise
from .request import Request

if TYPE_CHECKING:
    from ..models.bundle import Bundle

STEPS, SHIFT = 12, 4.0  # of sampling, and of its times towards noise: where a flake is to be, much of it decides
FULL = 0.5  # noise level from which on a cell has all of it: what is hardly changed keeps what fell through it
HELD = 3  # latent frames that a window knows of the one before
PLAIN = {"rain": (0.08, 0.24), "snow": (0.12, 0.4), "leaves": (0.17, 0.5), "bubbles": (0.03, 0.12)}  # of a kind's opacity, from
# where on something is there, and from where on all of it is: so as much is covered as in the world (measured)
LEAF = 0.6, 0.35  # of -1 to 1, by how much a leaf differs from its ground, by day and at night
SALT = 2_000_003  # added to seeds: what falls has noise of its own


class Falling:
    """What falls through a take, asked for window by window."""

    def __init__(self, prompts: tuple[str, ...], request: Request, bundle: "Bundle", cells: tuple[int, int]):
        self.bundle, self.request, self.cells = bundle, request, cells
        self.kinds = [kind_of(prompt) if bundle.air is not None else None for prompt in prompts]
        self.noise = {
            kind: Noise(request, bundle.config.vae.channels, cells, SALT + kind)
            for kind in sorted({kind for kind in self.kinds if kind is not None})
        }
        self.past: dict[int, Tensor] = {}

    def __call__(self, weights_PT: Tensor, levels_BTHW: Tensor, opens: bool, ring: bool = False) -> dict[int, Tensor]:
        """What each kind adds to the latents of a window's new frames, 1 C T H W; of none where nothing falls.

        `opens` says whether they are the take's first; of a `ring` the last is followed by the first.
        """
        found = {}
        for kind, noise in self.noise.items():
            share_T = sum(weights_PT[p] for p, other in enumerate(self.kinds) if other == kind)
            assert isinstance(share_T, Tensor)
            drawn = self._drawn(kind, noise.draw(len(share_T)).to(levels_BTHW.device), opens, ring)
            found[kind] = drawn * share_T.to(drawn.device).view(1, 1, -1, 1, 1) * (levels_BTHW[:, None] / FULL).clamp(max=1)
        return found

    def over(self, film_13Fhw: Tensor, found: dict[int, Tensor]) -> Tensor:
        """The film with it in front."""
        for kind, air in found.items():
            film_13Fhw = matted(film_13Fhw, self.bundle.vae.picture_change(air), kind)
        return film_13Fhw

    def _drawn(self, kind: int, noise_1CTHW: Tensor, opens: bool, ring: bool) -> Tensor:
        air = self.bundle.air
        assert air is not None
        past = self.past.get(kind)
        held = 0 if past is None else past.shape[2]
        known = torch.cat([noise_1CTHW[:, :, :0] if past is None else past, torch.zeros_like(noise_1CTHW)], 2)
        noise = torch.cat([torch.zeros_like(known[:, :, :held]), noise_1CTHW], 2)
        level = (torch.arange(known.shape[2], device=noise.device) >= held).float().view(1, -1, 1, 1)
        z = drawn(air, noise, kind, patterns.Pattern(level, known, held=held), opens, ring)
        self.past[kind] = z[:, :, max(held, z.shape[2] - HELD) :]
        return z[:, :, held:] * (air.loud_K[kind] * air.gain_C).view(1, -1, 1, 1, 1)


def drawn(air: Air, noise_1CTHW: Tensor, kind: int, pattern: patterns.Pattern, opens: bool, ring: bool = False) -> Tensor:
    """What falls, as the network has it: to be multiplied by its gain."""
    which, turning = torch.tensor([kind], device=noise_1CTHW.device), sampler.Ring(noise_1CTHW.shape[2])

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        if not ring:
            return air(z, t, which, opens)
        turning.turn()
        return turning.closed(air(turning.opened(z), t, which, False))

    *_, z = sampler.sample(velocity, noise_1CTHW, pattern, sampler.schedule(STEPS, SHIFT))
    return z


def matted(film_B3Fhw: Tensor, change_B3Fhw: Tensor, kind: int) -> Tensor:
    """The film (-1 to 1) behind what falls, which by itself would `change` a grey ground so much.

    The change is that of a colour, more or less opaque, and blurred: how opaque is what is asked. A leaf has its own colour,
    all else the one of its kind. What is faint is grain, and left out; so edges are sharp where the network's are not."""
    name, dark = KINDS[kind // 2], kind % 2
    ground = GROUNDS[dark] / 127.5 - 1
    if name == "leaves":
        strength, opacity = change_B3Fhw.abs().amax(1, keepdim=True), 1.0
        colour = ground + change_B3Fhw * (LEAF[dark] / strength.clamp(min=1e-3)).clamp(min=1)
        level = strength / LEAF[dark]
    else:
        ink, opacity = INKS[name][dark]
        colour = torch.tensor(ink, device=film_B3Fhw.device).view(1, 3, 1, 1, 1) / 127.5 - 1
        way = colour - ground
        level = (change_B3Fhw * way).sum(1, keepdim=True) / way.square().sum() / opacity
    faint, plain = PLAIN[name]
    share = ((level - faint) / (plain - faint)).clamp(0, 1)
    return torch.lerp(film_B3Fhw, colour.clamp(-1, 1).expand_as(film_B3Fhw), opacity * share * share * (3 - 2 * share))


def kind_of(prompt: str) -> int | None:
    """What falls, as models.air.number counts it; None where the prompt speaks of nothing that does."""
    facts = read_facts(prompt, tongue_of(prompt))
    said = {fact.kind: fact.label for fact in reversed(facts) if fact.kind in ("weather", "place", "light")}
    kind = said.get("weather", "")
    if kind not in KINDS:
        kind = "bubbles" if said.get("place") == "underwater" else ""
    dark = "night" in (said.get("light"), said.get("place", "").split(" ")[0])
    return number(kind, dark) if kind else None
