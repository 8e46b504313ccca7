"""Causal spacetime tokenizer: a lapped principal-component transform into the latent space, a network out of it.

Dimension key: B batch, T frames, H W pixels, C latent channels, N chunks (1 + (T-1)/4), G channels of a feature map.

A clip of 1 + 4k frames is cut into chunks of 4; the first chunk is the first frame four times, so that an image is a clip of
one chunk. Into the latents leads a fixed linear map with orthonormal rows: turns across the borders of neighbouring cells
(the lapped transform of Malvar 1990 as a pre-filter, Tran, Liang & Tu 2003), then the C strongest principal components of
every cell of 4 x 16 x 16 pixels. So distances between latents are those between pixels, there are no seams between cells, and
latents never change when the decoder learns on. Out of them leads the transposed map plus what a network adds: 2-D
convolution over chunks, whose lower levels also see the chunk before (a causal kernel of two); upsampling carries parameter-
free shortcuts from channels to space (DC-AE, arXiv 2410.10733). Outside, z_BCTHW has mean 0 and mean square 1; a channel's
deviation is its `gain`, large for coarse form and small for detail, as in pixels.
"""

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import VAEConfig
from .layers import Conv, exact

FOLD = 4  # frames, rows and columns of pixels folded into channels
PIXELS = 3 * FOLD**3


class Norm(nn.Module):
    """RMS norm over channels. Written out: the fused kernel falls back to fp32 copies under CPU autocast."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5) * self.weight.to(x.dtype))


class Block(nn.Module):
    """Residual block over feature maps (B*N, G, h, w); with `causal` its first kernel also covers the chunk before."""

    def __init__(self, width: int, causal: bool):
        super().__init__()
        self.causal = causal
        self.norm = Norm(width)
        self.conv1 = Conv(width * (2 if causal else 1), width)
        self.conv2 = Conv(width, width)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, batch: int, past: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Returns the new map and, for a causal block, the last chunk's input, which is `past` for the next call."""
        h, last = self.norm(x), None
        if self.causal:
            chunks = rearrange(h, "(B N) G h w -> B N G h w", B=batch)
            last = chunks[:, -1:]
            before = torch.cat([torch.zeros_like(last) if past is None else past, chunks[:, :-1]], 1)
            h = torch.cat([h, rearrange(before, "B N G h w -> (B N) G h w")], 1)
            h = h.contiguous(memory_format=torch.channels_last)
        return x + self.conv2(F.silu(self.conv1(h))), last


