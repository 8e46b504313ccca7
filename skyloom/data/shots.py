"""Shots in a measured film: hard cuts by PySceneDetect or TransNetV2, dissolves and fades by how pictures mix, then lengths.

Dimension key: T pictures, N numbers of a thumb. Shots are [start, end) in picture numbers; the pictures of a dissolve or fade
belong to neither side, so a shot shows one scene only. Nothing is lost: shots that are too short stay as rows with a reason.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from .measure import Measured
from .settings import ShotConfig

WINDOWS = (6, 10, 16, 24, 36, 50)  # pictures that a dissolve is looked for in
MIXED = 0.36  # most that the middle of a dissolve may differ from the mean of its sides, as a share of their difference
CLEAR = 2.0  # least step of colour x share of changed cells x (1 - correlation) of its sides, the less the worse they mix
STEADY = 0.27  # most that the scenes before and after it may go on along the way that it takes, as a share of it
CHANGED = 5.0  # step of colour of a cell that changes
WIDE = 0.4  # share of the cells that change at a cut; fewer, and something moved in front of a scene that stays
ALIKE = 0.7  # most that the two sides of a cut may correlate
LONG = 20  # pictures that make a blank run a shot of its own, which scores then drop
TOUCH = 8  # pictures between two gradual transitions that are one
RELIT = 0.98  # two pictures that correlate more differ by their light alone: a camera that adjusts
BLANK = 14  # spread of grey of a picture that shows nothing
JUMP, NEAR = 9.0, 6  # mean step of colour at a cut, and pictures around it that it must stand out from
CHUNK = 2048  # pictures looked at in one go


@dataclass(frozen=True)
class Transition:
    """Pictures [start, end) that belong to no shot; a hard cut has none, and start == end is the first of the new shot."""

    kind: str  # "cut", "dissolve" or "fade"
    start: int
    end: int


@dataclass(frozen=True)
class Span:
    """One shot, or one piece of a long one."""

    start: int
    end: int
    dropped: str = ""


def spans(film: Measured, config: ShotConfig) -> tuple[list[Span], list[Transition]]:
    """Every shot and every transition, in order."""
    found = transitions(film, None if film.ends_T is None else by_network(film.ends_T >= config.transnet_sure))
    total = len(film.times_T)
    edges = [0, *(edge for t in found for edge in (t.start, t.end)), total]
    pieces = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]
    return [span for a, b in pieces for span in _lengths(film.times_T, a, b, config)], found


def transitions(film: Measured, marks: list[Transition] | None = None) -> list[Transition]:
    """Fades first, then dissolves, then the hard cuts that lie in neither.

    With the marks of a network these are the cuts, and a dissolve must hold one: it says where, our rules how far it reaches.
    """
    found = fades(film)
    mixed = [d for d in dissolves(film.thumbs_TN) if marks is None or any(_overlap(d, mark, 0) for mark in marks)]
    found += [d for d in mixed if not any(_overlap(d, f, 2) for f in found)]
    found += [c for c in (hard_cuts(film) if marks is None else marks) if not any(_overlap(c, f, 2) for f in found)]
    return _merged(sorted(found, key=lambda t: (t.start, t.end)))


def by_network(marked_T: np.ndarray) -> list[Transition]:
    """Whether each picture is marked as a shot's last -> cuts. A run of marks is a gradual change, less its first picture."""
    edges = np.flatnonzero(np.diff(marked_T.astype(int), prepend=0, append=0)).tolist()
    marks = [(a + 1, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b < len(marked_T)]
    return [Transition("cut" if a == b else "dissolve", a, b) for a, b in marks]


def _merged(found: list[Transition]) -> list[Transition]:
    """Transitions that touch are one: a fade to black out of which another scene dissolves."""
    merged: list[Transition] = []
    for one in found:
        last = merged[-1] if merged else None
        cuts = [last.kind, one.kind].count("cut") if last else 2
        if last and cuts < 2 and one.start - last.end <= (2 if cuts else TOUCH):
            merged[-1] = Transition(last.kind if last.kind != "cut" else one.kind, last.start, max(last.end, one.end))
        else:
            merged.append(one)
    return merged


def hard_cuts(film: Measured) -> list[Transition]:
    """What PySceneDetect found, and jumps that its narrow window missed, less flashes, after which the old scene goes on."""
    thumbs, total = film.thumbs_TN, len(film.thumbs_TN)
    kept: list[Transition] = []
    for cut in sorted({*film.cuts, *jumps(thumbs)}):
        before, after = thumbs[cut - 1].astype(int), thumbs[min(cut + 3, total - 1)]
        back, across = np.abs(after - before).mean(), np.abs(thumbs[cut] - before).mean()
        if back < 0.35 * across or _changed(thumbs[cut] - before) < WIDE or (kept and cut - kept[-1].start <= 2):
            continue
        kept.append(Transition("cut", cut, cut))
    return kept


def jumps(thumbs_TN: np.ndarray) -> list[int]:
    """Pictures that differ from the one before far more than any near them, and show something else."""
    found: list[int] = []
    for begin in range(0, len(thumbs_TN), CHUNK):
        part = thumbs_TN[max(0, begin - NEAR - 1) : begin + CHUNK + NEAR].astype(np.float32)
        if len(part) < 3:
            continue
        steps = np.abs(np.diff(part, axis=0)).mean(1)  # steps[i] leads to picture i + 1
        padded = np.pad(steps, NEAR)
        around = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEAR + 1).copy()
        around[:, NEAR] = 0
        apart = (steps > JUMP) & (steps > 1.8 * around.max(1)) & (steps > 4 * np.median(around, 1))
        alike = _correlation(part[:-1], part[1:])
        alone = (steps > JUMP / 2) & (steps > 8 * around.max(1)) & (alike < RELIT)  # the same place, another time
        first = max(0, begin - NEAR - 1)
        found += [
            first + 1 + int(i)
            for i in np.flatnonzero(apart & (alike < ALIKE) | alone)
            if begin <= first + 1 + i < begin + CHUNK
        ]
    return found


