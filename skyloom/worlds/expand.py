"""A short prompt told in full: what it states is kept, what it leaves open is drawn from the world, in the prompt's language.

`read_facts` finds the facts that the captions' own words state. Where a prompt says nothing else, the scene it means is
written down and captioned, as dense as the model was trained; where it says more than the grammar knows, it stays as it is and
sentences on what it leaves open follow. Either way every fact is still there.
"""

import dataclasses
import functools
import random
import re
import zlib
from dataclasses import dataclass

from . import captions, lexicon_en, lexicon_zh
from .nouns import load_nouns
from .prompt import emoji_to_words, tongue_of
from .sample import ALLOWED, INDOORS, PARTNERED, PLACE_PROPS, WET, abilities, homes, sample_scene
from .scene import PLACES, PROPS, TRAVELS, Actor, Scene
from .wording import LIVING, ROOFED, tokens

STREAM = 700_000  # seeds of scenes that fill in: none that a trainer uses
DRAWS = 300  # scenes looked at for one that suits what is stated
DARK_PLACES = ("night city", "space")  # where it is night unless somebody says otherwise
SETTINGS = ("place", "light", "weather", "camera")
_FUNCTION_WORDS = frozenset(
    "a an the is are and in on at it its there we see while as with watch watching look imagine scene of can be seen".split()
)
_FUNCTION_SIGNS = frozenset("的在正和有与一，。、：；,.:; 里上中间着都我们看到可以画面")
_FILMING = re.compile(  # what sounds like a noun and is how a film is spoken of
    r"(?<=the )camera\b|^watch(?= (?:an?|the|two|three|four|\d)\b)|(?<=想)象", re.IGNORECASE
)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[^\sa-z\d]", re.IGNORECASE)


@dataclass(frozen=True)
class Fact:
    """A label that words of the prompt state, and where they stand."""

    kind: str  # noun, nouns (a plural), place, light, weather, camera, action, colour, size, number, relation, heading, prop
    label: str
    begin: int
    end: int


def expand(prompt: str, seed: int = 0, language: str = "auto", still: bool = False) -> str:
    """The prompt with all that it states and, drawn by `seed`, what it leaves open. `still` leaves the camera out."""
    text, _ = emoji_to_words(prompt, language)
    tongue = tongue_of(text)
    facts = in_the_picture(text, tongue)
    rng = random.Random(zlib.crc32(f"{seed}|{text}".encode()))
    if scene := _scene(text, facts, tongue, rng):
        told = captions.caption(scene, tongue, "dense", still=still)
        if not lost(facts, told, tongue, still) and _same_actors(scene, told, tongue):
            return told
    return _with_more(text, facts, tongue, rng, still)


def completed(text: str, seed: int = 0, said: tuple[str, ...] = ()) -> tuple[str, str]:
    """The prompt with sentences on the place, the light and the weather that it leaves open, as dense captions have them: a
    film of "a cat jumps" needs some. The place is drawn by `seed` and suits who is there; it is day and the weather is clear
    unless the prompts `said` before state something else. Also returns what was added, alone."""
    tongue = tongue_of(text)
    own = in_the_picture(text, tongue)
    told = {fact.kind for fact in own}
    if not told & {"noun", "nouns", "prop", "place", "light", "weather"}:
        return text, ""  # nothing is understood
    facts = [*own, *(fact for other in reversed(said) for fact in read_facts(other, tongue_of(other)))]
    stated = {kind: next((f.label for f in facts if f.kind == kind), "") for kind in SETTINGS}
    place = stated["place"] or _usual_place(facts, random.Random(zlib.crc32(f"{seed}|{text}".encode())))
    light = stated["light"] or ("night" if place in DARK_PLACES else "day")
    weather = "" if place in ROOFED else stated["weather"] or "clear"
    parts = _on_settings(told, place, light, weather, tongue)
    return _sentences(text, parts, tongue), ("，" if tongue == "zh" else ", ").join(parts)


def _usual_place(facts: list[Fact], rng: random.Random) -> str:
    """A home of the first noun that suits what is said of it, of the light and of the weather; scenery stands where it grows,
    who lives and what drives is out of doors."""
    said = {kind: {fact.label for fact in facts if fact.kind == kind} for kind in ("action", "weather", "light", "prop")}
    lead = next((load_nouns()[fact.label] for fact in facts if fact.kind in ("noun", "nouns")), None)
    indoors = lead is not None and lead.category not in (*LIVING, "vehicle")
    shut = set() if indoors else {*INDOORS}
    shut |= {*ROOFED} if said["weather"] - {"clear"} else set()
    shut |= {*DARK_PLACES} if said["light"] - {"night"} else set()
    places = homes(lead) if lead else tuple(place for place in PLACES if said["prop"] & {*PLACE_PROPS[place]})
    wanted = said["action"] - {*PARTNERED}
    able = [place for place in (*places, *PLACES) if wanted <= ALLOWED[place] and place not in shut]
    wet = [place for place in places if places[0] in WET and place not in shut]  # who lives in water leaves it for no action
    return rng.choice([place for place in able if place in places] or wet or able or ["meadow"])


