"""Shots that show the same: re-encoded, scaled, graded, cropped or mirrored.

Dimension key: P pictures, V views, H W pixels. Every picture has a perceptual hash of 64 bits, and as views of it those of its
crops and of their mirror images. A pair whose hashes are near is laid over each other and must correlate. Two
pieces of one film are never copies: a fixed camera shows the same picture for hours.
"""

import functools
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from .settings import DedupConfig

SIDE = 96  # pixels of the long side of a picture that is laid over another
CROPS = ((1.0, (0.5,)), (0.92, (0.5,)), (0.84, (0.15, 0.85)), (0.76, (0.1, 0.5, 0.9)))  # share kept, places of its middle
VIEWS = tuple(
    ((share, down, across), mirrored)
    for share, places in CROPS
    for down in places
    for across in places
    for mirrored in (False, True)
)
SCALES = np.linspace(-0.06, 0.06, 7)
PICTURES = 3  # of a shot
BLOCK = 1024, 8192  # queries and pictures compared in one go: what a core keeps at hand
RECENT = 2000  # shots whose pictures stay in memory


@dataclass(frozen=True)
class Candidate:
    key: str
    film: str  # whose shots are never copies of each other
    rank: tuple[float, ...]  # the greatest of a group stays
    jpegs: Callable[[], list[bytes]]


@dataclass(frozen=True)
class Copy:
    of: str
    match: float


class Greys(Sequence[list[np.ndarray]]):
    """The pictures of shots that are compared, read when they are asked for: of a large data set they do not fit in memory."""

    def __init__(self, shots: list[Candidate]):
        self.shots = shots
        self.read = functools.lru_cache(RECENT)(lambda i: greys_of(shots[i].jpegs()))

    def __len__(self) -> int:
        return len(self.shots)

    def __getitem__(self, index: Any) -> Any:
        return self.read(range(len(self))[index])


def copies(shots: Iterable[Candidate], config: DedupConfig) -> dict[str, Copy]:
    """key -> which shot it is a copy of, and how well they match; shots that stay are not in it."""
    shots = list(shots)
    pairs = matches(Greys(shots), [shot.film for shot in shots], config)
    return _resolved(shots, pairs)


def greys_of(jpegs: list[bytes]) -> list[np.ndarray]:
    """The pictures of a shot that are compared: up to PICTURES of them, small and grey."""
    return [_small(jpeg) for jpeg in _spread(jpegs)]


def matches(greys: Sequence[list[np.ndarray]], films: list[str], config: DedupConfig) -> dict[tuple[int, int], float]:
    """(i, j) with i < j -> correlation, for each pair of shots that match.

    Every query is compared with every picture, which for 10,000 shots is a minute of one core; the memory that it takes is
    the hashes, 500 bytes a picture.
    """
    pictures, codes = [], []
    for i, group in enumerate(greys):
        for number, grey in enumerate(group):
            pictures.append((i, number))
            codes.append(view_hashes(grey))
    found: dict[tuple[int, int], float] = {}
    for one, view, other in _near(np.array(codes, np.uint64).reshape(-1, len(VIEWS)), config.most_bits):
        (i, p), (j, q) = pictures[one], pictures[other]
        pair = (min(i, j), max(i, j))
        if films[i] == films[j] or found.get(pair, 0.0) >= 0.995:
            continue
        match = overlay(greys[i][p], greys[j][q], *VIEWS[view])
        if match >= config.least_match:
            found[pair] = max(match, found.get(pair, 0.0))
    return found


def _near(codes_PV: np.ndarray, most_bits: int) -> Iterator[tuple[int, int, int]]:
    """(picture, view of it, other picture) where the hashes of view and other differ in at most so many bits."""
    flat, whole = codes_PV.ravel(), np.ascontiguousarray(codes_PV[:, 0])
    for at in range(0, len(flat), BLOCK[0]):
        for to in range(0, len(whole), BLOCK[1]):
            bits = np.bitwise_count(flat[at : at + BLOCK[0], None] ^ whole[None, to : to + BLOCK[1]])
            for query, other in zip(*np.nonzero(bits <= most_bits), strict=True):
                yield *divmod(at + int(query), codes_PV.shape[1]), to + int(other)


def view_hashes(grey: np.ndarray) -> list[int]:
    """The hash of every view in VIEWS; the first is the picture as it is."""
    height, width = grey.shape
    found = []
    for (share, down, across), mirrored in VIEWS:
        h, w = max(8, round(height * share)), max(8, round(width * share))
        top, left = round((height - h) * down), round((width - w) * across)
        crop = grey[top : top + h, left : left + w]
        found.append(phash(crop[:, ::-1] if mirrored else crop))
    return found


def phash(grey: np.ndarray) -> int:
    """64 bits: which of the 8 x 8 slowest waves of a picture, but for the mean, are above their median."""
    waves = cv2.dct(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))[:8, :8].ravel()
    waves[0] = np.median(waves[1:])
    return int.from_bytes(np.packbits(waves > np.median(waves[1:])).tobytes(), "big")


def overlay(whole: np.ndarray, part: np.ndarray, box: tuple[float, float, float], mirrored: bool) -> float:
    """Best correlation of `part` laid over `whole`, about where `box` (share, middle down, middle across) says."""
    share = box[0]
    shown = part[:, ::-1] if mirrored else part
    best = 0.0
    height, width = whole.shape
    for change in SCALES:
        keep = min(1.0, share + change)
        size = max(8, round(width * keep)), max(8, round(height * keep))
        template = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
        best = max(best, float(cv2.matchTemplate(whole, template, cv2.TM_CCOEFF_NORMED).max()))
    return best


def _small(jpeg: bytes) -> np.ndarray:
    grey = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))
    scale = SIDE / max(grey.shape)
    return cv2.resize(
        grey, (max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale))), interpolation=cv2.INTER_AREA
    )


def _spread(jpegs: list[bytes]) -> list[bytes]:
    """Up to PICTURES of them, evenly; blank and plain pictures hash to noise, which the overlay then rejects."""
    if len(jpegs) <= PICTURES:
        return jpegs
    return [jpegs[i] for i in np.linspace(0, len(jpegs) - 1, PICTURES).round().astype(int)]


def _resolved(shots: list[Candidate], pairs: dict[tuple[int, int], float]) -> dict[str, Copy]:
    """The best of matching shots stays, and whatever matches none that stays."""
    order = sorted(range(len(shots)), key=lambda i: (*(-r for r in shots[i].rank), shots[i].key))
    beside: dict[int, list[tuple[int, float]]] = {}
    for (i, j), match in pairs.items():
        beside.setdefault(i, []).append((j, match))
        beside.setdefault(j, []).append((i, match))
    gone: dict[str, Copy] = {}
    for i in order:
        if shots[i].key in gone:
            continue
        for j, match in beside.get(i, []):
            gone.setdefault(shots[j].key, Copy(shots[i].key, round(match, 4)))
    return gone
