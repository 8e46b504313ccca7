"""Request -> Film: the only road to the model, for the command line, HTTP and Python alike.

    request.py   what to film, checked       takes.py, controls.py   which frames are given, how unknown the rest is
    cost.py      what it will take           sampling.py             noise -> latents, window after window
    staged.py    who is where, before        panned.py, falling.py   where the camera goes and what falls, after
    continuing.py, matching.py, surveying.py   what is new goes on from given frames: their bodies, their camera, their light
    room.py                                  a part of a clip that is painted anew, as a stage of its own
    reading.py                               what a prompt says in the words that are filmed, and notes on the rest
    casting.py, painting.py, relit.py        who plays whom, in which colours; the light of an edit

Dimension key: frames_THWC are pixels, z_BCTHW latents. Loading this does not load torch; making a film does.
"""

import base64
import dataclasses
import difflib
import functools
import hashlib
import html
import os
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base import sizes, video
from ..worlds.expand import completed
from . import reading
from .casting import check_spoken, read_sprite
from .controls import write_script
from .cost import (
    Plan,
    check_memory,
    conv_flops,
    machine_rate,
    measure,
    ruler_of,
    seconds_of,
    window_of,
)  # fmt: skip
from .expansion import AS_IT_STANDS, expand
from .request import QUALITY, STRENGTHS, Preview, Progress, Quality, Request, Shot
from .takes import Script, Take, provenance, settle

if TYPE_CHECKING:
    from torch import Tensor

    from ..models.bundle import Bundle
    from .sampling import Stage

__all__ = [
    "QUALITY", "STRENGTHS", "Film", "Model", "Plan", "Quality", "Reel", "Request", "Shot", "check_memory", "conv_flops",
    "expected_seconds", "fingerprint", "generate", "load", "load_bundle", "machine_rate", "plan", "shoot", "understand",
    "version",
]  # fmt: skip


@dataclass(frozen=True)
class Film:
    """frames_THWC uint8 and how they came to be. Shows itself in a notebook."""

    frames: np.ndarray
    fps: float
    recipe: dict[str, Any]  # enough to make the same bytes again
    notes: list[str] = field(default_factory=list)  # for people: unknown words, sizes that were never trained on
    seconds: float = 0.0  # of wall time that it took

    def save(self, path: str | os.PathLike[str] | Any, format: str | None = None) -> None:
        """Write .mp4, .webm, .gif or .png, recipe inside."""
        video.write_video(path, self.frames, self.fps, metadata=self.recipe, format=format)

    def _repr_html_(self) -> str:
        data = base64.b64encode(video.encode(self.frames, self.fps, "mp4", self.recipe)).decode()
        caption = html.escape(str(self.recipe.get("prompt", "")))
        return (
            f'<figure style="margin:0"><video autoplay loop muted controls src="data:video/mp4;base64,{data}"></video>'
            f"<figcaption>{caption}</figcaption></figure>"
        )


@dataclass(frozen=True)
class Reel:
    """A film that is made while it is read: iterate over its frames, (H, W, 3) each, once. Memory does not grow with it."""

    frames: Iterator[np.ndarray]
    count: int  # frames in all
    fps: float
    recipe: dict[str, Any]
    notes: list[str]
    plan: Plan  # what it takes

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.frames


class Model:
    """A loaded model, with adapters on it or without. `generate` returns a Film, or a list of n of them."""

    def __init__(self, model: str = "storybook", bundle: "Bundle | None" = None, lora: Sequence[str] = ()):
        self.name, self.lora = model, tuple(lora)
        self.bundle = bundle if bundle is not None else load_bundle(model, self.lora)

    def generate(
        self, prompt: str = "", *, on_step: Progress | None = None, on_preview: Preview | None = None, **options: Any
    ) -> "Film | list[Film]":
        """Film a prompt; `options` are the other fields of Request."""
        _check_names(options)
        request = Request(prompt, **{"model": self.name, "lora": self.lora, **options})
        bundle = self.bundle if request.lora == self.lora else load_bundle(self.name, request.lora)
        films = [generate(one, bundle, on_step, on_preview) for one in request.each()]
        return films[0] if request.n == 1 else films

    def vary(self, film: "Film", vary: float = 0.3, seed: int = 1, **options: Any) -> "Film | list[Film]":
        """A variation of a film; 0 is the same, 1 another of the same prompt."""
        request = Request.from_recipe(film.recipe).like(vary, seed)
        return generate(dataclasses.replace(request, **options), self.bundle)