class Up(nn.Module):
    """Twice the size. Shortcut: channels, repeated, become 2x2 pixels."""

    def __init__(self, width: int, width_out: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width_out * 4, 1)
        self.width, self.width_out = width, width_out

    def forward(self, x: Tensor) -> Tensor:
        repeats = -(-self.width_out * 4 // self.width)
        shortcut = x.repeat_interleave(repeats, 1)[:, : self.width_out * 4]
        return F.pixel_shuffle(self.conv(x) + shortcut, 2)


class Decoder(nn.Module):
    """Residual blocks, level after level, twice the size at each; all levels but the last are causal in time."""

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...]):
        super().__init__()
        last = len(widths) - 1
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(width, n < last and i == 0) for i in range(depth))
            for n, (width, depth) in enumerate(zip(widths, depths, strict=True))
        )
        self.steps = nn.ModuleList(Up(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor, batch: int, memory: dict[int, Tensor] | None = None) -> Tensor:
        """`memory` maps a causal block's number to its past; it is read and refilled (streaming)."""
        number = 0
        for i, level in enumerate(self.blocks):
            for block in level:  # type: ignore[attr-defined]
                x, last = block(x, batch, None if memory is None else memory.get(number))
                if memory is not None and last is not None:
                    memory[number] = last
                number += 1
            if i < len(self.steps):
                x = self.steps[i](x)
        return x


class VAE(nn.Module):
    """Video autoencoder; only its decoder learns by descent. See `encode` and `decode`; `fit` sets the buffers."""

    basis: Tensor  # cell x C, orthonormal columns; cell = 3 * 4 * stride * stride numbers
    centre: Tensor  # cell: the mean
    gain_C: Tensor
    scale: Tensor  # of the components: raw = z * scale

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        widths = config.decoder_widths[::-1]
        self.from_latent = nn.Conv2d(config.channels, widths[0], 3, padding=1)
        self.decoder = Decoder(widths, config.decoder_depths[::-1])
        self.head = nn.Conv2d(widths[-1], PIXELS, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        cell = 3 * FOLD * config.stride**2
        self.register_buffer("basis", torch.eye(cell, config.channels))
        self.register_buffer("centre", torch.zeros(cell))
        self.register_buffer("gain_C", torch.ones(config.channels))
        self.register_buffer("scale", torch.ones(()))
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, video_BCTHW: Tensor) -> Tensor:
        """Video, float -1..1, T = 1 + 4k, H and W multiples of 16 -> z_BCTHW."""
        check_shape(video_BCTHW.shape, self.config.stride)
        with exact(video_BCTHW.device):
            cells = lapped_cells(video_BCTHW.float(), self.config.stride) - self.centre[:, None, None]
            return self._components(cells, len(video_BCTHW))

    def encode_frames(self, frames_B3FHW: Tensor) -> Tensor:
        """The latents of frames as `picture` gives them: F = 4k, the first of a clip four times."""
        with exact(frames_B3FHW.device):
            cells = fold(lap(frames_B3FHW.float(), self.config.stride), self.config.stride) - self.centre[:, None, None]
            return self._components(cells, len(frames_B3FHW))

    def picture_change(self, change_BCNhw: Tensor) -> Tensor:
        """What is added to latents -> what that adds to the frames that `picture` gives."""
        with exact(change_BCNhw.device):
            raw = rearrange(change_BCNhw.float() * self.scale, "B C N h w -> (B N) C h w")
            cells = F.conv2d(raw, self.basis[..., None, None])
            return lap(unfold(cells, len(change_BCNhw), self.config.stride), self.config.stride, back=True)

    def _components(self, cells: Tensor, batch: int) -> Tensor:
        raw = F.conv2d(cells, self.basis.T[..., None, None])
        return rearrange(raw / self.scale, "(B N) C h w -> B C N h w", B=batch)

    def decode(self, z_BCTHW: Tensor) -> Tensor:
        """z_BCTHW -> video, float -1..1."""
        return next(iter(self.decode_stream([z_BCTHW])))

    def decode_stream(
        self, parts: Iterable[Tensor], memory: dict[int, Tensor] | None = None, opens: bool = True
    ) -> Iterator[Tensor]:
        """Parts of one latent film, in order -> its video in parts, with constant memory. The first part opens the film, or
        goes on from those that were drawn with the same `memory` before."""
        memory = {} if memory is None else memory
        for i, z_BCTHW in enumerate(parts):
            yield self.draw(z_BCTHW, memory, opens=opens and i == 0).clamp(-1, 1)

    def draw(self, z_BCTHW: Tensor, memory: dict[int, Tensor] | None = None, opens: bool = True) -> Tensor:
        """z_BCTHW -> video, not clamped. Used by the trainer."""
        batch = len(z_BCTHW)
        whitened = rearrange(z_BCTHW / self.gain_C.view(1, -1, 1, 1, 1), "B C N h w -> (B N) C h w")
        x = self.from_latent(whitened.contiguous(memory_format=torch.channels_last))
        finer = unfold(self.head(self.decoder(x, batch, memory)), batch, FOLD)
        video = self.picture(z_BCTHW) + finer.float()
        return torch.cat([video[:, :, :FOLD].mean(2, keepdim=True), video[:, :, FOLD:]], 2) if opens else video

    def picture(self, z_BCTHW: Tensor) -> Tensor:
        """What the linear map alone says: B 3 4N H W, the first frame four times."""
        with exact(z_BCTHW.device):
            raw = rearrange(z_BCTHW.float() * self.scale, "B C N h w -> (B N) C h w")
            cells = F.conv2d(raw, self.basis[..., None, None], self.centre)
            return lap(unfold(cells, len(z_BCTHW), self.config.stride), self.config.stride, back=True)


def to_video(frames_THWC: np.ndarray) -> Tensor:
    """uint8 frames -> video_BCTHW of one clip, -1..1."""
    return rearrange(torch.from_numpy(np.ascontiguousarray(frames_THWC)), "T H W c -> 1 c T H W").float() / 127.5 - 1


def to_frames(video_BCTHW: Tensor) -> np.ndarray:
    """The first clip of a batch -> uint8 frames_THWC."""
    return ((video_BCTHW[0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy()


def check_shape(shape: torch.Size, stride: int) -> None:
    *_, frames, height, width = shape
    if (frames - 1) % VAEConfig.time_stride:
        lower = (frames - 1) // 4 * 4 + 1
        raise ValueError(f"frames={frames}: need 1 + a multiple of 4. Try {lower} or {lower + 4}.")
    if height % stride or width % stride:
        raise ValueError(f"size {width}x{height}: width and height must be multiples of {stride}.")


@torch.no_grad()
def fit(vae: VAE, cells: Tensor, weight: Tensor) -> None:
    """Sets the transform to the principal components of `cells` (samples x cell numbers, as `lapped_cells` gives them).

    Each sample counts `weight` times for the directions, once for mean and gains.
    """
    centre = cells.mean(0)
    rooted = (cells - centre) * (weight / weight.sum())[:, None].sqrt()
    _, vectors = torch.linalg.eigh(rooted.T @ rooted)
    basis = vectors[:, -vae.config.channels :].flip(1)
    deviation = ((cells - centre) @ basis).square().mean(0).sqrt().clamp_min(1e-4)
    scale = deviation.square().mean().sqrt()
    for buffer, value in ((vae.centre, centre), (vae.basis, basis), (vae.scale, scale), (vae.gain_C, deviation / scale)):
        buffer.copy_(value)


def lapped_cells(video_BCTHW: Tensor, stride: int) -> Tensor:
    """B 3 1+4k H W -> (B N) cell H/stride W/stride; the first frame fills the first chunk."""
    first = video_BCTHW[:, :, :1].expand(-1, -1, FOLD - 1, -1, -1)
    return fold(lap(torch.cat([first, video_BCTHW], 2), stride), stride)


def fold(video: Tensor, size: int, frames: int = FOLD) -> Tensor:
    """B 3 frames*N h*size w*size -> (B N) 3*frames*size*size h w."""
    return rearrange(video, "B c (N t) (h p) (w q) -> (B N) (c t p q) h w", t=frames, p=size, q=size)


def unfold(cells: Tensor, batch: int, size: int, frames: int = FOLD) -> Tensor:
    """(B N) 3*frames*size*size h w -> B 3 frames*N h*size w*size."""
    return rearrange(cells, "(B N) (c t p q) h w -> B c (N t) (h p) (w q)", B=batch, t=frames, p=size, q=size, c=3)


def lap(video: Tensor, stride: int, back: bool = False) -> Tensor:
    """Turns the pixels on both sides of every border between cells into each other, rows then columns; `back` undoes it."""
    turn = lapping(stride).to(video)
    if back:
        turn = turn.T
    for axis in (3, 4):
        size = video.shape[axis]
        if size > stride:
            edge, inner = stride // 2, size - stride
            left, middle, right = video.split((edge, inner, edge), axis)
            middle = (middle.movedim(axis, -1).unflatten(-1, (-1, stride)) @ turn.T).flatten(-2).movedim(-1, axis)
            video = torch.cat([left, middle, right], axis)
    return video


def lapping(stride: int) -> Tensor:
    """The orthogonal stride x stride pre-filter of the type-II fast lapped transform (Tran, Liang & Tu 2003)."""
    half = stride // 2
    n = torch.arange(half, dtype=torch.float64)
    cosine2 = torch.cos(math.pi / half * n[:, None] * (n + 0.5)) * math.sqrt(2 / half)
    cosine2[0] /= math.sqrt(2)
    cosine4 = torch.cos(math.pi / half * (n[:, None] + 0.5) * (n + 0.5)) * math.sqrt(2 / half)
    same, mirror = torch.eye(half, dtype=torch.float64), torch.eye(half, dtype=torch.float64).flip(0)
    butterfly = torch.cat([torch.cat([same, mirror], 1), torch.cat([mirror, -same], 1)]) / math.sqrt(2)
    turned = mirror @ cosine2.T @ cosine4 @ mirror
    return (butterfly @ torch.block_diag(same, turned) @ butterfly).float()
