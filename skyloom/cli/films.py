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
    from ..generate import Reel, Request, Shot
    from ..models.bundle import Bundle


LONG = 60  # seconds of waiting before which somebody wants to be told
Several = Annotated[tuple[str, ...], Parameter(negative="")]


def told(text: str) -> Parameter:
    return Parameter(help=text, negative="")


@Parameter(name="*")
@dataclass(frozen=True)
class Making:
    """What every verb that films can be told."""

    out: Annotated[
        Out | None,
        told("File to write: .mp4, .webm, .gif or .png; - is standard output. With --n, numbers are added [film.mp4]."),
    ] = None
    seed: Annotated[int | None, told("The same seed, prompt, files, model and machine give the same file [0].")] = None
    n: Annotated[int | None, told("Films to make, with seeds SEED, SEED+1, ... [1].")] = None
    quality: Annotated[Literal["fast", "good", "best"] | None, told("Time against detail [good].")] = None
    steps: Annotated[int | None, told("Sampling steps, in place of what --quality says.")] = None
    guidance: Annotated[float | None, told("How hard the prompt pulls (1 is off), in place of what --quality says.")] = None
    interval: Annotated[tuple[float, float] | None, told("Noise levels between which the prompt pulls [0.1 1].")] = None
    negative: Annotated[str | None, told("What to stay away from.")] = None
    expand: Annotated[
        str | None, told("Tell the prompt in full first: local, or a chat service's address; off: film it as typed.")
    ] = None
    language: Annotated[
        Literal["auto", "en", "zh"] | None, told("Of the words that emoji turn into; auto follows the prompt [auto].")
    ] = None
    fps: Annotated[float | None, told("Frames per second of the file [12]; more are interpolated, things go as fast.")] = None
    model: Annotated[str | None, told("A shipped model's name, or a folder with weights, such as a run's [storybook].")] = None
    lora: Annotated[
        Several, told("An adapter to put onto the model, FILE or FILE:SCALE, a run's folder too; may be given again.")
    ] = ()
    preview: Annotated[str, told("A .png that shows, after each step, what takes shape.")] = ""
    json: Annotated[Flag, told("Print one JSON object a film.")] = False

    def given(self) -> dict[str, Any]:
        """The fields of a Request that were told, and no others: what a file says counts where nothing is."""
        mine = {key: value for key, value in dataclasses.asdict(self).items() if key not in ("out", "preview", "json")}
        return {key: value for key, value in mine.items() if value not in (None, ())}

    def film(self, words: tuple[str, ...], **controls: Any) -> None:
        """Film these words; - reads them from standard input."""
        from ..generate import Request

        self.make(Request(said(words), **{**self.given(), **controls}))

    def make(self, request: "Request") -> None:
        """Film the request and its siblings, after the places to write to were looked at."""
        from ..base.video import check_output, format_of

        out = self.out or "film.mp4"
        if out == "-" and (self.json or request.n > 1):
            raise ValueError("-o - puts one film on standard output: it goes with neither --json nor --n.")
        paths = [out] if request.n == 1 else _numbered(Path(out), request.n)
        if self.preview and format_of(self.preview) != "png":
            raise ValueError(f"preview {self.preview}: wanted a .png.")
        for path in [*paths, self.preview] if self.preview else paths:
            check_output(path)
        make(request.each(), paths, self.json, self.preview)


def said(words: tuple[str, ...]) -> str:
    """The prompt as typed, or standard input where a lone - stands for it."""
    return sys.stdin.read() if words == (STDIN,) else " ".join(words)


