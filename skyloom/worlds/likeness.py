"""What people say and the storybook has no word or no picture for -> the nearest that it has, and a note on each.

The table is `likeness.tsv` beside this file. Words of the world stay as they are: what its captions say is never changed.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import resources
from typing import NamedTuple

from . import lexicon_en, lexicon_zh
from .expand import read_facts, world_words
from .nouns import Noun, load_nouns
from .prompt import tongue_of
from .scene import PROPS
from .wording import WORD, tokens

_GAP = re.compile(r"[\s'’-]*")
_PLACING = frozenset(
    "in on at inside within into onto to through across along around near by beside over under from toward towards down up off"
    " past".split()
)
_ARTICLES = frozenset("a an the my your our his her its their this that some".split())
_PASTS = {
    "run": "ran", "swim": "swam", "fly": "flew", "fall": "fell", "drive": "drove", "spin": "spun", "grow": "grew",
    "shrink": "shrank", "meet": "met", "stand": "stood", "get": "got", "leap": "leapt", "go": "went", "come": "came",
    "become": "became",
}  # fmt: skip
_COUNTED = frozenset("一两二三四五六七八九十几那这每")
_COLOUR_SIGNS = frozenset("金黄红蓝绿紫粉橙橘")
_COLOURS_ZH = frozenset(words[0] for words in lexicon_zh.COLOUR_WORDS.values())
_WITH = ("stand", "sway", "jump")  # what may have an object: "eats an apple", "plays the guitar"
_LIGHT_ARTICLES = ("a", "an", "the")
_UNCOUNTED = ("rain", "snowfall", "windy weather", "daylight", "an overcast day", "it is snowing", "it is raining")
_CAMERA_TAGS = frozenset(tag for tags in (*lexicon_en.CAMERA_TAGS.values(), *lexicon_zh.CAMERA_TAGS.values()) for tag in tags)
_SIZES = {("giant",): "huge"}  # nouns that are a size before another
_INSIDE = re.compile("(?:[里中内外旁边]|上(?!空))+")
_OF = re.compile(r"\s+of\s+", re.I)
Words = tuple[str, ...]


class Likeness(NamedTuple):
    kind: str  # noun, place, action, say
    label: str  # of the world; of `say` the words that are put in
    form: int = 0  # of a noun 1 where there are many; of an action 0 as it stands, 1 of the third person, 2 with -ing
    quiet: bool = False  # another form of the same word: nobody needs to hear of it


def likened(text: str, drawn: Callable[[str], bool], own: Iterable[str] = ()) -> tuple[str, list[str]]:
    """The text in words that the storybook can show, and a note on each word that gave way.

    `drawn` says of a noun's key whether there is a picture of it; the names in `own` stand for what somebody brought along.
    """
    spans = [found.span() for found in WORD.finditer(text)]
    words = tuple(text[begin:end].lower() for begin, end in spans)
    reading = _Reading(text, words, spans, drawn, {_key(name) for name in own})
    at = 0
    while at < len(words):
        at = reading.step(at)
    return reading.told()


@dataclass
class _Reading:
    """A text that is read from left to right, of words that begin together the longest first."""

    text: str
    words: Words
    spans: list[tuple[int, int]]
    drawn: Callable[[str], bool]
    own: set[Words]
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def step(self, at: int) -> int:
        """Read what begins at word `at`; returns where the next begins."""
        table, hanzi = _table(), _hanzi(self.words[at])
        tongue = "zh" if hanzi else "en"
        for end in range(min(len(self.words), at + _longest()), at, -1):
            key = self.words[at:end]
            if not self._together(at, end):
                continue
            if key in self.own or (end == at + 1 and self._measures(at)):
                return end
            meant, found = world_words(tongue).get(key, ()), table.get(key)
            if meant and meant[0][0] == "prop" and end > at + 1 and not hanzi and self._acts(meant[0][1]):
                continue  # "a cactus": read without its article, it is a noun
            lookless = self._lookless(meant) if meant else ""
            filming = {"camera", "镜"} & {*self.words[max(0, at - 2) : at]}  # it follows; a dog that does chases
            if meant and not lookless and (filming or not found or meant[0][0] != "camera"):
                return end
            if place_end := self._placed(at) if end == at + 1 else 0:
                return place_end
            if (lookless or (found and found.kind == "noun")) and not hanzi and self._describes(end):
                if key in _SIZES:
                    self._say(at, end, Likeness("say", _SIZES[key]))
                return end
            if found and found.quiet and self._passive(at, end):
                return end
            if found and (hanzi or found.kind != "place" or lookless not in _likes()) and self._fits(found, end, hanzi):
                self._say(at, end, found)
                return end
            if lookless in _parts() and self._there - {lookless}:
                return end  # the eyes of a fox
            if lookless and (like := self._like(lookless)):
                self._say(at, end, Likeness("noun", like, int(meant[0][0] == "nouns")))
                return end
        return at + 1

    def told(self) -> tuple[str, list[str]]:
        text = self.text
        for begin, end, new in reversed(self.edits):
            text = text[:begin] + new + text[end:]
        return text, list(dict.fromkeys(self.notes))

    def _together(self, at: int, end: int) -> bool:
        """Whether nothing but spaces and hyphens parts the words."""
        return all(_GAP.fullmatch(self.text[self.spans[i][1] : self.spans[i + 1][0]]) for i in range(at, end - 1))

    def _lookless(self, meant: tuple[tuple[str, str], ...]) -> str:
        """The noun of the wider cast that words mean, and nothing else, where there is no picture of it."""
        noun = meant[0][1]
        if any(kind not in ("noun", "nouns") for kind, _ in meant) or load_nouns()[noun].core or self.drawn(noun):
            return ""
        return noun if noun not in PROPS or self._acts(noun) else ""

    def _acts(self, noun: str) -> bool:
        """Whether what may be scenery is none here."""
        from .dressing import asked_for

        return noun in load_nouns() and noun not in asked_for(self.text)

    def _describes(self, end: int) -> bool:
        """Whether a noun that has a picture follows at once: "a giant wave" is no giant."""
        if end == len(self.words) or not self._together(end - 1, end + 1):
            return False
        meant = world_words("en").get(self.words[end : end + 1], ())
        return any(kind in ("noun", "nouns") and self.drawn(label) for kind, label in meant)

    def _like(self, noun: str) -> str:
        """The nearest noun that has a picture, another one than those that are there; "" where there is none."""
        nouns, there = load_nouns(), self._there
        curated = _likes().get(noun, "")
        if curated and curated not in there and self.drawn(curated):
            return curated
        it = nouns[noun]
        kin = [other for other in nouns.values() if other.category == it.category and self.drawn(other.key)]
        kin = [other for other in kin if other.key not in there] or kin
        far = lambda other: (len(other.can ^ it.can), abs(other.size - it.size))  # noqa: E731
        return min(kin, key=far).key if kin else ""

    @functools.cached_property
    def _there(self) -> set[str]:
        facts = [fact for tongue in ("en", "zh") for fact in read_facts(self.text, tongue)]
        return {fact.label for fact in facts if fact.kind in ("noun", "nouns")}

    def _fits(self, found: Likeness, end: int, hanzi: bool) -> bool:
        """One hanzi is a colour only before a noun ("蓝狗"), and a noun only where there is a picture of what it is like."""
        if found.kind == "noun":
            return self.drawn(found.label)
        if hanzi and found.label in _COLOURS_ZH and end < len(self.words) and self.words[end - 1] in _COLOUR_SIGNS:
            rest = self.text[self.spans[end][0] :]
            return any(fact.begin == 0 and fact.kind == "noun" for fact in read_facts(rest, "zh"))
        return True

    def _measures(self, at: int) -> bool:
        """Whether a hanzi counts what comes after it: "一桶爆米花" is no bucket."""
        return self.words[at] in measures() and at > 0 and self.words[at - 1] in _COUNTED

    def _passive(self, at: int, end: int) -> bool:
        """Whether "chased" is what is done to somebody."""
        before, after = self.words[max(0, at - 1) : at], self.words[end : end + 1]
        return after == ("by",) or before in (("is",), ("are",), ("was",), ("were",), ("being",))

    def _placed(self, at: int) -> int:
        """Where "in the old park" ends, which then is a phrase of the world; 0 where no place is named like that."""
        if self.words[at] not in _PLACING:
            return 0
        first = at + 1
        while first < len(self.words) and self.words[first] in _ARTICLES:
            first += 1
        for skipped in range(3):  # adjectives that nobody knows, or sizes
            found, end = self._place(first + skipped)
            if found and self._together(at, end):
                self._say(at, end, found, placed=True)
                return end
            word = self.words[first + skipped : first + skipped + 1]
            if (
                not word
                or word in _table()
                or world_words("en").get(word, (("size", ""),))[0][0] != "size"
                or word[0] in _PLACING
            ):
                break
        return 0

    def _place(self, at: int) -> tuple[Likeness | None, int]:
        """The place whose name begins at a word, and where that ends: "restaurant kitchen" is one."""
        for end in range(min(len(self.words), at + _longest()), at, -1):
            key = self.words[at:end]
            meant, found = world_words("en").get(key, ()), _table().get(key)
            if meant and not self._lookless(meant):
                break
            if found and found.kind == "place":
                further, last = self._place(end) if end < len(self.words) and self._together(at, end + 1) else (None, end)
                return (further, last) if further else (found, end)
        return None, at

    def _names(self, at: int) -> bool:
        """Whether a noun follows, after an article or none."""
        while self.words[at : at + 1] and self.words[at] in _ARTICLES:
            at += 1
        like = _table().get(self.words[at : at + 1])
        begin, end = (self.spans[at][0] if at < len(self.spans) else len(self.text)), 0
        for fact in read_facts(self.text[begin:], "zh" if at < len(self.words) and _hanzi(self.words[at]) else "en"):
            if self.text[begin + end : begin + fact.begin].strip():
                break
            if fact.kind in ("noun", "nouns"):
                return True
            end = fact.end
        return like is not None and like.kind in ("noun", "part")

    def _doing(self, found: Likeness, tongue: str, end: int) -> str:
        """The words for an action: one that the first who is named can do, and with an object where there is one."""
        lexicon, label = lexicon_zh if tongue == "zh" else lexicon_en, found.label
        if label in ("walk", "run") and (lead := self._lead) and label not in lead.can:
            label = next((other for other in ("drive", "sail", "fly", "swim", "roll") if other in lead.can), label)
        verb = lexicon.VERBS.get(label, (label,))[0].partition("{")[0]
        objects = label in _WITH and self._names(end)
        if tongue == "zh":
            return "和" if objects else verb
        return lexicon_en.FORMS[verb][found.form] + (" with" if objects else "")

    @functools.cached_property
    def _lead(self) -> Noun | None:
        facts = read_facts(self.text, tongue_of(self.text))
        return next((load_nouns()[fact.label] for fact in facts if fact.kind in ("noun", "nouns")), None)

    def _say(self, at: int, end: int, found: Likeness, placed: bool = False) -> None:
        """Put in the likeness of the words from `at` to `end`, with an article or a measure word that suits it."""
        tongue, placed = "zh" if _hanzi(self.words[at]) else "en", placed or self.words[at] in _PLACING
        begin, last = self.spans[at][0], self.spans[end - 1][1]
        if tongue == "zh" and found.kind == "place" and (after := _INSIDE.match(self.text, last)):
            last = after.end()
        said = new = self._doing(found, tongue, end) if found.kind == "action" else _wording(found, tongue, placed)
        old = self.text[begin:last]
        before = self.words[at - 1] if at and self._together(at - 1, at + 1) else ""
        if tongue == "en" and before in _LIGHT_ARTICLES and not placed:
            new, begin = _with_article(before, found, new), self.spans[at - 1][0]
        elif found.kind == "noun" and before in measures() and at > 1 and self.words[at - 2] in _COUNTED:
            begin, new = self.spans[at - 1][0], load_nouns()[found.label].measure + new
        elif new == "和" and before == "在":  # "在吃苹果"
            begin = self.spans[at - 1][0]
        if found.label in _CAMERA_TAGS and (after := _OF.match(self.text, last)):
            last, new = after.end(), f"{new}, "
        if tongue == "zh" and self.text.startswith("上空", last):
            new = new.removesuffix("上")
        if self.text[begin].isupper():
            new = new[0].upper() + new[1:]
        self.edits.append((begin, last, new))
        if found.quiet or (found.kind == "noun" and old.lower() in found.label.split()):
            return
        if found.kind == "noun":
            noun = load_nouns()[found.label]
            shown = f"{noun.plural} are" if found.form else f"{lexicon_en.article(noun.key)} {noun.key} is"
            self.notes.append(f"{old}: not among what this model draws; {shown} drawn instead")
        else:
            self.notes.append(f"{old}: not in this model's world; read as {said!r}")


def _wording(found: Likeness, tongue: str, placed: bool) -> str:
    """The words of the world for a likeness."""
    lexicon = lexicon_zh if tongue == "zh" else lexicon_en
    if found.kind == "noun":
        noun = load_nouns()[found.label]
        return noun.zh if tongue == "zh" else noun.plural if found.form else noun.key
    if found.kind == "place":
        return lexicon.PLACE_PHRASES[found.label][0] if placed or tongue == "zh" else lexicon.PLACE_WORDS[found.label][0]
    return found.label


def _with_article(before: str, found: Likeness, new: str) -> str:
    """English words after an article, which is theirs: "a hill" is "the mountains", "a storm" is "rain"."""
    if found.kind == "place":
        return lexicon_en.PLACE_PHRASES[found.label][0].partition(" ")[2] or new
    if found.label in _UNCOUNTED or found.label in _CAMERA_TAGS:
        return new
    return f"{before} {new}" if before == "the" else f"{lexicon_en.article(new)} {new}"


@functools.cache
def _table() -> dict[Words, Likeness]:
    """All that the world does not say itself: its words -> what they are like."""
    table: dict[Words, Likeness] = {}
    for kind, label, english, chinese_label, chinese in _rows():
        for word in filter(None, chinese.split("|")):
            table.setdefault(_key(word), Likeness(kind, chinese_label if kind == "say" else label))
        for word in filter(None, english.split("|")):
            if kind == "action":
                for form, inflected in _inflected(*word.split(":")):
                    table.setdefault((inflected,), Likeness(kind, label, form))
                continue
            if kind in ("noun", "part") and word in load_nouns():
                continue
            table.setdefault(_key(word), Likeness(kind, label))
            if kind == "noun":
                table.setdefault(_key(lexicon_en.plural(word)), Likeness(kind, label, 1))
    for phrase in (phrase for phrases in lexicon_en.VERBS.values() for phrase in phrases):
        head, _, rest = phrase.partition(" ")
        for form, past in _inflected(head, *filter(None, [_PASTS.get(head)]))[3:]:
            table.setdefault(_key(f"{past} {rest}"), Likeness("action", phrase, form, quiet=True))
    return table


@functools.cache
def _parts() -> frozenset[str]:
    """Nouns that are no actors of their own where somebody else is there."""
    return frozenset(key for kind, _, english, _, _ in _rows() if kind == "part" for key in english.split("|"))


@functools.cache
def _likes() -> dict[str, str]:
    """Which noun those of the wider cast are like."""
    nouns = load_nouns()
    rows = ((label, key) for kind, label, english, _, _ in _rows() if kind in ("noun", "part") for key in english.split("|"))
    return {key: label for label, key in rows if key in nouns}


@functools.cache
def _rows() -> list[list[str]]:
    lines = resources.files(__package__).joinpath("likeness.tsv").read_text(encoding="utf-8").splitlines()
    order = ("place", "say", "action", "noun", "part")  # of what is said of several, the first counts
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return sorted(rows, key=lambda row: order.index(row[0]))


def _inflected(verb: str, *others: str) -> list[tuple[int, str]]:
    """(form of the present that stands for it, word) of a verb: as it stands, third person, -ing, past."""
    stem = verb + verb[-1] if re.fullmatch(r"[a-z]{0,2}[^aeiou][aeiou][^aeiouwxy]", verb) else verb
    cut = stem[:-1] if stem.endswith("e") and not stem.endswith("ee") else stem
    past = cut[:-1] + "ied" if re.search("[^aeiou]y$", cut) else cut + "ed"
    own = [other for other in others if not other.endswith("ing")]
    ings = [other for other in others if other.endswith("ing")] or [cut + "ing"]
    third = lexicon_en.FORMS[verb][1] if verb in lexicon_en.FORMS else lexicon_en.third(verb)
    return [(0, verb), (1, third), *((2, ing) for ing in ings), *((1, word) for word in own or [past])]


def _key(words: str) -> Words:
    return tuple(tokens(words))


def _hanzi(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


@functools.cache
def measures() -> frozenset[str]:
    """The measure words of Chinese nouns."""
    return frozenset(noun.measure for noun in load_nouns().values()) | {"个", "只"}


@functools.cache
def _longest() -> int:
    return max(map(len, (*_table(), *world_words("en"), *world_words("zh"))))
