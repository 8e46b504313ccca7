"""English sentences for a record: tags, one sentence, or a dense paragraph.

A template's slots: A, B noun phrases ("a red fox"); the_a, the_b; na, nb without article; a, b finite verbs ("runs", "is
running"); ab for both; aing, bing participles; ainf an infinitive; is_a, is_b; it_a ("it", "they"); it_b ("it", "them");
rel a relation; dir a direction; place, light, itis ("it is night"); where a setting after the verb; front one before it;
cam, camtag the camera. "|" parts sentences.
"""

import dataclasses
import functools
import random
from typing import NamedTuple

from .lexicon_en import (
    CAMERA_CLAUSES,
    CAMERA_TAGS,
    CLEAR_VIEW,
    CLEAR_WATER,
    COLOUR_WORDS,
    DIRECTIONS,
    FORMS,
    LIGHT_CLAUSES,
    LIGHT_PHRASES,
    LIGHT_WORDS,
    NUMBER_WORDS,
    PLACE_PHRASES,
    PLACE_WORDS,
    PROP_WORDS,
    RELATION_WORDS,
    SIZE_WORDS,
    VERBS,
    WEATHER_CLAUSES,
    WEATHER_PHRASES,
    WEATHER_TAGS,
    article,
    names,
)  # fmt: skip
from .nouns import load_nouns
from .scene import TRAVELS, Actor, Scene
from .wording import ROOFED, company, noun_of, prop_counts, untold, words_in

