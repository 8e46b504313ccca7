"""Set dressing: scenery that stands about in a place, as a scene has it, for a film that was made of words alone.

A scene's props are painted by `render`; here they are told apart from any scene: which a prompt asks for, where they stand
under a camera's way, and what they look like in the place's light.

Dimension key: T moments, P props.
"""

import random
from collections.abc import Sequence

import cv2
import numpy as np

from . import captions
from .backdrop import paint
from .expand import Fact, read_facts
from .motion import AIRY_PLACES
from .prompt import tongue_of
from .puppets import Stand, soft_disc
from .sample import PLACE_PROPS, set_out
from .scene import PROPS, Actor, Prop, Scene
from .storybook import Camera, prop_stance, spot_of

LEAST, MOST = 2, 5  # props of a place of which a prompt says nothing
SEVERAL = 2  # of "rocks"
STOPS = ".;!?。；！？"  # end a sentence
MANY = {many for _, many in captions.PROP_WORDS["en"].values()}
MEASURES = "".join({measure for measure, _ in captions.PROP_WORDS["zh"].values()})
LOW = ("flower", "bush", "fence", "seaweed")  # what may stand before the actors
SHADE, FLAT = 0.8, 0.24  # of shadows: strength, of the place's, and height, of their width
EASEL = 32  # pixels of a painting of which only the light is wanted


class Dressing:
    """Props of a place under a light."""

    def __init__(self, props: Sequence[Prop], place: str, light: str, weather: str, seed: int):
        self.props, self.airy = tuple(props), place in AIRY_PLACES
        scene = Scene((), place, light, weather, props=self.props, seed=seed)
        backdrop = paint(place, light, weather, seed, EASEL, EASEL)
        self.stands = [Stand(prop, k, scene, backdrop) for k, prop in enumerate(self.props)]
        shadow = 0.0 if self.airy else SHADE * backdrop.shadow
        self.shadows = [0.0 if prop.kind == "cloud" else shadow for prop in self.props]

    def stances(self, camera_T5: np.ndarray, height: int, width: int, times: np.ndarray) -> np.ndarray:
        """Where they are at `times` (T, seconds) under a camera as `storybook.cameras` has it, like `storybook.stances`:
        float32 (T, 2 P, 8), in pixels, of each first its shadow; the last number is the prop's."""
        x, y, zoom, pivot, low = camera_T5.astype(np.float64).T
        camera, unit = Camera(x, y, np.exp(zoom), pivot), float(min(height, width))
        found = np.zeros((len(times), 2 * len(self.props), 8), np.float32)
        for k, prop in enumerate(self.props):
            at = prop.x * width / unit / 2
            for i, time in enumerate(times):
                spot = spot_of(camera, i, float(low[i]) * height, (height, width), self.airy, at, prop.depth, 0.3)
                _, matrix = prop_stance(prop, k, spot, self.airy, float(time))
                wide = self.stands[k].width * spot[2]
                under = [2 * wide, 0, spot[0] - wide, 0, 2 * FLAT * wide, spot[1] - 0.008 * spot[2] - FLAT * wide]
                found[i, 2 * k] = [*under, prop.depth, k if self.shadows[k] else -1]
                found[i, 2 * k + 1] = [*matrix.ravel(), prop.depth, k]
        return found

    def sprites(self, side: int) -> np.ndarray:
        """Their pictures as `stances` has them, uint8 premultiplied RGBA (2 P, side, side, 4), in the light of the place."""
        found = np.zeros((2 * len(self.props), side, side, 4), np.uint8)
        for k, (stand, shadow) in enumerate(zip(self.stands, self.shadows, strict=True)):
            found[2 * k, ..., 3] = (255 * shadow * cv2.resize(soft_disc(), (side, side))).round()
            sprite = stand.sprite(side)
            found[2 * k + 1] = sprite if len(sprite) == side else cv2.resize(sprite, (side, side), interpolation=cv2.INTER_AREA)
        return found


def asked_for(prompt: str) -> list[str]:
    """The kinds of props that a prompt speaks of, each as often as it says.

    A rock is an actor where it rolls, or where a prompt names nothing else; and scenery in a sentence in which nobody acts.
    """
    tongue = tongue_of(prompt)
    facts = read_facts(prompt, tongue)
    nouns = {fact.label for fact in facts if fact.kind in ("noun", "nouns")}
    others = any(label not in PROPS for label in nouns)
    kinds, number, end = list[str](), 0, 0
    for fact in facts:
        if fact.kind == "number":
            number, end = int(fact.label), fact.end
            continue
        acts = _acts(prompt, facts, fact)
        named = fact.kind in ("noun", "nouns") and fact.label in PROPS and others and not any(acts)
        if named or (fact.kind == "prop" and not acts[1]):
            near = number and prompt[end : fact.begin].strip(" " + MEASURES) == ""
            several = tongue == "en" and prompt[fact.begin : fact.end].lower() in MANY
            kinds += [fact.label] * (number if near else SEVERAL if several else 1)
        number = 0
    return kinds[:MOST]


def _acts(prompt: str, facts: Sequence[Fact], fact: Fact) -> tuple[bool, bool]:
    """Whether anybody does anything in a fact's sentence, and whether that is said right after it."""
    begin = max(prompt.rfind(sign, 0, fact.begin) for sign in STOPS) + 1
    end = min((at for sign in STOPS if (at := prompt.find(sign, fact.end)) >= 0), default=len(prompt))
    said = [other for other in facts if begin <= other.begin < end]
    after = [other.kind for other in said if other.begin > fact.begin]
    return any(other.kind == "action" for other in said), after[:1] == ["action"]


def drawn_for(place: str, rng: random.Random) -> list[str]:
    """Kinds of props for a place of which nothing is said: of one to three kinds, as scenes have them."""
    kinds = rng.sample(PLACE_PROPS[place], min(3, len(PLACE_PROPS[place])))
    return [rng.choice(kinds[: rng.randint(1, 3)]) for _ in range(rng.randint(LEAST, MOST))]


def dressed(kinds: Sequence[str], actors: Sequence[Actor], rng: random.Random) -> tuple[Prop, ...]:
    """Where in a scene with these actors they stand; none hides more than feet."""
    return set_out(rng, actors, kinds, LOW)