def load(model: str = "storybook", lora: Sequence[str] = ()) -> Model:
    """The shipped model, or the weights in a folder (a run's folder too), with adapters: FILE or FILE:SCALE each."""
    return Model(model, lora=lora)


@functools.lru_cache(maxsize=2)
def load_bundle(model: str, lora: tuple[str, ...] = ()) -> "Bundle":
    """Weights by the name or folder that a Request's `model` gives, and its `lora`; the last two stay loaded, for all who ask:
    nobody may write to them.

    A model with adapters shares what they leave alone with the model without, which stays as it was.
    """
    loaded = _load(model, lora)
    _FINGERPRINTS[loaded.dit] = fingerprint(loaded)
    return loaded


def _load(model: str, lora: tuple[str, ...]) -> "Bundle":
    from ..models import bundle

    if not lora:
        return bundle.load_bundle(model)
    from ..models.lora import load_adapter, merged, parse

    named = [parse(text) for text in lora]
    return merged(load_bundle(model, ()), [(load_adapter(path), scale) for path, scale in named])


def generate(
    request: Request, bundle: "Bundle | None" = None, on_step: Progress | None = None, on_preview: Preview | None = None
) -> Film:
    """Make one film. `on_step(done, steps)` is called before the first step and after each; `on_preview(frames_THWC)` after
    each, with small pictures of what takes shape; where it has a method `due`, only when that says so.

    The same request, files, weights and machine give the same frames. OSError or ValueError for what cannot be filmed,
    MemoryError where the machine has too little free memory; nothing has been computed then.
    """
    began = time.perf_counter()
    reel = shoot(request, bundle, on_step, on_preview, held=True)
    frames = np.stack(list(reel))
    return Film(frames, reel.fps, reel.recipe, reel.notes, time.perf_counter() - began)


def shoot(
    request: Request,
    bundle: "Bundle | None" = None,
    on_step: Progress | None = None,
    on_preview: Preview | None = None,
    held: bool = False,
) -> Reel:
    """The same frame by frame, for films of any length: everything is checked now, filming begins with the first frame.
    `held`: all frames will be kept at once, and must find room."""
    if request.n != 1:
        raise ValueError(f"n={request.n}: generate() makes one film. Loop over request.each().")
    bundle = bundle if bundle is not None else load_bundle(request.model, request.lora)
    asked = expand(settle(request).resolved())
    request = as_filmed(asked, bundle)
    script = write_script(request, ruler_of(bundle), window_of(bundle))
    planned = measure(script, request, bundle, asked.fps)
    check_memory(planned, held)
    weights, bundle = fingerprint(bundle), _with_cast(bundle, request)
    script, notes = _in_its_words(script, request, bundle)
    check_spoken(request.cast, (prompt for take in script.takes for prompt in take.prompts), bundle.vocabulary)
    notes += _remarks(asked, planned, bundle)
    bundle = _painted(bundle, (prompt for take in script.takes for prompt in take.prompts), request)
    recipe = {**dataclasses.asdict(asked), "skyloom": version(), "weights": weights}
    inputs = script.inputs | {path: provenance(path) for _, path in request.cast}
    recipe |= {"inputs": inputs} if inputs else {}
    frames = _frames(script, request, bundle, on_step or (lambda done, steps: None), on_preview)
    count = script.frames
    if asked.fps != request.fps and count > 1:
        from ..base.retiming import count_at, retimed

        frames, count = retimed(frames, request.fps, asked.fps, asked.loop), count_at(count, request.fps, asked.fps)
    return Reel(frames, count, asked.fps, recipe, notes, planned)


def as_filmed(request: Request, bundle: "Bundle") -> Request:
    """The request at the rate at which the model has learned how fast things go: others are made of its frames."""
    return dataclasses.replace(request, fps=bundle.config.fps)


