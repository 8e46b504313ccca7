"""Phrases for whoever types a prompt, in both languages and by what they tell: who, does, where, light, camera."""

from collections.abc import Callable

from ..worlds import lexicon_en as en
from ..worlds import lexicon_zh as zh
from ..worlds.nouns import core_nouns

Hints = dict[str, dict[str, list[str]]]  # language -> what it tells -> phrases


def known(knows: Callable[[str], bool]) -> Hints:
    """The plainest phrase for everything that the world can show, as far as the model knows its words."""
    found = {"en": _english(), "zh": _chinese()}
    return {
        language: {told: [phrase for phrase in phrases if knows(phrase)] for told, phrases in kinds.items()}
        for language, kinds in found.items()
    }


def _english() -> dict[str, list[str]]:
    return {
        "who": [f"{noun.article} {noun.key}" for noun in core_nouns()],
        "does": [en.FORMS[phrases[0]][1] for phrases in en.VERBS.values()],
        "where": [phrases[0] for phrases in en.PLACE_PHRASES.values()],
        "light": [phrases[0] for group in (en.LIGHT_PHRASES, en.WEATHER_PHRASES) for phrases in group.values()],
        "camera": [clauses[0] for clauses in en.CAMERA_CLAUSES.values() if "{" not in clauses[0]],
    }


def _chinese() -> dict[str, list[str]]:
    return {
        "who": [f"一{noun.measure}{noun.zh}" for noun in core_nouns()],
        "does": [words[0] for words in zh.ACTION_WORDS.values()],
        "where": [f"在{phrases[0]}" for phrases in zh.PLACE_PHRASES.values()],
        "light": [phrases[0] for group in (zh.LIGHT_PHRASES, zh.WEATHER_PHRASES) for phrases in group.values()],
        "camera": [clauses[0] for clauses in zh.CAMERA_CLAUSES.values() if "{" not in clauses[0]],
    }
