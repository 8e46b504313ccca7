"""What both grammars ask of a record: who is together how, which scenery there is, and how text falls into words."""

import re
from collections import Counter

from .nouns import Noun, load_nouns
from .scene import Actor, Scene

LIVING = ("animal", "person", "fantasy")
ROOFED = ("kitchen table", "bedroom", "stage", "underwater", "space")  # places without a sky to speak of

WORD = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+|\d")


def company(scene: Scene) -> str:
    """How the actors belong together: solo, duo, related, chase, meet, circle, or many (anything else)."""
    actors = scene.actors
    if len(actors) == 1:
        return "solo"
    first, second = actors[:2]
    if len(actors) > 2 or (second.partner >= 0 and second.actions != ("meet",)):
        return "many"
    if first.partner == 1 and len(first.actions) == 1:
        return first.actions[0]
    if first.partner >= 0 or second.partner >= 0:
        return "many"
    return "related" if scene.relation else "duo"


def untold(scene: Scene) -> bool:
    """Whether it is unknown of some actor what it does: then words only say who is there."""
    return not all(actor.actions for actor in scene.actors)


def noun_of(actor: Actor) -> Noun:
    """The actor's row in the table of nouns; ValueError when there is none."""
    try:
        return load_nouns()[actor.noun]
    except KeyError:
        raise ValueError(f"noun: got {actor.noun!r}, wanted a key of nouns.tsv") from None


def prop_counts(scene: Scene) -> list[tuple[str, int]]:
    """(kind, number) of the scenery, in order of first appearance."""
    return list(Counter(prop.kind for prop in scene.props).items())


def tokens(text: str) -> list[str]:
    """The words of a text, lower-cased, in order; each Chinese character and each digit is a word of its own."""
    return WORD.findall(text.lower())


def words_in(*tables: object) -> set[str]:
    """Every word in nested tuples, lists and dicts of strings (values only); names of `{slots}` are left out."""
    found: set[str] = set()
    for table in tables:
        if isinstance(table, str):
            found.update(tokens(re.sub(r"\{\w*\}", " ", table)))
        elif isinstance(table, dict):
            found |= words_in(*table.values())
        elif isinstance(table, (tuple, list, set, frozenset)):
            found |= words_in(*table)
    return found
