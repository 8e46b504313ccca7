"""Stars that twinkle in the sky of a film, behind all that stands in front of it, where its prompts speak of them.

They are remembered, as what falls is (models/air), and stand where the film's seed says, in tiles of the sky as far as a camera
may go; they pass with what is behind the horizon. What of a frame is sky, the frame itself tells: the dark and even part of it
that hangs from its upper edge and ends at the horizon. So a hill, a house or the moon is in front of them.

Dimension key: P prompts, T latent frames of a window, F frames, h w pixels.
"""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from ..models.panorama import BACK, BACK_TILT, BACK_ZOOM, EYE
from ..models.vae import FOLD, to_frames, to_video
from ..worlds.backdrop import INDOORS
from ..worlds.expand import DARK_PLACES
from .backdrop import GREY
from .falling import STARS, Crowd, kind_of
from .naming import scenery
from .request import Request

if TYPE_CHECKING:
    from ..models.bundle import Bundle

SALT = 4_000_037  # added to seeds: stars have places of their own
SMALL = 96  # short side of the picture in which the sky is sought
DARK = 118  # levels: what is brighter is no night sky, but the moon or a cloud
EVEN = 5  # levels that neighbours in a sky are apart at most
RIM = 3  # of those pixels around all that is not sky
FAINT, DIM = 0.7, 0.7  # of stars that do not twinkle, how many there are, to those that do, and how opaque
ROOFS = (*INDOORS, "underwater")
UNSEEN = (*ROOFS, "forest", "night city", "")  # places in which nobody sees the sky, or through leaves, or by lamplight
UPPER = 2  # the world's stars lie in the half of the picture that is sky, as many as others have in all of it


class Starry:
    """The stars of a take, drawn window by window: those that twinkle where that is the weather, and in any clear night, or in
    space, faint ones that do not."""

    def __init__(self, prompts: tuple[str, ...], request: Request, bundle: "Bundle"):
        swarm = bundle.air.swarm(STARS[0]) if bundle.air is not None else None
        heard = [i for i, prompt in enumerate(prompts) if kind_of(prompt) in STARS and scenery(prompt)["place"] not in ROOFS]
        quiet = [i for i, prompt in enumerate(prompts) if is_clear_night(prompt)]
        known = swarm is not None and swarm.many > 0  # an older memory has none
        self.swarm = swarm if known and (heard or quiet) else None
        self.fields = [(heard, UPPER, True), (quiet, FAINT, False)]
        self.seed = request.seed
        self.at = np.zeros(3)  # where the camera was at the end of the last window: right, down, zoom

    def over(
        self, ground_13Fhw: Tensor, way_1F5: Tensor, weights_PT: Tensor, moments_F: np.ndarray, held: int = 0, ring: int = 0
    ) -> Tensor:
        """The ground with stars. `way` is the camera's in `held` frames before it, too; `moments` say which frames of the take
        these are, and of a `ring` the last one goes on to the first."""
        if self.swarm is None:
            return ground_13Fhw
        way = way_1F5[0].double().cpu().numpy()
        goes = self.at + way[:, :3] - way[max(held - 1, 0), :3]
        self.at = goes[-1]
        frames, size = ground_13Fhw.shape[2], (ground_13Fhw.shape[3], ground_13Fhw.shape[4])
        crowd = Crowd(self.swarm, size, (self.seed + SALT,), ring)
        fields = [
            (Field(crowd, self.seed + SALT + k, many * self.swarm.many, twinkle), shares)
            for k, (heard, many, twinkle) in enumerate(self.fields)
            if any(shares := weights_PT[heard].sum(0).repeat_interleave(FOLD)[-frames:].tolist())
        ]
        made = ground_13Fhw.clone()
        before: np.ndarray | None = None
        for i in range(frames if fields else 0):
            picture = np.ascontiguousarray(to_frames(ground_13Fhw[:, :, i : i + 1])[0])
            line = horizon_of(way[held + i], size)
            if before is None or not np.array_equal(before, picture):
                sky, before = sky_of(picture, line), picture.copy()
            for field, shares in fields:
                field.draw(picture, sky, goes[held + i], float(way[held + i, 3]), int(moments_F[held + i]), shares[i])
            made[:, :, i : i + 1] = to_video(picture[None]).to(made)
        return made


