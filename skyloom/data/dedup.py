"""Shots that show the same: re-encoded, scaled, graded, cropped or mirrored.

Dimension key: P pictures, V views, H W pixels, S slowest waves. Every picture has a perceptual hash of 256 bits, and as views
of it those of its crops and of their mirror images. A pair whose hashes are near, by the 64 bits of the slowest waves and by
the rest, and whose slowest waves correlate, is laid over each other, small and then, the likeliest of two shots, in full, and
must correlate there, too.
Two pieces of one film are never copies: a fixed camera shows the same picture for hours.
"""

import functools
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
STEP = 0.02
SCALES = STEP * np.arange(-3, 4)
FINER = np.ones((16, 16), bool)  # waves that are none of the slowest
FINER[:8, :8] = False
WORDS = 4  # of 64 bits, in a hash
PICTURES = 3  # of a shot
WAVES = np.array(
    [[np.sqrt((1 + (k > 0)) / 32) * np.cos(np.pi * (x + 0.5) * k / 32) for x in range(32)] for k in range(16)], np.float32
)  # the slowest of a discrete cosine transform
BLOCK = 64, 4096  # queries and pictures compared in one go: what a core keeps at hand
IN_FULL = 4  # of all ways in which pictures of two shots may lie over each other
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

    Every hash is compared with every other, and what the hashes let through is laid over each other; for 10,000 shots both
    are a minute of one core, most of it the latter. The memory that it takes is the hashes and slowest waves, 5,000 bytes a
    picture.
    """
    pictures: list[tuple[int, int]] = []

    def each() -> Iterator[np.ndarray]:
        for i, group in enumerate(greys):
            pictures.extend((i, number) for number in range(len(group)))
            yield from group

    views = views_of(each())
    found: dict[tuple[int, int], float] = {}

    @functools.lru_cache(RECENT * PICTURES)
    def thirds(i: int, p: int) -> np.ndarray:
        return cv2.resize(greys[i][p], None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)

    likeliest: dict[tuple[int, int], list[tuple[float, float, int, int, int]]] = {}
    for one, view, other in _near(views, config):
        (i, p), (j, q) = pictures[one], pictures[other]
        if films[i] == films[j]:
            continue
        likely, change = overlay(thirds(i, p), thirds(j, q), *VIEWS[view], SCALES[1::2])
        if likely >= config.least_likely:
            best = likeliest.setdefault((min(i, j), max(i, j)), [])
            best.append((likely, change, one, view, other))
            best.sort(reverse=True)
            del best[IN_FULL:]
    for pair, best in likeliest.items():
        for _, change, one, view, other in best:
            (i, p), (j, q) = pictures[one], pictures[other]
            match, _ = overlay(greys[i][p], greys[j][q], *VIEWS[view], SCALES[abs(SCALES - change) < 2.5 * STEP])
            if match >= config.least_match:
                found[pair] = max(match, found.get(pair, 0.0))
    return found


def _near(views: "Views", config: DedupConfig) -> Iterator[tuple[int, int, int]]:
    """(picture, view of it, other picture) that may be the same, by the hashes and the slowest waves of view and other."""
    hashes, whole = views.hashes_PV4.reshape(-1, WORDS), np.ascontiguousarray(views.hashes_PV4[:, 0])
    waves = views.waves_PVS.reshape(len(hashes), 63)
    slow, slow_whole, count = np.ascontiguousarray(hashes[:, 0]), np.ascontiguousarray(whole[:, 0]), len(VIEWS)
    apart, bits, near = (np.empty(BLOCK, kind) for kind in (np.uint64, np.uint8, bool))
    for at in range(0, len(hashes), BLOCK[0]):
        for to in range(0, len(whole), BLOCK[1]):
            some, others = slow[at : at + BLOCK[0], None], slow_whole[None, to : to + BLOCK[1]]
            box = slice(len(some)), slice(others.shape[1])
            np.bitwise_xor(some, others, out=apart[box])
            np.bitwise_count(apart[box], out=bits[box])
            np.less_equal(bits[box], config.most_bits, out=near[box])
            query, other = np.divmod(np.flatnonzero(near[box]), others.shape[1])
            query, other = query + at, other + to
            fine = np.bitwise_count(hashes[query, 1:] ^ whole[other, 1:]).sum(1, dtype=int) <= config.most_fine_bits
            query, other = query[fine], other[fine]
            alike = np.einsum("ns,ns->n", waves[query], waves[other * count], dtype=np.float32) >= config.least_alike
            yield from zip(*np.divmod(query[alike], count), other[alike], strict=True)


class Views(NamedTuple):
    """What is kept of every view in VIEWS, the first being the picture as it is."""

    hashes_PV4: np.ndarray  # WORDS times 64 bits: which of the 8 x 8 slowest waves of a view are above their median, and which
    # of the 16 x 16 that remain are above theirs
    waves_PVS: np.ndarray  # the 8 x 8 slowest but for the mean, of length 1


def views_of(greys: Iterable[np.ndarray]) -> Views:
    hashes, waves = [], []
    for grey in greys:
        waves_V32 = WAVES @ np.stack([_view(grey, *view) for view in VIEWS]) @ WAVES.T
        slow, rest = waves_V32[:, :8, :8].reshape(len(VIEWS), -1), waves_V32[:, FINER]
        slow[:, 0] = middle = np.median(slow[:, 1:], axis=1)
        bits = np.concatenate([slow > middle[:, None], rest > np.median(rest, axis=1)[:, None]], 1)
        hashes.append(np.packbits(bits, axis=1).view(">u8").astype(np.uint64))
        slow = slow[:, 1:] / np.linalg.norm(slow[:, 1:], axis=1, keepdims=True).clip(1e-6)
        waves.append(slow.astype(np.float16))
    return Views(
        np.array(hashes, np.uint64).reshape(-1, len(VIEWS), WORDS), np.array(waves, np.float16).reshape(-1, len(VIEWS), 63)
    )


def _view(grey: np.ndarray, box: tuple[float, float, float], mirrored: bool) -> np.ndarray:
    """A view of a picture, 32 x 32."""
    (height, width), (share, down, across) = grey.shape, box
    h, w = max(8, round(height * share)), max(8, round(width * share))
    top, left = round((height - h) * down), round((width - w) * across)
    small = cv2.resize(grey[top : top + h, left : left + w], (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small[:, ::-1] if mirrored else small


def overlay(
    whole: np.ndarray, part: np.ndarray, box: tuple[float, float, float], mirrored: bool, scales: np.ndarray = SCALES
) -> tuple[float, float]:
    """Best correlation of `part` laid over `whole`, about as large as `box` (share, middle down, middle across) says, and the
    change of that share, one of `scales`, at which it is found."""
    share = box[0]
    shown = part[:, ::-1] if mirrored else part
    best = 0.0, 0.0
    height, width = whole.shape
    sizes: dict[tuple[int, int], float] = {}  # of all of a picture there is no more
    for change in scales:
        keep = min(1.0, share + change)
        sizes.setdefault((max(8, round(width * keep)), max(8, round(height * keep))), change)
    for size, change in sizes.items():
        template = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
        best = max(best, (float(cv2.matchTemplate(whole, template, cv2.TM_CCOEFF_NORMED).max()), float(change)))
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
