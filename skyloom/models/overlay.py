"""Remembered pictures laid over a film that takes shape.

The places that a model tells (models/places.py) are right long before what it draws there is: a sketch shows a fox from the
first step on, where the film still has an orange patch whose outlines crumble later. So while there is much noise, what the
model takes the film to be is replaced, where a picture is said to lie, by that picture in the film's own colours; the model
goes on from there, and what is finest (poses, light, whatever stands before it) is drawn by it alone. No training knows of it.

It happens in latents: a sketch is the same in all frames of a latent frame, so the tokenizer's linear maps between latents and
pixels are taken for such pictures alone, a quarter of their work.

Dimension key: B batch, C latent channels, T H W latent frames and cells, Q looks, c colours, d dots of a cell.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .layers import exact
from .places import DOTS, SHARES, SURE, layers
from .vae import FOLD, VAE, lap

FADED, BRIGHT, SHIFTED = 0.2, 2.5, 0.3  # least and most of a colour's gain, and most that is added to it


class Overlay:
    """What to add to latents so that sketches lie over them; for one tokenizer, whose stride is a multiple of DOTS."""

    def __init__(self, vae: VAE):
        self.stride = vae.config.stride
        basis = vae.basis.detach().unflatten(0, (3, FOLD, self.stride**2))  # of what is the same in FOLD frames
        self.to_cells = basis.mean(1).flatten(0, 1)[..., None, None] * vae.scale
        self.to_latents = basis.sum(1).flatten(0, 1).T[..., None, None] / vae.scale
        self.centre = vae.centre.detach().unflatten(0, (3, FOLD, -1)).mean(1).flatten()

    def seen(self, film_BCTHW: Tensor) -> Tensor:
        """Latents -> what they show, 0 to 1: B T H W c d."""
        batch, side = len(film_BCTHW), self.stride
        cells = F.conv2d(rearrange(film_BCTHW, "B C T H W -> (B T) C H W").float(), self.to_cells, self.centre)
        picture = lap(rearrange(cells, "B (c p q) h w -> B c 1 (h p) (w q)", p=side, q=side, c=3), side, back=True)
        dots = F.avg_pool2d(picture[:, :, 0], side // DOTS) / 2 + 0.5
        return rearrange(dots, "(B T) c (h y) (w x) -> B T h w c (y x)", B=batch, y=DOTS, x=DOTS)

    def latents(self, dots_BTHWcd: Tensor) -> Tensor:
        """A difference of such pictures -> that of latents, B C T H W."""
        batch, side = len(dots_BTHWcd), self.stride
        small = rearrange(dots_BTHWcd * 2, "B T h w c (y x) -> (B T) c (h y) (w x)", y=DOTS, x=DOTS)
        picture = F.interpolate(small, scale_factor=side // DOTS, mode="bilinear")[:, :, None]
        cells = rearrange(lap(picture, side), "B c 1 (h p) (w q) -> B (c p q) h w", p=side, q=side)
        return rearrange(F.conv2d(cells, self.to_latents), "(B T) C h w -> B C T h w", B=batch)

    def __call__(self, film_BCTHW: Tensor, said_BTHWP: Tensor, pictures_BQ4SS: Tensor) -> Tensor:
        """What a film lacks, like film_BCTHW, where pictures are surely said to lie; zeros where nothing is."""
        with exact(film_BCTHW.device):
            seen = self.seen(film_BCTHW)
            sure = (said_BTHWP[..., :SHARES].amax(-1) == SURE)[..., None, None]
            lacking = torch.zeros_like(seen)
            for sketch in layers(said_BTHWP, pictures_BQ4SS):
                sketch = sketch.unflatten(-1, (4, -1)) * sure
                cover = sketch[..., 3:, :]
                lacking += coloured((sketch[..., :3, :] + cover) / 2, cover, seen) - cover * seen
            return self.latents(lacking)


def coloured(picture: Tensor, cover: Tensor, seen: Tensor) -> Tensor:
    """A picture (B T H W c d, premultiplied by its cover, 0 to 1) in the colours of what is seen under it: the mean of each
    is the same over the whole film, by a gain and, where that would be too much, a shift."""
    mass = cover.sum((1, 2, 3, 5), keepdim=True).clamp(min=1e-3)
    there, own = ((x.sum((1, 2, 3, 5), keepdim=True) / mass).clamp(0, 1) for x in (seen * cover, picture))
    gain = (there / own.clamp(min=0.02)).clamp(FADED, BRIGHT)
    return picture * gain + cover * (there - gain * own).clamp(-SHIFTED, SHIFTED)


def laid_over(v: Tensor, z: Tensor, t_BTHW: Tensor, lacking: Tensor, above: float) -> Tensor:
    """The velocity v of latents z that leads to the film with what it lacks, in cells whose noise level is above `above`."""
    t = t_BTHW[:, None]
    return v - torch.where(t > above, lacking / t.clamp(min=above), 0.0)