def is_clear_night(prompt: str) -> bool:
    """Whether there is a night sky above, with nothing falling from it."""
    said = scenery(prompt)
    dark = said["place"] == "space" or said["light"] == "night" or (said["place"] in DARK_PLACES and not said["light"])
    return dark and said["place"] not in UNSEEN and said["weather"] not in GREY


class Field:
    """Places in the sky, tile by tile of one short side, for as far as a camera may go."""

    def __init__(self, crowd: Crowd, seed: int, many: float, twinkle: bool):
        self.crowd, self.seed, self.many = crowd, seed, round(many)
        self.least = None if twinkle else crowd.alpha.sum((2, 3), dtype=int).argmin(1)  # when each is smallest
        self.tiles: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def tile(self, row: int, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Right and down in short sides, N 2, and which of the crowd each is."""
        if (row, column) not in self.tiles:
            rng = np.random.default_rng((self.seed, row + 10_000, column + 10_000))
            places = rng.uniform(0, 1, (self.many, 2)) + np.array([column, row])
            self.tiles[row, column] = places, rng.integers(0, len(self.crowd.at), self.many)
        return self.tiles[row, column]

    def draw(self, picture: np.ndarray, sky: np.ndarray, camera: np.ndarray, pivot: float, moment: int, share: float) -> None:
        """Into a picture, in place, as a camera that is so far right, down and near sees them (models/panorama)."""
        height, width = picture.shape[:2]
        unit = min(height, width)
        middle, eye, scale = width / unit / 2, EYE * height / unit, float(np.exp(BACK_ZOOM * camera[2]))
        off = np.array([camera[0] * (BACK - pivot), BACK_TILT * camera[1]])
        there, here = np.array([middle, eye]), np.array([width, height]) / unit
        first, last = (np.floor((corner - there) / scale + off + there).astype(int) for corner in (np.zeros(2), here))
        for row in range(first[1], last[1] + 1):
            for column in range(first[0], last[0] + 1):
                places, which = self.tile(row, column)
                for at, i in zip((places - off - there) * scale + there, which, strict=True):
                    x, y = (at * unit).astype(int)
                    if 0 <= x < width and 0 <= y < height and sky[y, x] > 0:
                        self._star(picture, int(i), at, moment, share)

    def _star(self, picture: np.ndarray, i: int, at: np.ndarray, moment: int, share: float) -> None:
        if self.least is None:
            time, _, share = self.crowd.when(i, moment, share)
        else:
            time = int(self.least[self.crowd.which[i]] - self.crowd.since[i])
            share *= DIM * (1 - i % 2 / 2)  # some fainter than others
        self.crowd.one(picture, i, at, time, share)


def horizon_of(camera_5: np.ndarray, size: tuple[int, int]) -> int:
    """The row of a frame behind which the sky is, as models/panorama has it."""
    tall = size[0] / min(size)
    _, down, zoom, _, horizon = camera_5
    row = EYE * tall + np.exp(BACK_ZOOM * zoom) * (horizon * tall - BACK_TILT * down - EYE * tall)
    return int(np.clip(row * min(size), 0, size[0]))


def sky_of(picture_HW3: np.ndarray, horizon: int) -> np.ndarray:
    """Where a picture is night sky: uint8, 1 or 0. What is even and dark, and goes on so from the upper edge."""
    height, width = picture_HW3.shape[:2]
    scale = SMALL / min(height, width)
    small = cv2.resize(picture_HW3, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    rows = min(len(small), round(horizon * scale))
    found = np.zeros((len(small) + 2, small.shape[1] + 2), np.uint8)
    dark = small.max(2) < DARK
    found[1:-1, 1:-1][~dark] = 2
    found[1 + rows : -1] = 2
    even = cv2.GaussianBlur(small, (3, 3), 0)
    for column in range(small.shape[1] if rows else 0):
        if found[1, 1 + column] == 0:
            cv2.floodFill(even, found, (column, 0), (0, 0, 0), (EVEN,) * 3, (EVEN,) * 3, 4 | cv2.FLOODFILL_MASK_ONLY | 1 << 8)
    sky = (found[1:-1, 1:-1] == 1).astype(np.uint8)
    sky = cv2.erode(sky, np.ones((RIM, RIM), np.uint8), borderValue=1)
    return cv2.resize(sky, (width, height), interpolation=cv2.INTER_NEAREST)
