"""Clips of any sizes and lengths in one row of tokens, attention inside each clip alone (Patch n' Pack, arXiv 2307.06304).

The transformer's linear maps see one long row, where a clip alone would be too short to keep the processor busy; nothing is
padded, cropped or scaled. Attention goes clip by clip (over the row it would be block-diagonal), convolutions size by size.
Dimension key as in dit.py; N tokens of all clips, n tokens of one, M noise levels of all clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .dit import DiT, DiTBlock, LocalBlock, add_gated, channels_last, modulate, per_cell, positions, precondition, rms_map
from .layers import attention


def packed_velocity(
    dit: DiT,
    clips: Sequence[Tensor],
    levels: Sequence[Tensor],
    text_BLE: Tensor,
    mask_BM: Tensor,
    seen_BPASK: Tensor,
    pictures_BQ4SS: Tensor,
) -> list[Tensor]:
    """What `dit` says of each clip alone: latents C T H W and their levels T H W (each axis may be 1), a prompt each."""
    p, gain = dit.config.patch, dit.gain_C.view(-1, 1, 1, 1)
    grids = [(z.shape[1], z.shape[2] // p, z.shape[3] // p) for z in clips]
    factors = [precondition(t[None].float(), gain) for t in levels]
    conditions = [
        F.silu(dit._condition(t[None], grid, text_BLE[i : i + 1], mask_BM[i : i + 1]))
        for i, (t, grid) in enumerate(zip(levels, grids, strict=True))
    ]
    groups = [Maps.of(dit, clips, conditions, numbers) for numbers in _alike(clips)]
    rows: list[Tensor] = [torch.empty(0)] * len(clips)
    for group in groups:
        cells = dit.cells_in(channels_last(torch.cat([(clips[i] * factors[i][0]).transpose(0, 1) for i in group.numbers])))
        group.enter(dit, cells)
        for i, part in zip(group.numbers, group.cells.split(group.frames), strict=True):
            rows[i] = rearrange(part, "T G (h p) (w q) -> 1 (T h w) (G p q)", p=p, q=p)
    prompts = Prompts.of(text_BLE, mask_BM, seen_BPASK, pictures_BQ4SS)
    x, sketches = _transform(dit, dit.patch_in(torch.cat(rows, 1)), conditions, grids, prompts)
    drawn = dit.patch_out(x)
    tokens = drawn.split([T * h * w for T, h, w in grids], 1)
    velocities: list[Tensor] = [torch.empty(0)] * len(clips)
    for group in groups:
        h, w = grids[group.numbers[0]][1:]
        form = "1 (T h w) (G p q) -> T G (h p) (w q)"
        added = torch.cat([rearrange(tokens[i], form, h=h, w=w, p=p, q=p) for i in group.numbers])
        if sketches:
            added = added + torch.cat([sketches[i] for i in group.numbers])
        out = dit.cells_out(rms_map(group.leave(dit, added))).float()
        for i, part in zip(group.numbers, out.split(group.frames), strict=True):
            _, skip, scale_out = factors[i]
            velocities[i] = skip * clips[i] + scale_out * part.transpose(0, 1)
    return velocities


def _alike(clips: Sequence[Tensor]) -> list[list[int]]:
    """The numbers of the clips whose pictures have the same size, size by size: convolutions take them together."""
    found: dict[tuple[int, int], list[int]] = {}
    for i, z in enumerate(clips):
        found.setdefault((z.shape[2], z.shape[3]), []).append(i)
    return list(found.values())


@dataclass
class Maps:
    """The cells of clips of one size on their way through the convolutions: all frames of all clips, (T ...) G H W."""

    numbers: list[int]  # of the clips
    frames: list[int]  # of each
    shift: Tensor
    scale: Tensor
    cells: Tensor = field(default_factory=lambda: torch.empty(0))

    @classmethod
    def of(cls, dit: DiT, clips: Sequence[Tensor], conditions: list[Tensor], numbers: list[int]) -> "Maps":
        size = clips[numbers[0]].shape[2:]
        each = [per_cell(dit.local_modulation(conditions[i]), (clips[i].shape[1], *size), dit.config.patch) for i in numbers]
        flat = all(shift.shape[2:] == (1, 1) for shift, _ in each)
        shift, scale = (torch.cat([m if flat else m.expand(-1, -1, *size) for m in maps]) for maps in zip(*each, strict=True))
        return cls(numbers, [clips[i].shape[1] for i in numbers], shift, scale)

    def enter(self, dit: DiT, cells: Tensor) -> None:
        for block in dit.enter_blocks:
            cells = self._through(block, cells)  # type: ignore[arg-type]
        self.cells = cells

    def leave(self, dit: DiT, added: Tensor) -> Tensor:
        cells = channels_last(self.cells + added)
        for block in dit.leave_blocks:
            cells = self._through(block, cells)  # type: ignore[arg-type]
        return cells

    def _through(self, block: LocalBlock, x: Tensor) -> Tensor:
        """LocalBlock.forward, in which each frame hears only those of its own clip."""
        shift, scale = block.table.to(x.dtype).chunk(2)
        h = F.silu(block.conv1(rms_map(x) * (1 + self.scale + scale) + self.shift + shift))
        heard = [block._through_time(part, T) for part, T in zip(h.split(self.frames), self.frames, strict=True)]
        return x + block.conv2(torch.cat(heard))


@dataclass(frozen=True)
class Prompts:
    """The clips' prompts in one row without padding, and of each the looks that it names."""

    text_1LE: Tensor
    words: list[int]  # of each
    seen: list[Tensor]  # of each: 1 P A S K, as DiT.read gives it
    pictures_BQ4SS: Tensor

    @classmethod
    def of(cls, text_BLE: Tensor, mask_BM: Tensor, seen_BPASK: Tensor, pictures_BQ4SS: Tensor) -> "Prompts":
        told, shown = mask_BM.split([text_BLE.shape[1], seen_BPASK.shape[3]], 1)
        text_1LE = torch.cat([text[mask] for text, mask in zip(text_BLE, told, strict=True)])[None]
        seen = [part[None, :, :, mask] for part, mask in zip(seen_BPASK, shown, strict=True)]
        return cls(text_1LE, told.sum(1).tolist(), seen, pictures_BQ4SS)


