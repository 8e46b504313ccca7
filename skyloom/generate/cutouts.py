"""Pictures drawn over the frames of a film that is done, pixel by pixel, from far to near.

What a transformer draws of a body in few steps is soft, and what moves has grain in it and around it. So where a plan has a
body its picture is drawn once more, in the mean colours that the film has there: its light stays, and its outline is sharp.

Dimension key: F frames, H W pixels; f beats, h w dots (models/overlay); S side of a picture.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.layers import exact
from ..models.overlay import BEATS, drawn_at, tone
from ..models.places import DOTS
from ..models.vae import FOLD
from ..worlds.puppets import over

COARSE = 4  # dots along a side of a cell, where only means are wanted


@dataclass(frozen=True)
class Cutout:
    """Stances as models/overlay has them, but of frames, in cells; a picture, premultiplied, -alpha to alpha; how much of it is
    to be seen in each frame, 0 to 1; whether it is in its light already; and of what moves in itself its pictures, uint8
    premultiplied RGBA (N, S, S, 4), and which of them each frame shows; known frames in which it was found next to new ones."""

    stances_1F8: Tensor
    picture_14SS: Tensor
    count_F: Tensor
    lit: bool = False
    loop: np.ndarray | None = None
    pose_F: np.ndarray | None = None
    found: frozenset[int] = frozenset()

    def last(self, frames: int) -> "Cutout":
        """In so many frames, the last ones."""
        poses = None if self.pose_F is None else self.pose_F[-frames:]
        return dataclasses.replace(
            self, stances_1F8=self.stances_1F8[:, -frames:], count_F=self.count_F[-frames:], pose_F=poses
        )


def drawn_over(film_13FHW: Tensor, light_13fhw: Tensor, cutouts: Sequence[Cutout], stride: int) -> Tensor:
    """The film (-1 to 1) with cutouts over it, each in the colours of `light` (0 to 1, in beats and dots as models/overlay has
    them) where it is seen; of equal depth the later one is nearer. A latent cell is `stride` pixels wide."""
    cutouts = [one for one in cutouts if bool((one.stances_1F8[..., 7] >= 0).any())]
    if not cutouts:
        return film_13FHW
    frames_FHW3 = film_13FHW[0].permute(1, 2, 3, 0).float().add(1).mul_(127.5).round_().clamp_(0, 255).byte().cpu().numpy()
    sprites = [Sprite(one, how) for one, how in zip(cutouts, tones(cutouts, light_13fhw), strict=True)]
    stances = np.stack([one.stances_1F8[0].float().cpu().numpy() for one in cutouts], 1)
    counts = np.stack([one.count_F.float().cpu().numpy() for one in cutouts], 1)
    for i, (frame, rows, shares) in enumerate(zip(frames_FHW3, stances, counts, strict=True)):
        for k in np.argsort(rows[:, 6], kind="stable"):
            if rows[k, 7] >= 0 and shares[k] > 0:
                sprites[k].draw(frame, i, rows[k, :6].reshape(2, 3) * stride, float(shares[k]))
    return torch.from_numpy(frames_FHW3).to(film_13FHW.device).permute(3, 0, 1, 2)[None].float().div_(127.5).sub_(1)


def as_loop(one: Cutout) -> np.ndarray:
    """A cutout's pictures, uint8 premultiplied RGBA (N, S, S, 4): one of what does not move in itself."""
    if one.loop is not None:
        return one.loop
    colours, alpha = one.picture_14SS[0, :3] / 2 + one.picture_14SS[0, 3:] / 2, one.picture_14SS[0, 3:]
    return np.ascontiguousarray(torch.cat([colours, alpha]).permute(1, 2, 0).mul(255).round().byte().cpu().numpy())[None]


def matrix_of(one: Cutout, frame: int, stride: int) -> np.ndarray:
    """What maps a body's picture, sides from 0 to 1, to the pixels of a frame: 2 3."""
    return one.stances_1F8[0, frame, :6].float().cpu().numpy().reshape(2, 3) * stride


def cover_of(one: Cutout, frame: int, size: tuple[int, int], stride: int) -> np.ndarray:
    """What a body covers of a frame of that height and width, H W float32 from 0 to 1."""
    alpha = as_loop(one)[0 if one.pose_F is None else int(one.pose_F[frame])][..., 3]
    local = matrix_of(one, frame, stride) / [*alpha.shape, 1]
    local[:, 2] += local[:, :2].sum(1) / 2 - 0.5
    return cv2.warpAffine(alpha, local, size[::-1], flags=cv2.INTER_LINEAR).astype(np.float32) / 255


