"""What to film, and how it is steered: `Request`, checked before anything is loaded.

A request is plain data: it travels as JSON, in recipes, over HTTP. Files are named by path and looked at later (takes.py).
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..base import sizes
from ..worlds.prompt import clean, emoji_to_words

Progress = Callable[[int, int], object]  # steps done, steps in all
Preview = Callable[[np.ndarray], object]  # frames_THWC of what takes shape: small, one for each latent frame


@dataclass(frozen=True)
class Quality:
    steps: int
    guidance: float  # how hard the prompt pulls in all; what a model has learned of it costs no second pass


AS_IT_STANDS = "off"  # of expand
QUALITY = {"fast": Quality(4, 2.0), "good": Quality(12, 2.0), "best": Quality(24, 2.0)}
AWAY = 1.5  # the least pull away from a negative prompt
STRENGTHS = {"subtle": 0.3, "mild": 0.5, "strong": 0.75}  # of an edit
CURVES = ("transition", "mix", "sample")  # how the influence of the second clip runs in a blend
LANGUAGES = ("auto", "en", "zh")
WAYS = ("forward", "backward", "both")
LONGEST = 600  # seconds
MOST_SHOTS = 100
MOST_CAST = 4  # names
LONGEST_NAME = 40  # characters
FILES = ("image", "last", "clip", "to", "mask")
SPAN = re.compile(r"\s*(cut\s+)?(\d+(?:\.\d+)?)\s*s?\s*[-–]\s*(\d+(?:\.\d+)?)\s*s?\s*[:：]\s*(.+)", re.DOTALL)
RECTANGLE = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*")


@dataclass(frozen=True)
class Shot:
    """A card of a storyboard: what happens from `start` to `end` seconds; between cards one becomes the next."""

    start: float
    end: float
    text: str
    image: str = ""  # given at `start`
    cut: bool = False  # begins anew instead of going on from the shot before

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        put("start", number("shot start", self.start, float, 0, LONGEST))
        put("end", number("shot end", self.end, float, 0, LONGEST))
        if self.end <= self.start:
            raise ValueError(f"shot {self.start:g}-{self.end:g}s: ends before it has begun. Try '0-2s: a fox runs'.")
        put("text", clean(words("shot text", self.text), "shot text"))
        put("image", words("shot image", self.image))

    @classmethod
    def parse(cls, text: str) -> "Shot":
        """'0-2s: a fox runs', or 'cut 2-4s: snow' -> a Shot; ValueError shows the form."""
        found = SPAN.fullmatch(text)
        if not found:
            raise ValueError(f"shot {text[:40]!r}: wanted FROM-TOs: TEXT, for example '0-2s: a fox runs in the snow'.")
        return cls(float(found[2]), float(found[3]), found[4], cut=bool(found[1]))


@dataclass(frozen=True)
class Request:
    """What to film. Wrong types and values raise ValueError here, with what was wanted, before anything is loaded."""

    prompt: str  # may be empty where shots or a clip with a recipe say it
    seconds: float = 49 / 12  # 0 is a still; of an extension, a connection or a loop: of what is new; of an edit: at most
    size: str = "auto"  # square, wide, tall or WxH in pixels; auto is that of what is given, else square
    seed: int = 0
    steps: int | None = None  # None: as `quality` says
    guidance: float | None = None
    quality: str = "good"  # a key of QUALITY
    n: int = 1  # films, with seeds seed, seed + 1, ...
    language: str = "auto"  # of words put in for emoji: auto follows the prompt
    fps: float = 12  # of the file; the model films twelfths of a second, others are made of these
    negative: str = ""  # what to stay away from
    model: str = "storybook"  # or a folder with weights, or a run folder
    image: str = ""  # a file: the first frame
    last: str = ""  # a file: the end
    images: tuple[tuple[float, str], ...] = ()  # files at given seconds
    clip: str = ""  # a file to extend, loop, connect, edit, inpaint or outpaint
    extend: str = ""  # one of WAYS
    loop: bool = False  # ends where it begins
    to: str = ""  # a file that the clip becomes
    then: str = ""  # what `to` shows
    curve: str = ""  # blend instead of connect: one of CURVES, or "second:influence, ..." with influences 0..1
    strength: float | None = None  # of an edit: a key of STRENGTHS, or 0 (nothing changes) .. 1 (nothing is kept)
    mask: str = ""  # a file, white where the clip is to change, or "x,y,width,height" in its pixels
    outpaint: bool = False  # the clip keeps its shape, `size` adds to it
    shots: tuple[Shot, ...] = ()  # or as text: "0-2s: a fox runs"; the film ends with the last
    vary: float = 0.0  # 0..1: how far `seed` leads away from `seeds`
    seeds: tuple[tuple[int, float], ...] = ()  # whose noise to start from: (seed, its own `vary`), the first as a whole
    interval: tuple[float, float] = (0.1, 1.0)  # noise levels between which the prompt pulls (arXiv 2404.07724)
    expand: str = ""  # "local", or a chat service's address: the prompt is told in full first; "off": filmed as typed
    expanded: str = field(default="")  # what came of it; given, it is filmed as it stands
    lora: tuple[str, ...] = ()  # adapters put onto the model: FILE or FILE:SCALE each
    cast: tuple[tuple[str, str], ...] = ()  # a name in the prompt, known or new, and a picture file of who plays it

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        for name in FILES:
            if isinstance(getattr(self, name), os.PathLike):
                put(name, os.fspath(getattr(self, name)))
        texts = ("prompt", "negative", "size", "quality", "language", "model", "extend", "then", "curve", "expand", "expanded")
        for name in (*texts, *FILES):
            words(name, getattr(self, name))
        put("shots", tuple(map(_shot, _several("shots", self.shots))))
        self._clean_texts(put)
        if self.size.strip().lower() != "auto":
            put("size", sizes.size_text(*sizes.parse_size(self.size)))
        for name, known in (("quality", tuple(QUALITY)), ("language", LANGUAGES), ("extend", ("", *WAYS))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: wanted one of {', '.join(k for k in known if k)}.")
        put("seconds", number("seconds", self.seconds, float, 0, LONGEST))
        put("fps", number("fps", self.fps, float, 1, 60))
        put("seed", number("seed", self.seed, int, 0, 2**63 - 1))
        put("n", number("n", self.n, int, 1, 64))
        put("steps", self.steps if self.steps is None else number("steps", self.steps, int, 1, 1000))
        put("guidance", self.guidance if self.guidance is None else number("guidance", self.guidance, float, 0, 30))
        put("vary", number("vary", self.vary, float, 0, 1))
        put("strength", strength_of(self.strength))
        put("seeds", tuple(_pair("seeds", pair, int, 2**63 - 1, float, 1) for pair in _several("seeds", self.seeds)))
        put("images", tuple(_pair("images", pair, float, LONGEST, str) for pair in _several("images", self.images)))
        put("lora", tuple(words("lora", name) for name in _several("lora", self.lora)))
        put("cast", tuple(_part(pair) for pair in _several("cast", self.cast)))
        put("interval", _pair("interval", self.interval, float, 1, float, 1))
        if self.curve:
            influences(self.curve)
        check_together(self)

    def _clean_texts(self, put: Any) -> None:
        may_be_empty = self.shots or self.clip
        put("prompt", clean(self.prompt) if self.prompt.strip() or not may_be_empty else "")
        for name in ("negative", "then", "expanded"):
            text = getattr(self, name)
            put(name, clean(text, name) if text.strip() else "")
        if self.prompt:
            emoji_to_words(self.prompt, self.language)  # refuses a prompt of nothing but unknown emoji

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> "Request":
        """The request that a film's recipe records. ValueError where it is not one of ours."""
        known = {f.name for f in dataclasses.fields(cls)}
        if pieces := recipe.get("pieces"):
            ids = ", ".join(dict.fromkeys(piece["film"] for piece in pieces))
            raise ValueError(f"the film was cut from others: {ids}. Take the recipe of one of those.")
        if "prompt" not in recipe:
            raise ValueError("the recipe holds no prompt: it is not that of a generated film.")
        return cls(**{key: value for key, value in recipe.items() if key in known})

    @property
    def frames(self) -> int:
        return sizes.frames_of(self.seconds, self.fps)

    @property
    def task(self) -> str:
        """film, extend, loop, connect, blend or edit: which pattern of noise the request asks for."""
        if self.to:
            return "blend" if self.curve else "connect"
        if self.extend:
            return "extend"
        if self.loop:
            return "loop"
        return "edit" if self.clip else "film"

    def each(self) -> "list[Request]":
        """One request for each of the n films."""
        return [dataclasses.replace(self, n=1, seed=(self.seed + i) % 2**63) for i in range(self.n)]

    def like(self, vary: float, seed: int) -> "Request":
        """A variation of this film: its noise turned towards that of `seed` by `vary`, 0 (the same film) to 1 (another)."""
        if seed in (self.seed, *(known for known, _ in self.seeds)):
            raise ValueError(f"seed={seed}: is the film's own. Another one leads away from it.")
        return dataclasses.replace(self, seeds=(*self.seeds, (self.seed, self.vary)), seed=seed, vary=vary, n=1)

    def resolved(self) -> "Request":
        """The same with steps and guidance filled in from the quality."""
        preset = QUALITY[self.quality]
        steps = preset.steps if self.steps is None else self.steps
        return dataclasses.replace(self, steps=steps, guidance=preset.guidance if self.guidance is None else self.guidance)


