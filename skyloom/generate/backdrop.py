"""The place of a film as one still, wide enough for all that the camera sees of it, painted before anything moves in it.

In a film the large model has to agree with itself for many frames, and what agrees is soft: trees that are trees in a still
are a green haze in a film of the same weights. What lies behind the bodies does not move, though. So it is painted once, by the
same model, from what the prompt says of place, light and weather alone, with nobody in it. Of a film that goes on, what was
seen is given, and only what comes into sight is painted: the still grows as a picture does that is outpainted.

Dimension key: C latent channels, H W cells; Y X pixels of the panorama (models/panorama), h w of a canvas of whole patches.
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..diffusion import patterns
from ..models.bundle import Bundle
from ..models.foreground import filled
from ..models.vae import FOLD
from ..worlds.lexicon_en import PLACE_PHRASES, WEATHER_CLAUSES
from .noise import Noise
from .request import Request

SALT = 3_000_017  # added to seeds: a backdrop has noise of its own
KNOWN = 0.05  # noise level of what was seen
SURE = 0.98  # how far a pixel is known that was
SKETCHED, MOST, RISES = 0.45, 0.85, 150  # noise levels of what is sketched beside what is known, and far; pixels to rise by 1
CALM = 0.92  # of the noise's deviation: less of what is rare, so fewer things that nobody asked for
PASSES, REACH, GRAIN = 2, 7, 0.15  # times, pixels, and of -1 to 1 what counts as little
LIGHTS = {
    "": "",
    "day": " in daylight",
    "sunset": " at sunset",
    "night": " at night",
    "overcast": " on an overcast day",
    "dawn": " at dawn",
}  # of all wordings those that are read best where nothing else is said (measured)
SKIES = {
    "stars": "under a starry sky",  # "stars twinkle" names one, and it would be painted
    "rain": WEATHER_CLAUSES["rain"][0],
    "snow": WEATHER_CLAUSES["snow"][0],
}  # weathers that a sky shows by itself; what falls from it is drawn on its own (falling.py)
GREY, DIM = ("rain", "snow"), ("overcast", "night")  # weathers of a grey sky, and lights without a sun
GENTLY = 0.6  # how hard a prompt pulls where such weather meets another light

Sample = Callable[[str, Tensor, patterns.Pattern], Tensor]  # a prompt, noise_1C1HW and what is known -> latents


def wording(said: dict[str, str]) -> str:
    """What a backdrop is asked for by, of what a prompt says of its scenery; "" where it names no place that is known."""
    if said["place"] not in PLACE_PHRASES:
        return ""
    air = SKIES.get(said["weather"], WEATHER_CLAUSES["clear"][0])
    light = "" if (said["place"], said["light"]) == ("space", "day") else LIGHTS[said["light"]]  # daylight turns it into a sky
    return f"{PLACE_PHRASES[said['place']][0]}{light}, {air}."


def pull_towards(asked: str) -> float:
    """By what the guidance of a backdrop is multiplied. Pulled hard, a bright sky is the light's, with a sun in it, and no
    rain's: of 16 rainy films the judge saw it in 7, 10, 13 at 2.5, 1.6 and 1 times what was learned, in 16 at 0.7 and 0.5."""
    wet = any(asked.endswith(f"{SKIES[weather]}.") for weather in GREY)
    return GENTLY if wet and not any(LIGHTS[light] in asked for light in DIM) else 1.0


class Painter:
    """Backdrops of one film."""

    def __init__(self, request: Request, bundle: Bundle, cells: tuple[int, int], sample: Sample):
        """`cells` are the film's rows and columns."""
        self.request, self.bundle, self.cells, self.sample = request, bundle, cells, sample
        self.painted = 0

    def __call__(
        self, prompt: str, size: tuple[int, int], shown_14YX: Tensor | None = None, *, sketched: bool = False
    ) -> Tensor:
        """A picture of that size, 1 3 Y X (-1 to 1), which goes on from what is `shown`, premultiplied; if `sketched` it looks
        much like that, the more the nearer: a curtain goes on in its colour, and what a body hid is no surprise."""
        config = self.bundle.config
        patch = config.vae.stride * config.dit.patch
        spare = [-side % patch for side in size]
        around = spare[1] // 2, spare[1] - spare[1] // 2, spare[0] // 2, spare[0] - spare[0] // 2
        inner = slice(around[2], around[2] + size[0]), slice(around[0], around[0] + size[1])
        cells = tuple((side + more) // config.vae.stride for side, more in zip(size, spare, strict=True))
        if shown_14YX is not None and bool((shown_14YX[:, 3] > SURE).all()):
            return shown_14YX[:, :3] / shown_14YX[:, 3:]
        noise = Noise(self.request, config.vae.channels, (cells[0], cells[1]), SALT + self.painted).draw(1)
        noise = CALM * noise.to(next(self.bundle.dit.parameters()).device)
        self.painted += 1
        pattern = patterns.unknown(noise.shape).to(noise.device)
        if shown_14YX is not None:
            pattern = self._going_on(F.pad(shown_14YX, around), sketched)
        z = self.sample(prompt, noise, pattern)
        drawn = self.bundle.vae.draw(z)[:, :, 0, inner[0], inner[1]].float().clamp(-1, 1)
        drawn = smoothed(drawn)
        return drawn if shown_14YX is None else shown_14YX[:, :3] + (1 - shown_14YX[:, 3:]) * drawn

    def _going_on(self, shown_14hw: Tensor, sketched: bool) -> patterns.Pattern:
        """Cells that are seen are known, the others are not, or are `sketched` by what is drawn on from around them."""
        config, known = self.bundle.config, shown_14hw[:, 3:]
        picture = filled((shown_14hw[:, :3] / known.clamp(min=1e-3))[:, :, None], 1 - known[:, 0, None])
        z = self.bundle.vae.encode(picture.clamp(-1, 1))
        seen = known[:, 0] > SURE
        far = torch.from_numpy(cv2.distanceTransform((~seen[0]).byte().cpu().numpy(), cv2.DIST_L2, 5)).to(known)
        unknown = torch.where(seen, KNOWN, (SKETCHED + far / RISES).clamp(max=MOST) if sketched else 1.0)
        levels = patterns.levels_of_pixels(unknown, FOLD, config.vae.stride, config.dit.patch, opens=True)
        return patterns.Pattern(levels, z)


def smoothed(picture_13YX: Tensor) -> Tensor:
    """Without the grain of few steps: what differs little from around it becomes its mean, edges stay (bilateral filter, Tomasi
    & Manduchi 1998)."""
    pixels = np.ascontiguousarray(picture_13YX[0].permute(1, 2, 0).float().cpu().numpy())
    for _ in range(PASSES):
        pixels = cv2.bilateralFilter(pixels, REACH, GRAIN, REACH / 2)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(picture_13YX)
