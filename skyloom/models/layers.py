"""Small parts of both transformers. Dimension key: B batch, N tokens, L text tokens, D width, A heads, K head width."""

import contextlib
import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


def rms(x: Tensor, eps: float = 1e-5) -> Tensor:
    """x over its root mean square, written out: F.rms_norm is unfused under CPU autocast, and CUDA's makes powers float32."""
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps).to(x.dtype)


def exact(device: torch.device) -> contextlib.AbstractContextManager:
    """Keeps autocast away: for maps that must give back what went in. The "meta" device knows no autocast."""
    return contextlib.nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


class Conv(nn.Module):
    """A 3x3 convolution whose weights are a matrix, as Muon wants them: the probe learned twice as fast."""

    def __init__(self, width: int, width_out: int):
        super().__init__()
        conv = nn.Conv2d(width, width_out, 3)
        self.weight = nn.Parameter(conv.weight.detach().flatten(1).clone())
        self.bias = nn.Parameter(conv.bias.detach().clone())  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.unflatten(1, (-1, 3, 3)).contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, kernel, self.bias, padding=1)


class SwiGLU(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.up = nn.Linear(width, hidden, bias=False)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x) * F.silu(self.gate(x)))


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
        frequencies = base ** (-torch.arange(0, dim, 2, dtype=torch.float32, device=positions_NX.device) / dim)
        angles.append(positions_NX[:, axis, None] * frequencies * (math.pi / 2))
    table = torch.cat(angles, -1)
    return table.cos(), table.sin()


class Rotate(torch.autograd.Function):
    """Turns pairs of channels by the rotary angles; its gradient is the turn back. One pass over memory each way."""

    @staticmethod
    def forward(ctx, x_BANK: Tensor, cos_NK: Tensor, sin_NK: Tensor) -> Tensor:
        ctx.save_for_backward(cos_NK, sin_NK)
        return Rotate.turn(x_BANK, cos_NK, sin_NK)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        cos_NK, sin_NK = ctx.saved_tensors
        return Rotate.turn(grad, cos_NK, -sin_NK), None, None

    @staticmethod
    def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        out = x * torch.cat([cos, cos], -1)
        out[..., :half].addcmul_(x[..., half:], sin, value=-1)
        out[..., half:].addcmul_(x[..., :half], sin)
        return out


def rotate(x_BANK: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = (part.to(x_BANK.dtype) for part in rope)
    return Rotate.apply(x_BANK, cos, sin)


def split_heads(x_BND: Tensor, heads: int) -> Tensor:
    return rearrange(x_BND, "B N (A K) -> B A N K", A=heads)


def wave(t: Tensor, width: int) -> Tensor:
    """Sinusoidal embedding of noise levels 0..1: (...,) -> (..., width)."""
    frequencies = torch.exp(torch.arange(width // 2, device=t.device) * (-math.log(1000.0) / (width // 2)))
    angles = t.float()[..., None] * 1000 * frequencies
    return torch.cat([angles.cos(), angles.sin()], -1)