_THEN = ("{0}, then {1}", "{0} and then {1}", "first {0} and then {1}", "{0}, and after that {1}")
_SOLO = (
    "{A} {a} {where}", "{A} {a} {where}", "{A} {a} {where}", "{A} {a} {where} as {cam}", "{front}, {A} {a}", "{front}, {A} {a}",
    "there {is_a} {A} {aing} {where}", "{A} {aing} {where}", "{A} {aing} {where}", "{A} {where}, {aing}", "{A} {a}",
    "{A} {aing}",
    "we see {A} {aing} {where}", "{A} can be seen {aing} {where}", "{front}, we see {A} {aing}", "watch {A} {ainf} {where}",
    "{A} that {a} {where}", "{cam} as {A} {a} {where}", "{camtag}: {A} {aing} {where}", "{where}: {A} {aing}",
    "{itis} and {A} {a} {place}", "{A} {a} {place}, and {itis}", "{na} {aing}, {bare_place}", "{na}, {bare_place}",
    "{na} {place}", "look, {A} {a} {where}", "look at {A} {aing} {where}", "imagine {A} {aing} {where}",
    "a scene {place} with {A} {aing}", "{front}, there {is_a} {A} {aing}", "{A} {a} {light}", "{light}, {A} {a} {place}",
    "while {cam}, {A} {a} {where}", "{na} {aing} {place}", "{bare_place}, {A} {aing}", "{A} {a} {place}. {itis}",
)  # fmt: skip
_POSE = (
    "{A} {where}", "there {is_a} {A} {where}", "{front}, there {is_a} {A}", "{na}, {bare_place}", "{na} {place}",
    "{A} {place} {light}", "{where}: {A}", "we see {A} {where}",
)  # fmt: skip
_DUO = (
    "{A} {a} and {B} {b} {where}", "{A} {a} {where} while {B} {b}", "{front}, {A} {a} while {B} {b}",
    "{front}, {A} {a} and {B} {b}",
    "{A} {aing} and {B} {bing} {where}", "while {B} {b}, {A} {a} {where}", "there {is_a} {A} {aing} and {B} {bing} {where}",
    "{A} and {B} {where}", "{na} and {nb}, {bare_place}", "{na} {aing}, {nb} {bing}, {bare_place}",
    "{cam} as {A} {a} and {B} {b} {where}", "we see {A} {aing} and {B} {bing} {where}",
    "{A} and {B} {where}: {the_a} {a}, {the_b} {b}", "{where}: {A} {aing}, {B} {bing}", "{A} {a} and {B} {b}",
    "{A} {a} {where}. {B} {b}", "{A} {a} {place} as {B} {b}, and {itis}",
)  # fmt: skip
_SAME = (
    "{A} and {B} {ab} {where}", "{front}, {A} and {B} {ab}", "{A} and {B} {aing} {where}", "{A} and {B} {ab}",
    "{A} {a} with {B} {where}",
)  # fmt: skip
_RELATED = (
    "{A} {a} {rel} {B} {where}", "{A} {rel} {B} {where}", "{A} {is_a} {rel} {B} {where}", "{front}, {A} {a} {rel} {B}",
    "{A} {aing} {rel} {B} {where}", "{A} {a} {rel} {B} that {b} {where}", "{B} {b} {where} with {A} {rel} {it_b}",
    "{B} {b} {where}, and {A} {a} {rel} {it_b}", "{rel} {B}, {A} {a} {where}", "there {is_a} {A} {rel} {B} {where}",
    "{A} {a} and {B} {b} {where}, {the_a} {rel} {the_b}", "{na} {rel} {nb}, {bare_place}", "{cam} as {A} {a} {rel} {B} {where}",
    "{A} {rel} {B} {where}: {the_a} {a}, {the_b} {b}", "{A} {rel} {B}",
)  # fmt: skip
_PARTNER = (
    "{A} {a} {B}{dir} {where}", "{A} {a} {B}{dir} {where}", "{A} {aing} {B}{dir} {where}", "{front}, {A} {a} {B}{dir}",
    "there {is_a} {A} {aing} {B}{dir} {where}", "{A} {a} {B}", "{cam} as {A} {a} {B} {where}", "we see {A} {aing} {B} {where}",
    "watch {A} {ainf} {B} {where}", "{na} {aing} {nb}, {bare_place}", "{where}: {A} {aing} {B}", "look, {A} {a} {B} {where}",
)  # fmt: skip
_EXTRA = {
    "chase": (
        "{B} {is_b} chased by {A} {where}", "{B} {b} {where}, chased by {A}", "{B} {b} {where} while {A} {a} {it_b}",
        "{front}, {B} {is_b} chased by {A}", "{A} {a} {B} that {b} {where}",
    ),
    "circle": ("{B} {b} {where} while {A} {a} {it_b}", "{A} {a} {B} that {b} {where}"),
    "meet": ("{A} and {B} {meet} {where}", "{front}, {A} and {B} {meet}", "{A} and {B} {meet} {where}", "{A} and {B} {meet}"),
}  # fmt: skip
_MANY = ("{clauses} {where}", "{front}, {clauses}", "{names} {where}", "there {is_a} {names} {where}", "{names}, {bare_place}")
_DENSE = {
    "pose": ("{A} {is_a} {where}", "there {is_a} {A} {where}"),
    "solo": ("{A} {a} {where}", "{front}, {A} {a}", "there {is_a} {A} {where}|{it_a} {a}", "we see {A} {where}|{the_a} {a}"),
    "duo": (
        "{A} {a} {where} while {B} {b}", "{A} {a} {where}|{B} {b}", "{front}, {A} {a} and {B} {b}",
        "there {is_a} {A} and {B} {where}|{the_a} {a}, and {the_b} {b}",
    ),
    "related": (
        "{A} {a} {rel} {B} {where}|{the_b} {b}", "{B} {b} {where}, and {rel} {it_b} {A} {a}",
        "{A} {is_a} {rel} {B} {where}|{the_a} {a}, and {the_b} {b}",
        "{front}, {A} {a} {rel} {B}, and {the_b} {b}",
    ),
    "chase": (
        "{A} {a} {B}{dir} {where}|{the_b} {b}", "{B} {b} {where}, and {A} {a} {it_b}{dir}",
        "{front}, {A} {a} {B}{dir}, and {the_b} {b}",
    ),
    "circle": (
        "{A} {a} {B} {where}|{the_b} {b}", "{B} {b} {where}, and {A} {a} {it_b}", "{front}, {A} {a} {B}, and {the_b} {b}",
    ),
    "meet": ("{A} {a} {B} {where}{b_too}", "{front}, {A} {a} {B}{b_too}"),
    "meeting": ("{A} and {B} {meet} {where}", "{front}, {A} and {B} {meet}", "{A} {a} {B} {where}"),
    "many": ("{clauses} {where}", "{front}, {clauses}", "there {is_a} {names} {where}|{the_clauses}"),
}  # fmt: skip
_AMBIENCE = ("{light} and {weather}", "{light}, and {weather}", "{weather} and {light}")
_SCENERY = (
    "there {be} {props} in the scene", "the scenery includes {props}", "{props} can be seen too", "nearby there {be} {props}",
)  # fmt: skip
_SMALL = "a an the is are and it they them with 1 2 3 4"  # words that the code below adds by itself
_SENTENCES = {
    "solo": _SOLO, "pose": _POSE, "duo": _DUO, "same": _SAME, "related": _RELATED, "chase": _PARTNER + _EXTRA["chase"],
    "circle": _PARTNER + _EXTRA["circle"], "meet": _PARTNER, "meeting": _PARTNER + _EXTRA["meet"], "many": _MANY,
}  # fmt: skip
_STILLS = {kind: tuple(t for t in ways if "{cam" not in t and "{ainf}" not in t) for kind, ways in _SENTENCES.items()}


