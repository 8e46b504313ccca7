"""What stands about in a film: trees, rocks, lamps and clouds, as the world sets them out (worlds/dressing).

A plan (models/staging) tells of those who act. Of a place the transformer draws sky, ground and what is far; what stands
about in it stays soft there, and lies flat in a panorama. So it is set out when the film is done, as bodies are: in full,
each at its own depth under the plan's camera, before or behind whoever passes. A prompt has the pieces that it speaks of.
Where it speaks of none it has some that suit its place, as the scenes of training do, unless it is to be taken as it stands.
A film that begins with given frames has what these show.

Dimension key: T latent frames of a window, F frames (FOLD each), P pieces and their shadows, S side of a picture.
"""

import dataclasses
import random
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..models.bodies import BODIES
from ..models.staging import calmed
from ..models.tempo import straight
from ..models.vae import FOLD
from ..worlds.dressing import Dressing, asked_for, drawn_for, dressed
from ..worlds.scene import Actor
from .expansion import AS_IT_STANDS
from .naming import scenery
from .plans import Plan
from .request import Request
from .takes import Take

if TYPE_CHECKING:
    from ..models.bundle import Bundle

WALKS = 0.3  # of half a width: who moves farther in a window does not stay where he is
SIDES = 96, 192, 384  # of pictures; the least that is as large as PART of the film's short side
PART = 0.75


@dataclass(frozen=True)
class Pieces:
    """Of a window."""

    stances_1FP8: Tensor  # in cells, as models/overlay has bodies; each frame
    counts_FP: Tensor  # how much of a piece is to be seen, 0 to 1: as much as the prompts of its place count
    pictures_1P4SS: Tensor  # in the light of the place, premultiplied, -alpha to alpha

    def part(self, first: int) -> "Pieces":
        """From latent frame `first` on."""
        return dataclasses.replace(
            self, stances_1FP8=self.stances_1FP8[:, first * FOLD :], counts_FP=self.counts_FP[first * FOLD :]
        )

    def at(self, latents: Tensor) -> "Pieces":
        """Of those latent frames, in that order."""
        stances = self.stances_1FP8.unflatten(1, (-1, FOLD))[:, latents].flatten(1, 2)
        counts = self.counts_FP.unflatten(0, (-1, FOLD))[latents.to(self.counts_FP.device)].flatten(0, 1)
        return dataclasses.replace(self, stances_1FP8=stances, counts_FP=counts)


