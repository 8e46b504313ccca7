"""Optimisers, learning-rate schedule and power-function EMA."""

import torch
from torch import Tensor, nn

from .muon import Muon


def schedule(step: int, steps: int, warmup: int, decay: float, gone: float = 0.0) -> float:
    """Warm-up, constant, linear decay over the last `decay` of the steps: the factor on the learning rate at `step`.

    `gone` is the share of the time that has passed, where that runs out before the steps do: then it decays by that.
    """
    tail = max(1, int(steps * decay))
    return max(0.0, min(1.0, (step + 1) / max(1, warmup), (steps - step) / tail, (1 - gone) / max(decay, 1e-9)))


class Optimisers:
    """Muon for the matrices inside blocks, fused AdamW for everything else that learns, under one learning rate.

    Muon's update is scaled to AdamW's RMS, so one rate serves both.
    """

    def __init__(self, model: nn.Module, lr: float, weight_decay: float, *, muon: bool):
        self.lr = lr
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            is_matrix = muon and p.ndim == 2 and "blocks." in name
            (matrices if is_matrix else rest).append(p)
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr, betas=(0.9, 0.95), weight_decay=weight_decay, fused=True)
        ]
        if matrices:
            self.parts.append(Muon(matrices, lr, weight_decay))

    def step(self, factor: float) -> None:
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.lr * factor
            part.step()
            part.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, dict]:
        return {str(i): part.state_dict() for i, part in enumerate(self.parts)}

    def load_state_dict(self, state: dict[str, dict]) -> None:
        for i, part in enumerate(self.parts):
            part.load_state_dict(state[str(i)])


def learned(model: nn.Module) -> dict[str, Tensor]:
    """The model's state without what is frozen: what averages follow and checkpoints keep."""
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


class PowerEMA:
    """Running average with weight proportional to t^gamma: its window grows with the run (EDM2, arXiv 2312.02696, eq. 121)."""

    def __init__(self, model: nn.Module, gamma: float):
        self.gamma = gamma
        self.average = {name: value.detach().clone() for name, value in learned(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        beta = (1 - 1 / (step + 1)) ** (self.gamma + 1)
        floats: list[Tensor] = []
        targets: list[Tensor] = []
        for name, value in learned(model).items():
            if value.is_floating_point():
                floats.append(self.average[name])
                targets.append(value)
            else:
                self.average[name].copy_(value)
        torch._foreach_lerp_(floats, targets, 1 - beta)
