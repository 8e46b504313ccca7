"""Animate, extend, loop, connect, blend: what is given stays, no seam shows, and things stay what they are."""

import dataclasses
from pathlib import Path

import numpy as np

from ...base.video import write_video
from ...worlds.nouns import load_nouns
from ...worlds.sample import abilities
from ...worlds.scene import Scene
from ..clips import FPS, Bench, prompt_of, shrunk, through_tokenizer
from . import case
from .case import Given, Outcome, film, given, scene_of, suiting
from .measures import (
    SEEN,
    claims,
    fallen,
    judged,
    kept_part,
    largest_step,
    middle_of,
    outcome,
    persists,
    steps_of,
    typical,
    velocity_error,
)

GIVEN, SEAM, VELOCITY = "given part, dB under the tokenizer", "seam over median", "velocity changed at the seam"
LOOP_SEAM, STEP = "loop seam over median", "largest step over median"
STEADY = ("walk", "drive", "fly")  # actions that cross the frame at an even pace, without turning over; the last is the evenest
ENDS = 17  # frames at an end of a film that are read


def animate(bench: Bench, i: int) -> Outcome:
    clip = given(bench, i)
    picture = Path(clip.path).with_suffix(".png")
    write_video(picture, clip.frames[:1], FPS)
    made = film(bench, "animate", i, prompt=prompt_of(clip.scene), image=str(picture), seconds=case.LENGTH / FPS)
    drawn = bench.kept(f"drawn-{picture.stem}-0", lambda: through_tokenizer(bench.bundle, clip.frames[:1]))
    kept = fallen(made[:1], clip.frames[:1], drawn)
    real = clip.truth[: case.LENGTH]
    read = judged(bench, clip.scene, made, real, ("noun", "place", "action"))
    same = persists(bench, (made[:1], made[-9:]), (real[:1], real[-9:]))
    return outcome({GIVEN: kept}, read, same, shown=(shrunk(clip.frames[:1]), made))


def extend_forward(bench: Bench, i: int) -> Outcome:
    clip, first = given(bench, i), case.LENGTH
    made = film(bench, "forward", i, clip=clip.path, extend="forward", prompt=prompt_of(clip.scene))
    seams = seam_of(made, clip, first), seam_of(clip.truth, clip, first)
    read = judged(bench, clip.scene, made[first:], clip.truth[first:], ("noun", "place"))
    same = persists(bench, (made[:first], made[first:]), (clip.truth[:first], clip.truth[first:]))
    return outcome({GIVEN: kept_part(made[:first], clip)}, seams, read, same, shown=(made,))


def extend_backward(bench: Bench, i: int) -> Outcome:
    new = case.ADDED
    clip = given(bench, i, skip=new)
    made = film(bench, "backward", i, clip=clip.path, extend="backward", prompt=prompt_of(clip.scene))
    seams = seam_of(made, clip, new), seam_of(clip.truth, clip, new)
    read = judged(bench, clip.scene, made[:new], clip.truth[:new], ("noun", "place"))
    same = persists(bench, (made[new:], made[:new]), (clip.truth[new:], clip.truth[:new]))
    return outcome({GIVEN: kept_part(made[new:], clip)}, seams, read, same, shown=(made,))


def seam_of(film_THWC: np.ndarray, clip: Given, at: int) -> dict[str, float]:
    """The step to frame `at` over the median one of the given clip."""
    return {SEAM: float(steps_of(film_THWC[at - 1 : at + 1])[0]) / typical(shrunk(clip.frames))}


