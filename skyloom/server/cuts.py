"""Films cut from films: pieces of finished ones, one after another, as a new film. No model is asked.

The films are copied first, so that they may be deleted. Their rates may differ: the cut has the highest, and shows at each time
the frame that its piece shows then. The recipe names the parents, by id and SHA-256.
"""

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..base import footage, sizes
from .media import FILM, Media
from .records import Job
from .wire import PROMPT, ApiError, VideoCut

SLACK = 0.01  # seconds that an end may lie behind the film's own: people and programs round


def request_of(call: VideoCut, films: list[Job], media: Media, longest: float) -> dict[str, Any]:
    """What the worker needs. ApiError 400 says which piece cannot be cut, and why; `longest` is the limit in seconds."""
    sums = {film.id: _sum(media, film.id) for film in films}
    pieces: list[dict[str, Any]] = []
    for number, (cut, film) in enumerate(zip(call.pieces, films, strict=True)):
        start, end = _times(cut.start, cut.end, film, f"pieces.{number}")
        if not call.size and film.size != films[0].size:
            both = f"is {film.size}, but the first {films[0].size}. Say the 'size' of the whole, and each is fitted to it"
            raise _unfit(f"pieces.{number}", both)
        rate = float(film.request["rate"])
        pieces.append({"film": film.id, "start": start, "end": end, "rate": rate, "sha256": sums[film.id]})
    seconds = sum(piece["end"] - piece["start"] for piece in pieces)
    if seconds > longest + SLACK:
        raise _unfit("pieces", f"would last {seconds:g} s: this server makes up to {longest:g}")
    inputs = {id: f"piece-{i}.mp4" for i, id in enumerate(sums)}
    return {"options": {}, "pieces": pieces, "inputs": inputs, "rate": max(piece["rate"] for piece in pieces)}


def _times(start: float, end: float | None, film: Job, param: str) -> tuple[float, float]:
    whole, rate = float(film.seconds), float(film.request["rate"])
    end = whole if end is None else end
    if end > whole + SLACK:
        raise _unfit(param, f"ends at {end:g} s, but the video {film.id!r} lasts {whole:g} s")
    end = min(end, whole)
    if end - start < 1 / rate - SLACK:
        raise _unfit(param, f"goes from {start:g} to {end:g} s: wanted at least one frame, {1 / rate:.3f} s")
    return start, end


def _unfit(param: str, why: str) -> ApiError:
    return ApiError(400, f"{param!r} {why}.", param=param, code="invalid_value")


def _sum(media: Media, id: str) -> str:
    path = media.path(id, FILM)
    if not path.is_file():
        raise ApiError(404, f"The file of the video {id!r} is gone.", param="pieces", code="not_found")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def row(request: dict[str, Any], films: list[Job], height: int, width: int) -> dict[str, Any]:
    """Columns of the job: model, prompt, size, seconds, source, and the request itself."""
    size, seconds = sizes.size_text(height, width), round(edges(request)[-1] / request["rate"], 3)
    shown = films[0].request["native"] | {"size": size, "seconds": seconds, "fps": request["rate"]}
    prompt = ". ".join(dict.fromkeys(film.prompt for film in films))[:PROMPT]
    about = {"model": films[0].model, "prompt": prompt, "size": size, "seconds": f"{seconds:g}", "source": films[0].id}
    return about | {"request": request | {"native": shown}}


def copies(request: dict[str, Any], media: Media) -> Iterator[tuple[str, bytes]]:
    """The files that lie beside the job: name, data. One at a time in memory."""
    for id, name in request["inputs"].items():
        yield name, media.path(id, FILM).read_bytes()


def edges(request: dict[str, Any]) -> list[int]:
    """The frame of the cut at which each piece begins, and their number: of sums, so that no rounding adds up."""
    ends = itertools.accumulate(piece["end"] - piece["start"] for piece in request["pieces"])
    marks = [0]
    for end in ends:
        marks.append(max(round(end * request["rate"]), marks[-1] + 1))  # each piece has a frame
    return marks


def frames(request: dict[str, Any], paths: dict[str, str]) -> Iterator[np.ndarray]:
    """The frames (H, W, 3) of the cut, decoded one by one; `paths` by film. A file that ends early gives what it has."""
    for piece, (first, after) in zip(request["pieces"], itertools.pairwise(edges(request)), strict=True):
        times = (piece["start"] + i / request["rate"] for i in range(after - first))
        yield from _at(Path(paths[piece["film"]]), [int(time * piece["rate"] + 1e-6) for time in times])


def _at(path: Path, numbers: list[int]) -> Iterator[np.ndarray]:
    """The frames of a film with these numbers, which do not fall."""
    wanted = itertools.groupby(numbers)
    number, same = next(wanted)
    for picture in footage.pictures(path):
        if picture.number < number:
            continue
        frame = picture.rgb()
        yield from (frame for _ in same)
        number, same = next(wanted, (-1, iter(())))
        if number < 0:
            return


def recipe_of(job: Job) -> dict[str, Any]:
    """What the file tells of how it was made."""
    about = {"skyloom": __version__, "prompt": job.prompt, "size": job.size, "seconds": float(job.seconds)}
    return about | {"fps": job.request["rate"], "pieces": job.request["pieces"]}
