"""Low-rank adapters (LoRA, arXiv 2106.09685): a small file that turns a trained transformer towards other footage.

Beside the weight W of a linear map stands B @ A of rank R, and only A and B learn. Dimension key: I, O input and output width.
"""

import copy
import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..base.checkpoint import read_weights, save_weights
from ..config import unaided
from .bundle import Bundle
from .dit import DiT

TARGETS = re.compile(r"blocks\.\d+\.(q|k|v|text_k|text_v|out|mlp\.(up|gate|down))")  # not the text encoder's, under "text."
FILE = "lora.safetensors"


class LoRALinear(nn.Module):
    """W x + B A x: W is frozen, and B is zero at birth, so that nothing changes before it learns."""

    def __init__(self, linear: nn.Linear, rank: int):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(rank, linear.in_features))  # R I
        self.lora_B = nn.Parameter(torch.zeros(linear.out_features, rank))  # O R
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + F.linear(F.linear(x, self.lora_A), self.lora_B)


@dataclass(frozen=True)
class Adapter:
    """What was learned: for each linear map its A and B, and what the file says of itself."""

    maps: dict[str, tuple[Tensor, Tensor]]
    about: dict[str, str]


def targets(model: DiT) -> dict[str, nn.Linear]:
    """The linear maps of the transformer's blocks: attention over video and prompt, and the MLP."""
    return {name: part for name, part in model.named_modules() if TARGETS.fullmatch(name) and isinstance(part, nn.Linear)}


def add_lora(model: DiT, rank: int) -> None:
    """Freezes the model and puts an adapter of `rank` beside each target. ValueError for a rank that is none."""
    found = targets(model)
    most = min(min(linear.in_features, linear.out_features) for linear in found.values())
    if not 1 <= rank <= most:
        raise ValueError(f"lora={rank}: wanted a rank from 1 to {most}. Try 8.")
    model.requires_grad_(False)
    for name, linear in found.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, LoRALinear(linear, rank))


def save_adapter(path: Path, weights: dict[str, Tensor], about: dict[str, str]) -> None:
    """Writes the adapter's part of a state dict as a small safetensors file."""
    mine = {name: value for name, value in weights.items() if name.endswith((".lora_A", ".lora_B"))}
    save_weights(path, mine, torch.bfloat16, about)


def load_adapter(file: Path) -> Adapter:
    """An adapter by its file, or the folder of the run that made it. FileNotFoundError of none; ValueError for another file."""
    places = [file, file / FILE, file / "export" / FILE, file / "lora" / "export" / FILE]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"no adapter at {file}: wanted a {FILE}, or the folder of a run with --lora.")
    weights, about = read_weights(path)
    names = sorted({name.rpartition(".")[0] for name in weights})
    if not names or set(weights) != {f"{name}.lora_{side}" for name in names for side in "AB"}:
        raise ValueError(f"{path}: no adapter of ours, which holds pairs of lora_A and lora_B.")
    return Adapter({name: (weights[f"{name}.lora_A"], weights[f"{name}.lora_B"]) for name in names}, about)


def parse(text: str) -> tuple[Path, float]:
    """'FILE' or 'FILE:SCALE' -> its path and how strongly it counts."""
    path, colon, scale = text.rpartition(":")
    if colon and re.fullmatch(r"-?\d*\.?\d+", scale):
        return Path(path), float(scale)
    return Path(text), 1.0


def merged(bundle: Bundle, adapters: Sequence[tuple[Adapter, float]]) -> Bundle:
    """The model with B @ A, times a scale each, added to its weights; ValueError where they do not fit it.

    `bundle` stays as it is, to the bit, and the two share all other weights: to unload an adapter is to go back to it.
    """
    linears = targets(bundle.dit)
    touched = {id(linears[name].weight) for adapter, _ in adapters for name in adapter.maps if name in linears}
    shared = {id(t): t for t in [*bundle.dit.parameters(), *bundle.dit.buffers()] if id(t) not in touched}
    dit = copy.deepcopy(bundle.dit, shared)
    linears = targets(dit)
    with torch.no_grad():
        for adapter, scale in adapters:
            for name, (a_RI, b_OR) in adapter.maps.items():
                shape = (b_OR.shape[0], a_RI.shape[1])
                if name not in linears or linears[name].weight.shape != shape:
                    said = f" It was made for {adapter.about['base']}." if "base" in adapter.about else ""
                    raise ValueError(f"the adapter does not fit {bundle.config.name}: {name} is {shape}.{said}")
                linears[name].weight += scale * (b_OR @ a_RI).to(linears[name].weight)
    if any(scale for _, scale in adapters):
        return Bundle(unaided(bundle.config), bundle.vae, dit, bundle.vocabulary)
    return dataclasses.replace(bundle, dit=dit)
