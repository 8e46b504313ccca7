"""Single pictures, and films of every shape: the prompt counts as much as in a square film."""

from ...base.sizes import size_text
from ..clips import FPS, Bench, prompt_of, shrunk
from .case import Outcome, drawn_scene, film, scene_of
from .measures import judged, outcome

FRAMES = 17
CLAIMS = ("noun", "place")


def image(bench: Bench, i: int) -> Outcome:
    """A picture, and beside it the first frame of a film of the same scene."""
    scene = scene_of(bench, i, FRAMES)
    picture = film(bench, "image", i, prompt=prompt_of(scene, frames=1), seconds=0)
    opened = film(bench, "square", i, prompt=prompt_of(scene), seconds=FRAMES / FPS)
    real = bench.real(scene, 1)
    alone = judged(bench, scene, picture, real, CLAIMS)
    first = judged(bench, scene, opened[:1], real, CLAIMS, " in a film's first frame")
    return outcome({}, alone, first, shown=(picture,))


def shapes(height: int, width: int) -> dict[str, tuple[int, int]]:
    """Name -> height, width: wide, tall, and about twice the area, all in steps of 32."""
    step = lambda side: -(-side // 32) * 32  # noqa: E731
    long = step(height * 7 // 4)
    larger = step(height * 11 // 8), step(width * 3 // 2)
    return {"square": (height, width), "wide": (height, long), "tall": (long, width), "twice the area": larger}


def sizes(bench: Bench, i: int) -> Outcome:
    """One scene in every shape."""
    scene = scene_of(bench, i, FRAMES)
    read, shown = [], []
    for name, size in shapes(*bench.size).items():
        frames = film(bench, name, i, prompt=prompt_of(scene), seconds=FRAMES / FPS, size=size_text(*size))
        read.append(judged(bench, scene, frames, shrunk(drawn_scene(scene, size, FRAMES)), CLAIMS, f", {name}"))
        shown.append(frames)
    return outcome({}, *read, shown=tuple(shown))
