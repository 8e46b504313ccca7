"""What a prompt asks of a scene that it cannot hold -> the most of it that it can, and a note on each."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from . import lexicon_en
from .expand import Fact, in_the_picture, read_facts
from .likeness import likened, measures
from .nouns import load_nouns
from .prompt import tongue_of
from .scene import COLOURS

ALONE, IN_COMPANY = 4, 3  # bodies of a kind, where it is the only one and where another stands beside it, alone
SOME = 3  # of "penguins", without a number
KINDS = 2
_DENIED = re.compile(r"(?<![\w-])(?:(?:and|but|with)\s+)?(?:no|without)(?=\s)|(?:但是?|却)?(?:没有|不要)", re.I)
_BETWEEN = re.compile(r"(?:[\s,、，]|\b(?:a|an|any|the|or)\b|或者?)*", re.I)
_DENIABLE = ("number", "size", "colour", "noun", "nouns", "prop", "weather")
_MANY = {
    "en": re.compile(
        r"(?<![\w-])(five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|fifty|[5-9]|\d{2,4}|many|several|some"
        r"|a few|lots of|a lot of|plenty of|a dozen|dozens of|(?:a )?hundreds?(?: of)?|(?:a )?thousands?(?: of)?"
        r"|an? (?:group|bunch|crowd|flock|herd|pack|pride|school|swarm|team|army|colony|family) of)\s+((?:[a-z]+\s+){0,2})$",
        re.I,
    ),
    "zh": re.compile(
        r"([五六七八九十百千万]+|[5-9]|\d{2,4}|一?大?群|一堆|许多|很多|好多|好几|几|无数|一些|成群)"
        r"[^\s一和与]?(?:[红橙黄绿蓝紫粉橘]色|[大小])?的?$"
    ),
}  # right before the noun
_FEW = ("some", "several", "a few", "几", "好几", "一些")
_NUMBERS = {"en": ("", "a", "two", "three", "four"), "zh": ("", "一", "两", "三", "四")}
_UNPAINTED = {
    "en": re.compile(r"\b(black|white|brown|gr[ea]y|silver|beige|bronze|tan)\s+(?:[a-z]+\s+)?$", re.I),
    "zh": re.compile("(黑|白|棕|灰|褐|银|咖啡)色?的?$"),
}  # right before the noun
_AT = {
    "en": re.compile(
        r"\b(?:in|on|at|inside)\s+(?:a|an|the|my|our)\s+(?!(?:light|middle|front|back|way|end|style|row|circle|moment|same|distance|"
        r"background|foreground|air|line|video|film|hurry|team|group|world)\b)(?:[a-z]+\s+)?[a-z]+",
        re.I,
    ),
    "zh": re.compile("在[^，。、在]{1,6}?[里上中]"),
}


class _Cast(NamedTuple):
    """A kind that a text names, where it does first, and how many of it."""

    fact: Fact
    begin: int  # of the number before it; where there is none, of its name
    end: int  # of the number
    bodies: int
    said: bool  # whether the count is


def shown(text: str, drawn: Callable[[str], bool], own: Iterable[str] = ()) -> tuple[str, list[str]]:
    """A prompt as a scene can hold it, in words of the world, and a note on all that gave way (see `likened`)."""
    text, denied = undenied(text)
    text, instead = likened(text, drawn, own)
    text, beyond = limited(text, drawn)
    return text, [*denied, *instead, *beyond]


def undenied(text: str) -> tuple[str, list[str]]:
    """The text without what it says is not there ("a cat, no dog"): whatever is named is drawn. And a note of it."""
    notes = []
    facts = read_facts(text, tongue_of(text))
    for found in reversed(list(_DENIED.finditer(text))):
        end = at = found.end()
        for fact in facts:
            if fact.begin >= at and fact.kind in _DENIABLE and _BETWEEN.fullmatch(text, at, fact.begin):
                at = fact.end
                end = at if fact.kind not in ("number", "size", "colour") else end
        if end > found.end():
            notes.append(f"{text[found.start() : end].strip()}: left out, since whatever is named is drawn")
            text = f"{text[: found.start()].rstrip(' ,，、')}{text[end:]}".strip(" ,，、").removeprefix("的")
    return text, notes[::-1]


def limited(text: str, drawn: Callable[[str], bool]) -> tuple[str, list[str]]:
    """The text with no more bodies than a scene has; notes on that, and on kinds, colours and places that it has not."""
    tongue = tongue_of(text)
    cast = _cast(text, tongue, drawn)
    notes = [*_on_kinds(text, cast), *_on_colours(text, tongue), *_on_places(text, tongue)]
    counts = list[str]()
    several = next((one for one in cast if one.bodies > 1), None)
    for one in reversed(cast):
        most = ALONE if len(cast) == 1 else IN_COMPANY if one is several else 1
        if one.bodies > most or not one.said:
            named = text[one.begin : one.fact.end]
            new = _counted(text, one, min(one.bodies, most), tongue)
            text = f"{text[: one.begin]}{new}{text[one.fact.end :]}"
            why = "more than a scene of this model holds" if one.said else "how many is not said"
            counts.append(f"{named}: {why}; read as {new!r}")
    return text, [*reversed(counts), *notes]


def _cast(text: str, tongue: str, drawn: Callable[[str], bool]) -> list[_Cast]:
    """The kinds in the order of their names; of those that are named again, how many there are is said once."""
    facts = in_the_picture(text, tongue)
    begins = {fact.begin for fact in facts if fact.kind in ("noun", "nouns")}
    facts = [
        fact for fact in facts if fact.end + 1 not in begins or text[fact.end] != " " or fact.kind not in ("noun", "nouns")
    ]
    found: dict[str, _Cast] = {}
    for i, fact in enumerate(facts):
        if fact.kind not in ("noun", "nouns") or not drawn(fact.label):
            continue
        number = next((f for f in facts[max(0, i - 3) : i][::-1] if f.kind not in ("size", "colour")), None)
        one = _Cast(fact, fact.begin, fact.begin, SOME, False) if fact.kind == "nouns" else None
        if number and number.kind == "number" and not re.search("[,.，。]", text[number.end : fact.begin]):
            one = _Cast(fact, number.begin, number.end, int(number.label), True)
        if (many := _MANY[tongue].search(text[: fact.begin])) and (tongue == "zh" or _may_be_many(fact)):
            count = SOME if many[1].lower() in _FEW else ALONE + 1
            one = _Cast(fact, many.start(1), many.end(1), count, many[1].lower() not in _FEW)
        before = found.get(fact.label)
        if before is None or (one and one.said and not before.said and before.fact.kind == "nouns"):
            found[fact.label] = one or _Cast(fact, fact.begin, fact.begin, 1, True)
    return sorted(found.values(), key=lambda one: one.fact.begin)


def _may_be_many(fact: Fact) -> bool:
    return fact.kind == "nouns" or load_nouns()[fact.label].plural == fact.label


def _counted(text: str, one: _Cast, count: int, tongue: str) -> str:
    """So many of a kind, with what the text has between their number and their name."""
    noun, between, name = load_nouns()[one.fact.label], text[one.end : one.fact.begin], text[one.fact.begin : one.fact.end]
    word = _NUMBERS[tongue][count]
    if tongue == "zh":
        return word + ("" if between[:1] in measures() and between else noun.measure) + between + name
    if count == 1:
        rest = f"{between.strip()} {noun.key}".strip()
        return f"{lexicon_en.article(rest)} {rest}"
    new = f"{word} {between.strip()} {name}" if between.strip() else f"{word} {name}"
    return new[0].upper() + new[1:].lower() if text[one.begin].isupper() else new


def _on_kinds(text: str, cast: list[_Cast]) -> list[str]:
    if len(cast) <= KINDS:
        return []
    named = [text[one.fact.begin : one.fact.end] for one in cast]
    return [f"{', '.join(named)}: a scene of this model holds two kinds at most; {', '.join(named[KINDS:])} may be missing"]


def _on_colours(text: str, tongue: str) -> list[str]:
    """On colours before nouns that nobody is painted in."""
    facts, notes = read_facts(text, tongue), []
    for fact in facts:
        found = _UNPAINTED[tongue].search(text[: fact.begin]) if fact.kind in ("noun", "nouns") else None
        if found and not any(other.begin < found.end(1) and found.start(1) < other.end for other in facts):
            known = ", ".join(COLOURS)
            notes.append(f"{text[found.start() : fact.end]}: {found[1]} is no colour that this model paints. Try {known}.")
    return notes


def _on_places(text: str, tongue: str) -> list[str]:
    """On what is named as a place and not known, where no other place is named."""
    facts = read_facts(text, tongue)
    if any(fact.kind == "place" for fact in facts):
        return []
    unread = (f for f in _AT[tongue].finditer(text) if not any(o.begin < f.end() and f.start() < o.end for o in facts))
    return [f"{found[0]}: no place that this model knows; try another, for example 'in a forest'" for found in unread]
