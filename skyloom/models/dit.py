"""Spacetime diffusion transformer. Dimension key: B batch, C latent channels, T H W latent frames rows columns, p patch,
L text tokens, E text width, N video tokens (T * H/p * W/p), D model width, A heads, K head width, G width of the local part;
Q looks of a prompt, S tokens of all of them, M tokens of the prompt and its looks (or distinct noise levels, of modulations).

An hourglass: convolutions over the latent cells and their neighbours in time, a transformer over patches of p x p cells,
convolutions again, which also see what the first ones made of the cells. The convolutions draw edges and textures alike
wherever they lie; the transformer decides what goes where (as in HDiT, arXiv 2401.11605, with convolutions for neighbourhood
attention).

Full attention over space, time and the prompt at once: every block projects the prompt to keys and values of its own and
puts them beside those of the video. The noise level of every cell enters through one shared modulation (adaLN-single,
PixArt-alpha, arXiv 2310.00426), computed once per distinct level and added to a small table in each block. Rotary
positions on three axes, QK-norm, SwiGLU, value residual (arXiv 2410.17897).

The model remembers what some nouns look like: a small picture of each, in latents. Those that a prompt names are read
first, as frames without noise from before the film, and their keys and values stay beside the film's at every step (compare
Re-Imagen, arXiv 2209.14491, which looks pictures up, and OminiControl, arXiv 2411.15098, which reads them as we do). So to draw
a fox is to find and copy, a skill that all nouns share; how it stands, moves, is lit and coloured is the transformer's work.
Half way through, sketch.py lays the same pictures out as a sketch of the film. Where a film was staged before
(models/staging), the cells are shown its layout from the start (models/layout).
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import DiTConfig, TextConfig
from .layers import Conv, SwiGLU, attention, rms, rope_table, rotate, split_heads, wave
from .layout import MORE
from .places import SIDE
from .sketch import Places
from .text import TextEncoder, hide_padding

EXTENT = 32  # numbers that say how many rows, and how many columns, of patches the picture has
LOOK = 8  # cells a side of a picture that is remembered
BEFORE = 2.0  # latent frames from a film's first back to the first look, and from each look back to the next


class DiT(nn.Module):
    """v(z, t, prompt): the velocity noise - data of every latent cell. The prompt encoder lives inside, it learns jointly.

    The network's input and output are scaled channel by channel so that both have unit variance at every noise level, and it
    adds to the best linear guess from the channel alone (preconditioning as in EDM, arXiv 2206.00364, per channel, for
    velocities). `gain_C` holds the channels' deviations, `looks` the pictures that it remembers: latents, and how much of a
    cell belongs to what is shown, one after the other (nouns, C + 1, LOOK, LOOK), and `pictures` the same in colours, uint8
    premultiplied red, green, blue, alpha (nouns, 4, SIDE, SIDE).
    """

    gain_C: Tensor
    looks: Tensor
    pictures: Tensor

    def __init__(self, config: DiTConfig, text: TextConfig, channels: int, vocabulary_size: int):
        super().__init__()
        self.config = config
        width, local = config.width, config.local_width  # D, G
        self.register_buffer("gain_C", torch.ones(channels))
        self.text = TextEncoder(text, vocabulary_size)
        self.cells_in = nn.Conv2d(channels, local, 3, padding=1)
        self.enter_blocks = nn.ModuleList(LocalBlock(local) for _ in range(config.local_depth))
        self.patch_in = nn.Linear(local * config.patch**2, width)
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.pooled = nn.Linear(text.width, width)
        self.extent = nn.Linear(2 * EXTENT, width, bias=False)
        self.modulation = nn.Linear(width, width * 6)
        self.local_modulation = nn.Linear(width, local * 2)
        self.blocks = nn.ModuleList(DiTBlock(config, text.width) for _ in range(config.depth))
        self.final = nn.Linear(width, width * 2)
        self.patch_out = nn.Linear(width, local * config.patch**2)
        self.leave_blocks = nn.ModuleList(LocalBlock(local) for _ in range(config.local_depth))
        self.cells_out = nn.Conv2d(local, channels, 3, padding=1)
        for layer in (self.modulation, self.local_modulation, self.final, self.cells_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.extent.weight)
        if text.looks:
            self.register_buffer("looks", torch.zeros(text.looks, channels + 1, LOOK, LOOK))
            self.register_buffer("pictures", torch.zeros(text.looks, 4, SIDE, SIDE, dtype=torch.uint8))
            self.cover_in = nn.Linear(config.patch**2, width)
            self.places = Places(width, local, config.patch)
        if config.layout:
            self.layout_in = nn.Conv2d(channels + MORE, local, 3, padding=1, bias=False)
            nn.init.zeros_(self.layout_in.weight)

    def read(self, ids_BL: Tensor, mask_BL: Tensor, looks_BQ: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A prompt's tokens and the looks it names (-1 is padding) -> what `forward` wants of it at every step:

        text_BLE; mask_BM, True where a token of the text or of a look stands; seen_BPASK, the looks' keys and values in every
        block, one after the other (P is twice the depth); pictures_BQ4SS, premultiplied, colours from -alpha to alpha.
        """
        text_BLE = self.text(ids_BL, mask_BL)
        if not looks_BQ.shape[1]:
            nothing = text_BLE.new_zeros(len(ids_BL), 2 * self.config.depth, self.config.heads, 0, self.config.head_dim)
            return text_BLE, mask_BL, nothing, text_BLE.new_zeros(len(ids_BL), 0, 4, SIDE, SIDE)
        shown_BS = (looks_BQ >= 0).repeat_interleave((LOOK // self.config.patch) ** 2, 1)
        seen = self._see(self.looks[looks_BQ.clamp(min=0)], shown_BS, text_BLE, mask_BL)
        return text_BLE, torch.cat([mask_BL, shown_BS], 1), seen, self.remembered(looks_BQ)

    def remembered(self, looks_BQ: Tensor) -> Tensor:
        """pictures_BQ4SS of looks, premultiplied, colours from -alpha to alpha; nothing of -1."""
        pictures = self.pictures[looks_BQ.clamp(min=0)].float() / 255 * (looks_BQ >= 0)[..., None, None, None]
        pictures[:, :, :3] = 2 * pictures[:, :, :3] - pictures[:, :, 3:]
        return pictures

    def _see(self, looks_BQCHW: Tensor, shown_BS: Tensor, text_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        """seen_BPASK of pictures, which see each other and the prompt, and no film."""
        p, count = self.config.patch, looks_BQCHW.shape[1]
        grid = count, LOOK // p, LOOK // p
        z, cover = looks_BQCHW.flatten(0, 1).split([looks_BQCHW.shape[2] - 1, 1], 1)
        clean = torch.zeros(len(looks_BQCHW), 1, 1, 1, device=z.device)
        c_B1D = F.silu(self._condition(clean, grid, text_BLE, mask_BL))
        local = per_cell(self.local_modulation(c_B1D), (count, LOOK, LOOK), p)
        cells = self.cells_in(channels_last(z / self.gain_C.view(1, -1, 1, 1)))
        for block in self.enter_blocks:
            cells = block(cells, *local, 1)
        x = self.patch_in(rearrange(cells, "(B T) G (h p) (w q) -> B (T h w) (G p q)", T=count, p=p, q=p))
        x = x + self.cover_in(rearrange(cover, "(B T) 1 (h p) (w q) -> B (T h w) (p q)", T=count, p=p, q=p))
        modulation, seen = self.modulation(c_B1D)[:, :, None], []
        rope = positions(*grid, self.config.head_dim, x.device, times=-BEFORE * torch.arange(1, count + 1, device=x.device))
        bias = torch.cat([hide_padding(shown_BS), hide_padding(mask_BL)], -1)
        first_v: Tensor | None = None
        for block in self.blocks:
            x, own = block(x, text_BLE, modulation + block.table, rope, bias, first_v, None)
            first_v = own[1] if first_v is None else first_v
            seen += own
        return torch.stack(seen, 1)

    def forward(self, z_BCTHW: Tensor, t_BTHW: Tensor, *words: Tensor, layout: Tensor | None = None) -> Tensor:
        """Noisy latents, their noise levels (any of T, H, W may be 1), the prompt from `read` -> velocity, like z_BCTHW."""
        return self.film(z_BCTHW, t_BTHW, *words, layout=layout)[0]

    def film(
        self,
        z_BCTHW: Tensor,
        t_BTHW: Tensor,
        text_BLE: Tensor,
        mask_BM: Tensor,
        seen_BPASK: Tensor,
        pictures_BQ4SS: Tensor,
        *,
        told: tuple[Tensor, Tensor] | None = None,
        layout: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """The same, and what the network says of where the looks are (Places.forward), None where the prompts name none.

        `told` is what is told of that, `layout` the plan of staged films (models/layout), B K T H W.
        """
        p = self.config.patch
        batch, _, frames, rows, columns = z_BCTHW.shape
        h, w = rows // p, columns // p
        scale_in, skip, scale_out = precondition(t_BTHW[:, None].float(), self.gain_C.view(1, -1, 1, 1, 1))
        c_BMD = F.silu(self._condition(t_BTHW, (frames, h, w), text_BLE, mask_BM))
        local = per_cell(self.local_modulation(c_BMD), (frames, rows, columns), p)
        cells = self.cells_in(channels_last(rearrange(z_BCTHW * scale_in, "B C T H W -> (B T) C H W")))
        if layout is not None and self.config.layout:
            scale = F.pad(1 / self.gain_C, (0, MORE), value=1.0).view(1, -1, 1, 1, 1)
            cells = cells + self.layout_in(channels_last(rearrange(layout * scale, "B K T H W -> (B T) K H W")))
        for block in self.enter_blocks:
            cells = block(cells, *local, frames)
        x = self.patch_in(rearrange(cells, "(B T) G (h p) (w q) -> B (T h w) (G p q)", B=batch, p=p, q=p))
        words = text_BLE, mask_BM, seen_BPASK, pictures_BQ4SS
        x, said, sketch = self._transform(x, c_BMD, (frames, h, w), *words, told)
        drawn = rearrange(self.patch_out(x), "B (T h w) (G p q) -> (B T) G (h p) (w q)", T=frames, h=h, w=w, p=p, q=p)
        cells = channels_last(cells + drawn if sketch is None else cells + drawn + sketch)
        for block in self.leave_blocks:
            cells = block(cells, *local, frames)
        drawn = rearrange(self.cells_out(rms_map(cells)).float(), "(B T) C H W -> B C T H W", B=batch)
        return skip * z_BCTHW + scale_out * drawn, said

    def _transform(
        self,
        x: Tensor,
        c_BMD: Tensor,
        grid: tuple[int, int, int],
        text_BLE: Tensor,
        mask_BM: Tensor,
        seen_BPASK: Tensor,
        pictures_BQ4SS: Tensor,
        told: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Tokens after all blocks; what was said half way, and the sketch of that for the cells."""
        modulation = self.modulation(c_BMD)[:, :, None]
        rope = positions(*grid, self.config.head_dim, x.device)
        bias = F.pad(hide_padding(mask_BM), (x.shape[1], 0))
        first_v, said, sketch = None, None, None
        for i, (block, look) in enumerate(zip(self.blocks, seen_BPASK.unflatten(1, (-1, 2)).unbind(1), strict=True)):
            if i == self.middle and pictures_BQ4SS.shape[1]:
                said, tokens, sketch = self.places(x, grid, pictures_BQ4SS, told)
                x = x + tokens
            x, own = block(x, text_BLE, modulation + block.table, rope, bias, first_v, look)
            first_v = own[1] if first_v is None else first_v
        shift, scale = self.final(c_BMD)[:, :, None].chunk(2, -1)
        return modulate(x, shift, scale), said, sketch

    @property
    def middle(self) -> int:
        """The block before which the sketch is laid out."""
        return self.config.depth // 2

    def _condition(self, t_BTHW: Tensor, grid: tuple[int, int, int], text_BLE: Tensor, mask_BM: Tensor) -> Tensor:
        """c_BMD: one vector for each distinct noise level; M divides N, and each serves N / M tokens in a row."""
        frames, h, w = grid
        pooled = text_BLE.sum(1) / mask_BM[:, : text_BLE.shape[1]].sum(1, keepdim=True)
        if t_BTHW.shape[2] > 1 or t_BTHW.shape[3] > 1:  # a level per cell: tokens take the mean of their cells
            full = t_BTHW.expand(-1, frames, h * self.config.patch, w * self.config.patch)
            levels = F.avg_pool2d(full, self.config.patch).flatten(1)
        else:
            levels = t_BTHW.flatten(1)
        sides = torch.stack([torch.full((), n / 64, device=levels.device) for n in (h, w)])  # no copy to wait for
        extent = self.extent(wave(sides, EXTENT).flatten())
        return self.time(wave(levels, 256)) + (self.pooled(pooled) + extent)[:, None]


class LocalBlock(nn.Module):
    """Residual 3x3 convolutions over the cells of one latent frame, modulated by their noise level; between the two every
    cell also hears the same cell of the frames before and after, so that what stands still is drawn once, not anew."""

    def __init__(self, width: int):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(width * 2, 1, 1))
        self.conv1, self.conv2 = Conv(width, width), Conv(width, width)
        self.before, self.after = (nn.Linear(width, width, bias=False) for _ in range(2))
        for layer in (self.conv2, self.before, self.after):
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor, frames: int) -> Tensor:
        """(B T) G H W, and its modulation from `per_cell`, whose size is 1 or that of x along each axis."""
        table_shift, table_scale = self.table.to(x.dtype).chunk(2)
        h = rms_map(x) * (1 + scale + table_scale) + shift + table_shift
        return x + self.conv2(self._through_time(F.silu(self.conv1(h)), frames))

    def _through_time(self, h: Tensor, frames: int) -> Tensor:
        if frames == 1:
            return h
        h_BTHWG = h.permute(0, 2, 3, 1).unflatten(0, (-1, frames))
        heard = h_BTHWG.clone()
        heard[:, 1:] += self.before(h_BTHWG[:, :-1])  # into slices: padding would copy everything twice more
        heard[:, :-1] += self.after(h_BTHWG[:, 1:])
        return heard.flatten(0, 1).permute(0, 3, 1, 2)


def precondition(t: Tensor, gain: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Factors on the network's input, on z beside the network, and on its output.

    For data of deviation `gain` and noise of deviation 1: z = (1-t) data + t noise has variance s; the best linear guess of
    v = noise - data is (t - (1-t) gain^2) / s * z, and what it misses has deviation gain / sqrt(s).
    """
    variance = ((1 - t) * gain).square() + t.square()
    return variance.rsqrt(), (t - (1 - t) * gain.square()) / variance, gain * variance.rsqrt()


def per_cell(modulation_BMG: Tensor, grid: tuple[int, int, int], patch: int) -> tuple[Tensor, Tensor]:
    """Shift and scale of every latent frame, or of every cell where levels differ inside frames: each (B T) G 1|H 1|W."""
    frames, rows, columns = grid
    levels = modulation_BMG.shape[1]
    if levels <= frames:
        maps = rearrange(modulation_BMG.expand(-1, frames, -1), "B T G -> (B T) G 1 1")
    else:
        h, w = rows // patch, columns // patch
        maps = rearrange(modulation_BMG, "B (T h w) G -> (B T) G h w", T=frames, h=h, w=w)
        maps = F.interpolate(maps, scale_factor=patch)
    shift, scale = maps.chunk(2, 1)
    return shift, scale


def rms_map(x: Tensor) -> Tensor:
    """RMS norm over the channels of feature maps."""
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-5).to(x.dtype)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


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
        self,
        x_BND: Tensor,
        text_BLE: Tensor,
        c_BM1D: Tensor,
        rope: tuple[Tensor, Tensor],
        bias: Tensor,
        first_v: Tensor | None,
        seen_B2ASK: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The tokens after attention over themselves, the prompt and the looks; and keys and values of their own."""
        shift1, scale1, gate1, shift2, scale2, gate2 = c_BM1D.chunk(6, -1)
        q, k, v, text_k, text_v = self.project(modulate(x_BND, shift1, scale1), text_BLE, rope, first_v)
        keys, values = [k, text_k], [v, text_v]
        if seen_B2ASK is not None:
            keys, values = [*keys, seen_B2ASK[:, 0].to(k.dtype)], [*values, seen_B2ASK[:, 1].to(v.dtype)]
        heard = attention(q, torch.cat(keys, 2), torch.cat(values, 2), bias)
        x_BND = add_gated(x_BND, gate1, self.out(rearrange(heard, "B A N K -> B N (A K)")))
        x_BND = add_gated(x_BND, gate2, self.mlp(modulate(x_BND, shift2, scale2)))
        return x_BND, (k, v)

    def project(
        self, x_BND: Tensor, text_BLE: Tensor, rope: tuple[Tensor, Tensor], first_v: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Queries, keys and values of the video (B A N K each), keys and values of the prompt (B A L K each)."""
        q, k, v = (split_heads(part(x_BND), self.heads) for part in (self.q, self.k, self.v))
        text_k, text_v = (split_heads(part(text_BLE), self.heads) for part in (self.text_k, self.text_v))
        if first_v is not None:
            v = v + self.v_mix.to(v.dtype) * (first_v - v)
        q = rotate(rms(q) * self.q_scale.to(q.dtype), rope)
        k = rotate(rms(k) * self.k_scale.to(k.dtype), rope)
        return q, k, v, rms(text_k) * self.k_scale.to(k.dtype), text_v


def modulate(x_BND: Tensor, shift_BM1D: Tensor, scale_BM1D: Tensor) -> Tensor:
    """Normalised tokens, scaled and shifted by their level's vectors, which are broadcast and never copied per token."""
    x = rms(x_BND).unflatten(1, (shift_BM1D.shape[1], -1))
    return torch.addcmul(shift_BM1D, x, 1 + scale_BM1D).flatten(1, 2)


def add_gated(x_BND: Tensor, gate_BM1D: Tensor, update_BND: Tensor) -> Tensor:
    levels = gate_BM1D.shape[1]
    return torch.addcmul(x_BND.unflatten(1, (levels, -1)), update_BND.unflatten(1, (levels, -1)), gate_BM1D).flatten(1, 2)


def positions(
    frames: int, h: int, w: int, head_dim: int, device: torch.device, times: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Rotary table of the token grid: time in latent frames, or as `times` says of each; rows and columns centred, the short
    side spanning 8 units, so that a picture keeps its composition when its resolution grows; fewer are a window into one."""
    unit = min(1.0, 8 / min(h, w))
    t, y, x = torch.meshgrid(
        torch.arange(frames, device=device).float() if times is None else times,
        (torch.arange(h, device=device) - (h - 1) / 2) * unit,
        (torch.arange(w, device=device) - (w - 1) / 2) * unit,
        indexing="ij",
    )
    third = head_dim // 8 * 3  # rows and columns; time takes the remaining quarter
    return rope_table(torch.stack([t, y, x], -1).reshape(-1, 3), (head_dim - 2 * third, third, third))
