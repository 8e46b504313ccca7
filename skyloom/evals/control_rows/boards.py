"""Storyboards: the facts of each card in its span, and a character that is named once and stays the same."""

import dataclasses

import numpy as np

from ...generate import Shot
from ...generate.storyboard import named
from ...worlds.lexicon_en import ACTION_WORDS, LIGHT_PHRASES, PLACE_PHRASES
from ...worlds.nouns import load_nouns
from ...worlds.sample import abilities, held_out
from ...worlds.scene import LIGHTS, PLACES, Scene
from ..clips import FPS, Bench
from .case import Outcome, Values, drawn_scene, film, suiting
from .measures import claims, identity, shrunk

CARD = 24  # frames of a card
EDGE = 4  # frames at both ends of a span that may still show its neighbours
NAME = "Rusty"


def storyboard(bench: Bench, i: int) -> Outcome:
    """Three cards about one character: the second goes on from the first in another light, the third cuts to another place."""
    first = suiting(bench, i, able)
    scenes = cards(first, i)
    shots = tuple(
        Shot(k * CARD / FPS, (k + 1) * CARD / FPS, named(sentence(scene), {NAME: description(scene)}), cut=k == 2)
        for k, scene in enumerate(scenes)
    )
    made = film(bench, "storyboard", i, prompt="", shots=shots)
    real = np.concatenate([shrunk(drawn_scene(scene, bench.size, CARD)) for scene in scenes])
    return Outcome(told(bench, scenes, made), told(bench, scenes, real), (made,))


def able(scene: Scene) -> Scene | None:
    """The scene with one actor that does what at least three places allow; None where it does not."""
    actor = dataclasses.replace(scene.actors[0], count=1, size="", actions=scene.actors[0].actions[:1])
    if len(places(actor.noun, actor.actions[0])) < 3:
        return None
    return dataclasses.replace(scene, actors=(actor,), weather="clear", camera="still", props=())


def places(noun: str, action: str) -> list[str]:
    known = load_nouns()[noun]
    return [place for place in PLACES if action in abilities(known, place) and not held_out("place", noun, place)]


def cards(first: Scene, i: int) -> tuple[Scene, Scene, Scene]:
    """What the cards tell."""
    actor = first.actors[0]
    other = LIGHTS[(LIGHTS.index(first.light) + 1 + i % (len(LIGHTS) - 1)) % len(LIGHTS)]
    elsewhere = [place for place in places(actor.noun, actor.actions[0]) if place != first.place]
    there = elsewhere[(7 * i + 3) % len(elsewhere)]
    return first, dataclasses.replace(first, light=other), dataclasses.replace(first, place=there)


def description(scene: Scene) -> str:
    """'a red fox'."""
    actor, noun = scene.actors[0], load_nouns()[scene.actors[0].noun]
    article = ("an" if actor.colour[0] in "aeiou" else "a") if actor.colour else noun.article
    return " ".join(word for word in (article, actor.colour, noun.key) if word)


def sentence(scene: Scene) -> str:
    """'Rusty runs in the snow at night'."""
    verb = ACTION_WORDS[scene.actors[0].actions[0]][1]
    return f"{NAME} {verb} {PLACE_PHRASES[scene.place][0]} {LIGHT_PHRASES[scene.light][0]}"


def told(bench: Bench, scenes: tuple[Scene, ...], frames_THWC: np.ndarray) -> Values:
    """Facts of each card as the probe reads its span, and whether the character is the same in all of them."""
    if bench.reader is None:
        return {}
    spans = [frames_THWC[k * CARD + EDGE : (k + 1) * CARD - EDGE] for k in range(len(scenes))]
    facts = [claims(bench, scene, span, ("noun", "place", "light")) for scene, span in zip(scenes, spans, strict=True)]
    seen = {identity(bench, span)[0] for span in spans}
    return {"facts of a card": [value for found in facts for value in found.values()], "character stays": float(len(seen) == 1)}
