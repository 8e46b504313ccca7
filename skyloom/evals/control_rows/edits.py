"""Edit, inpaint, outpaint: what was asked changes, the rest stays."""

import dataclasses
import functools

import numpy as np

from ...base.sizes import size_text
from ...worlds.nouns import Noun, core_nouns
from ...worlds.sample import abilities, held_out
from ...worlds.scene import LIGHTS, Scene
from ...worlds.storybook import render
from ..clips import FPS, Bench, prompt_of, shrunk
from . import case
from .case import Given, Outcome, Values, drawn_scene, film, given, suiting
from .measures import claims, fallen, judged, largest_step, outcome
from .motion import GIVEN, STEP

OUTSIDE = "outside the mask, dB under the tokenizer"
STRENGTHS = (0.3, 0.5, 0.75, 1.0)
OLD = ("noun", "place", "action", "colour")  # what an edit of the light is to leave
KEPT = ("place", "light", "action", "heading")  # what an edit of the actor is to leave
LARGEST_BOX = 0.5  # of the frame
SPARE = 8  # pixels of the judges' size around a mask in which what was painted fades into what was given


def edit(bench: Bench, i: int) -> Outcome:
    """Another light at `mild`; who, where and what is done are to stay."""
    return _relit(bench, i, "mild", "")


def edit_curve(bench: Bench, i: int) -> Outcome:
    """The same edit at growing strengths: how much is new, how much is left."""
    whole = Outcome({}, {}, ())
    for strength in STRENGTHS:
        part = _relit(bench, i, strength, f" at {strength:g}")
        whole = Outcome({**whole.measures, **part.measures}, {**whole.real, **part.real}, (*whole.shown, part.shown[-1]))
    return whole


def edit_actor(bench: Bench, i: int) -> Outcome:
    """Another actor at `strong`; where it is, what light there is, what is done and which way are to stay."""
    clip = given(bench, i)
    changed = recast(clip.scene, i)
    asked = {"strength": "strong", "prompt": prompt_of(changed), "seconds": case.LENGTH / FPS}
    made = film(bench, "edit", i, clip=clip.path, **asked)
    real = shrunk(drawn_scene(changed, bench.size, case.LENGTH))
    read = _actor_and_rest(bench, changed, made), _actor_and_rest(bench, changed, real)
    return outcome({STEP: largest_step(made, made)}, read, shown=(shrunk(clip.frames), made))


def _actor_and_rest(bench: Bench, scene: Scene, frames_THWC: np.ndarray) -> Values:
    """Whether the new noun is read, and all that is to stay as one list of claims."""
    new, old = claims(bench, scene, frames_THWC, ("noun",)), claims(bench, scene, frames_THWC, KEPT)
    return {"new noun": new["noun"], "old attributes": list(old.values())} if new else {}


def _relit(bench: Bench, i: int, strength: float | str, suffix: str) -> Outcome:
    clip = given(bench, i)
    other = LIGHTS[(LIGHTS.index(clip.scene.light) + 1 + i % (len(LIGHTS) - 1)) % len(LIGHTS)]
    scene = dataclasses.replace(clip.scene, light=other)
    made = film(
        bench, "edit", i, clip=clip.path, strength=strength, prompt=prompt_of(scene), seconds=case.LENGTH / FPS
    )  # fmt: skip
    real = shrunk(drawn_scene(scene, bench.size, case.LENGTH))
    made_read, real_read = (
        {f"{kind}{suffix}": value for kind, value in _light_and_rest(bench, scene, frames).items()} for frames in (made, real)
    )
    change = float(np.abs(made.astype(np.int16) - shrunk(clip.frames)).mean())
    measures = {f"changed, levels{suffix}": change} if suffix else {STEP: largest_step(made, made)}
    return outcome(measures, (made_read, real_read), shown=(shrunk(clip.frames), made))


def _light_and_rest(bench: Bench, scene: Scene, frames_THWC: np.ndarray) -> Values:
    """Whether the new light is read, and all that is to stay as one list of claims."""
    new, old = claims(bench, scene, frames_THWC, ("light",)), claims(bench, scene, frames_THWC, OLD)
    return {"new light": new["light"], "old attributes": list(old.values())} if new else {}


