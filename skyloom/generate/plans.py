"""What a window is planned as: who stands where, how the camera goes, what stands about.

Dimension key: T latent frames of a window, S rows of a plan (models/staging), N frames.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..models.vae import FOLD

if TYPE_CHECKING:
    from .dressing import Pieces


@dataclass(frozen=True)
class Plan:
    """Of a window."""

    stances_1TS8: Tensor  # in cells, without the camera's row: BODIES of each look, -1 as the last number where nobody is
    camera_1T5: Tensor  # as worlds.storybook.cameras has it
    seen: bool = True  # whether it is known how the camera goes: not where frames are given
    pieces: "Pieces | None" = None  # what stands about
    paced_1NS8: Tensor | None = None  # stances in each frame (models/tempo), of those that are there all the time

    def part(self, first: int) -> "Plan":
        """From latent frame `first` on."""
        rest = self.stances_1TS8[:, first:], self.camera_1T5[:, first:]
        paced = None if self.paced_1NS8 is None else self.paced_1NS8[:, FOLD * first :]
        return Plan(*rest, self.seen, self.pieces and self.pieces.part(first), paced)

    def at(self, frames: Tensor) -> "Plan":
        """Of these latent frames, in this order; its camera stands."""
        each = (FOLD * frames[:, None] + torch.arange(FOLD, device=frames.device)).flatten()
        paced = None if self.paced_1NS8 is None else self.paced_1NS8[:, each]
        camera = self.camera_1T5[:, :1].expand(-1, len(frames), -1)
        return Plan(self.stances_1TS8[:, frames], camera, pieces=self.pieces and self.pieces.at(frames), paced_1NS8=paced)
