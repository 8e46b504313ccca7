"""Shots out of a film, at the rate and size that a model wants, in one pass over the file.

Dimension key: T frames, H W pixels. Frames are picked by time, so a film of any rate, even a variable one, keeps its speed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..base import footage


@dataclass(frozen=True)
class Cut:
    """One shot of a file: pictures [start, end), `seconds` long, wanted as (frames, height, width)."""

    key: str
    start: int
    end: int
    begins: float  # seconds into the film
    frames: int
    height: int
    width: int
    fps: float


def fitted_size(height: int, width: int, most_pixels: int, block: int) -> tuple[int, int]:
    """The multiples of `block` nearest in shape to the picture, no larger than it and than `most_pixels`.

    A picture smaller than a block becomes one block wide or high.
    """
    scale = min(1.0, (most_pixels / (height * width)) ** 0.5)
    choices = []
    for h in _around(height * scale, block):
        for w in _around(width * scale, block):
            if h * w <= max(most_pixels, block * block):
                lost = abs(np.log(h * width / (w * height)))  # of the shape
                smaller = abs(np.log(h * w / (height * width * scale * scale)))
                choices.append((lost + 0.5 * smaller, h, w))
    _, h, w = min(choices)
    return h, w


def fitted_frames(seconds: float, fps: float, most: int, step: int = 4) -> int:
    """1 + a multiple of `step`: as many frames as the shot holds, up to `most`."""
    held = max(1, min(most, int(seconds * fps + 1e-6)))
    return 1 + (held - 1) // step * step


def clips(path: Path, cuts: Sequence[Cut], *, interlaced: bool = False) -> Iterator[tuple[Cut, np.ndarray]]:
    """frames_THWC of every cut, in the order of their starts; they do not overlap. A film that breaks off ends the rest.

    ValueError where not one picture comes.
    """
    waiting = sorted(cuts, key=lambda cut: cut.start)
    taken: list[np.ndarray] = []
    for picture in readable(footage.pictures(path, interlaced=interlaced)):
        while waiting and picture.number >= waiting[0].end:
            yield _whole(waiting.pop(0), taken)
            taken = []
        if not waiting:
            return
        cut = waiting[0]
        if picture.number < cut.start:
            continue
        since = (picture.seconds - cut.begins) * cut.fps
        if len(taken) < cut.frames and since >= len(taken) - 0.5:
            shown = picture.cover(cut.height, cut.width, "plain")
            while len(taken) < cut.frames and since >= len(taken) - 0.5:  # of a slow film a picture may stand for several
                taken.append(shown)
    if waiting and taken:
        yield _whole(waiting.pop(0), taken)


def stills(path: Path, cuts: Sequence[Cut], interlaced: bool, count: int, long_side: int) -> dict[str, list[bytes]]:
    """Runs in a worker: `count` pictures of each cut, evenly, as JPEG of at most `long_side` pixels."""
    wanted: dict[int, list[str]] = {}
    for cut in cuts:
        some = min(count, cut.end - cut.start)
        for number in cut.start + ((np.arange(some) + 0.5) * (cut.end - cut.start) / some).astype(int):
            wanted.setdefault(int(number), []).append(cut.key)
    found: dict[str, list[bytes]] = {cut.key: [] for cut in cuts}
    for picture in readable(footage.pictures(path, interlaced=interlaced)):
        for key in wanted.get(picture.number, ()):
            rgb = picture.rgb(long_side)
            jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
            found[key].append(jpeg.tobytes())
        if picture.number >= max(wanted):
            break
    return found


def readable(pictures: Iterator[footage.Picture]) -> Iterator[footage.Picture]:
    """Pictures up to where the film breaks off, if it does."""
    any_came = False
    try:
        for picture in pictures:
            any_came = True
            yield picture
    except ValueError:
        if not any_came:
            raise


def _whole(cut: Cut, taken: list[np.ndarray]) -> tuple[Cut, np.ndarray]:
    return cut, np.stack(taken + [taken[-1]] * (cut.frames - len(taken)))


def _around(side: float, block: int) -> tuple[int, ...]:
    low = max(1, int(side) // block)
    return (low * block, (low + 1) * block) if (low + 1) * block <= side * 1.04 else (low * block,)
