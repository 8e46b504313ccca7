"""Prompt -> text_BLE, mask_BL: words and Hanzi with byte fallback, and a small encoder trained with the transformer.

Dimension key: B batch, L tokens, E text width.
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
TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]|[\u3400-\u9fff]|[^\s]")
HANZI = re.compile(r"[\u3400-\u9fff]")
PUNCTUATION = set(".,;:!?'\"()-–—，。、；：！？“”‘’（）…")


def split_words(text: str) -> list[str]:
    """Lower-cased English words, single Hanzi, digits and signs."""
    return TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


class Vocabulary:
    """Words with ids; what is not in it is spelled in bytes."""

    def __init__(self, words: Iterable[str]):
        self.words = list(dict.fromkeys(words))
        self.ids = {word: FIRST_WORD + i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return FIRST_WORD + len(self.words)

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; [NULL] for an empty one."""
        ids: list[int] = []
        for word in split_words(text):
            known = self.ids.get(word)
            ids += [known] if known is not None else [FIRST_BYTE + byte for byte in word.encode()]
        return ids or [NULL]

    def batch(self, texts: list[str], limit: int) -> tuple[Tensor, Tensor]:
        """ids_BL (int64, padded with 0) and mask_BL (True where a token stands); longer texts are cut at `limit`."""
        rows = [self.encode(text)[:limit] for text in texts]
        length = max(len(row) for row in rows)
        ids = torch.tensor([row + [PAD] * (length - len(row)) for row in rows])
        return ids, ids != PAD

    def unknown(self, text: str) -> dict[str, str]:
        """Each word that the model never saw, and the nearest one that it did ("" where none is near)."""
        found: dict[str, str] = {}
        for word in split_words(text):
            if word in self.ids or word in PUNCTUATION or word.isdigit():
                continue
            near = [] if HANZI.match(word) else difflib.get_close_matches(word, self.words, n=1, cutoff=0.7)
            found[word] = near[0] if near else ""
        return found


class TextEncoder(nn.Module):
    """Pre-norm transformer over a prompt's tokens."""

    def __init__(self, config: TextConfig, vocabulary_size: int):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, config.width)
        self.position = nn.Parameter(torch.randn(config.max_tokens, config.width) * 0.02)
        self.blocks = nn.ModuleList(TextBlock(config) for _ in range(config.depth))
        nn.init.normal_(self.embedding.weight, std=0.5)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """ids_BL, mask_BL -> text_BLE; rows of padding are zero."""
        x = self.embedding(ids_BL) + self.position[: ids_BL.shape[1]]
        bias = hide_padding(mask_BL)
        for block in self.blocks:
            x = block(x, bias)
        return rms(x) * mask_BL[..., None]


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
