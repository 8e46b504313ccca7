"""Chinese sentences for a record: tags, one sentence, or a dense paragraph.

A template's slots: A, B noun phrases (一只红色的狐狸); qa, ra its two halves; na, nb short ones (红色的狐狸); xa, xb names
(狐狸); a, b what they do; aprog, bprog with 正在 where that is possible; azai, bzai with 在; arel as it stands before 的;
ax with the partner by name, a with the partner in full; zheng 正在 or 在; p a location, loc perhaps with light or weather
(傍晚的草地上); pl the place's name; front an opening; light, clause, cam, camtag; rel a relation. "|" parts sentences.
"""

import random
from typing import NamedTuple

from .lexicon_zh import (
    CAMERA_CLAUSES,
    CAMERA_TAGS,
    CLEAR_VIEW,
    CLEAR_WATER,
    COLOUR_WORDS,
    DIRECTIONS,
    LIGHT_CLAUSES,
    LIGHT_OF,
    LIGHT_PHRASES,
    LIGHT_WORDS,
    NUMBER_WORDS,
    PLACE_PHRASES,
    PLACE_WORDS,
    PROP_WORDS,
    RELATION_WORDS,
    SIZE_WORDS,
    STATES,
    VERBS,
    WEATHER_CLAUSES,
    WEATHER_PHRASES,
    WEATHER_TAGS,
    names,
)  # fmt: skip
from .nouns import load_nouns
from .scene import TRAVELS, Actor, Scene
from .wording import LIVING, ROOFED, company, noun_of, prop_counts, untold, words_in

