"""The cast: every noun that the storybook can show, with its words in English and Chinese and what it can do.

The table is `nouns.tsv` beside this file, one noun a line, in the order of `Noun`'s fields. It is ours; the art it points
at (by Unicode code point) is fetched separately (art.py).
"""

import functools
from dataclasses import dataclass
from importlib import resources

CATEGORIES = ("animal", "person", "vehicle", "weather", "food", "object", "plant", "face", "building", "fantasy")


@dataclass(frozen=True)
class Noun:
    key: str  # the English singular, lower case, also its name in records: "fire engine"
    code: str  # Unicode code points of its art, joined by "-", without fe0f: "1f692"
    plural: str  # "fire engines"
    zh: str  # "消防车"
    measure: str  # Chinese measure word: "辆"
    synonyms: tuple[str, ...]  # English singulars, "|"-separated in the table; may be empty
    zh_synonyms: tuple[str, ...]
    category: str  # one of CATEGORIES
    can: frozenset[str]  # actions beyond those that anything can do (stand, fall, bounce, spin, grow, shrink, sway, float)
    size: float  # natural height as a fraction of the frame's short side, 0.36 (mouse) .. 0.62 (whale, house)
    facing: int  # where the art looks: -1 left, 1 right, 0 at the viewer (then it is never mirrored)
    tint: bool  # may be recoloured by a hue shift ("a blue fox")
    animated: bool  # its art moves
    core: bool  # in the named subset that the shipped model is trained on

    @property
    def article(self) -> str:
        """'a' or 'an', by sound for the words of this table."""
        exceptions = ("uni", "use", "uk", "euro", "one", "ewe")
        return "an" if self.key[0] in "aeiou" and not self.key.startswith(exceptions) else "a"


@functools.cache
def load_nouns() -> dict[str, Noun]:
    """All nouns by key, in table order."""
    rows = resources.files(__package__).joinpath("nouns.tsv").read_text(encoding="utf-8").splitlines()
    nouns = (_parse(row) for row in rows if row and not row.startswith("#"))
    return {noun.key: noun for noun in nouns}


def core_nouns() -> list[Noun]:
    """The cast that the shipped model knows."""
    return [noun for noun in load_nouns().values() if noun.core]


def _parse(row: str) -> Noun:
    cells = row.split("\t")
    if len(cells) != 14:
        raise ValueError(f"nouns.tsv: {len(cells)} cells in {row[:40]!r}, wanted 14")
    key, code, plural, zh, measure, synonyms, zh_synonyms, category, can, size, facing, tint, animated, core = cells
    split = lambda cell: tuple(part for part in cell.split("|") if part)  # noqa: E731
    flag = {"0": False, "1": True}
    return Noun(
        key, code, plural, zh, measure, split(synonyms), split(zh_synonyms), category, frozenset(split(can)), float(size),
        int(facing), flag[tint], flag[animated], flag[core],
    )  # fmt: skip
