"""Small parts of both transformers. Dimension key: B batch, N tokens, L text tokens, D width, A heads, K head width."""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


def rms(x: Tensor, eps: float = 1e-5) -> Tensor:
    """x over its root mean square, written out: F.rms_norm is unfused under CPU autocast."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


class SwiGLU(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.up = nn.Linear(width, hidden * 2, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.up(x).chunk(2, -1)
        return self.down(value * F.silu(gate))


def attention(q_BANK: Tensor, k_BAMK: Tensor, v_BAMK: Tensor, bias: Tensor | None) -> Tensor:
    """Softmax attention; `bias`, broadcastable to B A N M, is added to the scores (-inf hides a key).

    On CPUs two explicit bfloat16 products are three times faster than scaled_dot_product_attention; elsewhere SDPA wins.
    """
    if q_BANK.device.type != "cpu":
        return F.scaled_dot_product_attention(q_BANK, k_BAMK, v_BAMK, attn_mask=bias)
    scores = (q_BANK * q_BANK.shape[-1] ** -0.5) @ k_BAMK.transpose(-1, -2)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    return scores.softmax(-1) @ v_BAMK


def rope_table(positions_NX: Tensor, dims: tuple[int, ...], base: float = 100.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each N K/2, of an axial rotary embedding: axis i turns dims[i] of the K channels."""
    angles = []
    for axis, dim in enumerate(dims):
        frequencies = base ** (-torch.arange(0, dim, 2, dtype=torch.float32) / dim)
        angles.append(positions_NX[:, axis, None] * frequencies * (math.pi / 2))
    table = torch.cat(angles, -1)
    return table.cos(), table.sin()


def rotate(x_BANK: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = (part.to(x_BANK.dtype) for part in rope)
    a, b = x_BANK.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def split_heads(x_BND: Tensor, heads: int) -> Tensor:
    return rearrange(x_BND, "B N (A K) -> B A N K", A=heads)


def wave(t: Tensor, width: int) -> Tensor:
    """Sinusoidal embedding of noise levels 0..1: (...,) -> (..., width)."""
    frequencies = torch.exp(torch.arange(width // 2, device=t.device) * (-math.log(1000.0) / (width // 2)))
    angles = t.float()[..., None] * 1000 * frequencies
    return torch.cat([angles.cos(), angles.sin()], -1)
