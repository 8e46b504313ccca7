"""Shots that show the same: re-encoded, scaled, graded, cropped or mirrored.

Dimension key: P pictures, V views, H W pixels. Every picture has a perceptual hash of 256 bits, and as views of it those of
its crops and of their mirror images. A pair whose hashes are near, by the 64 bits of the slowest waves and by the rest, is
laid over each other, small and then in full, and must correlate. Two pieces of one film are never copies: a fixed camera
shows the same picture for hours.
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
FINER = np.zeros((32, 32), bool)  # waves that are none of the slowest
FINER[:16, :16] = True
FINER[:8, :8] = False
WORDS = 4  # of 64 bits, in a hash
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

    Every hash is compared with every other, which for 10,000 shots is some minutes of one core; the memory that it takes is
    the hashes, 2,000 bytes a picture.
    """
    pictures, codes = [], []
    for i, group in enumerate(greys):
        for number, grey in enumerate(group):
            pictures.append((i, number))
            codes.append(view_hashes(grey))
    hashes_PV4 = np.array(codes, np.uint64).reshape(-1, len(VIEWS), WORDS)
    found: dict[tuple[int, int], float] = {}

    @functools.lru_cache(RECENT * PICTURES)
    def thirds(i: int, p: int) -> np.ndarray:
        return cv2.resize(greys[i][p], None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)

    for one, view, other in _near(hashes_PV4, config.most_bits, config.most_fine_bits):
        (i, p), (j, q) = pictures[one], pictures[other]
        pair = (min(i, j), max(i, j))
        if films[i] == films[j] or found.get(pair, 0.0) >= 0.995:
            continue
        if overlay(thirds(i, p), thirds(j, q), *VIEWS[view], SCALES[1::2]) < config.least_likely:
            continue
        match = overlay(greys[i][p], greys[j][q], *VIEWS[view])
        if match >= config.least_match:
            found[pair] = max(match, found.get(pair, 0.0))
    return found


def _near(hashes_PV4: np.ndarray, most_bits: int, most_fine_bits: int) -> Iterator[tuple[int, int, int]]:
    """(picture, view of it, other picture) where the hashes of view and other differ in at most so many bits."""
    views, whole = hashes_PV4.reshape(-1, WORDS), np.ascontiguousarray(hashes_PV4[:, 0])
    slow, slow_whole = np.ascontiguousarray(views[:, 0]), np.ascontiguousarray(whole[:, 0])
    for at in range(0, len(views), BLOCK[0]):
        for to in range(0, len(whole), BLOCK[1]):
            bits = np.bitwise_count(slow[at : at + BLOCK[0], None] ^ slow_whole[None, to : to + BLOCK[1]])
            query, other = np.nonzero(bits <= most_bits)
            fine = np.bitwise_count(views[at + query, 1:] ^ whole[to + other, 1:]).sum(1, dtype=int)
            for q, o in zip(query[fine <= most_fine_bits].tolist(), other[fine <= most_fine_bits].tolist(), strict=True):
                yield *divmod(at + q, hashes_PV4.shape[1]), to + o


def view_hashes(grey: np.ndarray) -> list[tuple[int, ...]]:
    """The hash of every view in VIEWS; the first is the picture as it is."""
    height, width = grey.shape
    found = []
    for (share, down, across), mirrored in VIEWS:
        h, w = max(8, round(height * share)), max(8, round(width * share))
        top, left = round((height - h) * down), round((width - w) * across)
        crop = grey[top : top + h, left : left + w]
        found.append(phash(crop[:, ::-1] if mirrored else crop))
    return found


def phash(grey: np.ndarray) -> tuple[int, ...]:
    """WORDS times 64 bits: which of the 8 x 8 slowest waves of a picture, but for the mean, are above their median; and which
    of the 16 x 16 that remain are above theirs."""
    waves = cv2.dct(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))
    slow, rest = waves[:8, :8].ravel(), waves[FINER]
    slow[0] = middle = np.median(slow[1:])
    bits = np.packbits(np.concatenate([slow > middle, rest > np.median(rest)]))
    return tuple(bits.view(">u8").tolist())


def overlay(
    whole: np.ndarray, part: np.ndarray, box: tuple[float, float, float], mirrored: bool, scales: np.ndarray = SCALES
) -> float:
    """Best correlation of `part` laid over `whole`, about as large as `box` (share, middle down, middle across) says."""
    share = box[0]
    shown = part[:, ::-1] if mirrored else part
    best = 0.0
    height, width = whole.shape
    for change in scales:
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
