"""Frames at another rate, so that things go as fast as they did: fewer are picked, more are interpolated along their motion.

What lies between two frames is FFmpeg's `minterpolate` (overlapped block motion compensation; at cuts it repeats): what was
there already stays as it is, to the bit.
"""

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np

AHEAD = 3  # frames after the last one that the filter needs for what lies behind it
HOW = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"


def retimed(frames: Iterable[np.ndarray], rate: float, wanted: float, around: bool = False) -> Iterator[np.ndarray]:
    """Frames (H, W, 3) uint8 of `rate` a second -> of `wanted` a second, as long in time; as they come, a few held at once.
    `around`: the first follows the last, as in a loop."""
    step = _exact(rate) / _exact(wanted)  # frames that came for each that goes
    if step == 1:
        yield from frames
    elif step > 1:
        yield from _picked(frames, step)
    else:
        yield from _interpolated(frames, rate, wanted, step, around)


def count_at(count: int, rate: float, wanted: float) -> int:
    """How many frames `retimed` makes of so many: those that begin before the last one ends."""
    return -(-count * _exact(wanted) // _exact(rate))


def _exact(rate: float) -> Fraction:
    return Fraction(rate).limit_denominator(1001)


def _picked(frames: Iterable[np.ndarray], step: Fraction) -> Iterator[np.ndarray]:
    due = Fraction(0)
    for number, frame in enumerate(frames):
        if number >= int(due):
            yield frame
            due += step


def _interpolated(
    frames: Iterable[np.ndarray], rate: float, wanted: float, step: Fraction, around: bool
) -> Iterator[np.ndarray]:
    kept: dict[int, np.ndarray] = {}  # those that came, until they have gone
    came = 0

    def fed() -> Iterator[np.ndarray]:
        nonlocal came
        first: list[np.ndarray] = []
        for frame in frames:
            kept[came] = frame
            came += 1
            first = [*first, frame] if around and len(first) < AHEAD else first
            yield frame
        last = [] if came == 0 else first or [kept[came - 1]]
        yield from itertools.islice(itertools.cycle(last), AHEAD)

    for gone, between in enumerate(_filtered(fed(), rate, wanted)):
        at = gone * step
        if at >= came:
            return
        yield kept[int(at)] if at.denominator == 1 else between
        for old in [number for number in kept if number <= at]:
            del kept[old]


def _filtered(frames: Iterable[np.ndarray], rate: float, wanted: float) -> Iterator[np.ndarray]:
    """Frames through the filter, from the first one's time on."""
    graph, yuv = av.filter.Graph(), av.VideoFormat("yuv444p")
    source = sink = None
    for number, frame in enumerate(frames):
        if source is None:
            height, width = frame.shape[:2]
            source = graph.add_buffer(width=width, height=height, format=yuv, time_base=1 / _exact(rate))
            middle, sink = graph.add("minterpolate", f"fps={_exact(wanted)}:{HOW}"), graph.add("buffersink")
            source.link_to(middle)
            middle.link_to(sink)
            graph.configure()
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(format="yuv444p")
        picture.pts, picture.time_base = number, 1 / _exact(rate)
        source.push(picture)
        yield from _pulled(sink)


def _pulled(sink: Any) -> Iterator[np.ndarray]:
    """What has come out of the filter."""
    while True:
        try:
            made = sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield made.to_ndarray(format="rgb24")