def inpaint(bench: Bench, i: int) -> Outcome:
    """A rectangle around the actor becomes another one; the rest is compared with the clip."""
    scene = suiting(bench, i, lambda scene: scene if box_of(scene, bench.size) else None)
    box = box_of(scene, bench.size)
    assert box is not None
    clip = given(bench, i, scene=scene)
    changed = recast(scene, i)
    mask = ",".join(map(str, box))
    made = film(bench, "inpaint", i, clip=clip.path, mask=mask, prompt=prompt_of(changed), seconds=case.LENGTH / FPS)
    real = shrunk(drawn_scene(changed, bench.size, case.LENGTH))
    read = judged(bench, changed, made, real, ("noun", "place"))
    outside = ~np.broadcast_to(_spot(box, bench.size, made.shape[1:3]), made.shape[:3])
    apart = _masked_fall(made, clip, outside)
    return outcome({OUTSIDE: apart}, read, shown=(shrunk(clip.frames), made))


def box_of(scene: Scene, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """X, Y, WIDTH, HEIGHT in pixels around all that the actor covers during the clip; None where that is too much of it."""
    cover = _cover(scene, size[1] / size[0])
    rows, cols = (np.flatnonzero(cover.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    scale = size[0] / len(cover)
    top, left = (max(0, int(part[0] * scale) - 4) for part in (rows, cols))
    bottom, right = (min(side, int((part[-1] + 1) * scale) + 4) for part, side in ((rows, size[0]), (cols, size[1])))
    box = left, top, right - left, bottom - top
    return box if box[2] * box[3] <= LARGEST_BOX * size[0] * size[1] and min(box[2:]) > 0 else None


@functools.lru_cache(maxsize=256)
def _cover(scene: Scene, shape: float) -> np.ndarray:
    """Where the actors of the clip ever are, H W, small."""
    _, cover = render(scene, 64, round(64 * shape), case.LENGTH, FPS, masks=True)
    return cover.max(0) > 64


def recast(scene: Scene, i: int) -> Scene:
    """The scene with another noun that can do the same there, its colour natural."""
    actor, cast = scene.actors[0], core_nouns()
    able = [noun for noun in cast if noun.key != actor.noun and _fits(noun, scene)]
    noun = able[(i * 37 + 11) % len(able)]
    return dataclasses.replace(scene, actors=(dataclasses.replace(actor, noun=noun.key, colour=""),))


def _fits(noun: Noun, scene: Scene) -> bool:
    actions = scene.actors[0].actions
    shown = [held_out("place", noun.key, scene.place), *(held_out("action", noun.key, action) for action in actions)]
    return set(actions) <= set(abilities(noun, scene.place)) and not any(shown)


def _spot(box: tuple[int, int, int, int], size: tuple[int, int], seen: tuple[int, ...]) -> np.ndarray:
    """H W: the rectangle and SPARE pixels around it, at the size that judges see."""
    scale = seen[0] / size[0]
    left, top, width, height = (round(side * scale) for side in box)
    spot = np.zeros(seen, bool)
    spot[max(0, top - SPARE) : top + height + SPARE, max(0, left - SPARE) : left + width + SPARE] = True
    return spot


def _masked_fall(made: np.ndarray, clip: Given, where: np.ndarray) -> float:
    """`fallen`, over the pixels `where` says."""
    pick = lambda frames: shrunk(frames)[where][None, None]  # noqa: E731
    return fallen(pick(made), pick(clip.frames), pick(clip.drawn)) if where.any() else 0.0


def outpaint(bench: Bench, i: int) -> Outcome:
    """The square clip in the middle of a wide one."""
    clip = given(bench, i)
    height, width = bench.size[0], -(-bench.size[1] * 7 // 4 // 32) * 32
    size, seconds = size_text(height, width), case.LENGTH / FPS
    made = film(bench, "outpaint", i, clip=clip.path, prompt=prompt_of(clip.scene), outpaint=True, size=size, seconds=seconds)
    real = shrunk(drawn_scene(clip.scene, (height, width), case.LENGTH))
    across = clip.drawn.shape[2]
    left = (made.shape[2] - across) // 2
    inner = slice(left + SPARE, left + across - SPARE)
    seen = slice(SPARE, across - SPARE)
    kept = fallen(made[:, :, inner], shrunk(clip.frames)[:, :, seen], clip.drawn[:, :, seen])
    measures = {GIVEN: kept, "border over its surroundings": border(made, left, left + across)}
    read = judged(bench, clip.scene, made, real, ("noun", "place"))
    return outcome(measures, read, shown=(shrunk(clip.frames), made))


def border(frames_THWC: np.ndarray, *at: int) -> float:
    """Difference across the columns where painted and given parts meet, over the mean within 8 columns of them."""
    across = np.abs(np.diff(frames_THWC.astype(np.int16), axis=2)).mean((0, 1, 3))
    here = np.mean([across[x - 1] for x in at])
    return float(here / max(0.5, np.mean([across[max(0, x - 9) : x + 8].mean() for x in at])))
