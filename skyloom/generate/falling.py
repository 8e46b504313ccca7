"""Rain, snow, leaves and bubbles over a film, where its prompts speak of them: particles that the model remembers (models/air).

A prompt says which, as `worlds.expand.read_facts` hears it: a weather, or a place under water, where bubbles rise. Where each
particle is, is a function of the film's seed and the frame: any window goes on from the one before. What is given stays.

Dimension key: P prompts, T latent frames of a window, H W cells; F frames, h w pixels; N particles.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.air import KINDS, STANDING, UNIT, Swarm, number
from ..models.vae import FOLD, to_frames, to_video
from ..worlds.expand import read_facts
from ..worlds.prompt import tongue_of
from .request import Request

if TYPE_CHECKING:
    from ..models.bundle import Bundle

FULL = 0.5  # noise level from which on a cell has all of it: what is hardly changed keeps what fell through it
AROUND = 0.1  # short sides beyond the picture where particles are too
FADES = 4  # frames in which one of a ring goes or comes, where it cannot be back in time
STARS = tuple(number(kind, dark) for kind in STANDING for dark in (False, True))
SALT = 2_000_003  # added to seeds: what falls has places of its own


class Falling:
    """What falls through a take, drawn window by window."""

    def __init__(self, prompts: tuple[str, ...], request: Request, bundle: "Bundle"):
        heard = [kind_of(prompt) if bundle.air is not None else None for prompt in prompts]
        self.kinds = [None if kind in STARS else kind for kind in heard]  # these stand behind everything (twinkling.py)
        self.swarms: dict[int, Swarm] = {}
        self.seed = request.seed
        for kind in sorted({kind for kind in self.kinds if kind is not None}):
            assert bundle.air is not None
            self.swarms[kind] = bundle.air.swarm(kind)

    def over(self, film_13Fhw: Tensor, weights_PT: Tensor, levels_BTHW: Tensor, begin: int, ring: bool = False) -> Tensor:
        """The frames of a window's latent ones (-1 to 1), of which the first is the take's `begin`, with it in front; of a
        `ring` the last is followed by the first."""
        for kind, swarm in self.swarms.items():
            share_T = sum(weights_PT[p] for p, other in enumerate(self.kinds) if other == kind)
            assert isinstance(share_T, Tensor)
            share = share_T.to(levels_BTHW.device).view(1, -1, 1, 1) * (levels_BTHW / FULL).clamp(max=1)
            shares_FHW = share[0].repeat_interleave(FOLD, 0).float()
            if float(shares_FHW.max()) > 0:
                film_13Fhw = self._drawn(film_13Fhw, shares_FHW, kind, swarm, begin, ring)
        return film_13Fhw

    def _drawn(self, film: Tensor, shares_FHW: Tensor, kind: int, swarm: Swarm, begin: int, ring: bool) -> Tensor:
        frames, size = film.shape[2], (film.shape[3], film.shape[4])
        moments = (np.arange(frames) + begin * FOLD - (FOLD - 1)).clip(0)  # a take's first frame is there FOLD times
        crowd = Crowd(swarm, size, (self.seed + SALT, kind), frames if ring else 0)
        whole = shares_FHW.amax((1, 2)).cpu().tolist()
        alike = bool((shares_FHW == shares_FHW[:, :1, :1]).all())
        drawn = film.to(torch.float32, copy=True)
        for frame in range(frames):  # one by one: a window's frames at once would take three times as much again
            if whole[frame] == 0:
                continue
            part = slice(frame, frame + 1)
            picture = np.ascontiguousarray(to_frames(film[:, :, part])[0])
            crowd.draw(picture, int(moments[frame]), whole[frame] if alike else 1.0)
            wet = to_video(picture[None]).to(film.device)
            if not alike:
                wet = torch.lerp(film[:, :, part].float(), wet, F.interpolate(shares_FHW[None, part], size)[:, None])
            drawn[:, :, part] = wet
        return drawn


class Crowd:
    """Particles of a swarm all over a picture of that height and width; of a ring of so many frames each comes back."""

    def __init__(self, swarm: Swarm, size: tuple[int, int], seed: tuple[int, ...], ring: int):
        self.size, self.unit, self.ring = size, min(size), ring
        sides = np.array([size[1], size[0]]) / self.unit
        count, rng = round(swarm.many * float(sides.prod())), np.random.default_rng(seed)
        self.box = sides + 2 * AROUND
        self.at, self.which = rng.uniform(0, 1, (count, 2)) * self.box, rng.integers(0, len(swarm.alpha_NLST), count)
        self.alpha, self.ink = swarm.alpha_NLST.cpu().numpy(), swarm.ink_N3.cpu().numpy()
        self.step, self.sway = swarm.step_N2.float().cpu().numpy(), swarm.sway_NF2.float().cpu().numpy()
        self.since = rng.integers(0, max(self.sway.shape[1], 1), count)

    def draw(self, picture_HW3: np.ndarray, moment: int, share: float) -> None:
        """Into a picture, in place."""
        for i, (at, which, since) in enumerate(zip(self.at, self.which, self.since, strict=True)):
            time, step, there = self.when(i, moment, share)
            turn = (time + since) % len(self.sway[which])
            self.one(picture_HW3, i, (at + step * time + self.sway[which, turn]) % self.box - AROUND, time, there)

    def one(self, picture_HW3: np.ndarray, i: int, middle: np.ndarray, time: int, share: float) -> None:
        """Number `i` of the crowd, so far right and down in short sides, as it looks at that time."""
        which = self.which[i]
        pictures = self.alpha[which]
        turn = (time + self.since[i]) % len(self.sway[which]) % len(pictures)
        self._lay(picture_HW3, pictures[turn], self.ink[which], middle * self.unit, share)

    def when(self, i: int, moment: int, share: float) -> tuple[int, np.ndarray, float]:
        """The time of number `i`, its step, and how much of it is there. In a ring what goes through the picture comes back in
        time, a little faster or slower; the rest fades away and is back where it began, each at a time of its own."""
        step, since = self.step[self.which[i]], int(self.since[i])
        if not self.ring:
            return moment, step, share
        whole = step * self.ring / self.box
        if np.abs(whole).max() >= 1:
            return moment % self.ring, np.round(whole) * self.box / self.ring, share
        time = (moment + since) % self.ring
        return time, step, share * min(1.0, (time + 0.5) / FADES, (self.ring - time - 0.5) / FADES)

    def _lay(self, picture: np.ndarray, alpha: np.ndarray, ink: np.ndarray, middle: np.ndarray, share: float) -> None:
        scale, (rows, columns) = self.unit / UNIT, alpha.shape
        reach = np.array([columns, rows]) * scale / 2 + 1
        (left, top), (right, bottom) = np.floor(middle - reach).astype(int), np.ceil(middle + reach).astype(int)
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, self.size[1]), min(bottom, self.size[0])
        if left >= right or top >= bottom:
            return
        x, y = middle - [left, top] - 0.5 - (np.array([columns, rows]) - 1) / 2 * scale
        drawn = cv2.warpAffine(
            alpha, np.array([[scale, 0, x], [0, scale, y]]), (right - left, bottom - top), flags=cv2.INTER_LINEAR
        )
        part, opaque = picture[top:bottom, left:right], drawn[..., None] * np.float32(share / 255)
        part[:] = np.rint(part + (ink - part.astype(np.float32)) * opaque).astype(np.uint8)


def kind_of(prompt: str) -> int | None:
    """What falls or stands in the sky, as models.air.number counts it; None where the prompt speaks of nothing that does."""
    facts = read_facts(prompt, tongue_of(prompt))
    said = {fact.kind: fact.label for fact in reversed(facts) if fact.kind in ("weather", "place", "light")}
    kind = said.get("weather", "")
    if kind not in KINDS:
        kind = "bubbles" if said.get("place") == "underwater" else ""
    dark = "night" in (said.get("light"), said.get("place", "").split(" ")[0])
    return number(kind, dark) if kind else None
