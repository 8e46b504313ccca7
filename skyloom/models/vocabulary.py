"""The words that a model knows, with byte fallback for all others, and the looks that its nouns have. Loads without torch.

Dimension key: B batch, L tokens, Q looks of a prompt.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

PAD, NULL, FIRST_BYTE = 0, 1, 2  # ids 2..257 are bytes; words follow
FIRST_WORD = FIRST_BYTE + 256
MOST_LOOKS = 4  # of one prompt
SHORTEST_SLIP = 4  # letters of a word that may be a misspelt one
TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]|[\u3400-\u9fff]|[^\s]")
HANZI = re.compile(r"[\u3400-\u9fff]")
PUNCTUATION = set(".,;:!?'\"()-–—，。、；：！？“”‘’（）…")


def split_words(text: str) -> list[str]:
    """Lower-cased English words, single Hanzi, digits and signs."""
    return TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


class Vocabulary:
    """Words with ids; what is not in it is spelled in bytes. `names` lists, for each look, all that prompts call it."""

    def __init__(self, words: Iterable[str], names: Iterable[Iterable[str]] = ()):
        self.words = list(dict.fromkeys(words))
        self.ids = {word: FIRST_WORD + i for i, word in enumerate(self.words)}
        self.names = [tuple(called) for called in names]
        self._looks = {tuple(split_words(name)): look for look, called in enumerate(self.names) for name in called}
        self._shown = {word for words in self._looks for word in words}  # known by sight, if by nothing else
        self._longest = max(map(len, self._looks), default=0)

    def __len__(self) -> int:
        return FIRST_WORD + len(self.words)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """The inverse of `to_json`; a bare list is one of words."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(data) if isinstance(data, list) else cls(data["words"], data["names"])

    def with_names(self, names: Iterable[str]) -> "Vocabulary":
        """These words and looks, and a look more for each name that none goes by."""
        return Vocabulary(self.words, [*self.names, *((name,) for name in names if self.look(name) is None)])

    def to_json(self) -> str:
        data = {"words": self.words, "names": self.names} if self.names else self.words
        return json.dumps(data, ensure_ascii=False, indent=0)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; [NULL] for an empty one."""
        ids: list[int] = []
        for word in split_words(text):
            known = self.ids.get(word)
            ids += [known] if known is not None else [FIRST_BYTE + byte for byte in word.encode()]
        return ids or [NULL]

    def look(self, name: str) -> int | None:
        """The look that goes by this name, None where none does."""
        return self._looks.get(tuple(split_words(name)))

    def looks(self, text: str) -> list[int]:
        """The looks that a text names, in its order, each once; of names that begin alike the longest counts."""
        return list(dict.fromkeys(look for look in self._read(split_words(text)) if look >= 0))[:MOST_LOOKS]

    def marks(self, text: str) -> list[int]:
        """For each token of a text the look that it names, with others or alone, or -1."""
        words = split_words(text)
        each = [1 if word in self.ids else len(word.encode()) for word in words]
        found = zip(self._read(words), each, strict=True)
        return [look for look, tokens in found for _ in range(tokens)] or [-1]

    def _read(self, words: list[str]) -> list[int]:
        """For each word the look of whose name it is, or -1."""
        found: list[int] = []
        while len(found) < len(words):
            at = len(found)
            ends = range(min(len(words), at + self._longest), at, -1)
            end = next((end for end in ends if tuple(words[at:end]) in self._looks), 0)
            found += [self._looks[tuple(words[at:end])]] * (end - at) if end else [-1]
        return found

    def batch(self, texts: list[str], limit: int) -> "tuple[Tensor, Tensor, Tensor]":
        """ids_BL (int64, padded with 0), mask_BL (True where a token stands) and looks_BQ (padded with -1); longer texts
        are cut at `limit`."""
        ids = _padded([self.encode(text)[:limit] for text in texts], PAD)
        return ids, ids != PAD, _padded([self.looks(text) for text in texts], -1)

    def slots(self, texts: list[str], looks: list[list[int]], limit: int) -> "Tensor":
        """For each token of `batch` which of the looks (of each text a list) it names, slots_BL, -1 for none."""
        rows = [
            [slots.index(look) if look in slots else -1 for look in self.marks(text)[:limit]]
            for text, slots in zip(texts, looks, strict=True)
        ]
        return _padded(rows, -1)

    def unknown(self, text: str) -> dict[str, str]:
        """Each word that the model never saw, of hanzi each row of them, and the known one that it misspells ("" for none)."""
        found: dict[str, str] = {}
        row = ""
        for word in [*split_words(text), ""]:
            known = word in self.ids or word in self._shown or word in PUNCTUATION or word.isdigit()
            if HANZI.match(word) and not known:
                row += word
                continue
            found |= {row: ""} if row else {}
            row = ""
            if word and not known:
                alike = [other for other in self.words if other[0] == word[0]]
                near = difflib.get_close_matches(word, alike, n=5, cutoff=0.7) if len(word) >= SHORTEST_SLIP else []
                found[word] = next((other for other in near if _slips(word, other) <= 1 + (len(word) > 7)), "")
        return found


def _slips(word: str, other: str) -> int:
    """How many letters were left out, put in, swapped with the next or mistaken; in a short word these are two slips, or else
    "spell" were a shell."""
    wrong = 1 if len(word) > 5 else 2
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(word, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + wrong * (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and b == word[i - 2]:
                row[j] = min(row[j], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


def _padded(rows: list[list[int]], pad: int) -> "Tensor":
    import torch

    length = max(len(row) for row in rows)
    return torch.tensor([row + [pad] * (length - len(row)) for row in rows], dtype=torch.int64)
