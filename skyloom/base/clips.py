"""What people give to the controls - photographs, phone videos, animations - as frames of one rate and one size.

Dimension key: T frames, H W pixels. Every error names the file.
"""

import contextlib
import itertools
import os

import numpy as np

from .footage import LOST, Footage, Picture, pictures, probe
from .video import check_input, fit

LATE = 0.006  # seconds by which a picture may come after its tick: some files count in milliseconds, GIF in hundredths


def look(path: str | os.PathLike[str]) -> Footage:
    """Kind, upright size, rate and length of a film or picture. OSError or ValueError with a message to show."""
    check_input(path)
    try:
        return probe(str(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a film or picture that can be read ({error}). Is the file whole?") from error


def read_clip(path: str | os.PathLike[str], fps: float, size: tuple[int, int], most: int) -> np.ndarray:
    """A film or picture at `fps` and `size` = (height, width): frames_THWC uint8, from 1 to `most` of them.

    At each tick the picture that was on screen then, so that uneven rates come out even. Pictures are scaled to cover the size
    and cut to their middle: never stretched. A film that breaks midway gives what is whole of it.
    """
    about = look(path)
    frames: list[np.ndarray] = []
    shown: np.ndarray | None = None
    begin, gap = 0.0, 1 / about.fps if about.fps else 0.0
    try:
        for picture in itertools.islice(pictures(str(path)), _whole(path) if about.torn else None):
            begin = picture.seconds
            while shown is not None and len(frames) < most and len(frames) / fps < begin - LATE:
                frames.append(shown)  # until here the one before was on screen
            if len(frames) >= most:
                break
            shown = _drawn(picture, size)
    except (OSError, ValueError) as error:
        if shown is None:
            raise ValueError(f"{path}: cannot be decoded ({error}). Is the file whole?") from error
    if shown is None:
        raise ValueError(f"{path}: holds no frames. Is the file whole?")
    while not frames or len(frames) < min(most, round((begin + gap) * fps)):
        frames.append(shown)
    return np.stack(frames)


def _whole(path: str | os.PathLike[str]) -> int:
    """How many pictures of a torn film come before the first that is damaged, or before which others are missing."""
    seen: list[float] = []
    damaged: list[bool] = []
    with contextlib.suppress(OSError, ValueError):
        for picture in pictures(str(path)):
            seen.append(picture.seconds)
            damaged.append(picture.corrupt)
    gaps = np.diff(seen)
    wide = gaps > 1.5 * np.median(gaps) if len(gaps) else gaps > 0
    even = not wide[:-LOST].any()
    for i in range(max(1, len(seen) - LOST), len(seen)):
        if damaged[i] or (even and wide[i - 1]):
            return i
    return len(seen)


def _drawn(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """The picture at `size`; large ones are scaled down while they are decoded."""
    if max(size[0] / picture.height, size[1] / picture.width) >= 1:
        return fit(picture.rgb(), size)
    return picture.cover(*size)
