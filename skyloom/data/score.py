"""What a shot is worth: numbers from a measured film, and the reasons, with their bounds, for which it is dropped.

Dimension key: T pictures, S samples of one shot. `numbers` depends on no setting; `reasons` compares them with the bounds of
ScoreConfig, so that a bound can change without a new decode. `looks` is no taste: it is the mean of four things that can be
measured - sharpness, contrast, colour and exposure - and says nothing of what is shown.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .measure import NAMES, Measured
from .settings import ScoreConfig

SAME, SINCE = 2, 5  # levels that any cell of a thumb may change by in a picture that stands: in one step, and since it stood
STEP = 1  # and its liveliest pixels in one step; a face that keeps still moves them by more
AHEAD = 12  # pictures in that time, about
Adapter = Callable[[np.ndarray], dict[str, float]]  # frames_SHW3 uint8 -> numbers, 0 harmless .. 1 certain


def numbers(film: Measured, start: int, end: int) -> dict[str, float]:
    """Every score of the shot [start, end); of what detectors saw, the most."""
    inside = film.samples_in(start, end)
    rows = dict(zip(NAMES, film.samples_SK[inside].T, strict=True))
    flow = film.flow[(film.flow_at > start) & (film.flow_at < end)]
    camera, objects = np.median(flow, 0) if len(flow) else (0.0, 0.0)
    found = {
        "camera": float(camera),
        "objects": float(objects),
        "motion": float(np.hypot(camera, objects)),
        "drift": drift(film, start, end),
        "frozen": longest_stand(film, start, end),
        "border": border(rows),
        "blur": float(np.median(rows["blur"])),
        "blocks": float(np.median(rows["blocks"])),
        "quantiser": float(np.median(rows["quantiser"])),
        "letters": written(film, inside),
        "dark": float(np.median(rows["black"])),
        "bright": float(np.median(rows["white"])),
        "contrast": float(np.median(rows["contrast"])),
        "colour": float(np.median(rows["colour"])),
        "light": float(np.median(rows["mean"])),
    }
    found["looks"] = looks(found)
    if film.seen:
        found |= {name: float(max(film.seen[i].numbers[name] for i in inside)) for name in film.seen[0].numbers}
    return {name: round(value, 5) for name, value in found.items()}


def written(film: Measured, inside: np.ndarray) -> float:
    """Share of the picture under text: of the samples in which letters were looked for, or of the nearest such one."""
    found = film.samples_SK[:, NAMES.index("letters")]
    looked = np.flatnonzero(~np.isnan(found))
    within = looked[np.isin(looked, inside)]
    nearest = looked[[np.abs(looked - inside[len(inside) // 2]).argmin()]]
    return float(np.median(found[within if len(within) else nearest]))


def longest_stand(film: Measured, start: int, end: int) -> float:
    """Seconds of the longest run of pictures that do not change, but for what an encoder adds."""
    thumbs = film.thumbs_TN[start:end].astype(np.int16)
    moved = (film.steps_T[start + 1 : end] > STEP) | (np.abs(np.diff(thumbs, axis=0)).max(1) > SAME)
    longest, first = 0.0, 0
    for at in range(1, len(thumbs)):
        if moved[at - 1] or np.abs(thumbs[at] - thumbs[first]).max() > SINCE:
            first = at
        longest = max(longest, film.times_T[start + at] - film.times_T[start + first])
    return float(longest)


def drift(film: Measured, start: int, end: int) -> float:
    """Levels by which the liveliest cell changes within half a second, where the shot is liveliest (90 %)."""
    thumbs = film.thumbs_TN[start:end].astype(np.int16)
    ahead = min(AHEAD, len(thumbs) - 1)
    return float(np.quantile(np.abs(thumbs[ahead:] - thumbs[: len(thumbs) - ahead]).max(1), 0.9)) if ahead > 0 else 0.0


def border(rows: dict[str, np.ndarray]) -> float:
    """Share of the picture under bars that are there all along."""
    top, bottom, left, right = (float(np.median(rows[name])) for name in ("top", "bottom", "left", "right"))
    return 1 - max(0.0, 1 - top - bottom) * max(0.0, 1 - left - right)


def looks(found: dict[str, float]) -> float:
    """0..1, the mean of sharpness, contrast, colour and middling light; of none of them more than enough."""
    parts = (
        (0.75 - found["blur"]) / 0.45, found["contrast"] / 0.5, found["colour"] / 0.6, 1 - abs(found["light"] - 0.47) / 0.47,
    )  # fmt: skip
    return float(np.mean(np.clip(parts, 0, 1)))


def reasons(shot: dict[str, Any], file: dict[str, Any], config: ScoreConfig) -> list[str]:
    """Why the shot is dropped; empty where it is kept. Each reason says name, value and bound."""
    s, still = shot["scores"], shot["end"] - shot["start"] == 1
    side = min(file["width"], file["height"])
    checks = [
        ("small", side, "<", config.least_side),
        ("border", s["border"], ">", config.most_border),
        ("blurred", s["blur"], ">", config.most_blur),
        ("blocky", s["blocks"], ">", config.most_blocks),
        ("coarse", s["quantiser"], ">", config.most_quantiser),
        ("starved", file.get("bits_a_pixel", 1.0), "<", config.least_bits),
        ("dark", s["dark"], ">", config.most_dark),
        ("bright", s["bright"], ">", config.most_bright),
        ("flat", s["contrast"], "<", config.least_contrast),
        ("text", s["letters"], ">", config.most_letters),
        ("plain", s["looks"], "<", config.least_looks),
        ("nsfw", s.get("nsfw", 0.0), ">", config.most_nsfw),
        ("words", s.get("words", 0.0), ">", config.most_words),
        ("faces", s.get("face_area", 0.0), ">", config.most_faces),
        ("damaged", file.get("corrupt", 0.0), ">", config.most_corrupt),
    ]
    if not still:
        checks += [
            ("static", s["drift"], "<", config.least_drift),
            ("slow", s["motion"], "<", config.least_motion),
            ("shaken", s["motion"], ">", config.most_motion),
            ("frozen", s["frozen"], ">", config.most_frozen),
        ]
    checks += [(name, value, ">", config.most_adapter) for name, value in shot.get("adapters", {}).items()]
    return [f"{name}: {value:.4g} {sign} {bound:g}" for name, value, sign, bound in checks if _fails(value, sign, bound)]


def adapters(names: tuple[str, ...]) -> list[Adapter]:
    """ "package.module:function" -> the functions. ValueError for one that cannot be found."""
    found = []
    for name in names:
        module, colon, function = name.partition(":")
        try:
            found.append(getattr(importlib.import_module(module), function))
        except (ImportError, AttributeError, ValueError):
            raise ValueError(f"adapter {name!r}: wanted package.module:function that can be imported.") from None
        if not colon:
            raise ValueError(f"adapter {name!r}: wanted package.module:function.")
    return found


def _fails(value: float, sign: str, bound: float) -> bool:
    return value > bound if sign == ">" else value < bound
