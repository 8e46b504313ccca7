"""Films: make them, read their recipes, say what they would take."""

import contextlib
import json as jsons
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from .root import STDIN, Flag, Out, app, note, plan

if TYPE_CHECKING:
    from ..generate import Film, Request


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
    from ..base.video import check_output
    from ..generate import Request

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
    from ..base.video import check_output, read_recipe
    from ..generate import Request

    recipe = read_recipe(file)
    if not rerun:
        print(jsons.dumps(recipe, indent=2, ensure_ascii=False))
        return
    check_output(out)
    request = Request.from_recipe(recipe)
    [film] = _make([request], [out], False)
    for key in ("skyloom", "weights"):
        if film.recipe[key] != recipe.get(key):
            note(f"the file was made with {key} {recipe.get(key)}, this is {film.recipe[key]}: bytes may differ")


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
    from .. import generate as room
    from ..base.sizes import human_bytes, human_seconds

    request = room.Request(" ".join(prompt) or "a film", seconds, size, quality=quality, model=model).resolved()
    bundle = room.load_bundle(model)
    planned = room.plan(request, bundle)
    print(f"frames   {planned.frames} at {planned.width}x{planned.height}, {planned.tokens} tokens, {request.steps} steps")
    print(f"memory   about {human_bytes(planned.bytes)}")
    print(f"time     about {human_seconds(room.expected_seconds(request, bundle))}")


def _make(requests: "list[Request]", paths: list[str], json: bool) -> "list[Film]":
    """Make and save each film; report it in a line, or as JSON."""
    from ..generate import generate, load_bundle

    films = []
    bundle = load_bundle(requests[0].model)
    for request, path in zip(requests, paths, strict=True):
        with _progress(Path(path).name if path != "-" else "film") as on_step:
            film = generate(request, bundle, on_step)
        film.save(path)
        films.append(film)
        for text in film.notes if len(films) == 1 else []:
            note(text)
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


def _numbered(path: Path, n: int) -> list[str]:
    """film.mp4 -> film-1.mp4, film-2.mp4, ... with as many digits as n has."""
    return [str(path.with_name(f"{path.stem}-{i:0{len(str(n))}d}{path.suffix}")) for i in range(1, n + 1)]