def read_facts(text: str, language: str) -> list[Fact]:
    """The facts that a text states, in order. The longest words count: "to the left of" is a relation and no direction."""
    low = text.lower()
    taken = [False] * len(low)
    facts = []
    for word, meanings in _dictionary(language):
        at = low.find(word)
        while at >= 0:
            end = at + len(word)
            if not any(taken[at:end]) and (not _cuts(low, at, end) if language == "zh" else _stands_alone(low, at, end)):
                kind, label = _meant(meanings, low[end:], language)
                facts.append(Fact(kind, label, at, end))
                taken[at:end] = [True] * len(word)
            at = low.find(word, at + 1)
    return sorted(facts, key=lambda fact: fact.begin)


def in_the_picture(text: str, language: str) -> list[Fact]:
    """The facts without the camera that takes it and the like."""
    asides = {found.start() for found in _FILMING.finditer(text)}
    return [fact for fact in read_facts(text, language) if fact.begin not in asides]


def colours_of(text: str, language: str) -> dict[str, str]:
    """Which colour the text gives to each noun, where it gives it one and no other."""
    found: dict[str, set[str]] = {}
    colour = ""  # that waits for its noun
    for fact in read_facts(text, language):
        if fact.kind == "colour":
            colour = fact.label
        elif fact.kind in ("noun", "nouns"):
            found.setdefault(fact.label, set()).update({colour} - {""})
            colour = ""
        elif fact.kind not in ("number", "size"):
            colour = ""
    return {noun: given.pop() for noun, given in found.items() if len(given) == 1}


def lost(facts: list[Fact], told: str, language: str, still: bool = False) -> list[Fact]:
    """The facts that a text no longer states."""
    there = {(fact.kind.rstrip("s"), fact.label) for fact in read_facts(told, language)}
    free = {"camera", "heading"} if still else set()
    return [fact for fact in facts if fact.kind not in free and (fact.kind.rstrip("s"), fact.label) not in there]


@functools.cache
def _dictionary(language: str) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """(words, what they may mean), the longest first."""
    meanings: dict[str, list[tuple[str, str]]] = {}

    def learn(kind: str, label: str, words: tuple[str, ...]) -> None:
        for word in words:
            if word and (kind, label) not in meanings.setdefault(word.lower(), []):
                meanings[word.lower()].append((kind, label))

    for key, noun in load_nouns().items():
        if language == "zh":
            learn("noun", key, (noun.zh, *noun.zh_synonyms))
        else:
            single = lexicon_en.names(noun)
            learn("noun", key, single)
            learn("nouns", key, tuple(word for word in lexicon_en.names(noun, many=True) if word not in single))
    for kind in ("place", "light", "weather", "camera", "action", "colour", "size", "number", "relation"):
        table = getattr(captions, f"{kind.upper()}_WORDS")[language]
        for label, words in table.items():
            learn(kind, str(label), tuple(words))
    lexicon = lexicon_zh if language == "zh" else lexicon_en
    # phrases as a whole, too: there is more in "under the sea", and in fallen leaves that whirl, than in their nouns
    for kind, names in (
        ("weather", ("WEATHER_TAGS", "WEATHER_PHRASES", "WEATHER_CLAUSES")),
        ("place", ("PLACE_PHRASES",)),
        ("light", ("LIGHT_PHRASES",)),
    ):
        for label, words in (row for name in names for row in getattr(lexicon, name).items()):
            learn(kind, label, tuple(words))
    for way, words in lexicon.DIRECTIONS.items():
        learn("heading", str(way), words)
    for label, words in captions.PROP_WORDS[language].items():
        learn("prop", label, words if language == "en" else words[1:])
    return [(word, tuple(found)) for word, found in sorted(meanings.items(), key=lambda item: (-len(item[0]), item[0]))]


