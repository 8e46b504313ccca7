"""Remembered pictures laid over a film that takes shape.

The bodies that a model tells of (models/bodies.py) are right long before what it draws there is: a sketch shows a fox from the
first step on, where the film still has an orange patch whose outlines crumble later. So while there is much noise, what the
model takes the film to be is replaced, where a body lies, by its picture in the film's own colours; the model goes on from
there, and what is finest (poses, light, whatever stands before it) is drawn by it alone. No training knows of it.

Bodies are known in the middle of every latent frame; from there they move evenly to the next. Pictures are laid out twice in a
latent frame, each for two frames, which halves the work of the tokenizer's linear maps between latents and pixels.

Dimension key: B batch, C latent channels, T H W latent frames and cells, F beats (2 T), Q looks, R bodies, h w dots of a film
(DOTS along each side of a cell), S side of a picture in pixels.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .layers import exact
from .places import DOTS
from .vae import FOLD, VAE, fold, lap, unfold

BEATS = 2  # of a latent frame
FADED, BRIGHT, SHIFTED = 0.2, 2.5, 0.3  # least and most of a colour's gain, and most that is added to it


class Overlay:
    """What to add to latents so that pictures lie over them; for one tokenizer, whose stride is a multiple of DOTS."""

    def __init__(self, vae: VAE):
        self.stride = vae.config.stride
        basis = vae.basis.detach().unflatten(0, (3, BEATS, FOLD // BEATS, -1))  # of what is the same throughout a beat
        self.to_cells = basis.mean(2).flatten(0, 2)[..., None, None] * vae.scale
        self.to_latents = basis.sum(2).flatten(0, 2).T[..., None, None] / vae.scale
        self.centre = vae.centre.detach().unflatten(0, (3, BEATS, FOLD // BEATS, -1)).mean(2).flatten()

    def __call__(self, film_BCTHW: Tensor, stances_BTR8: Tensor, looks_BR: Tensor, pictures_BQ4SS: Tensor) -> Tensor:
        """What a film lacks, like film_BCTHW, where bodies lie; zeros where nobody does."""
        stances_BFR8 = between(stances_BTR8)
        rows, columns = window(stances_BFR8, film_BCTHW.shape[3], film_BCTHW.shape[4])
        lacking_BCTHW = torch.zeros_like(film_BCTHW, dtype=torch.float32)
        if rows.start == rows.stop or columns.start == columns.stop:
            return lacking_BCTHW
        with exact(film_BCTHW.device):
            seen = self.seen(film_BCTHW[..., rows, columns])
            corner = stances_BFR8.new_tensor([0, 0, columns.start, 0, 0, rows.start, 0, 0])
            lacking = torch.zeros_like(seen)
            for picture, cover in sprites(stances_BFR8 - corner, looks_BR, pictures_BQ4SS, (seen.shape[3], seen.shape[4])):
                lacking += coloured(picture, cover, seen) - cover * seen
            lacking_BCTHW[..., rows, columns] = self.latents(lacking)
        return lacking_BCTHW

    def seen(self, film_BCTHW: Tensor) -> Tensor:
        """Latents -> what they show, 0 to 1: B 3 F h w."""
        cells = F.conv2d(rearrange(film_BCTHW, "B C T H W -> (B T) C H W").float(), self.to_cells, self.centre)
        picture = lap(unfold(cells, len(film_BCTHW), self.stride, BEATS), self.stride, back=True)
        return F.avg_pool3d(picture, (1, self.stride // DOTS, self.stride // DOTS)) / 2 + 0.5

    def latents(self, dots_B3Fhw: Tensor) -> Tensor:
        """A difference of such pictures -> that of latents, B C T H W."""
        fine = F.interpolate((2 * dots_B3Fhw).flatten(0, 1), scale_factor=self.stride // DOTS, mode="bilinear")
        cells = fold(lap(fine.unflatten(0, (-1, 3)), self.stride), self.stride, BEATS)
        return rearrange(F.conv2d(cells, self.to_latents), "(B T) C h w -> B C T h w", B=len(dots_B3Fhw))


def window(stances_BFR8: Tensor, rows: int, columns: int) -> tuple[slice, slice]:
    """The cells that bodies lie in and those around them; empty where there is nobody."""
    a, b, c, d, e, f = stances_BFR8[stances_BFR8[..., 7] >= 0][:, :6].unbind(-1)
    if not len(c):
        return slice(0, 0), slice(0, 0)
    (left, right), (top, bottom) = (  # cells: a sprite is a parallelogram
        (float((o + u.clamp(max=0) + v.clamp(max=0)).min()), float((o + u.clamp(min=0) + v.clamp(min=0)).max()))
        for o, u, v in ((c, a, b), (f, d, e))
    )
    clamped = lambda low, high, most: slice(min(max(int(low) - 1, 0), most), max(min(int(high) + 2, most), 0))  # noqa: E731
    return clamped(top, bottom, rows), clamped(left, right, columns)


def between(stances_BTR8: Tensor, beats: int = BEATS) -> Tensor:
    """Stances in the middle of latent frames -> of so many beats in each, B F R 8: on the way to the nearest other one, or
    straight on where there is none; still in the first, which is one frame, and where a body is seen in one alone, or turns to
    the other side."""
    frames = stances_BTR8.shape[1]
    beat = torch.arange(beats * frames, device=stances_BTR8.device)
    mine = beat // beats
    away = (beat % beats - (beats - 1) / 2) / beats * (mine > 0)  # latent frames
    ahead = ((away > 0) & (mine < frames - 1)) | ((mine == 1) & (frames > 2))
    other = torch.where(ahead, mine + 1, mine - 1).clamp(0, frames - 1)
    here, there = stances_BTR8[:, mine], stances_BTR8[:, other]
    alike = (there[..., 7] >= 0) & (_area(here) * _area(there) > 0)
    moved = here + torch.where(ahead, away, -away)[:, None, None] * (there - here)
    return torch.where(alike[..., None], moved, here)


def _area(stances: Tensor) -> Tensor:
    return stances[..., 0] * stances[..., 4] - stances[..., 1] * stances[..., 3]


def sprites(
    stances_BFR8: Tensor, looks_BR: Tensor, pictures_BQ4SS: Tensor, size: tuple[int, int], dots: int = DOTS
) -> list[tuple[Tensor, Tensor]]:
    """Of every body that there is its picture, B 3 F h w (0 to 1, premultiplied), and what it covers, B 1 F h w; what nearer
    ones hide is left out. Pictures may also be B Q F 4 S S: one for each beat."""
    bodies = [r for r in range(stances_BFR8.shape[2]) if bool((stances_BFR8[:, :, r, 7] >= 0).any())]
    mine = lambda r: pictures_BQ4SS[torch.arange(len(looks_BR)), looks_BR[:, r]]  # noqa: E731
    drawn = [drawn_at(stances_BFR8[:, :, r], mine(r), size, dots) for r in bodies]
    depth = [stances_BFR8[:, :, r, 6].view(len(looks_BR), 1, -1, 1, 1) for r in bodies]
    found = []
    for i, sprite in enumerate(drawn):
        for j, other in enumerate(drawn):
            if i != j:
                sprite = sprite * (1 - other[:, 3:] * ((depth[j] > depth[i]) | (depth[j] == depth[i]) & (j > i)))
        found.append(((sprite[:, :3] + sprite[:, 3:]) / 2, sprite[:, 3:]))
    return found


def drawn_at(stances_BF8: Tensor, picture_B4SS: Tensor, size: tuple[int, int], dots: int = DOTS) -> Tensor:
    """A picture (or one for each frame, B F 4 S S) as it lies in every frame, B 4 F h w; nothing where there is nobody."""
    a, b, c, d, e, f = stances_BF8[..., :6].unbind(-1)
    rows, columns = (n / dots for n in size)
    area = a * e - b * d
    here = (stances_BF8[..., 7] >= 0) & (area.abs() > 1e-6)
    a, b, d, e = (x / torch.where(here, area, 1.0) for x in (e, -b, -d, a))  # the way back: cells to picture, 0 to 1
    x, y = columns / 2 - c, rows / 2 - f
    back = torch.stack([a * columns, b * rows, 2 * (a * x + b * y) - 1, d * columns, e * rows, 2 * (d * x + e * y) - 1], -1)
    back = torch.where(here[..., None], back, back.new_tensor([0, 0, 2, 0, 0, 2])).flatten(0, 1).unflatten(-1, (2, 3))
    grid = F.affine_grid(back, [len(back), 4, *size], align_corners=False)
    frames = stances_BF8.shape[1]
    each = picture_B4SS.flatten(0, 1) if picture_B4SS.ndim == 5 else picture_B4SS.repeat_interleave(frames, 0)
    seen = F.grid_sample(each.float(), grid, align_corners=False)
    return rearrange(seen, "(B F) c h w -> B c F h w", F=frames)


def coloured(picture_B3Fhw: Tensor, cover_B1Fhw: Tensor, seen_B3Fhw: Tensor) -> Tensor:
    """A picture (premultiplied by its cover, 0 to 1) in the colours of what is seen under it: the mean of each is the same over
    the whole film, by a gain and, where that would be too much, a shift."""
    gain, shift = tone(picture_B3Fhw, cover_B1Fhw, seen_B3Fhw)
    return picture_B3Fhw * gain + cover_B1Fhw * shift


def tone(picture_B3Fhw: Tensor, cover_B1Fhw: Tensor, seen_B3Fhw: Tensor) -> tuple[Tensor, Tensor]:
    """That gain and shift of each colour, B 3 1 1 1."""
    mass = cover_B1Fhw.sum((2, 3, 4), keepdim=True).clamp(min=1e-3)
    there = ((seen_B3Fhw * cover_B1Fhw).sum((2, 3, 4), keepdim=True) / mass).clamp(0, 1)
    own = (picture_B3Fhw.sum((2, 3, 4), keepdim=True) / mass).clamp(0, 1)
    gain = (there / own.clamp(min=0.02)).clamp(FADED, BRIGHT)
    return gain, (there - gain * own).clamp(-SHIFTED, SHIFTED)