def pull_of(request: Request, learned: float) -> float:
    """How hard a model must be pulled whose own films are already guided by `learned`, for the guidance that a request wants.

    1 costs one pass a step, all else two; a negative prompt always pulls, as it would not count else.
    """
    assert request.guidance is not None
    scale = request.guidance / learned
    return max(scale, AWAY) if request.negative and request.guidance > 1 else scale


def check_together(request: Request) -> None:
    """ValueError for controls that do not go together, or lack what they need."""
    needing = [name for name in ("extend", "to", "mask", "outpaint") if getattr(request, name)]
    needing += ["strength"] if request.strength is not None else []
    if needing and not request.clip:
        raise ValueError(f"{needing[0]}: needs a clip to work on. Give clip, the path of a film.")
    ways = {"strength": "edit", "mask": "edit"}
    done = list(dict.fromkeys(ways.get(name, name) for name in needing)) + (["loop"] if request.loop else [])
    if len(done) > 1:
        raise ValueError(f"{' and '.join(done)}: one at a time. Make the first, then go on from its file.")
    if request.clip and not done:
        raise ValueError("clip: say what becomes of it: extend, loop, to, strength, mask or outpaint.")
    placed = [name for name in ("image", "last", "images") if getattr(request, name)]
    if placed and (request.clip or request.loop):
        raise ValueError(f"{placed[0]}: goes with neither clip nor loop. Animate it first, then go on from the film.")
    if request.shots and (request.clip or request.loop or placed):
        raise ValueError("shots: go with neither clip nor loop, and bring their own images.")
    if request.curve and not request.to:
        raise ValueError("curve: blends the clip with another. Give its path as `to`.")
    if request.outpaint and request.size == "auto":
        raise ValueError("outpaint: needs the new size. Try size='wide'.")
    if request.interval[0] > request.interval[1]:
        raise ValueError(f"interval={request.interval}: wanted the lower noise level first.")
    if request.vary and not request.seeds:
        raise ValueError("vary: needs a film to vary. Use Request.like, or --like FILE.")
    if request.expand and not (request.expand in ("local", AS_IT_STANDS) or request.expand.startswith(("http://", "https://"))):
        raise ValueError(
            f"expand={request.expand[:60]!r}: wanted 'local', 'off', or the address of a chat service: http://HOST/v1."
        )
    if request.expand not in ("", AS_IT_STANDS) and request.shots:
        raise ValueError("expand: goes with one prompt, not with shots.")
    names = [name.lower() for name, _ in request.cast]
    if len(names) > MOST_CAST or len(names) > len(set(names)):
        raise ValueError(f"cast: {', '.join(names)}: wanted at most {MOST_CAST} names, each once.")
    check_shots(request.shots)


