"""What an edit changes of the whole picture: light and large colours, which no noise takes from a clip.

A clip that is lifted into noise (SDEdit, arXiv 2108.01073) loses what each cell shows, but not what a thousand cells have in
common: their mean is known to a thirtieth of the noise, so that "at night" was heard and the day stayed. So before it is lifted
the clip is moved by what the model expects of the new prompt less what it expects of the old one, both said of noise alone,
where it knows nothing but the words. That is the first step of FlowEdit (arXiv 2412.08629), taken whole. Cells keep what they
differ by, and with it every form. Of a clip that nobody described only what the new prompt expects is known: each row of cells
takes its mean from there.

Dimension key: B batch, C latent channels, T latent frames, H W cells.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..models.bundle import Bundle

FRAMES, DRAWS = 5, 2  # latent frames and films of noise of which the model is asked what it expects
LARGE = 8  # channels, the strongest: light and large colours


def difference(now: str, was: str, z_1CTHW: Tensor, bundle: "Bundle", seed: int) -> Tensor:
    """What to add to a clip's latents so that its light becomes that of the prompt `now`: 1 C 1 H W.

    `was` says what the clip shows, "" that nobody knows. Nothing (zeros) where both are the same.
    """
    if now == was:
        return torch.zeros_like(z_1CTHW[:, :, :1])
    if was:
        after, before = expected([now, was], z_1CTHW, bundle, seed).split(1)
        return after - before
    row = expected([now], z_1CTHW, bundle, seed).mean(-1, keepdim=True) - z_1CTHW.mean((2, 4), keepdim=True)
    row[:, LARGE:] = 0
    return row.expand(-1, -1, -1, -1, z_1CTHW.shape[-1])


def expected(prompts: list[str], like_1CTHW: Tensor, bundle: "Bundle", seed: int) -> Tensor:
    """What the model takes films of these prompts to be before it sees any: P C 1 H W, the mean of their latent frames."""
    rng, words = torch.Generator().manual_seed(seed), bundle.read(prompts)
    total = torch.zeros(())
    for _ in range(DRAWS):
        noise = torch.randn(1, like_1CTHW.shape[1], FRAMES, *like_1CTHW.shape[3:], generator=rng).to(like_1CTHW.device)
        noise = noise.expand(len(prompts), *noise.shape[1:])
        unknown = torch.ones(len(prompts), FRAMES, 1, 1, device=noise.device)
        total = total + (noise - bundle.dit(noise, unknown, *words).float()).mean(2, keepdim=True) / DRAWS
    return total
