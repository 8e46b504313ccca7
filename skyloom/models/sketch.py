"""The way of the sketch through the network: the head that says what is where, and what is laid out of it given back.

Dimension key: B batch, T H W latent frames and cells, N tokens, D model width, G width of the local part, p patch, P what is
said of a cell, Q looks of a prompt, S side of a picture in pixels, R bodies.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from .bodies import settle
from .layers import exact, rms
from .places import DOTS, SAID, lay_out


class Places(nn.Module):
    """The head that says what is where, and the way of its sketch back into the network."""

    def __init__(self, width: int, local: int, patch: int):
        super().__init__()
        self.patch = patch
        self.head = nn.Linear(width, patch**2 * SAID)
        self.token_in = nn.Linear(4 * DOTS**2 * patch**2, width, bias=False)
        self.cell_in = nn.Linear(4 * DOTS**2, local, bias=False)
        for layer in (self.token_in, self.cell_in):
            nn.init.zeros_(layer.weight)

    def forward(
        self, x_BND: Tensor, grid: tuple[int, int, int], pictures_BQ4SS: Tensor, told: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Tokens, their grid (T, H/p, W/p), the prompt's pictures -> said_BTHWP (once it has learned: stances_BTR8 of the
        bodies that this makes, None where all is told), and the sketch for the tokens, B N D, and for the cells, (B T) G H W.

        What is `told` (like `said`, and a mask B or BT) is laid out in place of what was said. By default what was said is
        made whole, but not while it learns: then only the truth looks sure, and the rest of the network learns to follow
        what looks sure."""
        p, (frames, h, w) = self.patch, grid
        said = rearrange(self.head(rms(x_BND)), "B (T h w) (p q P) -> B T (h p) (w q) P", T=frames, h=h, w=w, p=p, q=p).float()
        heard, stances = said.detach(), None
        with exact(x_BND.device):
            if not (self.training or (told is not None and bool(told[1].all()))):
                whole, found_BT, stances = settle(heard, pictures_BQ4SS)
                heard = torch.where(found_BT[..., None, None, None], whole, heard)
            if told is not None:
                heard = torch.where(told[1].view(len(heard), -1, 1, 1, 1), told[0], heard)
            sketch = lay_out(heard, pictures_BQ4SS).to(x_BND.dtype)
        tokens = self.token_in(rearrange(sketch, "B T (h p) (w q) d -> B (T h w) (p q d)", p=p, q=p))
        return said if self.training else stances, tokens, rearrange(self.cell_in(sketch), "B T H W G -> (B T) G H W")
