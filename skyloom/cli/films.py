"""Films: make them, read their recipes, say what they would take. What all verbs that film share is here too."""

import contextlib
import dataclasses
import json as jsons
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from .root import STDIN, Flag, Out, app, note, plan

if TYPE_CHECKING:
    from ..generate import Reel, Request


Several = Annotated[tuple[str, ...], Parameter(negative="")]


def told(text: str) -> Parameter:
    return Parameter(help=text, negative="")


@Parameter(name="*")
@dataclass(frozen=True)
class Making:
    """What every verb that films can be told."""

    out: Annotated[
        Out, told("File to write: .mp4, .webm, .gif or .png; - is standard output. With --n, numbers are added.")
    ] = "film.mp4"
    seed: Annotated[int | None, told("The same seed, prompt, files, model and machine give the same file [0].")] = None
    n: Annotated[int, told("Films to make, with seeds SEED, SEED+1, ...")] = 1
    quality: Annotated[Literal["fast", "good", "best"], told("Time against detail.")] = "good"
    steps: Annotated[int | None, told("Sampling steps, in place of what --quality says.")] = None
    guidance: Annotated[float | None, told("How hard the prompt pulls (1 is off), in place of what --quality says.")] = None
    interval: Annotated[tuple[float, float], told("Noise levels between which the prompt pulls.")] = (0.1, 1.0)
    negative: Annotated[str, told("What to stay away from.")] = ""
    expand: Annotated[
        str, told("Tell the prompt in full first: local, or a chat service's address; off: film it as typed.")
    ] = ""
    language: Annotated[Literal["auto", "en", "zh"], told("Of the words that emoji turn into; auto follows the prompt.")] = (
        "auto"
    )
    fps: Annotated[float, told("Frames per second of the file.")] = 12
    model: Annotated[str, told("A shipped model's name, or a folder with weights, such as a run's.")] = "storybook"
    lora: Annotated[
        Several, told("An adapter to put onto the model, FILE or FILE:SCALE, a run's folder too; may be given again.")
    ] = ()
    json: Annotated[Flag, told("Print one JSON object a film.")] = False

    def request(self, words: tuple[str, ...], **controls: Any) -> "Request":
        """The request for these words; - reads them from standard input."""
        from ..generate import Request

        prompt = sys.stdin.read() if words == (STDIN,) else " ".join(words)
        mine = {key: value for key, value in dataclasses.asdict(self).items() if key not in ("out", "json", "seed")}
        return Request(prompt, **{**mine, "seed": self.seed or 0, **controls})

    def film(self, words: tuple[str, ...], **controls: Any) -> None:
        self.make(self.request(words, **controls))

    def make(self, request: "Request") -> None:
        """Film the request and its siblings, after the places to write to were looked at."""
        from ..base.video import check_output

        if self.out == "-" and (self.json or request.n > 1):
            raise ValueError("-o - puts one film on standard output: it goes with neither --json nor --n.")
        paths = [self.out] if request.n == 1 else _numbered(Path(self.out), request.n)
        for path in paths:
            check_output(path)
        make(request.each(), paths, self.json)


@app.command
def generate(
    *prompt: str,
    seconds: float = 4.0,
    size: str = "auto",
    image: str = "",
    last: str = "",
    at: Several = (),
    shot: Several = (),
    cast: Several = (),
    like: str = "",
    vary: float = 0.3,
    making: Making | None = None,
) -> None:
    """Film a prompt, in English or Chinese.

    Parameters
    ----------
    prompt:
        What to film; - reads it from standard input.
    seconds:
        Length; 0 is a still picture. Beyond what the model was trained on it is filmed window after window, and written as
        it comes.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels; auto is that of a given image, else square.
    image:
        A picture that the film begins with; it is scaled and cut, never stretched.
    last:
        A picture that the film ends with.
    at:
        SECOND:FILE, a picture at a time in between; may be given again.
    shot:
        'FROM-TOs: TEXT', what happens from one second to another, in place of the prompt; may be given again. 'cut FROM-TOs:
        TEXT' begins anew.
    cast:
        NAME=FILE, a picture of who plays NAME, a word of the prompt, known or new; on a transparent or plain ground. May be
        given again.
    like:
        A film to vary: its recipe is filmed again with its noise turned towards another seed.
    vary:
        How far: 0 is the same film, 1 another of the same prompt.
    """
    making = making or Making()
    if like:
        making.make(_variation(like, vary, making))
        return
    making.film(prompt, seconds=seconds, size=size, image=image, last=last, images=_placed(at), shots=shot, cast=_named(cast))