_THEN = ("先{0}，然后{1}", "先{0}，再{1}", "先{0}，接着{1}", "先{0}，之后{1}")
_BOTH = "先{0}再{1}"  # before 的, without a pause
_SOLO = (
    "{A}在{loc}{a}", "{A}在{loc}{a}", "{A}在{loc}{a}", "{A}{zheng}{loc}{a}", "{front}，{A}{aprog}", "{front}，{A}{aprog}",
    "{loc}有{A}{azai}", "有{A}在{loc}{a}", "{light}，{A}在{p}{a}", "{A}{light}在{p}{a}", "{qa}在{loc}{arel}的{ra}",
    "{A}{aprog}", "{na}{a}", "{na}，{pl}", "{na}在{p}", "{na}在{p}{a}", "画面中，{A}在{loc}{a}", "{A}在{loc}{a}，{cam}",
    "{cam}，{A}在{loc}{a}",
    "{A}在{p}{a}，{clause}", "{clause}，{A}在{p}{a}", "我们看到{A}在{loc}{a}", "可以看到{A}在{loc}{a}", "看，{A}在{loc}{a}",
    "{pl}，{na}，{a}", "{A}在{loc}，{aprog}", "{light}，{p}，{A}{aprog}", "{A}{aprog}，背景是{pl}", "背景是{pl}，{A}{aprog}",
    "{A}{aprog}，周围是{pl}", "{camtag}：{A}在{loc}{a}", "{loc}：{A}{aprog}", "在{loc}，{A}{aprog}", "{qa}{arel}的{ra}，{pl}",
    "想象{A}在{loc}{a}", "{pl}的场景，{A}{aprog}",
)  # fmt: skip
_POSE = (
    "{A}在{loc}", "{loc}有{A}", "{loc}的{A}", "{na}，{pl}", "{na}在{p}", "画面中，{A}在{loc}", "{light}，{A}在{p}",
    "在{loc}，有{A}",
)  # fmt: skip
_DUO = (
    "{A}在{loc}{a}，{B}{bprog}", "{loc}，{A}{aprog}，{B}{bprog}", "{A}{aprog}，同时{B}{bprog}", "{front}，{A}{a}，{B}{b}",
    "{A}和{B}在{loc}", "{loc}有{A}和{B}", "{na}和{nb}，{pl}", "{na}{a}，{nb}{b}，{pl}", "{cam}，{A}在{loc}{a}，{B}{bprog}",
    "我们看到{A}在{loc}{a}，还有{B}{bzai}", "{A}在{loc}{a}，而{B}{bprog}", "{loc}有{A}{azai}，也有{B}{bzai}",
    "{clause}，{A}{aprog}，{B}{bprog}", "{A}和{B}在{loc}，{xa}{a}，{xb}{b}", "画面中，{A}{aprog}，{B}{bprog}，背景是{pl}",
)  # fmt: skip
_SAME = (
    "{A}和{B}在{loc}{a}", "{A}和{B}一起在{loc}{a}", "{front}，{A}和{B}{aprog}", "{A}与{B}{aprog}", "{A}和{B}都在{loc}{a}",
)  # fmt: skip
_RELATED = (
    "{front}，{A}在{B}{rel}{a}", "{A}在{B}{rel}{a}", "{loc}，{B}{rel}有{A}{azai}", "{A}在{B}{rel}", "{loc}，{A}在{B}{rel}",
    "{A}和{B}在{loc}，{xa}在{xb}{rel}", "{loc}，{A}{aprog}，{B}{bprog}，{xa}在{xb}{rel}", "{na}在{nb}{rel}，{pl}",
    "{light}，{A}在{B}{rel}{a}", "{cam}，{A}在{B}{rel}{a}", "{A}位于{B}{rel}，{aprog}，背景是{pl}",
    "{B}在{loc}{b}，{A}在{xb}{rel}{a}", "{A}在{loc}{a}，就在{B}{rel}", "我们看到{A}在{B}{rel}{a}",
    "{front}，{A}在{B}{rel}{a}，{xb}{bprog}",
)  # fmt: skip
_PARTNER = (
    "{A}在{loc}{a}", "{A}在{loc}{a}", "{A}{zheng}{loc}{a}", "{front}，{A}{aprog}", "{loc}有{A}{azai}", "{A}{aprog}",
    "{cam}，{A}在{loc}{a}", "{na}{ax}，{pl}", "{na}{ax}", "我们看到{A}在{loc}{a}", "画面中，{A}在{loc}{a}", "看，{A}在{loc}{a}",
    "{qa}在{loc}{a}的{ra}", "{A}在{p}{a}，{clause}", "{light}，{A}在{p}{a}", "{A}在{loc}{a}，{cam}",
)  # fmt: skip
_EXTRA = {
    "chase": ("{B}在{loc}被{A}追赶", "{front}，{B}被{A}追赶着", "{B}在{loc}{b}，{A}紧追不舍", "{B}{bprog}，{A}追着{xb}"),
    "circle": ("{B}在{loc}{b}，{A}{ax}", "{B}{bprog}，{A}{ax}"),
    "meeting": ("{A}和{B}在{loc}相遇", "{front}，{A}和{B}相遇", "{A}与{B}在{loc}会面", "{A}和{B}相遇", "{A}和{B}正在{loc}相遇"),
}
_MANY = ("{loc}，{clauses}", "{clauses}", "{names}在{loc}", "{loc}有{names}", "{names}，{pl}", "画面中有{names}")
_SENTENCES = {
    "solo": _SOLO, "pose": _POSE, "duo": _DUO, "same": _SAME, "related": _RELATED, "chase": _PARTNER + _EXTRA["chase"],
    "circle": _PARTNER + _EXTRA["circle"], "meet": _PARTNER, "meeting": _PARTNER + _EXTRA["meeting"], "many": _MANY,
}  # fmt: skip
_STILLS = {kind: tuple(t for t in ways if "{cam" not in t) for kind, ways in _SENTENCES.items()}
_DENSE = {
    "solo": ("{A}在{loc}{a}", "{loc}，{A}{aprog}", "{loc}有{A}|{xa}{aprog}", "画面中有{A}，在{loc}{a}"),
    "pose": ("{A}在{loc}", "{loc}有{A}"),
    "duo": ("{A}在{loc}{a}，{B}{bprog}", "{loc}有{A}和{B}|{xa}{aprog}，{xb}{bprog}", "{A}在{loc}{a}|{B}{bprog}"),
    "related": (
        "{loc}，{A}在{B}{rel}{a}，{xb}{bprog}", "{A}和{B}在{loc}，{xa}在{xb}{rel}|{xa}{aprog}，{xb}{bprog}",
        "{B}在{loc}{b}，{A}在{xb}{rel}{a}",
    ),
    "chase": ("{A}在{loc}{a}|{xb}{bprog}", "{B}在{loc}{b}，{A}{ax}"),
    "circle": ("{A}在{loc}{a}|{xb}{bprog}", "{B}在{loc}{b}，{A}{ax}"),
    "meet": ("{A}在{loc}{a}，{xb}{bprog}", "{B}在{loc}{b}，{A}{ax}"),
    "meeting": ("{A}和{B}在{loc}相遇", "{A}在{loc}{a}", "{loc}，{A}和{B}会面"),
    "many": ("{loc}，{clauses}", "{loc}有{names}|{xclauses}"),
}  # fmt: skip
_AMBIENCE = ("{light}，{weather}", "{weather}，{light}", "{light}，而且{weather}")
_SCENERY = ("周围有{props}", "场景里有{props}", "画面里还有{props}", "{props}点缀其间")
_SMALL = "的在正和、，。：1234"  # signs that the code below adds by itself