def plan(request: Request, bundle: "Bundle") -> Plan:
    """Sizes and peak memory of a film. OSError or ValueError for what cannot be filmed."""
    asked = settle(request).resolved()
    request = as_filmed(asked, bundle)
    return measure(write_script(request, ruler_of(bundle), window_of(bundle)), request, bundle, asked.fps)


def expected_seconds(request: Request, bundle: "Bundle") -> float:
    """Rough wall time of a film on this machine."""
    return seconds_of(plan(request, bundle), request.resolved(), bundle)


def understand(prompt: str, request: Request, bundle: "Bundle") -> tuple[str, list[str]]:
    """The prompt as the model reads it, and notes for people on what it cannot know."""
    own, untouched = [name for name, _ in request.cast], request.expand == AS_IT_STANDS
    found = reading.read(prompt, bundle.vocabulary, bundle.config.text.max_tokens, request.language, own, untouched)
    return found.prompt, found.notes


def _in_its_words(script: Script, request: Request, bundle: "Bundle") -> tuple[Script, list[str]]:
    """The script with prompts as the model reads them, and all notes on it."""
    notes, parts = [f"expanded: {request.expanded}"] if request.expanded else [], []
    notes += understand(request.prompt, request, bundle)[1] if request.expanded else []
    said: list[str] = []
    for part in script.parts:
        if isinstance(part, Take):
            read = [understand(prompt, request, bundle) for prompt in part.prompts]
            notes += [note for _, found in read for note in found]
            prompts = [prompt for prompt, _ in read]
            if part.given is None and request.expand != AS_IT_STANDS:
                for i, prompt in enumerate(prompts):
                    prompts[i], more = _completed(prompt, said, request, bundle)
                    said.append(prompts[i])
                    notes += more
            part = dataclasses.replace(part, prompts=tuple(prompts), was=understand(part.was, request, bundle)[0])
        parts.append(part)
    return dataclasses.replace(script, parts=tuple(parts)), list(dict.fromkeys([*notes, *script.notes]))


def _completed(prompt: str, said: list[str], request: Request, bundle: "Bundle") -> tuple[str, list[str]]:
    """The prompt with what it leaves open of place, light and weather, where the model has words for it; and a note of that.

    Films of short prompts are pale without: what captions left open was all sorts of things, and the model draws their mean.
    """
    full, more = completed(prompt, request.seed, tuple(said))
    if not more or bundle.vocabulary.unknown(more) or len(bundle.vocabulary.encode(full)) > bundle.config.text.max_tokens:
        return prompt, []
    return full, [f"filled in: {more}"]


def _with_cast(bundle: "Bundle", request: Request) -> "Bundle":
    """The model with the request's pictures in its memory."""
    if not request.cast:
        return bundle
    sprites = [(name, read_sprite(path)) for name, path in request.cast]
    from ..models.looks import with_cast

    return with_cast(bundle, sprites)


def _painted(bundle: "Bundle", prompts: Iterable[str], request: Request) -> "Bundle":
    """The model with its looks in the colours that the prompts ask for; a cast of one's own keeps its colours."""
    from .painting import as_told

    return as_told(bundle, prompts, (name for name, _ in request.cast))


def _remarks(request: Request, planned: Plan, bundle: "Bundle") -> list[str]:
    """Notes on sizes, rates and lengths that the model was never trained on."""
    c = bundle.config
    notes = []
    if request.fps != c.fps and planned.frames > 1:
        made = "some are left out" if request.fps < c.fps else "others are interpolated between them"
        notes.append(f"filmed at the {c.fps} frames a second of training: for {request.fps:g}, {made}")
    trained = {(bucket.height, bucket.width) for bucket in c.model.buckets}
    height, width = sizes.parse_size(request.size)
    shown = ", ".join(sizes.size_text(*size) for size in sorted(trained))
    if (height, width) not in trained:
        areas = height * width / max(rows * columns for rows, columns in trained)
        beyond = f": {areas:.1f} times the largest area, expect things twice and soft edges" if areas > 4 else ""
        notes.append(f"size {request.size} is not one of those trained on ({shown}){beyond}")
    longest = 1 + (window_of(bundle) - 1) * c.vae.time_stride
    if planned.frames > longest and planned.window < planned.tokens:
        notes.append(f"longer than the {longest} frames that the model was trained on: filmed window after window")
    return notes


