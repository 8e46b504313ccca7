"""Prompt -> text_BLE, mask_BL: words and Hanzi with byte fallback, and a small encoder trained with the transformer.

A noun that the model knows well brings its look along: LOOK more tokens, a memory of how it is drawn from its upper left to
its lower right. To draw a fox is then to read from tokens that stand in the prompt, a skill that all nouns share, and not
to keep every fox, cup and whale in the transformer's own weights (compare Re-Imagen, arXiv 2209.14491, which looks pictures
up; here the memory is part of the model).

Dimension key: B batch, L tokens, K looks of a prompt, E text width.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import TextConfig
from .layers import SwiGLU, attention, rms, split_heads

PAD, NULL, FIRST_BYTE = 0, 1, 2  # ids 2..257 are bytes; words follow
FIRST_WORD = FIRST_BYTE + 256
LOOK = 16  # tokens of a look, a grid of 4 x 4
MOST_LOOKS = 4  # of one prompt
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
        self._longest = max(map(len, self._looks), default=0)

    def __len__(self) -> int:
        return FIRST_WORD + len(self.words)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """The inverse of `to_json`; a bare list is one of words."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(data) if isinstance(data, list) else cls(data["words"], data["names"])

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

    def looks(self, text: str) -> list[int]:
        """The looks that a text names, in its order, each once; of names that begin alike the longest counts."""
        words, found, at = split_words(text), [], 0
        while at < len(words):
            ends = range(min(len(words), at + self._longest), at, -1)
            end = next((end for end in ends if tuple(words[at:end]) in self._looks), 0)
            found += [self._looks[tuple(words[at:end])]] if end else []
            at = end or at + 1
        return list(dict.fromkeys(found))[:MOST_LOOKS]

    def batch(self, texts: list[str], limit: int) -> tuple[Tensor, Tensor, Tensor]:
        """ids_BL (int64, padded with 0), mask_BL (True where a token stands) and looks_BK (padded with -1); longer texts
        are cut at `limit`."""
        ids = _padded([self.encode(text)[:limit] for text in texts], PAD)
        return ids, ids != PAD, _padded([self.looks(text) for text in texts], -1)

    def unknown(self, text: str) -> dict[str, str]:
        """Each word that the model never saw, and the nearest one that it did ("" where none is near)."""
        found: dict[str, str] = {}
        for word in split_words(text):
            if word in self.ids or word in PUNCTUATION or word.isdigit():
                continue
            near = [] if HANZI.match(word) else difflib.get_close_matches(word, self.words, n=1, cutoff=0.7)
            found[word] = near[0] if near else ""
        return found


def _padded(rows: list[list[int]], pad: int) -> Tensor:
    length = max(len(row) for row in rows)
    return torch.tensor([row + [pad] * (length - len(row)) for row in rows], dtype=torch.int64)


class TextEncoder(nn.Module):
    """Pre-norm transformer over a prompt's tokens; the looks join them in its last block."""

    def __init__(self, config: TextConfig, vocabulary_size: int):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, config.width)
        self.position = nn.Parameter(torch.randn(config.max_tokens, config.width) * 0.02)
        self.blocks = nn.ModuleList(TextBlock(config) for _ in range(config.depth))
        nn.init.normal_(self.embedding.weight, std=0.5)
        if config.looks:
            self.looks = nn.Parameter(torch.randn(config.looks, LOOK, config.width))
            self.look_place = nn.Parameter(torch.randn(LOOK, config.width) * 0.5)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor, looks_BK: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and looks -> text_BLE and mask_BL of both, L + K * LOOK tokens; rows of padding are zero."""
        x = self.embedding(ids_BL) + self.position[: ids_BL.shape[1]]
        for block in self.blocks[:-1]:
            x = block(x, hide_padding(mask_BL))
        if looks_BK.shape[1]:
            shown = self.looks[looks_BK.clamp(min=0)] + self.look_place
            x = torch.cat([x, shown.flatten(1, 2)], 1)
            mask_BL = torch.cat([mask_BL, (looks_BK >= 0).repeat_interleave(LOOK, 1)], 1)
        x = self.blocks[-1](x, hide_padding(mask_BL))
        return rms(x) * mask_BL[..., None], mask_BL


class TextBlock(nn.Module):
    def __init__(self, config: TextConfig):
        super().__init__()
        self.heads = config.heads
        self.q, self.k, self.v = (nn.Linear(config.width, config.width, bias=False) for _ in range(3))
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.mlp = SwiGLU(config.width, config.width * 2)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        h = rms(x)
        q, k, v = (split_heads(part(h), self.heads) for part in (self.q, self.k, self.v))
        seen = attention(rms(q), rms(k), v, bias).transpose(1, 2).flatten(2)
        x = x + self.out(seen)
        return x + self.mlp(rms(x))


def hide_padding(mask_BL: Tensor) -> Tensor:
    """Bias B 1 1 L for attention scores: 0 on tokens, a large negative number on padding."""
    return torch.zeros(mask_BL.shape, device=mask_BL.device).masked_fill(~mask_BL, -1e4)[:, None, None]
