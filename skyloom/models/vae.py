"""Causal spacetime tokenizer, and the border of the latent space: raw latents never leave this file.

Dimension key: B batch, T frames, H W pixels, C latent channels, N chunks (1 + (T-1)/4), G channels of a feature map.

A clip of 1 + 4k frames is cut into chunks of 4; the first chunk is the first frame four times, so that an image is a
clip of one chunk. The latents of a chunk are its C strongest principal components, cell by cell, plus what a network adds;
the decoder likewise adds to the linear picture. So training starts from the best linear transform instead of from nothing.
The network folds a chunk, 4 frames x 4 x 4 pixels, into channels; from there on all work is 2-D convolution over chunks, and
the lower levels also see the chunk before (a causal kernel of two). Down and up sampling carry parameter-free shortcuts from
space to channels (DC-AE, arXiv 2410.10733). Outside, z_BCTHW has mean 0 and mean square 1; a channel's deviation is its
`gain_C`, which grows with what it draws, so that noise hides fine detail before coarse form, as it does in pixels.
"""

import itertools
from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor, nn

from ..config import VAEConfig

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
        self.conv1 = nn.Conv2d(width * (2 if causal else 1), width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
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


class Down(nn.Module):
    """Half the size. Shortcut: 2x2 pixels become channels, averaged in groups."""

    def __init__(self, width: int, width_out: int):
        super().__init__()
        self.conv = nn.Conv2d(width * 4, width_out, 1)
        self.width_out = width_out

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_unshuffle(x, 2)
        return self.conv(x) + rearrange(x, "B (G g) h w -> B G g h w", G=self.width_out).mean(2)


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


class Stack(nn.Module):
    """Residual blocks, level after level; the levels below full folded size are causal in time."""

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...], causal: tuple[bool, ...], step: type[Down] | type[Up]):
        super().__init__()
        self.levels = nn.ModuleList(
            nn.ModuleList(Block(width, c and i == 0) for i in range(depth))
            for width, depth, c in zip(widths, depths, causal, strict=True)
        )
        self.steps = nn.ModuleList(step(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor, batch: int, memory: dict[int, Tensor] | None = None) -> Tensor:
        """`memory` maps a causal block's number to its past; it is read and refilled (streaming)."""
        number = 0
        for i, level in enumerate(self.levels):
            for block in level:  # type: ignore[attr-defined]
                x, last = block(x, batch, None if memory is None else memory.get(number))
                if memory is not None and last is not None:
                    memory[number] = last
                number += 1
            if i < len(self.steps):
                x = self.steps[i](x)
        return x


class VAE(nn.Module):
    """Tokenizer with learned mean and whitening. See `encode` and `decode`."""

    mean_C: Tensor
    std_C: Tensor
    gain_C: Tensor
    analysis: Tensor  # C x cell, cell = 3 * 4 * stride * stride: pixels of a cell -> whitened principal components
    synthesis: Tensor  # cell x C
    centre: Tensor  # cell

    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        enc, dec = config.encoder_widths, config.decoder_widths[::-1]
        self.stem = nn.Conv2d(PIXELS, enc[0], 3, padding=1)
        self.encoder = Stack(enc, config.encoder_depths, (False,) + (True,) * (len(enc) - 1), Down)
        self.to_latent = nn.Conv2d(enc[-1], config.channels * 2, 1)
        self.from_latent = nn.Conv2d(config.channels, dec[0], 3, padding=1)
        self.decoder = Stack(dec, config.decoder_depths[::-1], (True,) * (len(dec) - 1) + (False,), Up)
        self.widen = Up(dec[-1], dec[-1] // 2) if config.encode_scale == 2 else None
        last = dec[-1] // 2 if self.widen else dec[-1]
        self.head = nn.Conv2d(last, PIXELS, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.to_latent.weight)
        with torch.no_grad():
            self.to_latent.bias[config.channels :].fill_(-5.0)  # type: ignore[index]  # log-variance: 8 % noise
        cell = 3 * FOLD * config.stride**2
        self.register_buffer("analysis", torch.zeros(config.channels, cell))
        self.register_buffer("synthesis", torch.zeros(cell, config.channels))
        self.register_buffer("centre", torch.zeros(cell))
        self.mask_token = nn.Parameter(torch.zeros(config.channels, 1, 1))
        self.register_buffer("mean_C", torch.zeros(config.channels))
        self.register_buffer("std_C", torch.ones(config.channels))
        self.register_buffer("gain_C", torch.ones(config.channels))
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def moments(self, video_BCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents, each (B N) C h w. Used by the trainer."""
        if self.config.encode_scale == 2:
            video_BCTHW = F.avg_pool3d(video_BCTHW, (1, 2, 2))
        x = self.encoder(self.stem(fold(video_BCTHW, FOLD)), len(video_BCTHW))
        mean, logvar = self.to_latent(x).float().chunk(2, dim=1)
        return mean + self._components(video_BCTHW), logvar.clamp(-12, 4)

    def draw(self, raw: Tensor, batch: int, memory: dict[int, Tensor] | None = None) -> Tensor:
        """Raw latents (B N) C h w -> chunks (B N) 192 H/4 W/4, unfolded by `_unfold`. Used by the trainer."""
        x = self.from_latent(raw.contiguous(memory_format=torch.channels_last))
        x = self.decoder(x, batch, memory)
        if self.widen is not None:
            x = self.widen(x)
        picture = F.conv2d(raw, self.synthesis[..., None, None], self.centre)
        finer = self.config.stride // FOLD
        base = rearrange(
            picture, "B (c t p a q b) h w -> B (c t a b) (h p) (w q)", c=3, t=FOLD, p=finer, a=FOLD, q=finer, b=FOLD
        )
        return self.head(x) + base

    def _components(self, video_BCTHW: Tensor) -> Tensor:
        """Whitened principal components of every cell, (B N) C h w; a half-size clip counts as its own enlargement."""
        scale, stride = self.config.encode_scale, self.config.stride
        weight, centre = self.analysis, self.centre
        if scale == 2:
            per_pixel = dict(c=3 * FOLD, p=stride // 2, a=2, q=stride // 2, b=2)
            weight = reduce(weight, "C (c p a q b) -> C (c p q)", "sum", **per_pixel)
            centre = reduce(centre, "(c p a q b) -> (c p q)", "mean", **per_pixel)
        cells = fold(video_BCTHW, stride // scale) - centre[:, None, None]
        return F.conv2d(cells, weight[..., None, None]).float()

    def encode(self, video_BCTHW: Tensor) -> Tensor:
        """Video, float -1..1, T = 1 + 4k, H and W multiples of 16 -> z_BCTHW (mean of the posterior, normalised)."""
        check_shape(video_BCTHW.shape, self.config.stride)
        mean, _ = self.moments(video_BCTHW)
        raw = rearrange(mean, "(B N) C h w -> B C N h w", B=len(video_BCTHW))
        return (raw - _cthw(self.mean_C)) / _cthw(self.std_C) * _cthw(self.gain_C)

    def decode(self, z_BCTHW: Tensor) -> Tensor:
        """z_BCTHW -> video, float -1..1."""
        return next(iter(self.decode_stream([z_BCTHW])))

    def decode_stream(self, parts: Iterable[Tensor]) -> Iterator[Tensor]:
        """Parts of one latent film, in order -> its video in parts, with constant memory. The first part opens the film."""
        memory: dict[int, Tensor] = {}
        for i, z_BCTHW in enumerate(parts):
            raw = z_BCTHW / _cthw(self.gain_C) * _cthw(self.std_C) + _cthw(self.mean_C)
            chunks = self.draw(rearrange(raw, "B C N h w -> (B N) C h w"), len(z_BCTHW), memory)
            yield unfold(chunks, len(z_BCTHW), opens=i == 0).float().clamp(-1, 1)


@torch.no_grad()
def set_statistics(vae: VAE, raw_BCTHW: Tensor) -> None:
    """Measures mean and deviation of the raw latents, and the gains that make their distances those of pixels."""
    vae.mean_C.copy_(raw_BCTHW.mean((0, 2, 3, 4)))
    vae.std_C.copy_(raw_BCTHW.std((0, 2, 3, 4)))
    drawn = (vae.synthesis.square().sum(0).sqrt() * vae.std_C).clamp_min(1e-4)
    vae.gain_C.copy_(drawn / drawn.square().mean().sqrt())


def check_shape(shape: torch.Size, stride: int) -> None:
    *_, frames, height, width = shape
    if (frames - 1) % VAEConfig.time_stride:
        lower = (frames - 1) // 4 * 4 + 1
        raise ValueError(f"frames={frames}: need 1 + a multiple of 4. Try {lower} or {lower + 4}.")
    if height % stride or width % stride:
        raise ValueError(f"size {width}x{height}: width and height must be multiples of {stride}.")


@torch.no_grad()
def set_components(vae: VAE, cells: Tensor, weight: Tensor) -> None:
    """Principal components of `cells` (samples x cell pixels, as `fold` gives them), each sample counted `weight` times."""
    share = (weight / weight.sum())[:, None]
    centre = (cells * share).sum(0)
    rooted = (cells - centre) * share.sqrt()
    values, vectors = torch.linalg.eigh(rooted.T @ rooted)
    values, vectors = values[-vae.config.channels :].flip(0), vectors[:, -vae.config.channels :].flip(1)
    deviation = values.clamp_min(1e-8).sqrt()
    vae.centre.copy_(centre)
    vae.analysis.copy_(vectors.T / deviation[:, None])
    vae.synthesis.copy_(vectors * deviation)


def fold(video_BCTHW: Tensor, size: int) -> Tensor:
    """B 3 1+4k H W -> (B N) 12*size*size H/size W/size; the first frame fills the first chunk."""
    video_BCTHW = torch.cat([video_BCTHW[:, :, :1].expand(-1, -1, FOLD - 1, -1, -1), video_BCTHW], 2)
    x = rearrange(video_BCTHW, "B c (N t) (h p) (w q) -> (B N) (c t p q) h w", t=FOLD, p=size, q=size)
    return x.contiguous(memory_format=torch.channels_last)


def unfold(chunks: Tensor, batch: int, opens: bool = True) -> Tensor:
    """(B N) 192 h w -> B 3 T H W; a film's first chunk yields one frame, the mean of its four."""
    video = rearrange(chunks, "(B N) (c t p q) h w -> B c (N t) (h p) (w q)", B=batch, t=FOLD, p=FOLD, q=FOLD, c=3)
    if not opens:
        return video
    return torch.cat([video[:, :, :FOLD].mean(2, keepdim=True), video[:, :, FOLD:]], 2)


def _cthw(vector_C: Tensor) -> Tensor:
    return vector_C.view(1, -1, 1, 1, 1)