@functools.cache
def world_words(language: str) -> dict[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The same by the words that they fall into."""
    return {tuple(tokens(word)): meanings for word, meanings in reversed(_dictionary(language))}


def _meant(meanings: tuple[tuple[str, str], ...], rest: str, language: str) -> tuple[str, str]:
    """Of several meanings: a colour before a name ("orange cat"), weather before many things (snowflakes), else the noun."""
    kinds = [kind for kind, _ in meanings]
    if "weather" in kinds and "noun" not in kinds:
        return meanings[kinds.index("weather")]
    if len(kinds) > 1 and "colour" in kinds and "noun" in kinds:
        follows = re.match(r"\s*([a-z]+)", rest) if language == "en" else None
        named = follows is not None and any(
            follows[1] == word.split()[0] for word, found in _dictionary("en") if "noun" in found[0][0]
        )
        return meanings[kinds.index("colour" if named else "noun")]
    own = next((meaning for meaning in meanings if meaning[0] == "noun"), meanings[0])
    if own[0] == "noun" and not load_nouns()[own[1]].core:  # of the wider cast: 高山 is a place, 落叶 is weather
        return next((meaning for meaning in meanings if meaning[0] in ("place", "weather")), own)
    return own


def _cuts(text: str, begin: int, end: int) -> bool:
    """Whether hanzi that begin with a size end within a name that begins after it: 小鸡 in 小鸡蛋, 大海 in 大海狮."""
    names = _zh_names()
    reach = range(end + 1, min(len(text), begin + 6) + 1) if text[begin] in "大小" and end > begin + 1 else ()
    return any(text[begin + 1 : last] in names for last in reach)


@functools.cache
def _zh_names() -> frozenset[str]:
    return frozenset(name for noun in load_nouns().values() for name in lexicon_zh.names(noun))


def _stands_alone(text: str, begin: int, end: int) -> bool:
    before, after = text[begin - 1 : begin], text[end : end + 1]
    return not (before.isalpha() or after.isalpha() or before.isdigit() or after.isdigit())


def _scene(text: str, facts: list[Fact], language: str, rng: random.Random) -> Scene | None:
    """The scene that a prompt means, or None where it says what the record cannot hold, or says it in ways not understood."""
    rest = "".join(" " if any(f.begin <= i < f.end for f in facts) else sign for i, sign in enumerate(text.lower()))
    if language == "zh":
        measures = {noun.measure for noun in load_nouns().values()}
        known = all(sign in _FUNCTION_SIGNS or sign in measures for sign in rest)
    else:
        known = all(word in _FUNCTION_WORDS or not word.isalnum() for word in _WORD.findall(rest))
    stated = {kind: [f.label for f in facts if f.kind == kind] for kind in (*SETTINGS, "relation", "prop", "nouns")}
    once = all(len(set(labels)) <= 1 for kind, labels in stated.items() if kind not in ("prop", "nouns"))
    actors = _actors(facts, language) if known and once and not stated["prop"] else None
    if not actors:
        return None
    fixed = {kind: stated[kind][0] for kind in (*SETTINGS, "relation") if stated[kind]}
    if ("relation" in fixed) != (len(actors) == 2 and "relation" in fixed):
        return None
    return _filled(actors, fixed, rng)


def _actors(facts: list[Fact], language: str) -> list[Actor] | None:
    """One or two actors with what stands before and after their names; None where that is not clear."""
    actors: list[Actor] = []
    waiting: dict[str, str] = {}
    relations = [i for i, fact in enumerate(facts) if fact.kind == "relation"]
    for fact in facts:
        if fact.kind in ("number", "size", "colour"):
            if fact.kind in waiting:
                return None
            waiting[fact.kind] = fact.label
        elif fact.kind in ("noun", "nouns"):
            if fact.label in PROPS:
                return None  # it may stand about
            count = int(waiting.get("number", 1))
            if count > 4 or (language == "en" and (fact.kind == "nouns") != (count > 1) and fact.kind == "nouns"):
                return None
            actors.append(Actor(fact.label, (), count, waiting.get("colour", ""), waiting.get("size", "")))
            waiting = {}
        elif fact.kind in ("action", "heading"):
            if not actors:
                return None
            last = actors[-1]
            if fact.kind == "heading":
                actors[-1] = dataclasses.replace(last, heading=int(fact.label), phase=1.0)  # 1: the heading was stated
            elif len(last.actions) < 2:
                actors[-1] = dataclasses.replace(last, actions=(*last.actions, fact.label))
            else:
                return None
    nouns = [i for i, fact in enumerate(facts) if fact.kind in ("noun", "nouns")]
    if waiting or not 1 <= len(actors) <= 2 or sum(actor.count for actor in actors) > 4:
        return None
    if len({actor.noun for actor in actors}) < len(actors):
        return None
    if relations and (
        len(nouns) < 2 or not (nouns[0] < relations[0] < nouns[1] if language == "en" else relations[0] > nouns[1])
    ):
        return None
    return _paired(actors)


def _paired(actors: list[Actor]) -> list[Actor] | None:
    """Who chases, meets or circles whom; an action told once of two counts for both."""
    if len(actors) == 1:
        return None if set(actors[0].actions) & set(PARTNERED) else actors
    first, second = actors
    if set(second.actions) & set(PARTNERED):
        return None
    if set(first.actions) & set(PARTNERED):
        return [dataclasses.replace(first, partner=1), second] if len(first.actions) == 1 else None
    if len(second.actions) > 1 and not first.actions:
        return None  # one for each, or both for the second?
    if second.actions and not first.actions:
        first = dataclasses.replace(first, actions=second.actions)
    return [first, second]


def _filled(actors: list[Actor], fixed: dict[str, str], rng: random.Random) -> Scene:
    """A scene with these actors and settings; the rest as in a drawn scene that suits them."""
    nouns = load_nouns()
    wanted = {action for actor in actors for action in actor.actions if action not in PARTNERED}
    lead, first = nouns[actors[0].noun], rng.getrandbits(24)
    donors = (sample_scene(STREAM, first + i, max_actors=1, cast=[lead]) for i in range(DRAWS))
    at_home = [place for place in homes(lead) if wanted <= ALLOWED[place]] or [p for p in PLACES if wanted <= ALLOWED[p]]
    suits = lambda s: s.place in ((fixed["place"],) if "place" in fixed else at_home)  # noqa: E731
    donor = next((scene for scene in donors if suits(scene)), None) or sample_scene(STREAM, first, max_actors=1, cast=[lead])
    place = fixed.get("place", donor.place)
    done = []
    for actor in actors:
        options = [a for a in abilities(nouns[actor.noun], place) if "relation" not in fixed or a not in TRAVELS] or ["stand"]
        stated = actor.phase == 1.0
        options = [a for a in options if a in TRAVELS] or options if stated else options
        heading = actor.heading if stated else rng.choice((-1, 1))
        done.append(dataclasses.replace(actor, actions=actor.actions or (rng.choice(options),), heading=heading, phase=0.0))
    settings = {kind: fixed.get(kind, getattr(donor, kind)) for kind in SETTINGS}
    return Scene(tuple(done), relation=fixed.get("relation", ""), seed=rng.getrandbits(28), **settings)


def _same_actors(scene: Scene, told: str, language: str) -> bool:
    """Whether the told text states each actor's number, size and colour as often as the scene does."""
    facts = read_facts(told, language)
    for kind in ("colour", "size"):
        wanted = sorted(getattr(actor, kind) for actor in scene.actors if getattr(actor, kind))
        if sorted(fact.label for fact in facts if fact.kind == kind) != wanted:
            return False
    return True


def _with_more(text: str, facts: list[Fact], language: str, rng: random.Random, still: bool) -> str:
    """The prompt as it stands, and sentences on what it leaves open."""
    told = {fact.kind for fact in facts}
    nouns = [fact.label for fact in facts if fact.kind in ("noun", "nouns")]
    lexicon = lexicon_zh if language == "zh" else lexicon_en
    lead = load_nouns()[nouns[0]] if nouns else None
    place = next((fact.label for fact in facts if fact.kind == "place"), "")
    donors = [sample_scene(STREAM, rng.getrandbits(24), max_actors=1, cast=[lead] if lead else None) for _ in range(40)]
    place = place or _usual_place(facts, rng)
    donor = next((scene for scene in donors if scene.place == place), donors[0])
    parts = _on_settings(told, place, donor.light, "clear", language)
    parts += [] if "camera" in told or still else [lexicon.CAMERA_CLAUSES["still"][0]]
    return _sentences(text, parts, language)


def _on_settings(told: set[str], place: str, light: str, weather: str, language: str) -> list[str]:
    """Clauses on those of place, light and weather (if any) of which nothing is told."""
    lexicon = lexicon_zh if language == "zh" else lexicon_en
    where = lexicon.PLACE_PHRASES[place][0]
    parts = [] if "place" in told else [f"背景是{where}" if language == "zh" else f"the scene is {where}"]
    parts += [] if "light" in told else [lexicon.LIGHT_CLAUSES[light][0]]
    return parts + ([] if "weather" in told or not weather else [lexicon.WEATHER_CLAUSES[weather][0]])


def _sentences(text: str, more: list[str], language: str) -> str:
    if not more:
        return text
    if language == "zh":
        return "。".join(filter(None, [text.rstrip("。.，, "), *more])) + "。"
    sentences = filter(None, [text.rstrip(".,; "), *more])
    return ". ".join(part[0].upper() + part[1:] for part in sentences) + "."