class _Who(NamedTuple):
    """An actor in words: 三只 + 红色的狐狸, and what it does."""

    counted: str
    full: str
    name: str
    many: bool
    verb: str  # may hold {o}
    both: str  # the same before 的
    lasting: bool  # takes 正在

    @property
    def phrase(self) -> str:
        return self.counted + self.full

    @property
    def bare(self) -> str:
        return self.phrase if self.many else self.full


def tags(rng: random.Random, scene: Scene, still: bool) -> str:
    """红色的狐狸，奔跑，草地，夜晚: the nouns always, the rest more or less often."""
    whos, kind = _cast(rng, scene, still, False), _kind(scene, still)
    partnered = kind in ("chase", "circle", "meet", "meeting")
    if partnered:
        parts = [whos[0].bare + whos[0].verb.format(o=whos[-1].bare)]
    elif kind == "related" and rng.random() < 0.6:
        parts = [f"{whos[0].bare}在{whos[-1].bare}{rng.choice(RELATION_WORDS[scene.relation])}"]
    else:
        parts = [who.bare for who in whos]
    if kind != "pose" and not partnered and rng.random() < 0.85:
        parts += dict.fromkeys(who.verb.format(o="") for who in whos)
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
    return "，".join(parts + rest)


def sentence(rng: random.Random, scene: Scene, still: bool) -> str:
    """One natural sentence: the actors, mostly what they do and where, sometimes light, weather or camera."""
    kind = _kind(scene, still)
    slots = _slots(rng, scene, still, directed=rng.random() < 0.25)
    if kind == "duo" and scene.actors[0].actions == scene.actors[1].actions and rng.random() < 0.5:
        kind = "same"
    template = rng.choice((_STILLS if still else _SENTENCES)[kind])
    text = template.format_map(slots)
    return text + "。" if rng.random() < 0.55 and not template.startswith("{na}") else text


def dense(rng: random.Random, scene: Scene, still: bool) -> str:
    """Two to five sentences with every fact of the record (a still says nothing of the camera or of what comes next)."""
    slots = _slots(rng, scene, still, directed=True)
    lit = rng.random() < 0.4 and "夜" not in slots["p"]  # the light is told with the place, else in a sentence of its own
    slots["loc"] = f"{rng.choice(LIGHT_OF[scene.light])}的{slots['p']}" if lit else slots["p"]
    acts = rng.choice(_DENSE[_kind(scene, still)]).format_map(slots).split("|")
    light, weather = rng.choice(LIGHT_CLAUSES[scene.light]), _weather_clause(rng, scene)
    ambience = weather if lit else rng.choice(_AMBIENCE).format(light=light, weather=weather)
    parts = [ambience, *acts] if rng.random() < 0.25 else [*acts, ambience]
    rest = [_scenery(rng, scene)] if scene.props else []
    if not still:
        rest.append(slots["cam"])
    rng.shuffle(rest)
    return "。".join(parts + rest) + "。"


