"""Training, stage by stage, what it would take, and putting its result into the package."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from .root import Flag, Minutes, Preset, Run, Setting, app, pairs, plan, train

if TYPE_CHECKING:
    from ..config import Config
    from ..data.mixture import Source


Data = Annotated[tuple[str, ...], Parameter(negative="", help="Learn from this data set, SET or SET:WEIGHT; again for more.")]
Device = Annotated[str, Parameter(help="Where to learn: cpu, or cuda (cuda:1, ...).")]
Draw = Annotated[int, Parameter(help="Learn from clips that so many processes draw meanwhile, not from encoded ones.")]
Anneal = Annotated[bool, Parameter(negative="", help="Let the learning rate fall to zero by the end of --minutes.")]
Init = Annotated[str | None, Parameter(help="A model to start from, by name or folder [storybook, with --data].")]


@train.command(name="tokenizer")
def train_tokenizer(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    data: Data = (),
    init: Init = None,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 1: the tokenizer, from clips that the world draws; or, with --data, a model's decoder from footage."""
    if data:
        sources, home = _footage(data, preset, run)
        from ..train import decoder

        changes = pairs(settings, "tokenizer.steps=600")
        print(decoder.main(sources, init or "storybook", home / "tokenizer", changes, minutes=minutes))
        return
    if init:
        raise ValueError("init: a tokenizer starts from a model only with --data. Train one from nothing without it.")
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
    init: Init = None,
    data: Data = (),
    lora: int = 0,
    tokens: int | None = None,
    frames: int | None = None,
    stills: float = 0.2,
    pack: Flag = False,
    device: Device = "cpu",
    draw: Draw = 0,
    anneal: Anneal = False,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 3: the transformer and its text encoder; or, with --data, a model on from footage, into runs/mine.

    Parameters
    ----------
    lora:
        With --data: train an adapter of this rank, a small file, in place of all weights. 8 is a good one.
    tokens:
        With --data: what a step takes at most [as the model was trained with].
    frames:
        With --data: what a clip gives at most [the longest that the model was trained on].
    stills:
        With --data: share of the steps that see single frames.
    pack:
        With --data: whole clips of all shapes in one step, instead of the beginnings of clips of one shape.
    """
    _check_device(device, anneal, minutes)
    if data:
        if draw or anneal or device != "cpu":
            raise ValueError("device, draw and anneal are for the world's own clips: leave --data out.")
        sources, home = _footage(data, preset, run)
        from ..train import finetune

        options = finetune.Options(lora, tokens, frames, stills, pack)
        place = home / ("lora" if lora else "model")
        changes = pairs(settings, "model.steps=800")
        print(finetune.main(sources, init or "storybook", place, changes, options, minutes=minutes))
        return
    if lora or tokens or frames:
        raise ValueError("lora, tokens and frames go with --data, the data set of footage to learn from.")
    config, home = _setup(settings, preset, run)
    from ..train import model

    how: dict = {"init": init, "minutes": minutes, "device": device, "draw": draw, "anneal": anneal}
    print(model.main(config, home / "model", home / "data", _tokenizer_of(home, init), **how))


@train.command(name="staging")
def train_staging(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    init: Annotated[str | None, Parameter(help="The model whose films are staged [the run's own].")] = None,
    onwards: Annotated[bool, Parameter(negative="", help="Start from the staging that this model has.")] = False,
    device: Device = "cpu",
    draw: Annotated[int, Parameter(help="So many processes draw scenes meanwhile.")] = 1,
    anneal: Anneal = False,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 4: the small transformer that says who stands where before a film is painted, from records of scenes alone."""
    _check_device(device, anneal, minutes)
    config, home = _setup(settings, preset, run)
    from ..train import staging

    how: dict = {"onwards": onwards, "device": device, "draw": draw, "anneal": anneal, "minutes": minutes}
    print(staging.main(config, home / "staging", init or home / "model", **how))


