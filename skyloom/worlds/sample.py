"""Drawing scenes: `sample_scene(seed, index)` is one record, always the same for the same arguments.

The cast is dealt like a deck of cards, so that every noun leads equally often; the rest (place, actions, company, light,
weather, camera, props) is drawn so that the picture makes sense for its verbs (one swims in water, drives on ground) and
is free for its nouns (a fox in space), with a mild preference for the places where a noun is at home.

Splits. A combination is a pair (noun, place), (noun, action) or (colour, noun). `held_out` names by hash the pairs that
"train" and "val" never show: one place and one colour for each noun, and one in 17 of its actions. Every scene of "heldout"
shows at least one such pair. "train" and "val" draw from disjoint streams and their scenes carry disjoint seeds
(`Scene.seed % 4` tells the split), so that no texture is shared either.
"""

import functools
import random
import zlib
from collections.abc import Iterable, Sequence

from .nouns import Noun, core_nouns
from .scene import ACTIONS, CAMERAS, COLOURS, PLACES, TRAVELS, Actor, Prop, Scene

SPLITS = ("train", "val", "heldout")
HELD_OUT = {"place": len(PLACES), "action": 17, "colour": len(COLOURS)}  # one in so many is held out

ANYTHING = ("stand", "fall", "bounce", "spin", "grow", "shrink", "sway", "float")  # what every noun can do
PARTNERED = ("chase", "meet", "circle")
STAYS = tuple(a for a in ACTIONS if a not in TRAVELS and a not in PARTNERED)  # the actor keeps its place in the frame
AIRBORNE = ("fly", "float")

WEIGHTLESS = ("space", "sky")
WET = ("sea", "underwater")
INDOORS = ("kitchen table", "bedroom", "stage")
_FREE = {"float", "spin", "grow", "shrink", "sway"}
_LAND = _FREE | {"stand", "fall", "bounce", "walk", "run", "jump", "roll", "fly", "drive"}
ALLOWED = {place: frozenset(_LAND) for place in PLACES} | {
    "sea": frozenset(_FREE | {"swim", "sail", "fly", "jump"}),
    "underwater": frozenset(_FREE | {"swim"}),
    "space": frozenset(_FREE | {"fly"}),
    "sky": frozenset(_FREE | {"fly"}),
}
HOMES = {  # where a noun of this category is at home; what swims, sails or drives has its own homes (`homes`)
    "animal": ("meadow", "forest", "farm", "mountains", "snow", "desert"),
    "person": ("street", "playground", "stage", "beach", "bedroom", "farm"),
    "vehicle": ("street", "road", "night city"),
    "weather": ("sky", "mountains", "sea", "meadow"),
    "food": ("kitchen table",),
    "object": ("bedroom", "kitchen table", "stage", "playground"),
    "plant": ("meadow", "forest", "farm", "mountains"),
    "face": ("stage", "bedroom", "street"),
    "building": ("street", "night city", "farm", "mountains"),
    "fantasy": ("forest", "stage", "night city", "space"),
}
PLACE_PROPS = {
    "meadow": ("tree", "bush", "rock", "flower", "fence", "cloud"),
    "beach": ("rock", "crate", "bush", "cloud"),
    "desert": ("cactus", "rock", "bush", "cloud"),
    "snow": ("tree", "rock", "fence", "lamp post", "cloud"),
    "sea": ("cloud", "rock"),
    "underwater": ("seaweed", "rock", "crate"),
    "forest": ("tree", "bush", "rock", "flower"),
    "street": ("lamp post", "fence", "bush", "crate", "tree"),
    "night city": ("lamp post", "crate", "fence"),
    "mountains": ("rock", "tree", "bush", "flower", "cloud"),
    "space": ("rock",),
    "kitchen table": ("flower", "crate"),
    "stage": ("crate", "flower"),
    "road": ("tree", "fence", "lamp post", "bush", "rock", "cloud"),
    "farm": ("fence", "tree", "flower", "bush", "crate", "cloud"),
    "sky": ("cloud",),
    "playground": ("tree", "bush", "fence", "flower", "lamp post"),
    "bedroom": ("crate", "flower"),
}
_NEAR_PROPS = ("tree", "bush", "flower", "cactus", "fence", "lamp post", "seaweed", "crate")  # slim or low
_LIGHTS = {"day": 26, "sunset": 20, "night": 18, "overcast": 18, "dawn": 18}
_PLACE_LIGHTS = {
    "night city": {"night": 76, "sunset": 9, "dawn": 8, "overcast": 7},
    "space": {"night": 64, "day": 12, "sunset": 12, "dawn": 12},
}