def check_shots(shots: tuple[Shot, ...]) -> None:
    """ValueError for shots out of order, one over the other, or too many."""
    if len(shots) > MOST_SHOTS:
        raise ValueError(f"{len(shots)} shots: at most {MOST_SHOTS}. Make several films.")
    for before, after in itertools.pairwise(shots):
        if after.start < before.end - 1e-9:
            raise ValueError(
                f"shots {before.start:g}-{before.end:g}s and {after.start:g}-{after.end:g}s overlap: each begins where the one "
                "before ends, or later."
            )


def influences(text: str) -> list[tuple[float, float]]:
    """The points of a curve: seconds and influence 0..1 of the second clip. CURVES give none. ValueError shows the form."""
    if text in CURVES:
        return []
    try:
        points = [(float(a), float(b)) for a, b in (part.split(":") for part in text.split(","))]
    except ValueError:
        points = []
    rising = all(a[0] < b[0] for a, b in itertools.pairwise(points))
    if not points or not rising or not all(0 <= w <= 1 and s >= 0 for s, w in points):
        raise ValueError(
            f"curve={text[:40]!r}: wanted {', '.join(CURVES)} or SECOND:INFLUENCE, ..., such as '0:0, 1:0.5, 2:1'."
        )
    return points


def strength_of(value: Any) -> float | None:
    """'mild' or a number -> 0..1. ValueError otherwise."""
    if value is None or (isinstance(value, str) and value in STRENGTHS):
        return None if value is None else STRENGTHS[value]
    try:
        level = float(value)
    except (TypeError, ValueError):
        level = -1.0
    if isinstance(value, bool) or not 0 <= level <= 1:
        raise ValueError(f"strength={value!r}: wanted {', '.join(STRENGTHS)} or a number from 0 to 1.")
    return level


