"""Shots that show the same: re-encoded, scaled, graded, cropped or mirrored.

Dimension key: P pictures, Q queries, H W pixels. Every picture has a perceptual hash of 64 bits; as queries it also brings the
hashes of its crops and of their mirror images. A pair whose hashes are near is laid over each other and must correlate. Two
pieces of one film are never copies: a fixed camera shows the same picture for hours.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from .settings import DedupConfig

SIDE = 96  # pixels of the long side of a picture that is laid over another
CROPS = ((1.0, (0.5,)), (0.92, (0.5,)), (0.84, (0.15, 0.85)), (0.76, (0.1, 0.5, 0.9)))  # share kept, places of its middle
SCALES = np.linspace(-0.06, 0.06, 7)
PICTURES = 3  # of a shot
BLOCK = 4096  # queries compared in one go


@dataclass(frozen=True)
class Candidate:
    key: str
    film: str  # whose shots are never copies of each other
    rank: tuple[float, ...]  # the greatest of a group stays
    jpegs: list[bytes]


@dataclass(frozen=True)
class Copy:
    of: str
    match: float


def copies(shots: Iterable[Candidate], config: DedupConfig) -> dict[str, Copy]:
    """key -> which shot it is a copy of, and how well they match; shots that stay are not in it."""
    shots = list(shots)
    greys = [greys_of(shot.jpegs) for shot in shots]
    pairs = matches(greys, [shot.film for shot in shots], config)
    return _resolved(shots, pairs)


def greys_of(jpegs: list[bytes]) -> list[np.ndarray]:
    """The pictures of a shot that are compared: up to PICTURES of them, small and grey."""
    return [_small(jpeg) for jpeg in _spread(jpegs)]


def matches(greys: list[list[np.ndarray]], films: list[str], config: DedupConfig) -> dict[tuple[int, int], float]:
    """(i, j) with i < j -> correlation, for each pair of shots that match."""
    owner = np.array([i for i, group in enumerate(greys) for _ in group], int)
    flat = [grey for group in greys for grey in group]
    if not flat:
        return {}
    base_P = np.array([phash(grey) for grey in flat], np.uint64)
    found: dict[tuple[int, int], float] = {}
    step = max(1, BLOCK // 32)
    for begin in range(0, len(flat), step):
        queries = [
            (p, box, mirrored, code)
            for p in range(begin, min(begin + step, len(flat)))
            for box, mirrored, code in _queries(flat[p])
        ]
        codes_Q = np.array([q[3] for q in queries], np.uint64)
        near = np.bitwise_count(codes_Q[:, None] ^ base_P[None]) <= config.most_bits
        for q, other in zip(*np.nonzero(near), strict=True):
            p, box, mirrored, _ = queries[q]
            i, j = sorted((int(owner[p]), int(owner[other])))
            if films[i] == films[j] or found.get((i, j), 0.0) >= 0.995:
                continue
            match = overlay(flat[p], flat[other], box, mirrored)
            if match >= config.least_match:
                found[i, j] = max(match, found.get((i, j), 0.0))
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


def _queries(grey: np.ndarray) -> Iterable[tuple[tuple[float, float, float], bool, int]]:
    height, width = grey.shape
    for share, places in CROPS:
        h, w = max(8, round(height * share)), max(8, round(width * share))
        for down in places:
            for across in places:
                top, left = round((height - h) * down), round((width - w) * across)
                crop = grey[top : top + h, left : left + w]
                for mirrored in (False, True):
                    yield (share, down, across), mirrored, phash(crop[:, ::-1] if mirrored else crop)


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
