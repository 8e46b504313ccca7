"""Prompt -> text_BLE, mask_BL: a small encoder of the vocabulary's tokens, trained with the transformer.

Dimension key: B batch, L tokens, E text width.
"""

import torch
from torch import Tensor, nn

from ..config import TextConfig
from .layers import SwiGLU, attention, rms, split_heads
from .vocabulary import MOST_LOOKS
from .vocabulary import Vocabulary as Vocabulary


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
        """Tokens -> text_BLE; rows of padding are zero."""
        x = self.embedding(ids_BL) + self.position[: ids_BL.shape[1]]
        for block in self.blocks:
            x = block(x, hide_padding(mask_BL))
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


def spoken_of(slots_BL: Tensor) -> Tensor:
    """Which look each token names, -1 for none -> which was named last, up to the token itself: of whom it speaks."""
    at = torch.arange(slots_BL.shape[1], device=slots_BL.device)
    last = torch.where(slots_BL >= 0, at, -1).cummax(1).values
    return torch.where(last >= 0, slots_BL.gather(1, last.clamp(min=0)), -1)


class Names(nn.Module):
    """What is known of a prompt's words beside what they mean: whether one names a look, and of which look it speaks. Without
    it, who of two falls and who sways is soon lost."""

    def __init__(self, width: int):
        super().__init__()
        tables = [nn.Embedding(MOST_LOOKS, width) for _ in range(2)]
        for table in tables:
            nn.init.normal_(table.weight, std=0.1)
        self.tables = nn.ModuleList(tables)

    def forward(self, slots_BL: Tensor) -> Tensor:
        """`slots_BL`: which of the looks, counted in the order of a list, each token names; -1 for none -> B L width."""
        kinds = zip(self.tables, (slots_BL, spoken_of(slots_BL)), strict=True)
        return torch.stack([table(kind.clamp(min=0) % MOST_LOOKS) * (kind >= 0)[..., None] for table, kind in kinds]).sum(0)


def hide_padding(mask_BL: Tensor) -> Tensor:
    """Bias B 1 1 L for attention scores: 0 on tokens, a large negative number on padding."""
    return torch.zeros(mask_BL.shape, device=mask_BL.device).masked_fill(~mask_BL, -1e4)[:, None, None]