class _Who(NamedTuple):
    """An actor in words."""

    phrase: str  # "two red foxes"
    bare: str  # "two red foxes", "red fox"
    name: str  # "foxes"
    many: bool
    person: bool
    verb: tuple[str, str, str]  # run, runs, running

    def finite(self, progressive: bool) -> str:
        return f"{self.be} {self.verb[2]}" if progressive else self.verb[0 if self.many else 1]

    @property
    def be(self) -> str:
        return "are" if self.many else "is"


def tags(rng: random.Random, scene: Scene, still: bool) -> str:
    """'red fox, running, meadow, night': the nouns always, the rest more or less often."""
    whos = [_who(rng, actor, False) for actor in scene.actors]
    kind = _kind(scene, still)
    joined = f"{whos[0].bare} {rng.choice(RELATION_WORDS[scene.relation])} {whos[-1].bare}" if kind == "related" else ""
    partnered = f"{whos[0].bare} {whos[0].verb[2]} {whos[-1].bare}" if kind in ("chase", "circle", "meet", "meeting") else ""
    parts = [joined or partnered] if partnered or (joined and rng.random() < 0.6) else [who.bare for who in whos]
    if kind != "pose" and not partnered and rng.random() < 0.85:
        parts += dict.fromkeys(who.verb[2] for who in whos)
    rest = [rng.choice(PLACE_WORDS[scene.place])] if rng.random() < 0.92 else []
    if rng.random() < 0.6:
        rest.append(rng.choice(LIGHT_WORDS[scene.light]))
    if scene.weather != "clear" and rng.random() < 0.75:
        rest.append(rng.choice(WEATHER_TAGS[scene.weather]))
    if not still and rng.random() < (0.2 if scene.camera == "still" else 0.5):
        rest.append(rng.choice(CAMERA_TAGS[scene.camera]))
    if rng.random() < 0.25:
        rest += [_prop(kind, number) for kind, number in prop_counts(scene)]
    rng.shuffle(rest)
    return ", ".join(parts + rest)


def sentence(rng: random.Random, scene: Scene, still: bool) -> str:
    """One natural sentence: the actors, mostly what they do and where, sometimes light, weather or camera."""
    kind = _kind(scene, still)
    slots = _slots(rng, scene, still, directed=rng.random() < 0.25)
    if kind == "duo" and scene.actors[0].actions == scene.actors[1].actions and rng.random() < 0.5:
        kind = "same"
    template = rng.choice((_STILLS if still else _SENTENCES)[kind])
    text = template.format_map(slots)
    capital = rng.random() < (0.25 if template.startswith("{na}") else 0.6)
    if capital:
        text = ". ".join(_capital(part) for part in text.split(". "))
    return text + "." if rng.random() < (0.7 if capital else 0.2) and not template.startswith("{na}") else text


def dense(rng: random.Random, scene: Scene, still: bool) -> str:
    """Two to five sentences with every fact of the record (a still says nothing of the camera or of what comes next)."""
    kind = _kind(scene, still)
    slots = _slots(rng, scene, still, directed=True)
    lit = rng.random() < 0.4  # the light is told with the place, else in a sentence of its own
    slots["where"] = f"{slots['place']} {slots['light']}" if lit else slots["place"]
    slots["front"] = f"{slots['light']} {slots['place']}" if lit else slots["place"]
    acts = rng.choice(_DENSE[kind]).format_map(slots).split("|")
    light, weather = rng.choice(LIGHT_CLAUSES[scene.light]), _weather_clause(rng, scene)
    ambience = weather if lit else rng.choice(_AMBIENCE).format(light=light, weather=weather)
    parts = [ambience, *acts] if rng.random() < 0.25 else [*acts, ambience]
    rest = [_scenery(rng, scene)] if scene.props else []
    if not still:
        rest.append(slots["cam"])
    rng.shuffle(rest)
    text = ". ".join(_capital(part) for part in parts + rest) + "."
    return text.lower() if rng.random() < 0.1 else text


