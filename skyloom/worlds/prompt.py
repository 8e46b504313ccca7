"""What people type -> text that a model can read: control signs out, emoji into the words of the cast, limits kept."""

import functools
import re
import unicodedata

from .nouns import Noun, load_nouns

LONGEST = 2000  # characters
HANZI = re.compile(r"[\u3400-\u9fff]")
GRAMMAR = frozenset(  # what says nothing that could be drawn, or what other words say already
    "a an the and of to this that these those his her its their my your our who whom whose which where when but or so "
    "because if he she it they we i you him them me us am is are was were be been being has have had having do does "
    "did could will would shall should may might must very really quite just some also too then here yes through "
    "across into onto toward towards away between about like than how again both each other every all own make makes show "
    "shows please video film movie clip story near together beside wear wears wearing".split()
) | frozenset("他她它们了但又也都很就把被让给从到向往这那会要想")
TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and moves of a terminal
LETTER = re.compile(r"[^\W_]")
# one emoji: flags, keycaps, or a picture with its variation, skin tone, tags and joined pictures
_PICTURE = (
    "[\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\U0001f000-\U0001faff]"
)
_MARKS = "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}{_MARKS}(?:\u200d{_PICTURE}{_MARKS})*")


def clean(text: str, name: str = "prompt") -> str:
    """One line without control signs. ValueError for nothing, for signs alone, and for more than LONGEST characters."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())  # lone surrogates go
    text = "".join(_kept(sign) for sign in TERMINAL.sub("", text))
    text = " ".join(text.split())
    if len(text) > LONGEST:
        raise ValueError(
            f"{name} of {len(text)} characters: at most {LONGEST}. Say in a sentence or two who does what, and where."
        )
    if not text:
        raise ValueError(f"{name} is empty: say what to film, for example 'a red fox runs through the snow'.")
    if not LETTER.search(text) and not EMOJI.search(text):
        raise ValueError(f"{name} {text[:40]!r} has no words: say what to film, for example 'a red fox runs through the snow'.")
    return text


def beginning(text: str, name: str) -> tuple[str, list[str]]:
    """As much of a text as a model reads, and a note where that is not all."""
    text = " ".join(text.split()) if len(text) > LONGEST else text
    if len(text) <= LONGEST:
        return text, []
    kept = text[: LONGEST + 1].rpartition(" ")[0] or text[:LONGEST]
    return kept, [f"{name!r} has {len(text)} characters: the first {len(kept)} are read"]


def tongue_of(text: str) -> str:
    """Which of the world's two languages a text is in: "zh" where it has Hanzi, else "en"."""
    return "zh" if HANZI.search(text) else "en"


def emoji_to_words(text: str, language: str = "auto") -> tuple[str, list[str]]:
    """Emoji of the cast become its nouns ("🦊 in the snow" -> "fox in the snow"); also returns those that have no word.

    ValueError where nothing is left.
    """
    chinese = language == "zh" or (language == "auto" and bool(HANZI.search(text)))
    found = EMOJI.findall(text)
    nouns = {emoji: _noun_of(emoji) for emoji in found}
    unknown = [emoji for emoji in dict.fromkeys(found) if nouns[emoji] is None]
    if not found:
        return text, []
    if not LETTER.search(EMOJI.sub("", text)):  # emoji alone: list them
        named = [_indefinite(noun, chinese) for emoji in found if (noun := nouns[emoji])]
        if not named:
            raise ValueError(f"no word is known for {' '.join(unknown)[:40]}: say in words what to film.")
        return ("和" if chinese else " and ").join(named), unknown
    for emoji, noun in sorted(nouns.items(), key=lambda item: -len(item[0])):
        text = text.replace(emoji, "" if noun is None else f" {noun.zh if chinese else noun.key} ")
    return " ".join(text.split()), unknown


def _kept(sign: str) -> str:
    kind = unicodedata.category(sign)
    if kind in ("Zl", "Zp") or sign in "\t\n\r\v\f":
        return " "
    if kind == "Cf" and (sign == "\u200d" or "\U000e0020" <= sign <= "\U000e007f"):
        return sign  # joiners and tags inside emoji
    return "" if kind in ("Cc", "Cf", "Cs", "Co", "Cn") else sign


def _noun_of(emoji: str) -> Noun | None:
    """The noun whose art this emoji is: exactly, else without skin tone, else by its first picture."""
    codes = [f"{ord(sign):x}" for sign in emoji if sign not in "\ufe0e\ufe0f"]
    toneless = [code for code in codes if not "1f3fb" <= code <= "1f3ff" or len(code) != 5]
    by_code = _by_code()
    exact = by_code.get("-".join(codes)) or by_code.get("-".join(toneless)) or by_code.get(codes[0])
    return exact and _known(exact)


def _known(noun: Noun) -> Noun:
    """A noun of the wider cast gives way to the one of the core that its name holds: "rabbit face" to "rabbit"."""
    nouns, words = load_nouns(), noun.key.split()
    parts = [" ".join(words[i:]) for i in range(len(words))] + [" ".join(words[:-i]) for i in range(1, len(words))]
    return next((nouns[part] for part in parts if part in nouns and nouns[part].core), noun)


@functools.cache
def _by_code() -> dict[str, Noun]:
    return {noun.code: noun for noun in reversed(load_nouns().values())}


def _indefinite(noun: Noun, chinese: bool) -> str:
    return f"一{noun.measure}{noun.zh}" if chinese else f"{noun.article} {noun.key}"
