"""The tokenizer's way into the latents in three small products: what models/vae does in several steps, at a ninth of its time.

Dimension key: T frames, H W pixels, C latent channels, h w cells, p q rows and columns of a cell, k l of some directions of
those, n planes: every colour of every frame of a chunk of 4. `VAE.encode` turns the pixels around every border between cells,
rows then columns, and projects each cell on its basis. That basis is smooth: nearly all of it lies in ten directions of rows
times ten of columns (a Tucker decomposition, De Lathauwer et al. 2000), so that rows, then columns, then what is left are
projected, each a fraction of the one before. The turns are contained in the first two: a block of pixels that lies half a cell
aside goes straight to its shares of the two cells that it touches; at the picture's own borders nothing is turned. What that
leaves out is less than what rounding to int8 does.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..models.vae import FOLD, VAE, check_shape, lapping
from .encode import INT8

LOST = 1e-3  # of a basis, in the steps of int8, that its rows or columns may lie in other directions


@dataclass(frozen=True)
class Projection:
    """What `latents` needs of a tokenizer."""

    rows: "Sides"
    columns: "Sides"
    weight: Tensor  # (l k n) x C
    offset_C: Tensor
    stride: int

    @classmethod
    def of(cls, vae: VAE) -> "Projection":
        stride, turn = vae.config.stride, lapping(vae.config.stride).double()
        per_step = (INT8 / vae.gain_C / vae.scale).double()  # int8 latents are in their channel's own deviations
        basis = vae.basis.double() * per_step
        cells = rearrange(basis, "(c t p q) C -> c t p q C", c=3, t=FOLD, p=stride)
        rows, columns = (_directions(cells, axis) for axis in (2, 3))
        weight = torch.einsum("ctpqC,pk,ql->lktcC", cells, rows, columns)
        # pixels are taken as they are, 0..255: a picture that is 1 all over goes into the offset
        offset = vae.centre.double() @ basis + torch.einsum("lktcC,k,l->C", weight, rows.sum(0), columns.sum(0))
        weight = weight.flatten(0, 3) / 127.5
        return cls(Sides.of(rows, turn), Sides.of(columns, turn), weight.float(), offset.float(), stride)


@dataclass(frozen=True)
class Sides:
    """What halves of a cell and what blocks half a cell aside add to directions of rows, or of columns."""

    block: Tensor  # (2 k) x p: a block adds the first k to the cell that begins in its middle, the others to that before
    first: Tensor  # k x p / 2: the first half of a cell that begins at the picture's border
    last: Tensor

    @classmethod
    def of(cls, directions: Tensor, turn: Tensor) -> "Sides":
        half = len(turn) // 2
        first, last = directions[:half].T, directions[half:].T
        block = torch.cat([first @ turn[half:], last @ turn[:half]])
        return cls(*(part.float().contiguous() for part in (block, first, last)))


def _directions(cells: Tensor, axis: int) -> Tensor:
    """The directions of an axis that hold all but LOST of a basis: stride x k, all of them of one that is not smooth."""
    found, size, _ = torch.linalg.svd(cells.movedim(axis, 0).flatten(1), full_matrices=False)
    held = size.square().cumsum(0) / size.square().sum()
    return found[:, : 1 + int((held < 1 - LOST).sum())]


def latents(projection: Projection, frames_THWC: np.ndarray) -> np.ndarray:
    """uint8 frames, T = 1 + 4k, H and W multiples of the stride -> int8 latents C T H W, as encode.encode_clip makes them but
    for one step here and there."""
    count, height, width, _ = frames_THWC.shape
    check_shape(torch.Size((3, count, height, width)), projection.stride)
    found = []
    for begin in range(1 - FOLD, count, FOLD):
        chunk = [frames_THWC[max(0, at)] for at in range(begin, begin + FOLD)]  # the first frame fills the first chunk
        found.append(_cells(projection, chunk))
    return torch.stack(found, 1).round_().clamp_(-127, 127).to(torch.int8).numpy()


@torch.no_grad()
def _cells(projection: Projection, frames: list[np.ndarray]) -> Tensor:
    """Frames (H, W, 3) of one chunk -> C h w.

    What is multiplied has its long side in memory order: rows of a block come first, then its columns.
    """
    rows, columns, stride = projection.rows, projection.columns, projection.stride
    height, width, _ = frames[0].shape
    half, k, l, h, w = stride // 2, len(rows.first), len(columns.first), height // stride, width // stride
    room = _room(height, width, stride, k, l)
    n = len(room.planes)
    for plane, pixels in enumerate(part for frame in frames for part in cv2.split(frame)):
        room.planes[plane] = pixels
    halves = torch.from_numpy(room.planes).view(n, h, 2, half, width)
    room.tall[half:, :h].copy_(halves[:, :, 0].permute(2, 1, 0, 3))
    room.tall[:half, 1:].copy_(halves[:, :, 1].permute(2, 1, 0, 3))
    found = torch.mm(rows.block, room.tall.flatten(1), out=room.rows).view(2 * k, h + 1, n, width)
    found[:k, 0] = (rows.first @ room.tall[half:, 0].flatten(1)).view(k, n, width)
    found[k:, h] = (rows.last @ room.tall[:half, h].flatten(1)).view(k, n, width)
    torch.add(found[:k, :-1], found[k:, 1:], out=room.lying.transpose(0, 1))
    cv2.transpose(room.lying.view(-1, width).numpy(), room.wide.flatten(0, 1)[half:-half].numpy())
    found = torch.matmul(columns.block, room.wide, out=room.columns)
    found[0, :l] = columns.first @ room.wide[0, half:]
    found[w, l:] = columns.last @ room.wide[w, :half]
    one, other = (part.unflatten(2, (h, k * n)) for part in (found[:-1, :l], found[1:, l:]))
    torch.add(one, other, out=room.cells.transpose(1, 2))
    cells = room.cells.view(w * h, -1) @ projection.weight - projection.offset_C
    return cells.view(w, h, -1).permute(2, 1, 0)


@dataclass(frozen=True)
class Room:
    """Memory for what lies between: taking it anew for every chunk would cost more than the products do."""

    planes: np.ndarray  # n H W, uint8
    tall: Tensor  # p (h + 1) n W
    rows: Tensor  # (2 k) x ((h + 1) n W)
    lying: Tensor  # h k n W
    wide: Tensor  # (w + 1) q (h k n)
    columns: Tensor  # (w + 1) (2 l) (h k n)
    cells: Tensor  # w h l (k n)


@functools.lru_cache(maxsize=1)
def _room(height: int, width: int, stride: int, k: int, l: int) -> Room:
    n, h, w = 3 * FOLD, height // stride, width // stride
    return Room(
        np.empty((n, height, width), np.uint8),
        torch.zeros(stride, h + 1, n, width),  # halves of blocks at the borders stay 0
        torch.empty(2 * k, (h + 1) * n * width),
        torch.empty(h, k, n, width),
        torch.zeros(w + 1, stride, h * k * n),
        torch.empty(w + 1, 2 * l, h * k * n),
        torch.empty(w, h, l, k * n),
    )
