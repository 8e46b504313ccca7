"""The command line. Each verb loads what it needs inside itself, so that help never waits for torch.

Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 130 stopped by Ctrl-C. An error is one line on standard error;
SKYLOOM_DEBUG=1 shows where it came from.
"""

import contextlib
import json as jsons
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from . import __version__

if TYPE_CHECKING:
    from .config import Config
    from .generate import Film, Request

app = App(
    name="skyloom",
    help="Film a sentence: `skyloom generate 'a red fox runs in the snow' -o fox.mp4`.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
world = App(name="world", help="The world that the shipped model learned from: fetch its art, look at its scenes.")
train = App(name="train", help="Train a model of your own, stage by stage. Run a stage again to resume it.")
plan = App(name="plan", help="Say what a verb would take - sizes, memory, hours - and stop.")
for part in (world, train, plan):
    app.command(part)

STDIN = "\0"  # stands for a lone "-", which the parser would take for an option; no shell can pass it
Out = Annotated[str, Parameter(name=["--out", "-o"], allow_leading_hyphen=True)]
Flag = Annotated[bool, Parameter(negative="")]
Setting = Annotated[str, Parameter(help="Changes to the preset, each as path=value: model.lr=3e-4 dit.depth=8 ...")]
Preset = Annotated[str, Parameter(help="A whole model by name: storybook, tiny, small, base, large.")]
Run = Annotated[Path | None, Parameter(help="The run's folder [runs/PRESET].")]
Minutes = Annotated[float, Parameter(help="Stop after so many, with everything saved.")]


def main() -> None:
    """Entry point of the `skyloom` program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that half-written files go
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Errors of use and input become one line on standard error."""
    try:
        code = app(_with_stdin(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _complain("stopped", 130)
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (CycloptsError, ValueError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        return _complain(error, 2)
    except (OSError, MemoryError, RuntimeError) as error:
        return _complain(error, 1)


@app.command
def generate(
    *prompt: str,
    out: Out = "film.mp4",
    seconds: float = 4.0,
    size: str = "square",
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    n: int = 1,
    language: Literal["auto", "en", "zh"] = "auto",
    quality: Literal["fast", "good", "best"] = "good",
    negative: str = "",
    fps: float = 12,
    model: str = "storybook",
    json: Flag = False,
) -> None:
    """Film a prompt, in English or Chinese.

    Parameters
    ----------
    prompt:
        What to film; - reads it from standard input.
    out:
        File to write: .mp4, .webm, .gif or .png; - is standard output (mp4). With --n, numbers are added.
    seconds:
        Length; 0 is a still picture.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels.
    seed:
        The same seed, prompt, model and machine give the same file.
    steps:
        Sampling steps, in place of what --quality says.
    guidance:
        How hard the prompt pulls (1 is off), in place of what --quality says.
    n:
        Films to make, with seeds SEED, SEED+1, ...
    language:
        Of the words that emoji turn into; auto follows the prompt.
    quality:
        Time against detail.
    negative:
        What to stay away from.
    fps:
        Frames per second of the file.
    model:
        A shipped model's name, or a folder with weights, such as a run's.
    json:
        Print one JSON object a film.
    """
    from .base.video import check_output
    from .generate import Request

    words = sys.stdin.read() if prompt == (STDIN,) else " ".join(prompt)
    request = Request(words, seconds, size, seed, steps, guidance, quality, n, language, fps, negative, model)
    if out == "-" and (json or n > 1):
        raise ValueError("-o - puts one film on standard output: it goes with neither --json nor --n.")
    paths = [out] if n == 1 else _numbered(Path(out), n)
    for path in paths:
        check_output(path)
    _make(request.each(), paths, json)


@app.command
def show(file: Path, /, *, rerun: Flag = False, out: Annotated[str, Parameter(name=["--out", "-o"])] = "again.mp4") -> None:
    """Print the recipe inside a film that Skyloom made.

    Parameters
    ----------
    file:
        A .mp4, .webm, .gif or .png.
    rerun:
        Make the film again; on the same machine, with the same suffix, to the same bytes.
    out:
        Where --rerun writes.
    """
    from .base.video import check_output, read_recipe
    from .generate import Request

    recipe = read_recipe(file)
    if not rerun:
        print(jsons.dumps(recipe, indent=2, ensure_ascii=False))
        return
    check_output(out)
    request = Request.from_recipe(recipe)
    [film] = _make([request], [out], False)
    for key in ("skyloom", "weights"):
        if film.recipe[key] != recipe.get(key):
            _note(f"the file was made with {key} {recipe.get(key)}, this is {film.recipe[key]}: bytes may differ")


@world.command(name="fetch")
def world_fetch() -> None:
    """Fetch the art of the storybook world with npm. Run again to go on; a complete cache is left alone."""
    from .worlds.art import fetch_art

    fetch_art(print)


@world.command(name="show")
def world_show(
    *, seed: int = 0, n: int = 16, seconds: float = 4.0, size: str = "square", split: str = "train", out: Out = "world"
) -> None:
    """Draw scenes: a contact sheet, an mp4 each, and their captions.

    Parameters
    ----------
    seed:
        Which scenes: the same seed draws the same ones.
    n:
        How many.
    seconds:
        Length of each.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels.
    split:
        train, val or heldout.
    out:
        Folder to write into; it is made where it is missing.
    """
    from .base.sizes import parse_size
    from .worlds.show import show_scenes

    print(show_scenes(Path(out), seed=seed, n=n, seconds=seconds, size=parse_size(size), split=split))


@train.command(name="tokenizer")
def train_tokenizer(*settings: Setting, preset: Preset = "storybook", run: Run = None, minutes: Minutes = math.inf) -> None:
    """Stage 1: the tokenizer, from clips that the world draws."""
    config, home = _setup(settings, preset, run)
    from .train import tokenizer

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
    from .data import encode

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
    from .train import model

    print(model.main(config, home / "model", home / "data", _tokenizer_of(home), init=init, minutes=minutes))


@train.command(name="probe")
def train_probe(*settings: Setting, preset: Preset = "storybook", run: Run = None, minutes: Minutes = math.inf) -> None:
    """Stage 4, for evaluation: the probe that reads a clip back into its record."""
    config, home = _setup(settings, preset, run)
    from .train import probe

    print(probe.main(config, home / "probe", minutes=minutes))


@plan.command(name="train")
def plan_train(*settings: Setting, preset: Preset = "storybook") -> None:
    """Sizes, weights, FLOPs, memory and hours of a training run on this machine."""
    config = _config(settings, preset)
    from .train.plan import training_plan

    for name, value in training_plan(config).items():
        print(f"{name:28s} {value}")


@plan.command(name="generate")
def plan_generate(
    *prompt: str, seconds: float = 4.0, size: str = "square", quality: str = "good", model: str = "storybook"
) -> None:
    """Tokens, memory and time of a film on this machine.

    Parameters
    ----------
    prompt:
        What to film; may be left out.
    seconds:
        Length.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels.
    quality:
        fast, good or best.
    model:
        A shipped model's name, or a folder with weights.
    """
    from . import generate as room
    from .base.sizes import human_bytes, human_seconds

    request = room.Request(" ".join(prompt) or "a film", seconds, size, quality=quality, model=model).resolved()
    bundle = room.load_bundle(model)
    planned = room.plan(request, bundle)
    print(f"frames   {planned.frames} at {planned.width}x{planned.height}, {planned.tokens} tokens, {request.steps} steps")
    print(f"memory   about {human_bytes(planned.bytes)}")
    print(f"time     about {human_seconds(room.expected_seconds(request, bundle))}")


@app.command(name="eval")
def evaluate(
    *names: str,
    model: str = "storybook",
    n: int = 64,
    seed: int = 0,
    probe: Path | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs/eval"),
    docs: Path = Path("docs"),
) -> None:
    """Measure a model against the world that it learned from, and write the tables into docs/RESULTS.md.

    Parameters
    ----------
    names:
        tokenizer, adherence, fidelity, physics, speed, sheets; none is all.
    model:
        A shipped model's name, or a folder with weights.
    n:
        Clips a row.
    seed:
        Which scenes.
    probe:
        The probe's folder [beside the model, else runs/probe].
    out:
        Folder that keeps clips and figures; a rerun goes on there.
    docs:
        Folder of RESULTS.md; none is written where it does not exist.
    """
    from . import evals

    evals.main(names, model, n, out, probe=probe, seed=seed, docs=docs if docs.is_dir() else None)


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
    from .train.export import export_run

    print(export_run(run, to))


def _make(requests: "list[Request]", paths: list[str], json: bool) -> "list[Film]":
    """Make and save each film; report it in a line, or as JSON."""
    from .generate import generate, load_bundle

    films = []
    bundle = load_bundle(requests[0].model)
    for request, path in zip(requests, paths, strict=True):
        with _progress(Path(path).name if path != "-" else "film") as on_step:
            film = generate(request, bundle, on_step)
        film.save(path)
        films.append(film)
        for note in film.notes if len(films) == 1 else []:
            _note(note)
        length = len(film.frames) / film.fps
        report: dict[str, Any] = {"file": path, "film_seconds": round(length, 3), "wall_seconds": round(film.seconds, 3)}
        report |= {"film_seconds_per_second": round(length / film.seconds, 3), "notes": film.notes, "recipe": film.recipe}
        if json:
            print(jsons.dumps(report, ensure_ascii=False), flush=True)
        else:
            line = (
                f"{path}: {length:.2f} s of film in {film.seconds:.2f} s ({length / film.seconds:.2f} film seconds per second)"
            )
            print(line, file=sys.stderr if path == "-" else sys.stdout, flush=True)
    return films


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], object]]:
    """A bar with the time left, on a terminal only; gives the function that moves it."""
    if not sys.stderr.isatty():
        yield lambda done, steps: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(escape(name)), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("film", total=None)
        yield lambda done, steps: bar.update(task, completed=done, total=steps)


def _with_stdin(arguments: list[str]) -> list[str]:
    """A lone "-" that is no value of --out becomes STDIN."""
    before = ["", *arguments]
    return [STDIN if a == "-" and b not in ("-o", "--out") else a for a, b in zip(arguments, before, strict=False)]


def _numbered(path: Path, n: int) -> list[str]:
    """film.mp4 -> film-1.mp4, film-2.mp4, ... with as many digits as n has."""
    return [str(path.with_name(f"{path.stem}-{i:0{len(str(n))}d}{path.suffix}")) for i in range(1, n + 1)]


def _config(settings: tuple[str, ...], preset: str) -> "Config":
    """The preset with the settings put in."""
    from .config import override
    from .presets import PRESETS

    if preset not in PRESETS:
        raise ValueError(f"preset {preset!r}: wanted one of {', '.join(PRESETS)}.")
    config = PRESETS[preset]
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"setting {setting!r}: wanted path=value, such as model.lr=3e-4.")
        config = override(config, path, value)
    return config


def _setup(settings: tuple[str, ...], preset: str, run: Path | None) -> "tuple[Config, Path]":
    return _config(settings, preset), run or Path("runs") / preset


def _tokenizer_of(home: Path) -> Path:
    weights = home / "tokenizer" / "export" / "vae.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: no trained tokenizer there. Run `skyloom train tokenizer` first.")
    return weights


def _note(text: str) -> None:
    print(f"skyloom: note: {text}", file=sys.stderr)


def _complain(error: object, code: int) -> int:
    if os.environ.get("SKYLOOM_DEBUG") and isinstance(error, Exception):
        raise error
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"skyloom: {text}", file=sys.stderr)
    return code
