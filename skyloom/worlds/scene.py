"""The record of a scene: everything a clip shows, in words and numbers, before a pixel exists.

`render` (storybook.py) and `caption` (captions.py) are pure functions of this record, so picture and words cannot disagree.

Space: the unit is the short side of the frame. `x` is a fraction of half the frame's width (-1 left edge, 0 centre,
1 right edge); `depth` runs from 0 (horizon, small) to 1 (nearest, large). Time is in seconds.
"""

import dataclasses
import json
from dataclasses import dataclass

PLACES = (
    "meadow", "beach", "desert", "snow", "sea", "underwater", "forest", "street", "night city", "mountains",
    "space", "kitchen table", "stage", "road", "farm", "sky", "playground", "bedroom",
)  # fmt: skip
LIGHTS = ("day", "sunset", "night", "overcast", "dawn")
WEATHERS = ("clear", "rain", "snow", "leaves", "stars")
CAMERAS = (
    "still", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "follow", "orbit", "shake",
)  # fmt: skip
ACTIONS = (
    "stand", "walk", "run", "jump", "bounce", "fall", "roll", "fly", "swim", "drive", "sail", "spin", "grow", "shrink",
    "sway", "float", "chase", "meet", "circle",
)  # fmt: skip
TRAVELS = ("walk", "run", "roll", "fly", "swim", "drive", "sail", "chase")  # actions that cross the frame along `heading`
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
SIZES = {"small": 0.7, "": 1.0, "big": 1.35}
RELATIONS = ("", "left of", "right of", "behind", "in front of")
PROPS = ("tree", "bush", "rock", "flower", "cactus", "fence", "lamp post", "cloud", "seaweed", "crate")


@dataclass(frozen=True)
class Actor:
    """One actor, or `count` alike that act together ("three penguins walk")."""

    noun: str  # key of NOUNS
    actions: tuple[str, ...] = ("stand",)  # one, or two in order; the second starts at scene.seconds / 2; () in words: unknown
    count: int = 1  # bodies, 1..4 over the whole scene
    colour: str = ""  # one of COLOURS, or "" for its natural colour
    size: str = ""  # key of SIZES, times the noun's natural size
    x: float = 0.0  # where it is in the middle of the clip when it travels, else where it stays
    depth: float = 0.6
    heading: int = 1  # 1 travels or looks right, -1 left; 0 in words: unknown
    partner: int = -1  # index of the actor that is chased, met or circled; -1 for none
    phase: float = 0.0  # 0..1, shifts its animation and its bounces


@dataclass(frozen=True)
class Prop:
    """A piece of scenery that actors can pass behind (it is nearer) or in front of (it is farther)."""

    kind: str  # one of PROPS
    x: float
    depth: float


@dataclass(frozen=True)
class Scene:
    actors: tuple[Actor, ...]
    place: str = "meadow"
    light: str = "day"
    weather: str = "clear"
    camera: str = "still"  # "" in words: unknown
    relation: str = ""  # of actors[0] to actors[1], seen from the camera; "chase" and "meet" are actions instead
    props: tuple[Prop, ...] = ()
    seconds: float = 49 / 12  # the length the kinematics are laid out for
    seed: int = 0  # textures, backdrop details, caption wording

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Scene":
        record = json.loads(text)
        actors = tuple(Actor(**{**a, "actions": tuple(a["actions"])}) for a in record.pop("actors"))
        return cls(actors=actors, props=tuple(Prop(**p) for p in record.pop("props")), **record)
