"""The tokenizer's way into the latents in three small products: what models/vae does in several steps, at a sixth of its time.

Dimension key: T frames, H W pixels, C latent channels, N chunks of 4 frames, h w cells, k l of some directions of a cell's
rows and columns. `VAE.encode` turns the pixels around every border between cells, rows then columns, and projects each cell on
its basis. That basis is smooth: nearly all of it lies in ten directions of rows times ten of columns (a Tucker
decomposition, De Lathauwer et al. 2000), so that rows, then columns, then what is left are projected, each a fraction of the
one before. The turns are contained in the first two: a block of pixels that lies half a cell aside goes straight to its shares
of the two cells that it touches. What that leaves out is less than what rounding to int8 does. Long clips go in pieces.
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..models.vae import FOLD, VAE, check_shape, lapping
from .encode import INT8

CHUNKS = 1  # that go through at once: more do not fit the caches
LOST = 1e-3  # of a basis, in the steps of int8, that its rows or columns may lie in other directions


@dataclass(frozen=True)
class Projection:
    """What `latents` needs of a tokenizer. `rows` and `columns` map a block to the cells behind and before its middle."""

    rows: Tensor  # (2 k) x stride
    columns: Tensor  # (stride colours) x (2 l colours)
    weight: Tensor  # (t k l colours) x C
    offset_C: Tensor
    turn: Tensor  # stride x stride, of `lapping`
    stride: int

    @classmethod
    def of(cls, vae: VAE) -> "Projection":
        stride, turn = vae.config.stride, lapping(vae.config.stride).double()
        per_step = (INT8 / vae.gain_C / vae.scale).double()  # int8 latents are in their channel's own deviations
        basis = vae.basis.double() * per_step
        cells = rearrange(basis, "(c t p q) C -> c t p q C", c=3, t=FOLD, p=stride)
        rows, columns = (_directions(cells, axis) for axis in (2, 3))
        weight = torch.einsum("ctpqC,pk,ql->tklcC", cells, rows, columns).flatten(0, 3)
        wide = torch.kron(_sides(columns, turn), torch.eye(3).double()).T
        behind, offset = _sides(rows, turn), vae.centre.double() @ basis
        return cls(behind.float(), wide.float().contiguous(), weight.float(), offset.float(), turn.float(), stride)


def _directions(cells: Tensor, axis: int) -> Tensor:
    """The directions of an axis that hold all but LOST of a basis: stride x k, all of them of one that is not smooth."""
    found, size, _ = torch.linalg.svd(cells.movedim(axis, 0).flatten(1), full_matrices=False)
    held = size.square().cumsum(0) / size.square().sum()
    return found[:, : 1 + int((held < 1 - LOST).sum())]


def _sides(directions: Tensor, turn: Tensor) -> Tensor:
    """A block half a cell aside -> what it adds to the cell that begins in its middle, and to the one that ends there."""
    half = len(turn) // 2
    return torch.cat([directions[:half].T @ turn[half:], directions[half:].T @ turn[:half]])


def latents(projection: Projection, frames_THWC: np.ndarray) -> np.ndarray:
    """uint8 frames, T = 1 + 4k, H and W multiples of the stride -> int8 latents C T H W, as encode.encode_clip makes them but
    for one step here and there."""
    count, height, width, _ = frames_THWC.shape
    check_shape(torch.Size((3, count, height, width)), projection.stride)
    found = []
    for begin in range(0, 1 + (count - 1) // FOLD, CHUNKS):
        at = np.arange(begin * FOLD, min((begin + CHUNKS) * FOLD, count + FOLD - 1)) - (FOLD - 1)
        found.append(_cells(projection, frames_THWC[np.maximum(at, 0)]))  # the first frame fills the first chunk
    return torch.cat(found, 1).round_().clamp_(-127, 127).to(torch.int8).numpy()


@torch.no_grad()
def _cells(projection: Projection, frames_THWC: np.ndarray) -> Tensor:
    """Frames of whole chunks -> C N h w."""
    stride, half, turn = projection.stride, projection.stride // 2, projection.turn
    count, height, width, _ = frames_THWC.shape
    h, w = height // stride, width // stride
    tall = torch.empty(count, height + stride, 3 * width)
    video = tall[:, half:-half].copy_(torch.from_numpy(frames_THWC).flatten(2))
    video.mul_(1 / 127.5).sub_(1)
    for block, side in ((tall[:, :stride], slice(half, None)), (tall[:, -stride:], slice(half))):
        # nothing is turned at the picture's own borders: what the turn makes into it stands there in its place
        block.copy_(torch.einsum("Tbx,bp->Tpx", block[:, side].clone(), turn[side]))
    behind, before = (projection.rows @ tall.unflatten(1, (h + 1, stride))).chunk(2, 2)
    wide = torch.empty(count, h, behind.shape[2], width + stride, 3)
    wide[:, :, :, half:-half] = (behind[:, :-1] + before[:, 1:]).unflatten(3, (width, 3))
    for block, side in ((wide[..., :stride, :], slice(half, None)), (wide[..., -stride:, :], slice(half))):
        block.copy_(torch.einsum("Thkbc,bq->Thkqc", block[..., side, :].clone(), turn[side]))
    behind, before = (wide.unflatten(3, (w + 1, stride)).flatten(4) @ projection.columns).chunk(2, 4)
    cells = rearrange(behind[:, :, :, :-1] + before[:, :, :, 1:], "(N t) h k w l -> N h w (t k l)", t=FOLD)
    return rearrange(cells @ projection.weight - projection.offset_C, "N h w C -> C N h w")