@app.command
def generate(
    *prompt: str,
    seconds: float | None = None,
    size: str | None = None,
    image: str = "",
    last: str = "",
    at: Several = (),
    shot: Several = (),
    cast: Several = (),
    like: str = "",
    vary: float | None = None,
    making: Making | None = None,
) -> None:
    """Film a prompt, in English or Chinese.

    Parameters
    ----------
    prompt:
        What to film; - reads it from standard input.
    seconds:
        Length [4]; 0 is a still picture. Beyond what the model was trained on it is filmed window after window, and written
        as it comes.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels; auto is that of a given image, else square [auto].
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
        A film to vary: its recipe is filmed again with its noise turned towards another seed, and changed by what else is
        told.
    vary:
        How far: 0 is the same film, 1 another of the same prompt [0.3].
    """
    from ..generate import Request, Shot

    making, shots = making or Making(), tuple(map(Shot.parse, shot))
    told = {"image": image, "last": last, "images": _placed(at), "shots": shots, "cast": _named(cast), "size": size}
    controls: dict[str, Any] = {key: value for key, value in told.items() if value}
    controls |= {} if seconds is None else {"seconds": seconds}
    if like:
        making.make(_variation(like, 0.3 if vary is None else vary, prompt, making.given(), controls))
        return
    if vary is not None:
        raise ValueError(f"vary={vary:g}: needs a film to vary. Name it: --like film.mp4.")
    _check_shots_alone(shots, prompt, seconds)
    making.make(Request(said(prompt), **{"seconds": 4.0, **making.given(), **controls}))


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


def make(requests: "list[Request]", paths: list[str], json: bool, preview: str = "") -> "list[Reel]":
    """Film and save each request; report it in a line, or as JSON. A film is written while it is made, but for formats that
    need all of it at once; `preview` is a picture of what takes shape."""
    from ..base.video import HELD, write_live, write_video
    from ..generate import load_bundle, shoot

    reels: list[Reel] = []
    bundle = load_bundle(requests[0].model, requests[0].lora)
    on_preview = (lambda frames: write_video(preview, frames, 1)) if preview else None
    noted: set[str] = set()
    for request, path in zip(requests, paths, strict=True):
        began = time.perf_counter()
        with _progress(Path(path).name if path != "-" else "film") as on_step:
            reel = shoot(request, bundle, on_step, on_preview, held=Path(path).suffix[1:].lower() in HELD)
            for text in reel.notes + ([] if reels else _patience(reel, requests, bundle)):
                if text not in noted:
                    note(text)
                noted.add(text)
            if path == "-":
                write_live(sys.stdout.buffer, reel.frames, reel.fps, reel.recipe)
            else:
                write_video(path, reel.frames, reel.fps, metadata=reel.recipe)
        reels.append(reel)
        _report(reel, path, time.perf_counter() - began, json)
    return reels


def _patience(reel: "Reel", requests: "list[Request]", bundle: "Bundle") -> list[str]:
    """A note on the time that all films will take, where somebody might wonder."""
    from ..base.sizes import human_seconds
    from ..generate.cost import seconds_of

    seconds = len(requests) * seconds_of(reel.plan, requests[0].resolved(), bundle)
    return [f"takes about {human_seconds(seconds)} on this machine; Ctrl-C stops it"] if seconds > LONG else []


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


def _variation(file: str, vary: float, words: tuple[str, ...], given: dict[str, Any], controls: dict[str, Any]) -> "Request":
    """The request of a film, its noise turned towards another seed, with what was told in place of what its recipe says."""
    from ..base.video import read_recipe
    from ..generate import Request

    base = Request.from_recipe(read_recipe(file))
    _check_shots_alone(controls.get("shots", base.shots), words, controls.get("seconds"))
    changes = {"n": 1, **given, **controls}
    changes |= {"prompt": said(words), "expanded": ""} if words else {"prompt": ""} if "shots" in controls else {}
    if "quality" in given:  # a recipe names the steps and the guidance that its quality meant
        changes = {"steps": None, "guidance": None, **changes}
    seed = changes.pop("seed", base.seed + 1)
    return dataclasses.replace(base.like(vary, seed), **changes)


def _check_shots_alone(shots: "tuple[Shot, ...]", words: tuple[str, ...], seconds: float | None) -> None:
    """ValueError where a prompt or a length is told beside shots, which say both."""
    if shots and words:
        raise ValueError("the shots say what happens, and so does a prompt: wanted one of them. Make the prompt a shot.")
    if shots and seconds not in (None, shots[-1].end):
        raise ValueError(f"seconds={seconds:g}: but the film ends with its last shot, at {shots[-1].end:g} s. Leave one out.")


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