class Sprite:
    """A cutout's pictures in the film's colours, at the sizes at which they are drawn."""

    def __init__(self, one: Cutout, how: tuple[Tensor, Tensor] | None):
        self.loop, self.poses = as_loop(one), one.pose_F
        self.matrix = np.eye(4, dtype=np.float32)
        if how is not None:
            gain, shift = (x.flatten().cpu().numpy() for x in how)
            self.matrix[range(3), range(3)], self.matrix[:3, 3] = gain, shift
        self.ready: dict[tuple[int, int], np.ndarray] = {}

    def draw(self, frame_HW3: np.ndarray, number: int, matrix: np.ndarray, share: float) -> None:
        """Into the film's frame of that number, in place; the matrix maps the picture, sides from 0 to 1, to pixels."""
        corners = matrix @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
        left, top = (max(int(np.floor(v)) - 1, 0) for v in corners.min(1))
        right, bottom = (min(int(np.ceil(v)) + 1, n) for v, n in zip(corners.max(1), frame_HW3.shape[1::-1], strict=True))
        if left >= right or top >= bottom:
            return
        pose = 0 if self.poses is None else int(self.poses[number])
        pixels = self._sized(pose, float(np.hypot(*matrix[:, :2]).max()))
        local = matrix / [len(pixels), len(pixels), 1]
        local[:, 2] += local[:, :2].sum(1) / 2 - 0.5 - [left, top]  # from the middle of a pixel to the middle of one
        drawn = cv2.warpAffine(pixels, local, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        over(frame_HW3[top:bottom, left:right], drawn if share >= 1 else cv2.convertScaleAbs(drawn, alpha=share))

    def _sized(self, pose: int, side: float) -> np.ndarray:
        """The picture, halved as often as it needs to be so that no pixel is jumped over."""
        stored = self.loop.shape[1]
        level = max(0, int(np.log2(max(stored / max(side, 1.0), 1.0))))
        while stored % 2**level:
            level -= 1
        if (pose, level) not in self.ready:
            small = stored // 2**level
            picture = cv2.resize(self.loop[pose], (small, small), interpolation=cv2.INTER_AREA)
            toned = cv2.transform(picture, self.matrix)
            self.ready[pose, level] = cv2.min(toned, cv2.merge([np.ascontiguousarray(toned[..., 3])] * 4))
        return self.ready[pose, level]


def tones(cutouts: Sequence[Cutout], light_13fhw: Tensor) -> list[tuple[Tensor, Tensor] | None]:
    """Gain and shift of each (overlay.tone), by what is seen of it in a frame of every latent one; None of what is lit."""
    light = F.avg_pool3d(light_13fhw[:, :, BEATS // 2 :: BEATS].float(), (1, DOTS // COARSE, DOTS // COARSE))
    some = slice(FOLD // 2, None, FOLD)
    with exact(light.device):
        small = [
            drawn_at(one.stances_1F8[:, some], one.picture_14SS, (light.shape[3], light.shape[4]), COARSE) for one in cutouts
        ]
        small = [body * own_colours(one)[some].view(1, 1, -1, 1, 1) for one, body in zip(cutouts, small, strict=True)]
        depths = [one.stances_1F8[:, some, 6].view(1, 1, -1, 1, 1) for one in cutouts]
        found: list[tuple[Tensor, Tensor] | None] = []
        for i, (one, body) in enumerate(zip(cutouts, small, strict=True)):
            for j, other in enumerate(small if not one.lit else ()):
                if i != j:
                    nearer = (depths[j] > depths[i]) | (depths[j] == depths[i]) & (j > i)
                    body = body * (1 - other[:, 3:] * nearer)
            found.append(None if one.lit else tone((body[:, :3] + body[:, 3:]) / 2, body[:, 3:], light))
    return found


def own_colours(one: Cutout) -> Tensor:
    """In which frames the film has the colours of a body where that is: all of them, unless it comes or goes. Then those in
    which it is there, and does not go by more than its side in a latent frame, F."""
    there = one.count_F > 0.5
    if bool(there.all()):
        return there
    a, b, c, d, e, f = one.stances_1F8[0, :, :6].unbind(1)
    middle = torch.stack([c + (a + b) / 2, f + (d + e) / 2], 1)
    goes = FOLD * torch.gradient(middle, dim=0)[0].norm(dim=1) if len(middle) > 1 else torch.zeros_like(a)
    slow = there & (goes < torch.hypot(b, e))
    return slow if bool(slow.any()) else there