class Dresser:
    """Sets out what stands about in a take, when the first window's plan is there, and tells where it is in each."""

    def __init__(self, take: Take, request: Request, bundle: "Bundle", looks: list[int], cells: tuple[int, int]):
        self.take, self.request, self.bundle, self.looks, self.cells = take, request, bundle, looks, cells
        self.draws = bundle.draws and take.given is None
        self.said = [scenery(prompt) for prompt in take.prompts]
        self.sets: list[tuple[str, Dressing]] | None = None  # of each place
        self.way: tuple[int, Tensor] | None = None  # the frame that the last window began with, and its camera
        self.opening: Tensor | None = None  # the stances of the take's first latent frame

    def __call__(self, plan: Plan | None, weights_PT: Tensor, first: int, held: int) -> Plan | None:
        """The plan with its pieces; `first` is the take's latent frame that follows what is `held`."""
        if plan is None or not self.draws:
            return plan
        sets = self._set_out(plan)
        if not sets:
            return plan
        old = 1 if held else 0  # the anchor
        begin = first - held + old
        way = straight(calmed(plan.camera_1T5[:, old:]), opens=begin == 0)
        seam = max((held - old) * FOLD - 1, 0)  # the last frame that is held
        if self.way is not None and 0 <= (at := begin * FOLD + seam - self.way[0]) < self.way[1].shape[1]:
            way = torch.cat([way[..., :3] + (self.way[1][:, at] - way[:, seam])[:, None, :3], way[..., 3:]], 2)
        way = torch.cat(
            [way[..., :4], (way if self.way is None else self.way[1])[..., 4:].mean(1, True).expand(-1, way.shape[1], 1)], 2
        )
        self.way = begin * FOLD, way
        times = (np.arange(way.shape[1]) + begin * FOLD - (FOLD - 1)).clip(0) / self.bundle.config.fps
        stances = self._stances(sets, way, times)
        self.opening = stances[:, :FOLD] if self.opening is None else self.opening
        return self._pieces(plan, sets, torch.cat([self.opening, stances], 1) if old else stances, weights_PT)

    def ring(self, plan: Plan | None, weights_PT: Tensor) -> Plan | None:
        """The same for a ring of latent frames: its camera stands, and nothing sways."""
        if plan is None or not self.draws or not (sets := self._set_out(plan)):
            return plan
        frames = FOLD * plan.camera_1T5.shape[1]
        stances = self._stances(sets, plan.camera_1T5[:, :1].expand(-1, frames, -1), np.zeros(frames))
        return self._pieces(plan, sets, stances, weights_PT)

    def _set_out(self, plan: Plan) -> list[tuple[str, Dressing]]:
        if self.sets is None:
            self.sets = []
            for place in dict.fromkeys(said["place"] for said in self.said):
                prompts = [i for i, said in enumerate(self.said) if said["place"] == place]
                rng = random.Random(zlib.crc32(f"{self.request.seed}|{place}".encode()))
                names = self._there(plan)
                kinds = [kind for i in prompts[:1] for kind in asked_for(self.take.prompts[i]) if kind not in names]
                if not kinds and place and self.request.expand != AS_IT_STANDS:
                    kinds = [kind for kind in drawn_for(place, rng) if kind not in names]
                if kinds:
                    light, weather = self.said[prompts[0]]["light"] or "day", self.said[prompts[0]]["weather"] or "clear"
                    props = dressed(kinds, actors(plan, self.cells), rng)
                    self.sets.append((place, Dressing(props, place or "meadow", light, weather, rng.getrandbits(28))))
        return self.sets

    def _there(self, plan: Plan) -> set[str]:
        """The names of those whom the plan has: a rock that rolls is not set out beside itself."""
        seen = (plan.stances_1TS8[0, :, :, 7] >= 0).any(0).unflatten(0, (-1, BODIES)).any(1).tolist()
        return {name for look, so in zip(self.looks, seen, strict=True) if so for name in self.bundle.vocabulary.names[look]}

    def _stances(self, sets: list[tuple[str, Dressing]], way_1F5: Tensor, times: np.ndarray) -> Tensor:
        stride = self.bundle.config.vae.stride
        height, width = (side * stride for side in self.cells)
        camera = way_1F5[0].float().cpu().numpy()
        found = np.concatenate([one.stances(camera, height, width, times) for _, one in sets], 1)
        found[..., :6] /= stride
        return torch.from_numpy(found)[None].to(way_1F5.device)

    def _pieces(self, plan: Plan, sets: list[tuple[str, Dressing]], stances: Tensor, weights_PT: Tensor) -> Plan:
        counts = [weights_PT[[i for i, said in enumerate(self.said) if said["place"] == place]].sum(0) for place, _ in sets]
        columns = [
            count.clamp(max=1)[:, None].expand(-1, 2 * len(one.props)) for count, (_, one) in zip(counts, sets, strict=True)
        ]
        side = next((s for s in SIDES if s >= PART * min(self.cells) * self.bundle.config.vae.stride), SIDES[-1])
        pictures = as_pictures(np.concatenate([one.sprites(side) for _, one in sets])).to(stances.device)
        seen = torch.cat(columns, 1).repeat_interleave(FOLD, 0).to(stances.device)
        return dataclasses.replace(plan, pieces=Pieces(stances, seen, pictures))


def actors(plan: Plan, cells: tuple[int, int]) -> list[Actor]:
    """Whom a plan has, as far as it matters to what stands about: where, how deep, and whether they stay there."""
    found = []
    for body in plan.stances_1TS8[0].unbind(1):
        if len(seen := body[body[:, 7] >= 0]):
            x = 2 * (seen[:, 2] + (seen[:, 0] + seen[:, 1]) / 2) / cells[1] - 1
            goes = float(x.max() - x.min()) > WALKS
            depth = min(max(float(seen[:, 6].mean()), 0.0), 1.0)
            found.append(Actor("", ("walk" if goes else "stand",), x=float(x.mean()), depth=depth))
    return found


def as_pictures(sprites_PSS4: np.ndarray) -> Tensor:
    """uint8 premultiplied RGBA -> pictures_1P4SS, -alpha to alpha."""
    pictures = torch.from_numpy(sprites_PSS4).permute(0, 3, 1, 2).float() / 255
    return torch.cat([2 * pictures[:, :3] - pictures[:, 3:], pictures[:, 3:]], 1)[None]