def _transform(
    dit: DiT, x_1ND: Tensor, conditions: list[Tensor], grids: list[tuple[int, int, int]], prompts: Prompts
) -> tuple[Tensor, list[Tensor]]:
    """All tokens after all blocks, and each clip's sketch for its cells (none where no prompt names a look)."""
    sizes, counts = [T * h * w for T, h, w in grids], [c.shape[1] for c in conditions]
    tables = [positions(*grid, dit.config.head_dim, x_1ND.device) for grid in grids]
    rope = torch.cat([cos for cos, _ in tables]), torch.cat([sin for _, sin in tables])
    c_1MD = torch.cat(conditions, 1)
    modulation = dit.modulation(c_1MD)
    first_v: Tensor | None = None
    sketches: list[Tensor] = []
    for i, block in enumerate(dit.blocks):
        if i == dit.middle and prompts.pictures_BQ4SS.shape[1]:
            looks = prompts.pictures_BQ4SS.split(1)
            placed = [dit.places(x, grid, look) for x, grid, look in zip(x_1ND.split(sizes, 1), grids, looks, strict=True)]
            x_1ND = x_1ND + torch.cat([part[1] for part in placed], 1)
            sketches = [part[2] for part in placed]
        parts = (modulation + block.table)[:, :, None].split(counts, 1)
        assert isinstance(block, DiTBlock)
        x_1ND, first_v = _block(block, x_1ND, prompts, i, parts, rope, sizes, first_v)
    finals = dit.final(c_1MD)[:, :, None].split(counts, 1)
    x_1ND = torch.cat([modulate(x, *f.chunk(2, -1)) for x, f in zip(x_1ND.split(sizes, 1), finals, strict=True)], 1)
    return x_1ND, sketches


def _block(
    block: DiTBlock,
    x_1ND: Tensor,
    prompts: Prompts,
    depth: int,
    modulation: Sequence[Tensor],
    rope: tuple[Tensor, Tensor],
    sizes: list[int],
    first_v: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """DiTBlock.forward of every clip: each is modulated by its own levels, linear maps see all at once."""
    chunks = [part.chunk(6, -1) for part in modulation]

    def shaped(x: Tensor, at: int) -> Tensor:
        return torch.cat([modulate(part, c[at], c[at + 1]) for part, c in zip(x.split(sizes, 1), chunks, strict=True)], 1)

    def gated(x: Tensor, update: Tensor, at: int) -> Tensor:
        pairs = zip(x.split(sizes, 1), update.split(sizes, 1), chunks, strict=True)
        return torch.cat([add_gated(part, c[at], new) for part, new, c in pairs], 1)

    seen, v = _look(block, shaped(x_1ND, 0), prompts, depth, rope, sizes, first_v)
    x_1ND = gated(x_1ND, seen, 2)
    x_1ND = gated(x_1ND, block.mlp(shaped(x_1ND, 3)), 5)
    return x_1ND, v if first_v is None else first_v


def _look(
    block: DiTBlock,
    x: Tensor,
    prompts: Prompts,
    depth: int,
    rope: tuple[Tensor, Tensor],
    sizes: list[int],
    first_v: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The attention of the block number `depth`, each clip over itself, its own prompt and looks."""
    q, k, v, text_k, text_v = block.project(x, prompts.text_1LE, rope, first_v)
    words = (t.split(prompts.words, 2) for t in (text_k, text_v))
    looks = zip(*(part[:, 2 * depth : 2 * depth + 2].to(k.dtype).unbind(1) for part in prompts.seen), strict=True)
    parts = zip(*(t.split(sizes, 2) for t in (q, k, v)), *words, *looks, strict=True)
    heard = [
        attention(q1, torch.cat([k1, tk, lk], 2), torch.cat([v1, tv, lv], 2), None) for q1, k1, v1, tk, tv, lk, lv in parts
    ]
    return block.out(rearrange(torch.cat(heard, 2), "B A N K -> B N (A K)")), v