def fades(film: Measured) -> list[Transition]:
    """Runs of blank pictures, with the pictures that darken towards them or brighten out of them."""
    blank = film.spread_T <= BLANK
    total, found, at = len(blank), [], 0
    if blank.all():
        return []
    while at < total:
        if not blank[at]:
            at += 1
            continue
        end = at
        while end < total and blank[end]:
            end += 1
        start = _ramp(film, at - 1, -1) + 1 if at else 0
        stop = _ramp(film, end, 1) if end < total else total
        if end - at < LONG:
            found.append(Transition("fade", start, stop))
        else:  # blank for long: that is a shot, though one that nobody wants
            found += [Transition("fade" if a < b else "cut", a, b) for a, b in ((start, at), (end, stop)) if 0 < a < total]
        at = max(end, stop)
    return found


def _ramp(film: Measured, at: int, step: int) -> int:
    """The first picture beyond a ramp that begins at `at`: contrast grows from picture to picture, the scene stays."""
    spread, thumbs, total = film.spread_T, film.thumbs_TN, len(film.spread_T)
    first = at
    while 0 <= at + step < total and abs(at - first) < 75:
        grown = spread[at + step] - spread[at]
        if grown < max(1.0, 0.012 * spread[at]) or (_correlation(thumbs[at], thumbs[at + step]) < 0.8 and spread[at] > 40):
            break
        at += step
    ramp = abs(at - first) + 1
    return at if ramp >= 3 else first  # two pictures of growth are a cut to black, or noise


def dissolves(thumbs_TN: np.ndarray) -> list[Transition]:
    """Windows whose middle is the mean of two scenes that differ."""
    total = len(thumbs_TN)
    best = np.zeros(total)  # how sure, at each middle
    width = np.zeros(total, int)
    for window in WINDOWS:
        for begin in range(0, total - window, CHUNK):
            first = np.arange(begin, min(begin + CHUNK, total - window))
            sure, at = _mixing(thumbs_TN, first, window), first + window // 2
            better = at[sure > best[at]]
            best[better], width[better] = sure[better - at[0]], window
    found: list[Transition] = []
    for middle in np.argsort(-best):
        if best[middle] <= 0:
            break
        one = _extent(thumbs_TN, int(middle), int(width[middle]))
        if one and not any(_overlap(one, other, 3) for other in found):
            found.append(one)
    return found


