"""One process or many: rank, gradient averaging, and random numbers that do not depend on how many there are.

Every random draw of a step comes from `step_rng(seed, step)`, drawn for the whole global batch on every rank and then
sliced with `share`; so a run continues exactly after a kill, and two ranks see the batch that one would have seen.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor, nn


def start() -> tuple[int, int]:
    """(rank, world size); joins the gloo or nccl group when launched by torchrun."""
    if "RANK" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return rank(), world_size()


def prepared(device: str) -> torch.device:
    """The device to learn on, set up for it. ValueError for several processes on anything but CPUs."""
    place = torch.device(device)
    if place.type != "cpu" and world_size() > 1:
        raise ValueError(f"device={device}: {world_size()} processes learn together on CPUs only. Start one.")
    if place.type == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)  # it plans anew, slowly, for every length of prompt
        torch.set_float32_matmul_precision("high")
    return place


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def step_rng(seed: int, step: int, stream: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that depends on nothing but its arguments."""
    mixed = (seed * 1_000_003 + step) * 31 + stream
    return torch.Generator(device).manual_seed(mixed & 0x7FFF_FFFF_FFFF_FFFF)


def share(batch: int, *, even: bool = True) -> slice:
    """This rank's part of a global batch. With `even`, ValueError where the parts would differ; else some may be empty."""
    size, rest = divmod(batch, world_size())
    if not even:
        return slice(batch * rank() // world_size(), batch * (rank() + 1) // world_size())
    if rest:
        raise ValueError(f"batch={batch} over {world_size()} processes: need a multiple of {world_size()}.")
    return slice(rank() * size, (rank() + 1) * size)


def average_gradients(model: nn.Module) -> None:
    """Replaces each gradient by its mean over the ranks, in one message."""
    if world_size() == 1:
        return
    for p in model.parameters():
        if p.requires_grad and p.grad is None:
            p.grad = torch.zeros_like(p)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= world_size()
    for g, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        g.copy_(part.view_as(g))  # in place: fused optimisers need a gradient laid out like its parameter


def total(parts: list[Tensor]) -> list[Tensor]:
    """The sums over the ranks of tensors that each has, in one message."""
    if world_size() == 1:
        return parts
    flat = torch.cat([part.reshape(-1) for part in parts])
    dist.all_reduce(flat)
    return [sums.view_as(part) for sums, part in zip(flat.split([p.numel() for p in parts]), parts, strict=True)]


def average(value: Tensor) -> Tensor:
    """Mean of a detached scalar over the ranks."""
    if world_size() > 1:
        value = value.clone()
        dist.all_reduce(value)
        value /= world_size()
    return value


def any_rank(flag: bool) -> bool:
    """Whether the flag is up on some rank; clocks differ, and ranks that stop at different steps wait for ever."""
    if world_size() == 1:
        return flag
    votes = torch.tensor(float(flag))
    dist.all_reduce(votes)
    return bool(votes > 0)
