"""Spacetime diffusion transformer. Dimension key: B batch, C latent channels, T H W latent frames rows columns, p patch,
L text tokens, E text width, N video tokens (T * H/p * W/p), D model width, A heads, K head width, P = C*p*p.

Full attention over space, time and the prompt at once: every block projects the prompt to keys and values of its own and
puts them beside those of the video. The noise level of every cell enters through one shared modulation (adaLN-single,
PixArt-alpha, arXiv 2310.00426), computed once per distinct level and added to a small table in each block. Rotary
positions on three axes, QK-norm, SwiGLU, value residual (arXiv 2410.17897).
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import DiTConfig, TextConfig
from .layers import SwiGLU, attention, rms, rope_table, rotate, split_heads, wave
from .text import TextEncoder, hide_padding


class DiT(nn.Module):
    """v(z, t, prompt): the velocity noise - data of every latent cell. The prompt encoder lives inside, it learns jointly."""

    def __init__(self, config: DiTConfig, text: TextConfig, channels: int, vocabulary_size: int):
        super().__init__()
        self.config = config
        width, size = config.width, channels * config.patch**2  # D, P
        self.text = TextEncoder(text, vocabulary_size)
        self.patch_in = nn.Linear(size, width)
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.pooled = nn.Linear(text.width, width)
        self.modulation = nn.Linear(width, width * 6)
        self.blocks = nn.ModuleList(DiTBlock(config, text.width) for _ in range(config.depth))
        self.final = nn.Linear(width, width * 2)
        self.patch_out = nn.Linear(width, size)
        for layer in (self.modulation, self.final, self.patch_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def read(self, ids_BL: Tensor, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Prompt tokens -> text_BLE, mask_BL, to be passed to `forward` at every step."""
        return self.text(ids_BL, mask_BL), mask_BL

    def forward(self, z_BCTHW: Tensor, t_BTHW: Tensor, text_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        """Noisy latents, their noise levels (any of T, H, W may be 1), encoded prompt -> velocity, like z_BCTHW."""
        p = self.config.patch
        _, _, frames, rows, columns = z_BCTHW.shape
        h, w = rows // p, columns // p
        x = self.patch_in(rearrange(z_BCTHW, "B C T (h p) (w q) -> B (T h w) (C p q)", p=p, q=p))
        c_BMD = self._condition(t_BTHW, (frames, h, w), text_BLE, mask_BL)
        modulation = self.modulation(F.silu(c_BMD))[:, :, None]
        rope = positions(frames, h, w, self.config.head_dim, z_BCTHW.device)
        bias = F.pad(hide_padding(mask_BL), (x.shape[1], 0))
        first_v: Tensor | None = None
        for block in self.blocks:
            x, first_v = block(x, text_BLE, modulation + block.table, rope, bias, first_v)
        shift, scale = self.final(F.silu(c_BMD))[:, :, None].chunk(2, -1)
        x = self.patch_out(modulate(x, shift, scale))
        return rearrange(x, "B (T h w) (C p q) -> B C T (h p) (w q)", T=frames, h=h, w=w, p=p, q=p).float()

    def _condition(self, t_BTHW: Tensor, grid: tuple[int, int, int], text_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        """c_BMD: one vector for each distinct noise level; M divides N, and each serves N / M tokens in a row."""
        frames, h, w = grid
        pooled = text_BLE.sum(1) / mask_BL.sum(1, keepdim=True)
        if t_BTHW.shape[2] > 1 or t_BTHW.shape[3] > 1:  # a level per cell: tokens take the mean of their cells
            full = t_BTHW.expand(-1, frames, h * self.config.patch, w * self.config.patch)
            levels = F.avg_pool2d(full, self.config.patch).flatten(1)
        else:
            levels = t_BTHW.flatten(1)
        return self.time(wave(levels, 256)) + self.pooled(pooled)[:, None]


class DiTBlock(nn.Module):
    def __init__(self, config: DiTConfig, text_width: int):
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.text_k, self.text_v = (nn.Linear(text_width, width, bias=False) for _ in range(2))
        self.out = nn.Linear(width, width, bias=False)
        self.mlp = SwiGLU(width, config.hidden)
        self.table = nn.Parameter(torch.zeros(width * 6))
        self.q_scale = nn.Parameter(torch.ones(config.head_dim))
        self.k_scale = nn.Parameter(torch.ones(config.head_dim))
        self.v_mix = nn.Parameter(torch.tensor(0.0))

    def forward(
        self, x_BND: Tensor, text_BLE: Tensor, c_BM1D: Tensor, rope: tuple[Tensor, Tensor], bias: Tensor, first_v: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        shift1, scale1, gate1, shift2, scale2, gate2 = c_BM1D.chunk(6, -1)
        seen, v = self.look(modulate(x_BND, shift1, scale1), text_BLE, rope, bias, first_v)
        x_BND = add_gated(x_BND, gate1, seen)
        x_BND = add_gated(x_BND, gate2, self.mlp(modulate(x_BND, shift2, scale2)))
        return x_BND, v if first_v is None else first_v

    def look(
        self, x: Tensor, text: Tensor, rope: tuple[Tensor, Tensor], bias: Tensor, first_v: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Attention of the video over itself and the prompt; also returns the video's values."""
        q, k, v = (split_heads(part(x), self.heads) for part in (self.q, self.k, self.v))
        text_k, text_v = (split_heads(part(text), self.heads) for part in (self.text_k, self.text_v))
        if first_v is not None:
            v = v + self.v_mix.to(v.dtype) * (first_v - v)
        q = rotate(rms(q) * self.q_scale.to(q.dtype), rope)
        k = torch.cat([rotate(rms(k) * self.k_scale.to(k.dtype), rope), rms(text_k) * self.k_scale.to(k.dtype)], 2)
        seen = attention(q, k, torch.cat([v, text_v], 2), bias)
        return self.out(rearrange(seen, "B A N K -> B N (A K)")), v


def modulate(x_BND: Tensor, shift_BM1D: Tensor, scale_BM1D: Tensor) -> Tensor:
    """Normalised tokens, scaled and shifted by their level's vectors, which are broadcast and never copied per token."""
    x = rms(x_BND).unflatten(1, (shift_BM1D.shape[1], -1))
    return torch.addcmul(shift_BM1D, x, 1 + scale_BM1D).flatten(1, 2)


def add_gated(x_BND: Tensor, gate_BM1D: Tensor, update_BND: Tensor) -> Tensor:
    levels = gate_BM1D.shape[1]
    return torch.addcmul(x_BND.unflatten(1, (levels, -1)), update_BND.unflatten(1, (levels, -1)), gate_BM1D).flatten(1, 2)


def positions(frames: int, h: int, w: int, head_dim: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rotary table of the token grid: time in latent frames; rows and columns centred, the short side spanning 8 units,
    so that a picture keeps its composition when only its resolution changes."""
    unit = 8 / min(h, w)
    t, y, x = torch.meshgrid(
        torch.arange(frames).float(),
        (torch.arange(h) - (h - 1) / 2) * unit,
        (torch.arange(w) - (w - 1) / 2) * unit,
        indexing="ij",
    )
    third = head_dim // 8 * 3  # rows and columns; time takes the remaining quarter
    cos, sin = rope_table(torch.stack([t, y, x], -1).reshape(-1, 3), (head_dim - 2 * third, third, third))
    return cos.to(device), sin.to(device)