def _mixing(thumbs_TN: np.ndarray, first: np.ndarray, window: int) -> np.ndarray:
    """For windows from `first`: 0 for no dissolve, else how different its two sides are and how well the middle mixes them.

    In a dissolve nearly every cell goes straight from one scene to the other, all at one pace, and none has set out before or
    goes on after. What moves changes the cells that it passes; a camera that pans goes on.
    """

    def seen(offset: int) -> np.ndarray:
        return thumbs_TN[np.clip(first + offset, 0, len(thumbs_TN) - 1)].astype(np.float32)

    a, b = seen(0), seen(window)
    across = b - a
    unlike = np.abs(across).mean(1) * _changed(across)
    inside = (first >= window // 2) & (first + window + window // 2 < len(thumbs_TN))
    sure = np.zeros(len(first))
    able = np.flatnonzero(inside & (2 * unlike > CLEAR))  # no other can become clear enough below
    a, b, across, first = a[able], b[able], across[able], first[able]
    apart = np.square(across).mean(1) + 1e-3
    rest = np.square(seen(window // 2) - (a + b) / 2).mean(1) / (apart / 4)
    balance = np.square((seen(window // 4) + seen(window - window // 4) - a - b) / 2).mean(1) / (apart / 4)
    early, late = (((seen(offset) - a) * across).mean(1) / apart for offset in (-window // 2, window + window // 2))
    steady = (np.abs(early) < STEADY) & (np.abs(late - 1) < STEADY)
    clear = unlike[able] * (1 - _correlation(a, b)) * (1 - rest / MIXED)
    sure[able] = np.where((clear > CLEAR) & steady & (balance < MIXED), np.sqrt(apart) * (1 - rest / MIXED * 0.5), 0.0)
    return sure


def _extent(thumbs_TN: np.ndarray, middle: int, window: int) -> Transition | None:
    """First and last mixed picture around a middle: where the share of the new scene leaves 0 and reaches 1."""
    total = len(thumbs_TN)
    reach = max(window, 10)
    low, high = max(0, middle - reach), min(total - 1, middle + reach)
    part = thumbs_TN[low : high + 1].astype(np.float32)
    a, b = part[max(0, middle - window // 2 - low)], part[min(len(part) - 1, middle + window // 2 - low)]
    across = b - a
    share = (part - a) @ across / max(1e-3, float(across @ across))
    at = middle - low
    left = right = at
    while left > 0 and share[left] > 0.06 and share[left - 1] < share[left] + 0.01:
        left -= 1
    while right < len(share) - 1 and share[right] < 0.94 and share[right + 1] > share[right] - 0.01:
        right += 1
    steps = np.diff(share[left : right + 1])
    if right - left < 3 or steps.max() > 0.6:  # that is a cut
        return None
    return Transition("dissolve", low + left + 1, low + right)


def _changed(step: np.ndarray) -> np.ndarray:
    """Steps of thumbs (..., N) -> share of their cells that change."""
    return (np.abs(step).reshape(*step.shape[:-1], -1, 3).max(-1) > CHANGED).mean(-1)


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of the last axis, without brightness and contrast."""
    a, b = (x.astype(np.float32) - x.mean(-1, keepdims=True) for x in (a, b))
    return (a * b).sum(-1) / np.sqrt(np.square(a).sum(-1) * np.square(b).sum(-1) + 1e-3)


def _overlap(one: Transition, other: Transition, margin: int) -> bool:
    return one.start <= other.end + margin and other.start <= one.end + margin


def _lengths(times_T: np.ndarray, start: int, end: int, config: ShotConfig) -> list[Span]:
    """The shot, in even pieces where it is too long, with a reason where it is too short."""
    step = float(np.median(np.diff(times_T))) if len(times_T) > 1 else 0.0
    seconds = times_T[end - 1] - times_T[start] + step
    if len(times_T) > 1 and seconds < config.min_seconds:
        return [Span(start, end, f"short: {seconds:.2f} s < {config.min_seconds:g}")]
    count = max(1, int(np.ceil(seconds / config.max_seconds - 1e-6)))
    marks = np.linspace(start, end, count + 1).round().astype(int)
    return [Span(int(a), int(b)) for a, b in itertools.pairwise(marks)]
