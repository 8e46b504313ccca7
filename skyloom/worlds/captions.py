"""Words for a record: `caption(scene, language, style)` is a pure function, so picture and words cannot disagree.

English and Chinese, three lengths, many wordings of each; `all_words` is the whole vocabulary, and the `*_WORDS` tables
(language -> label -> wordings, the plainest first) are for whoever reads prompts.
"""

import dataclasses
import functools
import random
import zlib

from . import grammar_en, grammar_zh, lexicon_en, lexicon_zh
from .nouns import Noun
from .scene import Scene
from .wording import tokens as tokens  # how captions fall into words, for whoever builds a vocabulary

LANGUAGES = ("en", "zh")
STYLES = ("tags", "sentence", "dense")
_GRAMMARS = {"en": grammar_en, "zh": grammar_zh}
_LEXICA = {"en": lexicon_en, "zh": lexicon_zh}

PLACE_WORDS = {language: lexicon.PLACE_WORDS for language, lexicon in _LEXICA.items()}
LIGHT_WORDS = {language: lexicon.LIGHT_WORDS for language, lexicon in _LEXICA.items()}
WEATHER_WORDS = {language: lexicon.WEATHER_WORDS for language, lexicon in _LEXICA.items()}
CAMERA_WORDS = {language: lexicon.CAMERA_WORDS for language, lexicon in _LEXICA.items()}
ACTION_WORDS = {language: lexicon.ACTION_WORDS for language, lexicon in _LEXICA.items()}
COLOUR_WORDS = {language: lexicon.COLOUR_WORDS for language, lexicon in _LEXICA.items()}
SIZE_WORDS = {language: lexicon.SIZE_WORDS for language, lexicon in _LEXICA.items()}
NUMBER_WORDS = {language: lexicon.NUMBER_WORDS for language, lexicon in _LEXICA.items()}
RELATION_WORDS = {language: lexicon.RELATION_WORDS for language, lexicon in _LEXICA.items()}
PROP_WORDS = {language: lexicon.PROP_WORDS for language, lexicon in _LEXICA.items()}


def caption(scene: Scene, language: str = "en", style: str = "sentence", variant: int = 0, *, still: bool = False) -> str:
    """What the scene shows, in words.

    `style`: "tags" (short tags), "sentence" (one sentence, or a prompt as short as "fox, beach") or "dense" (a paragraph
    with every fact of the record). `variant` picks another wording. `still` describes a single frame: no camera move, and
    of two actions in order it tells neither. Of what the record leaves open (a camera "", actions (), a heading 0) no word is
    said. ValueError for an unknown language, style or noun.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language: got {language!r}, wanted one of {', '.join(LANGUAGES)}")
    if style not in STYLES:
        raise ValueError(f"style: got {style!r}, wanted one of {', '.join(STYLES)}")
    if not scene.camera:
        scene, still = dataclasses.replace(scene, camera="still"), True
    rng = random.Random(zlib.crc32(f"{scene.seed}|{language}|{style}|{variant}".encode()))
    return getattr(_GRAMMARS[language], style)(rng, scene, still)


@functools.cache
def all_words(language: str) -> frozenset[str]:
    """Every token that captions can hold: lower-cased English words, single Chinese characters, single digits."""
    if language not in LANGUAGES:
        raise ValueError(f"language: got {language!r}, wanted one of {', '.join(LANGUAGES)}")
    return frozenset(_GRAMMARS[language].words())


def noun_words(noun: Noun, language: str = "en") -> tuple[str, ...]:
    """All that captions call the noun, the plainest first; in English with its plurals."""
    if language == "zh":
        return lexicon_zh.names(noun)
    return tuple(dict.fromkeys(lexicon_en.names(noun) + lexicon_en.names(noun, many=True)))
