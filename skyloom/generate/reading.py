"""What a model makes of a prompt, and notes for people on what it cannot know. Loads without torch."""

from collections.abc import Iterable
from typing import NamedTuple

from ..models.vocabulary import Vocabulary
from ..worlds.limits import shown
from ..worlds.prompt import GRAMMAR, emoji_to_words


class Reading(NamedTuple):
    """A prompt in the words that are filmed, and what became of those that were typed."""

    prompt: str
    wordless: list[str]  # emoji without a word
    instead: list[str]  # notes on what is read or drawn otherwise
    unknown: dict[str, str]  # what stays so -> the known word that it misspells, "" for none
    beyond: list[str]  # a note on what is too long, if it is

    @property
    def notes(self) -> list[str]:
        """All that a film says of its prompt, a line each."""
        notes = [f"no word for {emoji}: left out" for emoji in self.wordless] + self.instead
        notes += [f"unknown word {word!r}, the nearest known is {near!r}" for word, near in self.unknown.items() if near]
        if strange := [repr(word) for word, near in self.unknown.items() if not near]:
            notes.append(f"unknown word{'s' * (len(strange) > 1)} {', '.join(strange)}, nothing known is near")
        return notes + self.beyond


def read(
    prompt: str, vocabulary: Vocabulary, limit: int, language: str = "auto", own: Iterable[str] = (), untouched: bool = False
) -> Reading:
    """Read a prompt with the words of a model, which takes `limit` tokens.

    `own` are names that a cast gives, read as they stand; `untouched` leaves all as typed, and notes say what would be read.
    ValueError where nothing is left to film.
    """
    prompt, wordless = emoji_to_words(prompt, language)
    told, instead = shown(prompt, lambda noun: vocabulary.look(noun) is not None, own)
    if untouched:
        told, instead = prompt, [f"{note}, but not with expand=off" for note in instead]
    unknown = {
        word: near
        for word, near in vocabulary.unknown(told).items()
        if word not in GRAMMAR and not GRAMMAR.issuperset(word) and (len(word) > 1 or not word.isascii())
    }
    beyond = []
    if (length := len(vocabulary.encode(told))) > limit:
        beyond = [f"long prompt: of {length} tokens (a word, or a letter of an unknown one) the first {limit} are read"]
    return Reading(told, wordless, instead, unknown, beyond)
