"""Muon: momentum whose every update is turned into the nearest orthogonal matrix (Jordan et al. 2024).

Its own file and not torch.optim.Muon, which multiplies in bfloat16 whatever the machine, one matrix after another: matrices of
a shape go through the iteration together here, in the type that the machine multiplies fastest, and each rank takes its share.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from ..base import dist
from ..models.bundle import cpu_dtype

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration
ITERATIONS = 5
MOMENTUM = 0.95
RMS = 0.2  # of an update, as AdamW's are: one learning rate for both (Moonlight, arXiv 2502.16982)


class Muon(torch.optim.Optimizer):
    """For matrices only, with Nesterov momentum and decoupled weight decay. ValueError for other shapes."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float, weight_decay: float):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        if wrong := [tuple(p.shape) for group in self.param_groups for p in group["params"] if p.ndim != 2]:
            raise ValueError(f"Muon is for matrices, got a parameter of shape {wrong[0]}.")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            updates = self._updates(params)
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_mul_(updates, [-group["lr"] * RMS * max(p.shape) ** 0.5 for p in params])
            torch._foreach_add_(params, updates)

    def _updates(self, params: list[nn.Parameter]) -> list[Tensor]:
        """Orthogonal updates, each computed by one rank and told to all."""
        shapes: dict[torch.Size, list[int]] = defaultdict(list)
        grads = [p.grad for p in params if p.grad is not None]
        buffers = [_kept(self.state[p], p) for p in params]
        torch._foreach_lerp_(buffers, grads, 1 - MOMENTUM)
        updates = list(torch._foreach_lerp(grads, buffers, MOMENTUM))
        for i, p in enumerate(params):
            if i % dist.world_size() == dist.rank():
                shapes[p.shape].append(i)
            else:
                updates[i].zero_()
        for numbers in shapes.values():
            for i, update in zip(numbers, orthogonal(torch.stack([updates[i] for i in numbers])), strict=True):
                updates[i] = update
        return dist.total(updates)


def _kept(state: dict[str, Tensor], p: Tensor) -> Tensor:
    if "momentum_buffer" not in state:
        state["momentum_buffer"] = torch.zeros_like(p)
    return state["momentum_buffer"]


def orthogonal(x_NRC: Tensor) -> Tensor:
    """Each matrix with its singular values pushed to about 1, by a Newton-Schulz iteration that needs only products."""
    a, b, c = COEFFICIENTS
    tall = x_NRC.shape[1] > x_NRC.shape[2]
    x = x_NRC.to(torch.bfloat16 if x_NRC.device.type != "cpu" else cpu_dtype())
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ x
    return (x.mT if tall else x).to(x_NRC.dtype)