def number(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    """`value` as int or float inside low..high, or a ValueError."""
    wanted = "a whole number" if kind is int else "a number"
    if isinstance(value, (bool, str)) or not hasattr(value, "__index__" if kind is int else "__float__"):
        raise ValueError(f"{name}={value!r}: wanted {wanted} from {low} to {high}.")
    figure = kind(value)
    if not low <= figure <= high:
        raise ValueError(f"{name}={value!r}: wanted {wanted} from {low} to {high}.")
    return figure


def words(name: str, value: Any) -> str:
    """`value`, which must be text."""
    if not isinstance(value, str):
        raise ValueError(f"{name}={value!r}: wanted text.")
    return value


def _several(name: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name}={value!r}: wanted a list.")
    return list(value)


def _pair(name: str, value: Any, kind: type, high: float, second: type, most: float = 0) -> tuple[Any, Any]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{name}: {value!r} is no pair.")
    first = number(name, value[0], kind, 0, high)
    if second is str:
        return first, words(name, os.fspath(value[1]) if isinstance(value[1], os.PathLike) else value[1])
    return first, number(name, value[1], second, 0, most)


def _part(value: Any) -> tuple[str, str]:
    """A name and the file of a picture."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"cast: {value!r} is no pair. Wanted a name and a file: ('fox', 'fox.png').")
    name, path = words("cast", value[0]).strip(), words("cast", os.fspath(value[1]))
    if not name or len(name) > LONGEST_NAME:
        raise ValueError(f"cast: {name[:60]!r} is no name. Wanted 1 to {LONGEST_NAME} characters, as the prompt has them.")
    return name, path


def _shot(value: Any) -> Shot:
    if isinstance(value, Shot):
        return value
    if isinstance(value, str):
        return Shot.parse(value)
    names = [f.name for f in dataclasses.fields(Shot)]
    if not isinstance(value, dict) or not {"start", "end", "text"} <= set(value) <= set(names):
        raise ValueError(f"shot {str(value)[:60]}: wanted {', '.join(names)}.")
    return Shot(**value)
