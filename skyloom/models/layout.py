"""A plan as the transformer is shown it: the pictures that it remembers where the plan has them, and the camera's way.

A film is staged before it is painted (models/staging). What is known then need not be found in noise: each cell is told, in
the very numbers that it is to make, what the pictures that lie on it look like, and how the ground under it moves. Light, pose,
shadow, what stands before a body and everything around it are the transformer's work (layouts as a condition beside the noise:
as ControlNet, arXiv 2302.05543, has them, but trained from the start and without a network of its own).

Dimension key: B batch, C latent channels, T H W latent frames and cells, R bodies, S side of a picture in pixels, K numbers of
a layout in a cell: C latents, then COVER, TOLD, POSED, and what is said of the camera: SEEN and WAY.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .layers import exact
from .overlay import BEATS, Overlay, between, sprites
from .places import DOTS

COVER, TOLD, SEEN = 1, 1, 1  # how much of a cell the pictures cover; 1 where there is a plan, and where its camera is known
POSED = 1  # 1 where pictures show bodies in the pose of the moment, 0 where they only show what they look like
WAY = 8  # x, y and log zoom; how each goes on to the next latent frame; parallax that stays; rows below the horizon
MORE = COVER + TOLD + POSED + SEEN + WAY
GREY = 0.5  # of what no picture covers


def pictures_laid(overlay: Overlay, stances_BTR8: Tensor, pictures_BR4SS: Tensor, size: tuple[int, int]) -> Tensor:
    """The first C + COVER numbers, B C+1 T H W, for so many rows and columns of cells: `in_latents` of `in_dots`."""
    return in_latents(overlay, in_dots(stances_BTR8, pictures_BR4SS, size))


def in_dots(stances_BTR8: Tensor, pictures_BR4SS: Tensor, size: tuple[int, int]) -> Tensor:
    """Bodies' pictures (premultiplied, colours from -alpha to alpha; one of each body, or B R F 4 S S for each beat) where
    they lie: B 4 F h w in beats and dots, their colours less GREY where they cover it, and what they cover, 0 to 1.

    Stances as models/places.truth wants them; their last number is -1 where a body is not there.
    """
    dots = size[0] * DOTS, size[1] * DOTS
    beats = between(stances_BTR8)
    batch, frames, bodies, _ = beats.shape
    laid = torch.zeros(batch, 4, frames, *dots, device=beats.device)
    whose = torch.arange(bodies, device=beats.device).expand(batch, -1)
    with exact(beats.device):
        for picture, cover in sprites(beats, whose, pictures_BR4SS, dots):
            laid[:, :3] += picture - GREY * cover
            laid[:, 3:] += cover
    return laid


def in_latents(overlay: Overlay, laid_B4Fhw: Tensor) -> Tensor:
    """The same as latents, and what is covered of each cell."""
    with exact(laid_B4Fhw.device):
        cover = F.avg_pool3d(laid_B4Fhw[:, 3:], (BEATS, DOTS, DOTS))
        return torch.cat([overlay.latents(laid_B4Fhw[:, :3]), cover], 1)


def camera_seen(camera_BT5: Tensor, size: tuple[int, int]) -> Tensor:
    """The last SEEN + WAY numbers, of a camera as worlds.storybook.cameras has it, in the middle of each latent frame."""
    rows, columns = size
    way = camera_BT5[..., :3]
    way = way - torch.cat([way[..., :2].mean(1, keepdim=True), torch.zeros_like(way[:, :1, 2:])], 2)
    ahead = torch.cat([way[:, 1:], way[:, -1:]], 1) - way
    ahead = torch.cat([ahead[:, :-1], ahead[:, -2:-1]], 1) if way.shape[1] > 1 else ahead
    numbers = torch.cat([torch.ones_like(way[..., :1]), way, ahead, camera_BT5[..., 3:4]], 2)
    flat = rearrange(numbers, "B T K -> B K T 1 1").expand(-1, -1, -1, rows, columns)
    row = (torch.arange(rows, device=way.device) + 0.5) / rows
    below = (row - camera_BT5[..., 4:]) * (rows / min(size))
    return torch.cat([flat, below[:, None, :, :, None].expand(-1, -1, -1, -1, columns)], 1)


def layout_of(
    laid_BCTHW: Tensor,
    camera_BT5: Tensor | None,
    told_B: Tensor | None = None,
    seen_B: Tensor | None = None,
    posed_B: Tensor | None = None,
) -> Tensor:
    """layout_BKTHW of `pictures_laid` and, where it is known, the camera. Zeros where a clip is not `told`, of the camera also
    where it is not `seen`; by default all are, and none is `posed`."""
    batch, _, frames, *size = laid_BCTHW.shape
    ones = torch.ones(batch, device=laid_BCTHW.device)
    told = (ones if told_B is None else told_B.float()).view(-1, 1, 1, 1, 1)
    if camera_BT5 is None:
        camera = laid_BCTHW.new_zeros(batch, SEEN + WAY, frames, *size)
    else:
        seen = (ones if seen_B is None else seen_B.float()).view(-1, 1, 1, 1, 1)
        camera = seen * camera_seen(camera_BT5, (size[0], size[1]))
    like = torch.ones_like(laid_BCTHW[:, :1])
    posed = 0 * like if posed_B is None else posed_B.float().view(-1, 1, 1, 1, 1) * like
    whole = torch.cat([laid_BCTHW, like, posed, camera], 1)
    return told * whole
