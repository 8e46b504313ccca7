"""Training, stage by stage, what it would take, and putting its result into the package."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .root import Minutes, Preset, Run, Setting, app, pairs, plan, train

if TYPE_CHECKING:
    from ..config import Config


@train.command(name="tokenizer")
def train_tokenizer(*settings: Setting, preset: Preset = "storybook", run: Run = None, minutes: Minutes = math.inf) -> None:
    """Stage 1: the tokenizer, from clips that the world draws."""
    config, home = _setup(settings, preset, run)
    from ..train import tokenizer

    print(tokenizer.main(config, home / "tokenizer", minutes=minutes))


@train.command(name="encode")
def train_encode(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    processes: Annotated[int | None, Parameter(help="How many work at once [one a core].")] = None,
) -> None:
    """Stage 2: draw the training clips and encode them with the run's tokenizer."""
    config, home = _setup(settings, preset, run)
    from ..data import encode

    encode.main(config, _tokenizer_of(home), home / "data", processes=processes)


@train.command(name="model")
def train_model(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    init: Annotated[str | None, Parameter(help="A model to start from, by name or folder.")] = None,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 3: the transformer and its text encoder."""
    config, home = _setup(settings, preset, run)
    from ..train import model

    print(model.main(config, home / "model", home / "data", _tokenizer_of(home), init=init, minutes=minutes))


@train.command(name="probe")
def train_probe(*settings: Setting, preset: Preset = "storybook", run: Run = None, minutes: Minutes = math.inf) -> None:
    """Stage 4, for evaluation: the probe that reads a clip back into its record."""
    config, home = _setup(settings, preset, run)
    from ..train import probe

    print(probe.main(config, home / "probe", minutes=minutes))


@plan.command(name="train")
def plan_train(*settings: Setting, preset: Preset = "storybook") -> None:
    """Sizes, weights, FLOPs, memory and hours of a training run on this machine."""
    config = _config(settings, preset)
    from ..train.plan import training_plan

    for name, value in training_plan(config).items():
        print(f"{name:28s} {value}")


@app.command
def export(*, run: Path = Path("runs/storybook"), to: Path | None = None) -> None:
    """Put a trained run into the package, where `--model NAME` finds it, with its model card.

    Parameters
    ----------
    run:
        The run's folder.
    to:
        Another folder to write.
    """
    from ..train.export import export_run

    print(export_run(run, to))


def _config(settings: tuple[str, ...], preset: str) -> "Config":
    """The preset with the settings put in."""
    from ..config import override
    from ..presets import PRESETS

    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r}: wanted one of {', '.join(PRESETS)}.")
    config = PRESETS[preset]
    for path, value in pairs(settings, "model.lr=3e-4").items():
        config = override(config, path, value)
    return config


def _setup(settings: tuple[str, ...], preset: str, run: Path | None) -> "tuple[Config, Path]":
    return _config(settings, preset), run or Path("runs") / preset


def _tokenizer_of(home: Path) -> Path:
    weights = home / "tokenizer" / "export" / "vae.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: no trained tokenizer there. Run `skyloom train tokenizer` first.")
    return weights
