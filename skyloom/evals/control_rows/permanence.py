"""Object permanence: who passes behind something, or out of the picture, comes again as who went.

Behind something: the given clip ends before the actor is hidden; the film has to let it pass. The world knows how much of the
actor is seen in each frame, so that every case truly hides it, and the real clips say how often the probe recognises it again.
Out of the picture: a storyboard has its actor go one way, then nobody, then the actor go the other way.
"""

import dataclasses
import functools

import numpy as np

from ...generate import Shot
from ...worlds.lexicon_en import ACTION_WORDS, DIRECTIONS, LIGHT_PHRASES, PLACE_PHRASES
from ...worlds.motion import poses
from ...worlds.nouns import load_nouns
from ...worlds.sample import PLACE_PROPS, abilities
from ...worlds.scene import Prop, Scene
from ...worlds.storybook import render
from ..clips import FPS, Bench, prompt_of, shrunk
from . import case
from .boards import CARD, EDGE, description
from .case import Outcome, drawn_scene, film, given, suiting
from .measures import identity, outcome

PACES = ("walk", "drive", "fly", "swim", "sail")  # actions that cross the frame, the slowest first
COVERS = ("tree", "bush", "crate", "rock", "cactus", "seaweed", "fence")
HIDDEN, SHOWN = 0.45, 0.75  # shares of the actor that is seen: at most while it is hidden, at least before and after
AFTER = 6  # last frames of the film, in which it is out again
NEW = 32  # frames of the extension


def permanence(bench: Bench, i: int) -> Outcome:
    scene = suiting(bench, i, hiding)
    clip = given(bench, i, scene=scene, more=NEW)
    made = film(bench, "permanence", i, clip=clip.path, extend="forward", prompt=prompt_of(scene), seconds=NEW / FPS)
    return outcome({}, (_again(bench, made), _again(bench, clip.truth)), shown=(made,))


def out_of_view(bench: Bench, i: int) -> Outcome:
    scene = suiting(bench, i, crossing)
    cards = (scene, dataclasses.replace(scene, actors=()), turned(scene))
    told = [f"{description(scene)} {way(card)} " if card.actors else "" for card in cards]
    told = [f"{who}{PLACE_PHRASES[scene.place][0]} {LIGHT_PHRASES[scene.light][0]}" for who in told]
    shots = tuple(Shot(k * CARD / FPS, (k + 1) * CARD / FPS, text) for k, text in enumerate(told))
    made = film(bench, "out-of-view", i, prompt="", shots=shots)
    real = np.concatenate([shrunk(drawn_scene(card, bench.size, CARD)) for card in cards])
    return outcome({}, (_returns(bench, scene, made), _returns(bench, scene, real)), shown=(made,))


def crossing(scene: Scene) -> Scene | None:
    """The scene with its actor crossing the picture; None where it cannot."""
    actor = scene.actors[0]
    can = [action for action in PACES if action in abilities(load_nouns()[actor.noun], scene.place)]
    if not can:
        return None
    alone = dataclasses.replace(actor, actions=(can[0],), count=1, size="", x=0.0)
    return dataclasses.replace(scene, actors=(alone,), props=(), camera="still", weather="clear", seconds=CARD / FPS)


def turned(scene: Scene) -> Scene:
    """The same with its actor going the other way."""
    return dataclasses.replace(scene, actors=(dataclasses.replace(scene.actors[0], heading=-scene.actors[0].heading),))


def way(scene: Scene) -> str:
    """'runs to the left'."""
    [actor] = scene.actors
    return f"{ACTION_WORDS[actor.actions[0]][1]} {DIRECTIONS[actor.heading][0]}"


def _returns(bench: Bench, scene: Scene, frames_THWC: np.ndarray) -> dict[str, float]:
    """Who is there in the last card against the first, and whether the probe sees somebody else, or nobody, between them."""
    if bench.reader is None:
        return {}
    first, between, last = (frames_THWC[k * CARD + EDGE : (k + 1) * CARD - EDGE] for k in range(3))
    gone = bench.probe.read(between).ranked[0][0] != scene.actors[0].noun
    return {"gone between": float(gone), **_same(bench, first, last)}


def _again(bench: Bench, frames_THWC: np.ndarray) -> dict[str, float]:
    """Noun and colour at the end against those at the beginning."""
    return {} if bench.reader is None else _same(bench, frames_THWC[: case.LENGTH], frames_THWC[-AFTER:])


def _same(bench: Bench, before_THWC: np.ndarray, after_THWC: np.ndarray) -> dict[str, float]:
    (noun, colour), (later, painted) = (identity(bench, part)[0] for part in (before_THWC, after_THWC))
    return {"same noun after": float(noun == later), "same noun and colour after": float((noun, colour) == (later, painted))}


@functools.lru_cache(maxsize=4096)
def hiding(scene: Scene) -> Scene | None:
    """The scene with its actor passing behind a piece of scenery after the given clip has ended; None where that fails."""
    actor = scene.actors[0]
    can = [action for action in PACES if action in abilities(load_nouns()[actor.noun], scene.place)]
    kinds = [kind for kind in PLACE_PROPS[scene.place] if kind in COVERS]
    if not can or not kinds:
        return None
    crossing = dataclasses.replace(actor, actions=(can[0],), count=1, size="small", depth=0.5, x=0.0)
    whole = case.LENGTH + NEW
    plain = dataclasses.replace(scene, actors=(crossing,), props=(), camera="still", weather="clear", seconds=whole / FPS)
    path = poses(plain, np.arange(whole) / FPS).x[0]
    behind = float(path[case.LENGTH + NEW // 2 - 6]) / 0.5  # where it is while it is to be hidden, in halves of the frame
    alone = seen(plain)
    for kind in kinds:
        for spread in (0.0, 0.08):
            covers = tuple(Prop(kind, behind + side * spread, 0.6 + side * 0.02) for side in (-1, 1))
            hidden = dataclasses.replace(plain, props=covers[: 2 if spread else 1])
            if passes(seen(hidden) / np.maximum(alone, 1), alone):
                return hidden
    return None


def seen(scene: Scene) -> np.ndarray:
    """How much of the actor is seen in each frame, in pixels of a small picture."""
    _, cover = render(scene, 64, 64, case.LENGTH + NEW, FPS, masks=True)
    return cover.sum((1, 2)) / 255


def passes(share_T: np.ndarray, whole_T: np.ndarray) -> bool:
    """Whether it is in the picture all along, seen for most of the given clip, hidden after that, and seen at the end."""
    before, after = share_T[: case.LENGTH - NEW // 4], share_T[-AFTER:]
    inside = whole_T.min() > 0.6 * np.median(whole_T) and np.median(whole_T) > 40
    hidden = share_T.min() <= HIDDEN and share_T.argmin() > case.LENGTH
    return bool(inside and hidden and before.min() >= SHOWN and after.min() >= SHOWN)
