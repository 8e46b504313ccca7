"""Measures that rows share: steps between frames, decibels, what the probe reads, how fast an actor goes.

Those of pictures need no network. Those that read give nothing where the bench has no probe.
"""

import itertools
from collections.abc import Mapping

import numpy as np

from ...worlds.scene import Scene
from ...worlds.storybook import render
from ..adherence import compare
from ..clips import FPS, Bench, shrunk
from ..physics import follow
from ..tokenizer import psnr
from .case import Given, Outcome, Values

Read = Mapping[str, float | list[float]]
Pair = tuple[Read, Read]  # of a film, and of the real clip that it should be like
SEEN = 12  # frames on each side of a seam that tell a velocity: a second, over which steps and wobbles even out
LOST = 1.0  # error of an actor that is not found again


def steps_of(frames_THWC: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each frame from the one before."""
    return np.array([np.abs(b.astype(np.int16) - a).mean() for a, b in itertools.pairwise(frames_THWC)])


def typical(frames_THWC: np.ndarray) -> float:
    """The median step of a clip; never zero, as a still clip has no seam to hide."""
    return max(0.5, float(np.median(steps_of(frames_THWC))))


def largest_step(frames_THWC: np.ndarray, whole_THWC: np.ndarray) -> float:
    """The largest step of a part over the median one of the whole film: a cut is far above the rest."""
    return float(steps_of(frames_THWC).max()) / typical(whole_THWC)


def fallen(film_THWC: np.ndarray, truth: np.ndarray, drawn: np.ndarray) -> float:
    """dB by which a film is farther from the truth than what the tokenizer makes of it."""
    return float(psnr(shrunk(truth), shrunk(drawn)) - psnr(shrunk(truth), film_THWC))


def kept_part(part_THWC: np.ndarray, clip: Given, rows: slice = slice(None)) -> float:
    """`fallen` of the part of a film that shows the given clip, or some of its frames."""
    return fallen(part_THWC, clip.frames[rows], clip.drawn[rows])


def claims(bench: Bench, scene: Scene, frames_THWC: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """1 or 0 for each claim of the scene that the probe finds true."""
    if bench.reader is None:
        return {}
    asked = tuple(actor.noun for actor in scene.actors)
    found = compare(scene, bench.reader.read(frames_THWC, asked=asked), still=len(frames_THWC) == 1)
    found["noun"] = found["one noun"] + found["two nouns"]
    return {name: float(all(found[name])) for name in names if found[name]}


def judged(
    bench: Bench, scene: Scene, made_THWC: np.ndarray, real_THWC: np.ndarray, names: tuple[str, ...], suffix: str = ""
) -> Pair:
    """`claims` of a film and of the real clip that it should be like; `suffix` goes behind their names."""
    made, real = (claims(bench, scene, frames, names) for frames in (made_THWC, real_THWC))
    return {name + suffix: value for name, value in made.items()}, {name + suffix: value for name, value in real.items()}


def persists(bench: Bench, made: tuple[np.ndarray, np.ndarray], real: tuple[np.ndarray, np.ndarray]) -> Pair:
    """Whether two parts of a film, and of the real clip, show the same noun of the same colour (its identity) and one place."""
    return _persists(bench, *made), _persists(bench, *real)


def _persists(bench: Bench, before_THWC: np.ndarray, after_THWC: np.ndarray) -> dict[str, float]:
    if bench.reader is None:
        return {}
    (a, b), (c, d) = (identity(bench, before_THWC), identity(bench, after_THWC))
    return {"identity persists": float(a == c), "place persists": float(b == d)}


def identity(bench: Bench, frames_THWC: np.ndarray) -> tuple[tuple[str, str], str]:
    """The likeliest noun with its colour, and the place."""
    reading = bench.probe.read(frames_THWC)
    noun = reading.ranked[0][0]
    [actor] = bench.probe.read(frames_THWC, asked=(noun,)).actors
    return (noun, actor.colour), reading.place


def velocity_error(film_THWC: np.ndarray, scene: Scene, seam: int, backward: bool = False) -> float:
    """How much an actor's sideways velocity changes at a seam, as a share of what it was in the given part; LOST at most.

    `seam` is the first new frame (backward: the first given one). The actor is followed from where the world put it in the
    given frame beside the seam, by what it looks like.
    """
    frames = film_THWC[::-1] if backward else film_THWC
    seam = len(frames) - seam if backward else seam
    start = middle_of(scene, film_THWC.shape[1:3], len(film_THWC), len(film_THWC) - seam if backward else seam - 1)
    if start is None:
        return LOST
    before, after = columns(frames[seam - SEEN : seam][::-1], start), columns(frames[seam - 1 : seam + SEEN], start)
    if min(len(before), len(after)) <= SEEN // 2:
        return LOST
    old, new = -slope(before), slope(after[1:])
    return min(LOST, abs(new - old) / max(abs(old), 0.25))


def middle_of(scene: Scene, size: tuple[int, ...], frames: int, at: int) -> np.ndarray | None:
    """Row and column of the middle of what the scene's actors cover in frame `at`; None where they cover nothing."""
    _, cover = render(scene, size[0], size[1], frames, FPS, masks=True)
    weight = cover[at].astype(float)
    if weight.sum() < 255 * 20:
        return None
    rows, cols = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(rows * weight).sum(), (cols * weight).sum()]) / weight.sum()


def columns(frames_THWC: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Column of a patch in each frame, from `start` (row, column) in the first; ends where it is lost."""
    at, moved, found = start, np.zeros(2), [start[1]]
    for before, after in itertools.pairwise(frames_THWC):
        there = follow(before, after, at, moved)
        if there is None:
            break
        at, moved = there, there - at
        found.append(at[1])
    return np.array(found)


def slope(values: np.ndarray) -> float:
    """Of a line through values one apart."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


def outcome(measures: Read, *pairs: Pair, shown: tuple[np.ndarray, ...] = ()) -> Outcome:
    """Measures of a film, and readings of film and real clip, together."""
    whole: Values = dict(measures)
    real: Values = {}
    for made, truth in pairs:
        whole |= made
        real |= truth
    return Outcome(whole, real, shown)
