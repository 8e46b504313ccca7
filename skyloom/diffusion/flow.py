"""Rectified flow. t = 0 is data, t = 1 is noise; z_t = (1 - t) z + t noise, and the model learns v = noise - z.

Dimension key: B batch, C channels, T H W latent cells. Noise levels are a grid t_BTHW in which any axis but B may be 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # (z_BCTHW, t_BTHW) -> v_BCTHW
Pull = Callable[[Tensor, Tensor, Tensor], Tensor]  # (what the model said v_BCTHW, z_BCTHW, t_BTHW) -> what to add to the aim


def shift_levels(t: Tensor, shift: float) -> Tensor:
    """Moves levels towards noise; more numbers per clip hide data better (SD3, arXiv 2403.03206, eq. 23)."""
    return shift * t / (1 + (shift - 1) * t)


def draw_levels(shape: tuple[int, ...], shift: float, uniform: float, rng: torch.Generator) -> Tensor:
    """Training levels: logit-normal and shifted, with a share of `uniform` ones so that both ends stay covered."""
    normal = torch.sigmoid(torch.randn(shape, generator=rng))
    flat = torch.rand(shape, generator=rng)
    choose = torch.rand(shape, generator=rng) < uniform
    return shift_levels(torch.where(choose, flat, normal), shift)


def noised(z: Tensor, noise: Tensor, t_BTHW: Tensor) -> Tensor:
    t = t_BTHW[:, None]
    return (1 - t) * z + t * noise


def flow_loss(
    velocity: Velocity, z: Tensor, noise: Tensor, t_BTHW: Tensor, weight_BTHW: Tensor, pull: Pull | None = None
) -> Tensor:
    """Mean squared error of the velocity; cells that are given (t = 0) teach nothing and count for nothing.

    `pull` moves the aim further than the data (guidance that is learned, arXiv 2502.12154).
    """
    z_t = noised(z, noise, t_BTHW)
    v = velocity(z_t, t_BTHW)
    aim = noise - z
    if pull is not None:
        aim = aim + pull(v.detach().float(), z_t, t_BTHW)
    error = (v.float() - aim).square().mean(1)  # B T H W
    weight = weight_BTHW * (t_BTHW > 0)
    return (error * weight).sum() / weight.expand_as(error).sum()