@app.command
def show(file: Path, /, *, rerun: Flag = False, out: Annotated[str, Parameter(name=["--out", "-o"])] = "again.mp4") -> None:
    """Print the recipe inside a film that Skyloom made.

    Parameters
    ----------
    file:
        A .mp4, .webm, .gif or .png.
    rerun:
        Make the film again; on the same machine, with the same suffix and the same given files, to the same bytes.
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
    [reel] = make([request], [out], False)
    for key in ("skyloom", "weights"):
        if reel.recipe[key] != recipe.get(key):
            note(f"the file was made with {key} {recipe.get(key)}, this is {reel.recipe[key]}: bytes may differ")
    for path, now in reel.recipe.get("inputs", {}).items():
        if now["sha256"] != recipe.get("inputs", {}).get(path, {}).get("sha256"):
            note(f"{path} has changed since the film was made: the film differs")


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


def make(requests: "list[Request]", paths: list[str], json: bool) -> "list[Reel]":
    """Film and save each request; report it in a line, or as JSON. A film is written while it is made."""
    from ..base.video import write_live, write_video
    from ..generate import load_bundle, shoot

    reels: list[Reel] = []
    bundle = load_bundle(requests[0].model, requests[0].lora)
    for request, path in zip(requests, paths, strict=True):
        began = time.perf_counter()
        with _progress(Path(path).name if path != "-" else "film") as on_step:
            reel = shoot(request, bundle, on_step)
            for text in reel.notes if not reels else []:
                note(text)
            if path == "-":
                write_live(sys.stdout.buffer, reel.frames, reel.fps, reel.recipe)
            else:
                write_video(path, reel.frames, reel.fps, metadata=reel.recipe)
        reels.append(reel)
        _report(reel, path, time.perf_counter() - began, json)
    return reels


def _report(reel: "Reel", path: str, took: float, json: bool) -> None:
    length = reel.count / reel.fps
    speed = length / took
    report: dict[str, Any] = {"file": path, "film_seconds": round(length, 3), "wall_seconds": round(took, 3)}
    report |= {"film_seconds_per_second": round(speed, 3), "notes": reel.notes, "recipe": reel.recipe}
    if json:
        print(jsons.dumps(report, ensure_ascii=False), flush=True)
        return
    line = f"{path}: {length:.2f} s of film in {took:.2f} s ({speed:.2f} film seconds per second)"
    print(line, file=sys.stderr if path == "-" else sys.stdout, flush=True)


def _variation(file: str, vary: float, making: Making) -> "Request":
    """The request of a film, its noise turned towards another seed."""
    from ..base.video import read_recipe
    from ..generate import Request

    base = Request.from_recipe(read_recipe(file))
    seed = base.seed + 1 if making.seed is None else making.seed
    return dataclasses.replace(base.like(vary, seed), n=making.n)


def _placed(at: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """'1.5:card.png' -> (1.5, 'card.png')."""
    placed = []
    for text in at:
        second, colon, path = text.partition(":")
        try:
            placed.append((float(second), path))
        except ValueError:
            colon = ""
        if not colon or not path:
            raise ValueError(f"at {text[:40]!r}: wanted SECOND:FILE, for example 1.5:card.png.")
    return tuple(placed)


def _named(cast: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """'fox=fox.png' -> ('fox', 'fox.png')."""
    for text in cast:
        if not all(text.partition("=")):
            raise ValueError(f"cast {text[:40]!r}: wanted NAME=FILE, for example fox=fox.png.")
    return tuple((name, path) for name, _, path in (text.partition("=") for text in cast))


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