def sample_scene(
    seed: int, index: int, *, split: str = "train", seconds: float = 49 / 12, max_actors: int = 4,
    cast: Sequence[Noun] | None = None,
) -> Scene:  # fmt: skip
    """Scene number `index` of the endless stream `seed` of a split.

    `seconds` is the length the actions are laid out for, `max_actors` the most bodies (1..4), `cast` the nouns to draw
    from (default: the core nouns). Raises ValueError for an unknown split, an empty cast or `max_actors` outside 1..4.
    """
    if split not in SPLITS:
        raise ValueError(f"split: got {split!r}, wanted one of {', '.join(SPLITS)}")
    if not 1 <= max_actors <= 4:
        raise ValueError(f"max_actors: got {max_actors}, wanted 1 to 4")
    cast = core_nouns() if cast is None else cast
    if not cast:
        raise ValueError("cast: got no nouns, wanted at least one")
    stream = (seed % 2**64) << 2 | SPLITS.index(split)
    rng = random.Random((index % 2**64) << 66 | stream)
    lead = cast[_deck(stream, index // len(cast), len(cast))[index % len(cast)]]
    for _ in range(1000):
        scene = _draw(rng, lead, cast, seconds, max_actors, SPLITS.index(split))
        if is_held_out(scene) == (split == "heldout"):
            return scene
    raise ValueError(f"{split}: found no scene with {lead.key!r} in 1000 draws; try a larger cast or more actors")


def held_out_pairs(scene: Scene) -> list[tuple[str, str]]:
    """The scene's combinations that training never shows: (noun, place), (noun, action) or (colour, noun)."""
    pairs = []
    for actor in scene.actors:
        if held_out("place", actor.noun, scene.place):
            pairs.append((actor.noun, scene.place))
        pairs += [(actor.noun, action) for action in actor.actions if held_out("action", actor.noun, action)]
        if actor.colour and held_out("colour", actor.noun, actor.colour):
            pairs.append((actor.colour, actor.noun))
    return pairs


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows at least one combination that training never shows."""
    return bool(held_out_pairs(scene))


@functools.lru_cache(maxsize=65536)
def held_out(kind: str, noun: str, value: str) -> bool:
    """Whether training never shows `noun` with the place, action or colour (`kind`, a key of HELD_OUT) `value`."""
    if kind == "action":
        return zlib.crc32(f"{kind}|{noun}|{value}".encode()) % HELD_OUT[kind] == 0
    words = PLACES if kind == "place" else COLOURS
    return words.index(value) == zlib.crc32(f"{kind}|{noun}".encode()) % HELD_OUT[kind]


@functools.lru_cache(maxsize=64)
def _deck(stream: int, deal: int, size: int) -> list[int]:
    """One shuffle of the cast: every noun leads once in each run of `size` scenes."""
    deck = list(range(size))
    random.Random((deal % 2**64) << 66 | stream).shuffle(deck)
    return deck


def abilities(noun: Noun, place: str) -> list[str]:
    """The actions without a partner that the noun can do in the place, in the order of ACTIONS."""
    allowed = ALLOWED[place]
    return [a for a in STAYS + TRAVELS if a in allowed and (a in noun.can or a in ANYTHING)]


def homes(noun: Noun) -> tuple[str, ...]:
    """The places where the noun is drawn more often."""
    if "sail" in noun.can:
        return ("sea",)
    if "swim" in noun.can and "walk" not in noun.can:
        return ("underwater", "sea")
    if noun.category == "vehicle" and "fly" in noun.can:
        return ("sky", "space", "mountains")
    return HOMES[noun.category] + (WET if "swim" in noun.can else ()) + (("sky",) if "fly" in noun.can else ())


def _draw(rng: random.Random, lead: Noun, cast: Sequence[Noun], seconds: float, bodies: int, split: int) -> Scene:
    home = homes(lead)
    at_home = rng.random() < (0.6 if home[0] in WET else 0.3)  # elsewhere few can swim or sail
    place = rng.choice(home if at_home else PLACES)
    kind = rng.random() if bodies > 1 else 0.0
    relation = ""
    if kind < 0.5:
        actors = [_solo(rng, lead, place, seconds)]
    elif kind < 0.8 and len(cast) > 1:
        actors, relation = _pair(rng, lead, _other(rng, lead, cast), place, 1)
    else:
        count = rng.randint(2, bodies)
        if count < bodies and len(cast) > 1 and rng.random() < 0.5:
            actors, relation = _pair(rng, lead, _other(rng, lead, cast), place, count)
        else:
            actors = [_crowd(rng, lead, place, count)]
    light = _light(rng, place)
    weather = _weather(rng, place, light)
    camera = _camera(rng, actors[0])
    props = _props(rng, place, actors)
    return Scene(tuple(actors), place, light, weather, camera, relation, props, seconds, rng.getrandbits(28) << 2 | split)


def _other(rng: random.Random, lead: Noun, cast: Sequence[Noun]) -> Noun:
    while (noun := rng.choice(cast)).key == lead.key:
        pass
    return noun


def _solo(rng: random.Random, noun: Noun, place: str, seconds: float) -> Actor:
    actions = [_action(rng, noun, abilities(noun, place))]
    if seconds >= 3 and rng.random() < 0.25 and (after := _sequels(actions[0], abilities(noun, place), place)):
        actions.append(_action(rng, noun, after))
    reach = 0.15 if any(a in TRAVELS for a in actions) else 0.4
    return _actor(rng, noun, actions, rng.uniform(-reach, reach), rng.uniform(0.4, 0.85))


def _crowd(rng: random.Random, noun: Noun, place: str, count: int) -> Actor:
    action = _action(rng, noun, abilities(noun, place))
    return _actor(rng, noun, [action], rng.uniform(-0.1, 0.1), rng.uniform(0.4, 0.75), count=count)


def _pair(rng: random.Random, a: Noun, b: Noun, place: str, count: int) -> tuple[list[Actor], str]:
    """`count` of noun `a` with one of noun `b`: with a partnered action, in a relation, or each for itself."""
    kind = rng.random()
    can_a, can_b = abilities(a, place), abilities(b, place)
    if kind < 0.4 and (actors := _together(rng, a, b, place, count)):
        return actors, ""
    if kind < 0.75:
        return _related(rng, a, b, [x for x in can_a if x in STAYS], [x for x in can_b if x in STAYS], count)
    side = rng.choice((-1, 1))
    near, far = rng.uniform(0.62, 0.85), rng.uniform(0.38, 0.55)  # two depths, so that whoever travels passes the other
    if rng.random() < 0.5:
        near, far = far, near
    first = _actor(rng, a, [_action(rng, a, can_a)], side * rng.uniform(0.25, 0.45), near, count=count)
    return [first, _actor(rng, b, [_action(rng, b, can_b)], -side * rng.uniform(0.25, 0.5), far)], ""


def _together(rng: random.Random, a: Noun, b: Noun, place: str, count: int) -> list[Actor]:
    """Chase, meet or circle, or [] where neither can: the one who comes must be able to travel."""
    way_a = [x for x in abilities(a, place) if x in TRAVELS]
    way_b = [x for x in abilities(b, place) if x in TRAVELS]
    kinds = ["circle"] if "circle" in a.can and count == 1 and (way_a or place in WEIGHTLESS) else []
    if "meet" in a.can and count == 1 and way_a:
        kinds.append("meet")
    if "chase" in a.can and way_a and way_b:
        kinds.append("chase")
    if not kinds:
        return []
    kind, heading, depth = rng.choice(kinds), rng.choice((-1, 1)), rng.uniform(0.45, 0.75)
    rest = [x for x in ("stand", "sway", "float", "spin") if x in ALLOWED[place]]
    if kind == "chase":
        first = _actor(rng, a, ["chase"], -heading * rng.uniform(0.25, 0.4), depth, heading, count, partner=1)
        return [first, _actor(rng, b, [rng.choice(way_b)], heading * rng.uniform(0.25, 0.4), depth, heading)]
    if kind == "circle":
        centre = rng.uniform(-0.15, 0.15)
        first = _actor(rng, a, ["circle"], centre, depth, heading, partner=1)
        return [first, _actor(rng, b, [rng.choice(rest)], centre, depth, -heading)]
    first = _actor(rng, a, ["meet"], -heading * rng.uniform(0.3, 0.45), depth, heading, partner=1)
    spot = heading * rng.uniform(0.3, 0.45)
    if way_b and "meet" in b.can:
        return [first, _actor(rng, b, ["meet"], spot, depth, -heading, partner=0)]
    return [first, _actor(rng, b, [rng.choice(rest)], spot, depth, -heading)]


def _related(rng: random.Random, a: Noun, b: Noun, can_a: list[str], can_b: list[str], count: int) -> tuple[list[Actor], str]:
    """Two that stay where they are, the first left of, right of, behind or in front of the second."""
    relation = rng.choice(("left of", "right of", "behind", "in front of"))
    act_a, act_b = [_action(rng, a, can_a)], [_action(rng, b, can_b)]
    if relation in ("left of", "right of"):
        side, depth = (-1 if relation == "left of" else 1), rng.uniform(0.45, 0.8)
        xa, xb = side * rng.uniform(0.32, 0.5), -side * rng.uniform(0.35, 0.55)
        da, db = depth, min(0.85, max(0.35, depth + rng.uniform(-0.06, 0.06)))
    else:
        centre, shift = rng.uniform(-0.2, 0.2), rng.choice((-1, 1)) * rng.uniform(0.14, 0.24)
        xa, xb = centre + shift, centre - shift  # beside each other far enough that the one behind shows
        near, far = rng.uniform(0.68, 0.85), rng.uniform(0.36, 0.48)
        da, db = (far, near) if relation == "behind" else (near, far)
    return [_actor(rng, a, act_a, xa, da, count=count), _actor(rng, b, act_b, xb, db)], relation


def _action(rng: random.Random, noun: Noun, options: list[str]) -> str:
    """One of `options`: to travel comes more often than what anything can do, for vehicles most of the time."""
    own = {"jump": 3, "roll": 4, "swim": 14}.get
    travel = 14 if noun.category == "vehicle" else 7
    return rng.choices(options, [own(a, travel) if a in noun.can else 2 if a == "stand" else 1 for a in options])[0]


def _sequels(first: str, options: list[str], place: str) -> list[str]:
    """The second actions that can follow: nobody falls off the ground, and who is up in the air stays there or falls."""
    if place in WEIGHTLESS or place in WET:
        return [a for a in options if a != first]
    if first in AIRBORNE:
        return [a for a in options if a != first and (a in AIRBORNE or a == "fall")]
    return [a for a in options if a not in (first, "fall")]


def _actor(
    rng: random.Random, noun: Noun, actions: list[str], x: float, depth: float, heading: int = 0, count: int = 1,
    partner: int = -1,
) -> Actor:  # fmt: skip
    colour = rng.choice(COLOURS) if noun.tint and rng.random() < 0.25 else ""
    size = rng.choice(("small", "big") if count < 3 else ("small",)) if rng.random() < 0.15 else ""
    heading = heading or rng.choice((-1, 1))
    return Actor(
        noun.key, tuple(actions), count, colour, size, round(x, 3), round(depth, 3), heading, partner, round(rng.random(), 3)
    )


def _light(rng: random.Random, place: str) -> str:
    weights = _PLACE_LIGHTS.get(place, _LIGHTS)
    return rng.choices(tuple(weights), tuple(weights.values()))[0]


def _weather(rng: random.Random, place: str, light: str) -> str:
    """Clear half of the time over all; stars need the night, rain, snow and leaves need a sky above."""
    if place in INDOORS or place == "underwater" or rng.random() < 0.38:
        return "clear"
    if place == "space":
        return rng.choice(("clear", "stars"))
    return rng.choice(("rain", "snow", "leaves", "stars") if light == "night" else ("rain", "snow", "leaves"))


def _camera(rng: random.Random, lead: Actor) -> str:
    if rng.random() < 0.35:
        return "still"
    follow = 2 if any(a in TRAVELS for a in lead.actions) else 0  # only who travels can be followed
    return rng.choices(CAMERAS[1:], [follow if c == "follow" else 1 for c in CAMERAS[1:]])[0]


def _props(rng: random.Random, place: str, actors: list[Actor]) -> tuple[Prop, ...]:
    """0 to 5 pieces of scenery of one to three kinds, at most two of them nearer than the actors."""
    number = rng.choices(range(6), (20, 20, 22, 18, 12, 8))[0]
    kinds = rng.sample(PLACE_PROPS[place], min(3, len(PLACE_PROPS[place])))[: rng.randint(1, 3)]
    return set_out(rng, actors, (rng.choice(kinds) for _ in range(number)))


def set_out(
    rng: random.Random, actors: Sequence[Actor], kinds: Iterable[str], near_kinds: Sequence[str] = _NEAR_PROPS
) -> tuple[Prop, ...]:
    """A piece of scenery of each kind, behind the actors, or nearer (two of `near_kinds` at most) and clear of whoever stays
    where they are."""
    front, back = max((a.depth for a in actors), default=0.5), min((a.depth for a in actors), default=0.9)
    props, near = [], 0
    for kind in kinds:
        x, depth = rng.uniform(-0.95, 0.95), rng.uniform(0.05, max(0.1, back - 0.12))
        if near < 2 and kind in near_kinds and rng.random() < 0.4 and (spot := _near_spot(rng, actors)) is not None:
            x, depth, near = spot, rng.uniform(front + 0.06, 0.97), near + 1
        props.append(Prop(kind, round(x, 3), round(depth, 3)))
    return tuple(props)


def _near_spot(rng: random.Random, actors: Sequence[Actor]) -> float | None:
    """An x in front of the actors that stays clear of everyone who does not travel, or None."""
    moving = (*TRAVELS, "meet")
    still = [a.x for a in actors if not any(action in moving for action in a.actions)]
    if len(actors) == 1 and actors[0].count > 1 and still:
        return rng.choice((-1, 1)) * rng.uniform(0.86, 0.98)
    for _ in range(4):
        x = rng.uniform(-0.95, 0.95)
        if all(abs(x - other) > 0.5 for other in still):
            return x
    return None