def words() -> set[str]:
    """Every character that this grammar can write; Latin words lower-cased."""
    cast = [(names(noun), noun.measure) for noun in load_nouns().values()]
    lexicon = (
        CAMERA_CLAUSES, CAMERA_TAGS, CLEAR_VIEW, CLEAR_WATER, COLOUR_WORDS, DIRECTIONS, LIGHT_CLAUSES, LIGHT_OF, LIGHT_PHRASES,
        LIGHT_WORDS, NUMBER_WORDS, PLACE_PHRASES, PLACE_WORDS, PROP_WORDS, RELATION_WORDS, SIZE_WORDS, VERBS, WEATHER_CLAUSES,
        WEATHER_PHRASES, WEATHER_TAGS,
    )  # fmt: skip
    return words_in(cast, lexicon, _SENTENCES, _DENSE, _AMBIENCE, _SCENERY, _THEN, _BOTH, _SMALL)


def _kind(scene: Scene, still: bool) -> str:
    kind = company(scene)
    if untold(scene):
        return "pose"
    if kind == "meet" and scene.actors[1].actions == ("meet",):
        return "meeting"
    return "pose" if still and kind == "solo" and len(scene.actors[0].actions) > 1 else kind


def _cast(rng: random.Random, scene: Scene, still: bool, directed: bool) -> list[_Who]:
    """The actors in words, no two by the same name."""
    whos = [_who(rng, actor, still, directed) for actor in scene.actors]
    if len({who.name for who in whos}) < len(whos):
        whos = [_who(rng, actor, still, directed, plain=True) for actor in scene.actors]
    return whos


def _who(rng: random.Random, actor: Actor, still: bool, directed: bool, plain: bool = False) -> _Who:
    noun = noun_of(actor)
    name = noun.zh if plain or not noun.zh_synonyms or rng.random() < 0.65 else rng.choice(noun.zh_synonyms)
    full = name
    colour = rng.choice(COLOUR_WORDS[actor.colour]) + rng.choice(("的", "的", "")) if actor.colour else ""
    if actor.size:
        size = rng.choice(SIZE_WORDS[actor.size])
        if len(size) == 1 and (name[0] in "大小老" or (colour and colour[-1] != "的")):
            size = SIZE_WORDS[actor.size][1]
        full = colour + size + name if len(size) == 1 else f"{size}的{colour}{name}"
    else:
        full = colour + name
    number = NUMBER_WORDS[actor.count]
    counted = (number[0] if rng.random() < 0.75 else rng.choice(number)) + noun.measure
    verb, both = _verb(rng, actor, noun.category in LIVING, actor.actions[:1] if still else actor.actions, directed)
    return _Who(counted, full, name, actor.count > 1, verb, both, verb == both and verb not in STATES)


def _verb(rng: random.Random, actor: Actor, living: bool, actions: tuple[str, ...], directed: bool) -> tuple[str, str]:
    """What the actor does, in order, with its direction where it travels; and the same before 的."""
    chosen = []
    for action in actions:
        verbs = VERBS[action] if living or action != "stand" else VERBS[action][1:]
        verb = verbs[0] if rng.random() < 0.45 else rng.choice(verbs)
        if directed and actor.heading and action in TRAVELS:
            verb = rng.choice(DIRECTIONS[actor.heading]) + verb
        chosen.append(verb)
    if len(chosen) < 2:
        return ("".join(chosen),) * 2
    # "{o}" passes through unchanged: the partner's name comes later
    return rng.choice(_THEN).format(*chosen), _BOTH.format(*chosen)