def velocity(bench: Bench, i: int) -> Outcome:
    """Actors that cross the picture at an even pace: even cases go on forward, odd ones backward."""
    backward = bool(i % 2)
    seam = case.ADDED if backward else case.LENGTH
    scene = suiting(bench, i // 2, lambda scene: steady(scene, seam))
    clip = given(bench, i, scene=scene, skip=seam if backward else 0)
    way = "backward" if backward else "forward"
    made = film(bench, f"velocity-{way}", i, clip=clip.path, extend=way, prompt=prompt_of(scene))
    error, usual = (velocity_error(frames, scene, seam, backward) for frames in (made, clip.truth))
    return outcome({}, ({VELOCITY: error}, {VELOCITY: usual}), shown=(made,))


def steady(scene: Scene, seam: int) -> Scene | None:
    """The scene with its actor crossing the picture evenly under a still camera; None where it cannot, or is not in view."""
    actor = scene.actors[0]
    can = [action for action in abilities(load_nouns()[actor.noun], scene.place) if action in STEADY]
    if not can:
        return None
    crossing = dataclasses.replace(actor, actions=(can[-1],), count=1, x=0.0)
    made = dataclasses.replace(scene, actors=(crossing,), props=(), weather="clear", camera="still")
    whole = case.LENGTH + case.ADDED
    spots = [middle_of(made, (64, 64), whole, min(max(0, seam + at), whole - 1)) for at in (-SEEN, SEEN - 1)]
    inside = [spot is not None and 9 <= spot[1] <= 55 and 11 <= spot[0] <= 53 for spot in spots]
    return made if all(inside) else None


def loop(bench: Bench, i: int) -> Outcome:
    scene = scene_of(bench, i, case.LENGTH)
    made = film(bench, "loop", i, loop=True, prompt=prompt_of(scene), seconds=24 / FPS)
    real = bench.real(scene, case.LENGTH)
    return outcome({LOOP_SEAM: around(made)}, judged(bench, scene, made, real, ("noun", "place")), shown=(thrice(made),))


def loop_clip(bench: Bench, i: int) -> Outcome:
    clip = given(bench, i)
    made = film(bench, "loop-clip", i, loop=True, clip=clip.path, prompt=prompt_of(clip.scene))
    return outcome({LOOP_SEAM: around(made), STEP: largest_step(made, made)}, shown=(thrice(made),))


def around(made: np.ndarray) -> float:
    """The step from the last frame to the first over the median one."""
    return float(steps_of(np.stack([made[-1], made[0]]))[0]) / typical(made)


def thrice(made: np.ndarray) -> np.ndarray:
    return np.concatenate([made] * 3)


def connect(bench: Bench, i: int) -> Outcome:
    first, second = given(bench, i), given(bench, i + 1)
    prompts = {"prompt": prompt_of(first.scene), "then": prompt_of(second.scene)}
    made = film(bench, "connect", i, clip=first.path, to=second.path, **prompts)
    return _joined(bench, made, first, second, made[case.LENGTH - 5 : -(case.LENGTH - 5)], case.LENGTH)


def blend(bench: Bench, i: int) -> Outcome:
    """A transition: as long as what is added, over the end of the first clip and the beginning of the second."""
    first, second = given(bench, i), given(bench, i + 1)
    prompts = {"prompt": prompt_of(first.scene), "then": prompt_of(second.scene)}
    made = film(bench, "blend", i, clip=first.path, to=second.path, curve="transition", **prompts)
    apart = case.LENGTH - case.ADDED
    return _joined(bench, made, first, second, made[apart - 1 : -apart], apart)


def _joined(bench: Bench, made: np.ndarray, first: Given, second: Given, middle: np.ndarray, alone: int) -> Outcome:
    """Both ends kept, over the `alone` frames that show one clip; no cut in the middle; who is seen at either end."""
    ends = kept_part(made[:alone], first, slice(0, alone)), kept_part(made[-alone:], second, slice(-alone, None))
    measures = {"worse end, dB under the tokenizer": max(ends), STEP: largest_step(middle, made)}
    count = min(ENDS, alone)
    real = first.truth[:count], second.truth[case.LENGTH - count : case.LENGTH]
    read = _both_nouns(bench, first, second, made[:count], made[-count:]), _both_nouns(bench, first, second, *real)
    return outcome(measures, read, shown=(made,))


def _both_nouns(bench: Bench, first: Given, second: Given, opening: np.ndarray, ending: np.ndarray) -> dict[str, float]:
    """Whether the first clip's noun is read in the opening and the second's in the ending."""
    found = claims(bench, first.scene, opening, ("noun",)), claims(bench, second.scene, ending, ("noun",))
    return {"both nouns": min(one["noun"] for one in found)} if all(found) else {}