def words() -> set[str]:
    """Every word that this grammar can write, lower-cased."""
    cast = [(names(noun), names(noun, many=True)) for noun in load_nouns().values()]
    lexicon = (
        CAMERA_CLAUSES, CAMERA_TAGS, CLEAR_VIEW, CLEAR_WATER, COLOUR_WORDS, DIRECTIONS, FORMS, LIGHT_CLAUSES, LIGHT_PHRASES,
        LIGHT_WORDS, NUMBER_WORDS, PLACE_PHRASES, PLACE_WORDS, PROP_WORDS, RELATION_WORDS, SIZE_WORDS, WEATHER_CLAUSES,
        WEATHER_PHRASES, WEATHER_TAGS,
    )  # fmt: skip
    return words_in(cast, lexicon, _SENTENCES, _DENSE, _AMBIENCE, _SCENERY, _THEN, _SMALL)


def _kind(scene: Scene, still: bool) -> str:
    kind = company(scene)
    if untold(scene):
        return "pose"
    if kind == "meet" and scene.actors[1].actions == ("meet",):
        return "meeting"
    return "pose" if still and kind == "solo" and len(scene.actors[0].actions) > 1 else kind


def _who(rng: random.Random, actor: Actor, directed: bool, plain: bool = False) -> _Who:
    noun, many = noun_of(actor), actor.count > 1
    options = _names(actor.noun, many)
    name = options[0] if plain or rng.random() < 0.65 else rng.choice(options)
    bare = name
    if actor.colour:
        bare = f"{_plainly(rng, COLOUR_WORDS[actor.colour])} {bare}"
    if actor.size:
        bare = f"{rng.choice(SIZE_WORDS[actor.size])} {bare}"
    if many:
        bare = f"{_plainly(rng, NUMBER_WORDS[actor.count])} {bare}"
    phrase = bare if many else f"{article(bare)} {bare}"
    return _Who(phrase, bare, name, many, noun.category == "person", _verb(rng, actor, directed))


@functools.lru_cache(maxsize=4096)
def _names(key: str, many: bool) -> tuple[str, ...]:
    return names(load_nouns()[key], many)


def _plainly(rng: random.Random, options: tuple[str, ...]) -> str:
    return options[0] if rng.random() < 0.7 else rng.choice(options)


def _verb(rng: random.Random, actor: Actor, directed: bool) -> tuple[str, str, str]:
    """The forms of what the actor does, in order, with its direction where it travels; empty where that is untold."""
    if not actor.actions:
        return "", "", ""
    directed = directed and actor.heading != 0
    chosen: list[tuple[str, ...]] = [FORMS[_plainly(rng, VERBS[action])] for action in actor.actions]
    if directed and actor.actions[-1] in TRAVELS and actor.actions[-1] != "chase":
        way = rng.choice(DIRECTIONS[actor.heading])
        chosen[-1] = tuple(f"{form} {way}" for form in chosen[-1])
    elif directed and actor.actions[0] in TRAVELS and len(chosen) > 1:
        way = DIRECTIONS[actor.heading][0]
        chosen[0] = tuple(f"{form} {way}" for form in chosen[0])
    if len(chosen) > 1:
        then = rng.choice(_THEN)
        chosen = [tuple(then.format(*pair) for pair in zip(*chosen, strict=True))]
    base, third, participle = chosen[0]
    return base, third, participle