def _slots(rng: random.Random, scene: Scene, still: bool, directed: bool) -> dict[str, str]:
    whos = _cast(rng, scene, still, directed)
    first, second = whos[0], whos[-1]
    slots = _setting(rng, scene)
    slots |= _doing("a", rng, first, second.phrase) | _doing("b", rng, second, first.name)
    slots |= {
        "A": first.phrase, "qa": first.counted, "ra": first.full, "na": first.bare, "xa": first.name,
        "B": second.phrase, "nb": second.bare, "xb": second.name,
        "ax": first.verb.format(o=second.name), "zheng": "正在" if first.lasting and rng.random() < 0.6 else "在",
        "rel": rng.choice(RELATION_WORDS[scene.relation]) if scene.relation else "",
        "camtag": rng.choice(CAMERA_TAGS[scene.camera]), "cam": rng.choice(CAMERA_CLAUSES[scene.camera]).format(xa=first.name),
    }  # fmt: skip
    if untold(scene) and len(whos) > 1:
        slots |= {"A": _listed([who.phrase for who in whos]), "na": _listed([who.bare for who in whos])}
    elif company(scene) == "many":
        slots |= _crowd(whos, scene)
    return slots


def _doing(key: str, rng: random.Random, who: _Who, partner: str) -> dict[str, str]:
    verb = who.verb.format(o=partner)
    progressive = rng.choice(("正在", "正在", "在")) if who.lasting else ""
    return {
        key: verb, f"{key}prog": progressive + verb, f"{key}zai": ("在" if who.lasting else "") + verb,
        f"{key}rel": who.both.format(o=partner),
    }  # fmt: skip


def _crowd(whos: list[_Who], scene: Scene) -> dict[str, str]:
    """Clauses for any number of actors, each with whom it is after."""
    acts = [
        who.verb.format(o=whos[actor.partner].name if 0 <= actor.partner < len(whos) else "")
        for who, actor in zip(whos, scene.actors, strict=True)
    ]
    return {
        "clauses": "，".join(who.phrase + act for who, act in zip(whos, acts, strict=True)),
        "xclauses": "，".join(who.name + act for who, act in zip(whos, acts, strict=True)),
        "names": _listed([who.phrase for who in whos]),
    }


def _setting(rng: random.Random, scene: Scene) -> dict[str, str]:
    place, light = rng.choice(PLACE_PHRASES[scene.place]), rng.choice(LIGHT_PHRASES[scene.light])
    wet = scene.weather != "clear" and rng.random() < 0.4
    draw = rng.random()
    loc = place
    if wet:
        loc = f"{rng.choice(WEATHER_PHRASES[scene.weather])}的{place}"
    elif draw > 0.7 and "夜" not in place:
        loc = f"{rng.choice(LIGHT_OF[scene.light])}的{place}"
    front = rng.choice(WEATHER_PHRASES[scene.weather]) if wet and draw < 0.5 else light if draw < 0.2 else loc
    clause = rng.choice(WEATHER_CLAUSES[scene.weather] if wet else LIGHT_CLAUSES[scene.light])
    bare = rng.choice(PLACE_WORDS[scene.place])
    return {"p": place, "loc": loc, "light": light, "front": front, "clause": clause, "pl": bare}


def _weather_clause(rng: random.Random, scene: Scene) -> str:
    if scene.weather != "clear" or scene.place not in ROOFED:
        clauses = WEATHER_CLAUSES[scene.weather]
        return clauses[-1] if scene.weather == "clear" and scene.light == "overcast" else rng.choice(clauses)
    return rng.choice(CLEAR_WATER if scene.place == "underwater" else CLEAR_VIEW)


def _scenery(rng: random.Random, scene: Scene) -> str:
    return rng.choice(_SCENERY).format(props=_listed([_prop(kind, number) for kind, number in prop_counts(scene)]))


def _prop(kind: str, number: int) -> str:
    measure, name = PROP_WORDS[kind]
    return f"{NUMBER_WORDS[number][0] if number in NUMBER_WORDS else number}{measure}{name}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{'、'.join(parts[:-1])}和{parts[-1]}"