@train.command(name="tempo")
def train_tempo(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    init: Annotated[str | None, Parameter(help="The model whose plans are refined [the run's own].")] = None,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 5: the small transformer that says how bodies go between latent frames, from records of scenes alone."""
    config, home = _setup(settings, preset, run)
    from ..train import tempo

    print(tempo.main(config, home / "tempo", init or home / "model", minutes=minutes))


@train.command(name="verifier")
def train_verifier(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    init: Annotated[str | None, Parameter(help="The model whose plans are chosen from [the run's own].")] = None,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 6: the small transformer that says which plan shows what is asked for, from records of scenes alone."""
    config, home = _setup(settings, preset, run)
    from ..train import verifier

    print(verifier.main(config, home / "verifier", init or home / "model", minutes=minutes))


@train.command(name="air")
def train_air(*settings: Setting, preset: Preset = "storybook", run: Run = None) -> None:
    """Stage 7: nothing is learned; how the world's drops, flakes, leaves and bubbles look and go is kept, each seen alone."""
    config, home = _setup(settings, preset, run)
    from ..train import air

    print(air.main(config, home / "air"))


@train.command(name="loops")
def train_loops(*settings: Setting, preset: Preset = "storybook", run: Run = None) -> None:
    """Stage 8: nothing is learned; how each of the model's nouns moves in itself is kept, as small films of its sprite."""
    config, home = _setup(settings, preset, run)
    from ..models.bundle import LOOPS
    from ..train.looks import known_nouns, loops_of

    loops = loops_of(known_nouns(config.text.looks))
    loops.save(home / "loops" / "export" / LOOPS)
    size = sum(map(len, loops.films.values())) / 1e6
    print(f"{len(loops.films)} of {config.text.looks} nouns move in themselves: {size:.1f} MB")


@train.command(name="probe")
def train_probe(
    *settings: Setting,
    preset: Preset = "storybook",
    run: Run = None,
    init: Annotated[str | None, Parameter(help="A probe to start from, by the name of its model or its folder.")] = None,
    device: Device = "cpu",
    draw: Draw = 0,
    anneal: Anneal = False,
    minutes: Minutes = math.inf,
) -> None:
    """Stage 9, for evaluation: the probe that reads a clip back into its record."""
    _check_device(device, anneal, minutes)
    config, home = _setup(settings, preset, run)
    from ..train import probe

    print(probe.main(config, home / "probe", minutes=minutes, device=device, draw=draw, init=init, anneal=anneal))


@plan.command(name="train")
def plan_train(*settings: Setting, preset: Preset = "storybook") -> None:
    """Sizes, weights, FLOPs, memory and hours of a training run on this machine."""
    config = _config(settings, preset)
    from ..train.plan import training_plan

    for name, value in training_plan(config).items():
        print(f"{name:28s} {value}")


@app.command
def export(
    *,
    run: Path = Path("runs/storybook"),
    to: Path | None = None,
    lora: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    model: str | None = None,
) -> None:
    """Put a trained run into the package, where `--model NAME` finds it, or into a folder as hubs want it: weights and card.

    Parameters
    ----------
    run:
        The run's folder.
    to:
        Another folder to write.
    lora:
        In place of a run: merge this adapter, FILE or FILE:SCALE, into the model that it was made for; may be given again.
    model:
        The model to merge into, where it is another one.
    """
    from ..train.export import export_merged, export_run

    if model and not lora:
        raise ValueError("model: goes with --lora, the adapter to merge into it.")
    print(export_merged(lora, to, model) if lora else export_run(run, to))


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


def _footage(data: tuple[str, ...], preset: str, run: Path | None) -> "tuple[list[Source], Path]":
    """The data sets and the run's folder."""
    from ..data.mixture import Source

    if preset != "storybook":
        raise ValueError(f"preset={preset}: with --data the model's shape is that of --init. Leave --preset out.")
    return [Source.parse(text) for text in data], run or Path("runs/mine")


def _check_device(device: str, anneal: bool, minutes: float) -> None:
    import torch

    if anneal and not math.isfinite(minutes):
        raise ValueError("anneal: the rate falls by the end of --minutes. Say how many.")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device {device!r} cannot be had here ({reason}). Try cpu, or cuda with a build of torch for it."
        ) from None


def _tokenizer_of(home: Path, init: str | None = None) -> Path:
    """The run's own tokenizer, or that of the model to start from."""
    weights = home / "tokenizer" / "export" / "vae.safetensors"
    if init and not weights.is_file():
        from ..models.shipped import find_model

        weights = find_model(init) / "vae.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: no trained tokenizer there. Run `skyloom train tokenizer` first.")
    return weights
