"""The tokenizer's way into the latents as one matrix product: what models/vae does in several steps, at a quarter of its time.

Dimension key: T frames, H W pixels, C latent channels, N chunks of 4 frames. `VAE.encode` turns the pixels around every border
between cells, rows then columns, and projects each cell. Here the columns are not turned: a block of pixels that lies half a
cell aside goes straight to its shares of the two cells that it touches, by weights in which the turn is contained. Long clips
go in pieces, whose memory is used again.
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..models.vae import FOLD, VAE, check_shape, lapping
from .encode import INT8

CHUNKS = 4  # that go through at once


@dataclass(frozen=True)
class Projection:
    """What `latents` needs of a tokenizer."""

    weight: Tensor  # numbers of a block x (2 C): to the cells right and left of its middle
    offset_C: Tensor
    turn: Tensor  # stride x stride, of `lapping`
    stride: int

    @classmethod
    def of(cls, vae: VAE) -> "Projection":
        stride, half = vae.config.stride, vae.config.stride // 2
        turn = lapping(stride).double()
        per_step = (INT8 / vae.gain_C / vae.scale).double()  # int8 latents are in their channel's own deviations
        cells = rearrange(vae.basis.double() * per_step, "(c t p q) C -> p q t c C", c=3, t=FOLD, p=stride)
        parts = []
        for columns in (slice(half, None), slice(half)):  # where a block's part of the cell lies
            part = torch.zeros_like(cells)
            part[:, columns] = cells.roll(half, 1)[:, columns]
            parts.append(torch.einsum("bq,pbtcC->tpqcC", turn, part).flatten(0, 3))
        offset = vae.centre.double() @ (vae.basis.double() * per_step)
        return cls(torch.cat(parts, 1).float(), offset.float(), turn.float(), stride)


def latents(projection: Projection, frames_THWC: np.ndarray) -> np.ndarray:
    """uint8 frames, T = 1 + 4k, H and W multiples of the stride -> int8 latents C T H W, as encode.encode_clip makes them."""
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
    stride, half = projection.stride, projection.stride // 2
    count, height, width, _ = frames_THWC.shape
    video = torch.from_numpy(frames_THWC).float().mul_(1 / 127.5).sub_(1).flatten(2)
    if height > stride:
        edge, inner, other = video.split((half, height - stride, half), 1)
        inner = (projection.turn @ inner.unflatten(1, (-1, stride))).flatten(1, 2)
        video = torch.cat([edge, inner, other], 1)
    wide = torch.empty(count, height, width + stride, 3)
    wide[:, :, half:-half] = video.unflatten(2, (width, 3))
    for block, side in ((wide[:, :, :stride], slice(half, None)), (wide[:, :, -stride:], slice(half))):
        # nothing is turned at the picture's own borders: what the turn makes into it stands there in its place
        block.copy_(torch.einsum("THbc,bq->THqc", block[:, :, side].clone(), projection.turn[side]))
    blocks = rearrange(wide, "(N t) (h p) (w q) c -> N h w (t p q c)", t=FOLD, p=stride, q=stride)
    right, left = (blocks @ projection.weight).chunk(2, -1)  # N h w+1 C
    return rearrange(right[:, :, :-1] + left[:, :, 1:] - projection.offset_C, "N h w C -> C N h w")