def _slots(rng: random.Random, scene: Scene, still: bool, directed: bool) -> dict[str, str]:
    actors = [dataclasses.replace(a, actions=a.actions[:1]) for a in scene.actors] if still else scene.actors
    whos = [_who(rng, actor, directed) for actor in actors]
    if len({who.name for who in whos}) < len(whos):
        whos = [_who(rng, actor, directed, plain=True) for actor in actors]
    first, second = whos[0], whos[-1]
    progressive = still or rng.random() < 0.35
    slots = _setting(rng, scene)
    slots |= {
        "A": first.phrase, "na": first.bare, "the_a": f"the {first.name}", "a": first.finite(progressive),
        "ainf": first.verb[0], "aing": first.verb[2], "is_a": first.be, "it_a": "they" if first.many else "it",
        "B": second.phrase, "nb": second.bare, "the_b": f"the {second.name}", "b": second.finite(progressive),
        "bing": second.verb[2], "is_b": second.be,
        "it_b": f"the {second.name}" if second.person else "them" if second.many else "it",
        "ab": f"are {first.verb[2]}" if progressive else first.verb[0], "meet": "are meeting" if progressive else "meet",
        "rel": rng.choice(RELATION_WORDS[scene.relation]) if scene.relation else "",
        "dir": f" {rng.choice(DIRECTIONS[actors[0].heading])}"
        if directed and actors[0].heading and actors[0].actions[:1] == ("chase",)
        else "",
        "b_too": f"|the {second.name} {second.finite(progressive)}",
        "camtag": rng.choice(CAMERA_TAGS[scene.camera]),
        "cam": rng.choice(CAMERA_CLAUSES[scene.camera]).format(the_a=f"the {first.name}"),
    }  # fmt: skip
    if first.person:
        slots["it_a"] = slots["the_a"]
    if untold(scene) and len(whos) > 1:
        slots |= {"A": _listed([who.phrase for who in whos]), "na": _listed([who.bare for who in whos]), "is_a": "are"}
    elif len(whos) > 2 or company(scene) == "many":
        slots |= _crowd(whos, scene, progressive)
    return slots


def _crowd(whos: list[_Who], scene: Scene, progressive: bool) -> dict[str, str]:
    """Clauses for any number of actors, each with whom it is after."""
    acts = [
        who.finite(progressive) + (f" the {whos[actor.partner].name}" if 0 <= actor.partner < len(whos) else "")
        for who, actor in zip(whos, scene.actors, strict=True)
    ]
    return {
        "clauses": _listed([f"{who.phrase} {act}" for who, act in zip(whos, acts, strict=True)]),
        "the_clauses": _listed([f"the {who.name} {act}" for who, act in zip(whos, acts, strict=True)]),
        "names": _listed([who.phrase for who in whos]),
    }


def _setting(rng: random.Random, scene: Scene) -> dict[str, str]:
    place, light = rng.choice(PLACE_PHRASES[scene.place]), rng.choice(LIGHT_PHRASES[scene.light])
    weather = rng.choice(WEATHER_PHRASES[scene.weather]) if scene.weather != "clear" else ""
    wet = weather and rng.random() < 0.4
    draw = rng.random()
    where = f"{place} {weather}" if wet else place if draw < 0.65 else f"{place} {light}"
    front = weather if wet else place if draw < 0.6 else light if draw < 0.8 else f"{light} {place}"
    itis = rng.choice(WEATHER_CLAUSES[scene.weather]) if wet else rng.choice(LIGHT_CLAUSES[scene.light])
    bare = rng.choice(PLACE_WORDS[scene.place])
    return {"place": place, "light": light, "where": where, "front": front, "itis": itis, "bare_place": bare}


def _weather_clause(rng: random.Random, scene: Scene) -> str:
    if scene.weather != "clear" or scene.place not in ROOFED:
        clauses = WEATHER_CLAUSES[scene.weather]
        return rng.choice(clauses[1:] if scene.weather == "clear" and scene.light == "overcast" else clauses)
    return rng.choice(CLEAR_WATER if scene.place == "underwater" else CLEAR_VIEW)


def _scenery(rng: random.Random, scene: Scene) -> str:
    counts = prop_counts(scene)
    props = _listed([_prop(kind, number) for kind, number in counts])
    return rng.choice(_SCENERY).format(props=props, be="are" if counts[0][1] > 1 else "is")


def _prop(kind: str, number: int) -> str:
    one, many = PROP_WORDS[kind]
    return one if number == 1 else f"{NUMBER_WORDS[number][0] if number in NUMBER_WORDS else number} {many}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