def version() -> str:
    try:
        return metadata.version("skyloom")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


def fingerprint(bundle: "Bundle") -> str:
    """Short name of a model's exact weights; recipes carry it. Of models of `load_bundle` it is kept: it takes as long as some
    steps of a still."""
    if known := _FINGERPRINTS.get(bundle.dit):
        return known
    digest = hashlib.sha256()
    for module in (bundle.vae, bundle.dit, *filter(None, (bundle.staging, bundle.tempo, bundle.verifier, bundle.air))):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    for name, film in sorted(bundle.loops.films.items()) if bundle.loops is not None else ():
        digest.update(name.encode() + film)
    return digest.hexdigest()[:12]


_FINGERPRINTS: "weakref.WeakKeyDictionary[Any, str]" = weakref.WeakKeyDictionary()  # of weights that nobody trains


def same_weights(bundle: "Bundle", copy: "Bundle") -> None:
    """Note that a copy has the weights of a model, so that nobody adds them up again."""
    _FINGERPRINTS[copy.dit] = fingerprint(bundle)


def _frames(
    script: Script, request: Request, bundle: "Bundle", on_step: Progress, on_preview: Preview | None
) -> Iterator[np.ndarray]:
    """The film, frame after frame, at the wanted size."""
    from . import sampling

    config, window = bundle.config, window_of(bundle)
    cells = script.height // config.vae.stride, script.width // config.vae.stride
    assert request.steps is not None
    steps = request.steps * sum(len(sampling.windows_of(take, window)) for take in script.takes)
    noise = sampling.Noise(request, config.vae.channels, cells)
    stage = sampling.Stage(request, bundle, noise, window, on_step, on_preview, steps)
    height, width = sizes.parse_size(request.size)
    top, left = (script.height - height) // 2, (script.width - width) // 2
    on_step(0, steps)
    leading: list[Take] = []
    for part in script.parts:
        if not isinstance(part, Take):
            yield from part
        elif part.leads:
            leading.append(part)
        else:
            frames = _filmed(part, stage)
            while leading:
                frames = _led(leading.pop(), list(frames), stage)
            for frame in frames:
                yield np.ascontiguousarray(frame[top : top + height, left : left + width])


def _led(take: Take, after: list[np.ndarray], stage: "Stage") -> Iterator[np.ndarray]:
    """A take that leads into frames which are there already, and these."""
    assert take.given is not None
    given = np.concatenate([take.given[: -take.leads], after[: take.leads]])
    yield from _filmed(dataclasses.replace(take, given=given), stage)
    yield from after[take.leads :]


def _filmed(take: Take, stage: "Stage") -> Iterator[np.ndarray]:
    """The frames of a take, on its canvas."""
    from . import sampling

    return _pasted(take, _shown(sampling.films(take, stage)))


def _pasted(take: Take, drawn: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames that a take keeps, with what is given shown over what was drawn."""
    for i, frame in enumerate(drawn, 1 if take.ring else 0):
        if i >= take.keep[1]:
            return
        if i < take.keep[0]:
            continue
        if take.paste is not None and take.given is not None and (share := take.paste[i]).any():
            frame = (share * take.given[i] + (1 - share) * frame).round().astype(np.uint8)
        yield frame


def _shown(parts: "Iterator[Tensor]") -> Iterator[np.ndarray]:
    """Parts of a film -> frames (H, W, 3), whatever the length."""
    from ..models.vae import to_frames

    for part in parts:
        yield from to_frames(part)


def _check_names(options: dict[str, Any]) -> None:
    names = [f.name for f in dataclasses.fields(Request)]
    for option in options:
        if option not in names:
            near = difflib.get_close_matches(option, names, n=1)
            raise ValueError(
                f"no option {option!r}." + (f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names)}.")
            )
