"""Run folders and checkpoints: a rerun of a command finds its last step here and goes on.

RUN/config.json, RUN/metrics.jsonl, RUN/checkpoints/00001234.pt (last two, and best.pt), RUN/samples/. Everything is written
beside its place and renamed into it, so a kill at any moment leaves the old file or the new one. Checkpoints are read
with `weights_only`: no code inside is ever run. What leaves the machine is safetensors.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .files import sweep, write_atomic

KEEP = 2


def save(run: Path, step: int, state: dict[str, Any], *, best: bool = False) -> None:
    """Writes the checkpoint of `step` and drops all but the last two; with `best` also replaces best.pt."""
    folder = run / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*.pt"):
        left.unlink()
    names = [f"{step:08d}.pt"] + (["best.pt"] if best else [])
    for name in names:
        beside = folder / f".{name}"
        torch.save({"step": step, **state}, beside)
        os.replace(beside, folder / name)
    for old in sorted(folder.glob("0*.pt"))[:-KEEP]:
        old.unlink()


def load_latest(run: Path) -> dict[str, Any] | None:
    """The newest readable checkpoint, or None for a fresh run."""
    for path in sorted((run / "checkpoints").glob("0*.pt"), reverse=True):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, OSError):
            print(f"skipped unreadable checkpoint {path.name}")
    return None


def claim(run: Path, config_json: str, parts: tuple[str, ...]) -> None:
    """Opens a run folder; refuses one that was begun with other settings in the named parts of the config."""
    sweep(run)
    path = run / "config.json"
    if path.exists():
        old, new = _flat(json.loads(path.read_text())), _flat(json.loads(config_json))
        names = sorted({key for key, _ in old.items() ^ new.items() if key.split(".")[0] in parts})
        if names:
            what = ", ".join(names[:5])
            raise ValueError(f"{run} was begun with other settings ({what}). Take another folder, or the old settings.")
    write_atomic(path, config_json)


def save_weights(
    path: Path, tensors: dict[str, Tensor], dtype: torch.dtype | None = None, about: dict[str, str] | None = None
) -> None:
    """A safetensors file of the given tensors, in `dtype` where they are floating point and large; `about` is its metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    small = 4096  # norms, biases and statistics stay exact
    cast = {
        name: (t.detach().to(dtype) if dtype and t.is_floating_point() and t.numel() > small else t.detach())
        .contiguous()
        .clone()
        for name, t in tensors.items()
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    save_file(cast, beside, about)
    os.replace(beside, path)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors of a safetensors file, floating point ones in float32, and its metadata. ValueError where it is none."""
    try:
        with safe_open(path, "pt") as file:
            tensors, about = {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file that can be read ({error}).") from None
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}, about


def load_weights(module: nn.Module, path: Path) -> None:
    """Reads a safetensors file into `module`; ValueError when it belongs to another architecture."""
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}. Try `skyloom train`, or another --model.")
    tensors, _ = read_weights(path)
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path.name} does not fit its config.json: {str(error).splitlines()[1].strip()}") from None


def _flat(tree: Any, prefix: str = "") -> dict[str, str]:
    if not isinstance(tree, dict):
        return {prefix: json.dumps(tree)}
    return {key: value for name, part in tree.items() for key, value in _flat(part, f"{prefix}.{name}".lstrip(".")).items()}
