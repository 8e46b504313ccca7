"""Request -> Film: the only road to the model, for the command line, HTTP and Python alike.

Dimension key: B films (2 while guided), C latent channels, T H W latent frames, rows, columns; frames_THWC are pixels.
Loading this file does not load torch; making a film does.
"""

import base64
import dataclasses
import difflib
import functools
import hashlib
import html
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import sizes, video
from .base.sizes import Ruler
from .worlds.prompt import clean, emoji_to_words

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .models.bundle import Bundle


@dataclass(frozen=True)
class Quality:
    steps: int
    guidance: float  # how hard the prompt pulls; 1 is off and twice as fast


QUALITY = {"fast": Quality(8, 3.0), "good": Quality(20, 3.0), "best": Quality(40, 3.0)}
GUIDED = (0.1, 1.0)  # noise levels between which the prompt pulls (arXiv 2404.07724)
SHIFT = 2.0  # of the sampling times towards noise, where films take shape
LANGUAGES = ("auto", "en", "zh")
DECODED_AT_ONCE = 3  # latent frames: bounds the decoder's memory, whatever the length
PROCESS_BYTES = 330_000_000  # Python, torch and the codecs before any weight is loaded
SCORE_BYTES = 4  # of one attention score, before and after the softmax
TOKEN_BYTES = 60  # of one channel of one token inside a block
PIXEL_BYTES = 160  # of the decoder's widest activations, for one pixel of the frames drawn at once
Progress = Callable[[int, int], object]  # steps done, steps in all


@dataclass(frozen=True)
class Request:
    """What to film. Wrong types and values raise ValueError here, with what was wanted, before anything is loaded."""

    prompt: str
    seconds: float = 49 / 12  # 0 is a still
    size: str = "square"  # square, wide, tall or WxH in pixels
    seed: int = 0
    steps: int | None = None  # None: as `quality` says
    guidance: float | None = None
    quality: str = "good"  # a key of QUALITY
    n: int = 1  # films, with seeds seed, seed + 1, ...
    language: str = "auto"  # of words put in for emoji: auto follows the prompt
    fps: float = 12  # of the file; the model thinks in twelfths of a second
    negative: str = ""  # what to stay away from
    model: str = "storybook"  # or a folder with weights, or a run folder

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        for name in ("prompt", "negative", "size", "quality", "language", "model"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name}={getattr(self, name)!r}: wanted text.")
        put("prompt", clean(self.prompt))
        put("negative", clean(self.negative, "negative") if self.negative.strip() else "")
        emoji_to_words(self.prompt, self.language)  # refuses a prompt of nothing but unknown emoji
        put("size", sizes.size_text(*sizes.parse_size(self.size)))
        for name, known in (("quality", tuple(QUALITY)), ("language", LANGUAGES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r}: wanted one of {', '.join(known)}.")
        put("seconds", _number("seconds", self.seconds, float, 0, 60))
        put("fps", _number("fps", self.fps, float, 1, 60))
        put("seed", _number("seed", self.seed, int, 0, 2**63 - 1))
        put("n", _number("n", self.n, int, 1, 64))
        put("steps", self.steps if self.steps is None else _number("steps", self.steps, int, 1, 1000))
        put("guidance", self.guidance if self.guidance is None else _number("guidance", self.guidance, float, 0, 30))

    @classmethod
    def from_recipe(cls, recipe: dict[str, Any]) -> "Request":
        """The request that a film's recipe records. ValueError where it is not one of ours."""
        known = {f.name for f in dataclasses.fields(cls)}
        if "prompt" not in recipe:
            raise ValueError("the recipe holds no prompt: it is not that of a generated film.")
        return cls(**{key: value for key, value in recipe.items() if key in known})

    @property
    def frames(self) -> int:
        return sizes.frames_of(self.seconds, self.fps)

    def each(self) -> "list[Request]":
        """One request for each of the n films."""
        return [dataclasses.replace(self, n=1, seed=(self.seed + i) % 2**63) for i in range(self.n)]

    def resolved(self) -> "Request":
        """The same with steps and guidance filled in from the quality."""
        preset = QUALITY[self.quality]
        steps = preset.steps if self.steps is None else self.steps
        return dataclasses.replace(self, steps=steps, guidance=preset.guidance if self.guidance is None else self.guidance)


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
class Plan:
    """What a request will take on a model, before it is begun."""

    frames: int  # as the model makes them: cut to what was asked afterwards
    height: int
    width: int
    tokens: int
    bytes: int  # peak memory


class Model:
    """A loaded model. `generate` returns a Film, or a list of n of them."""

    def __init__(self, model: str = "storybook", bundle: "Bundle | None" = None):
        self.name = model
        self.bundle = bundle if bundle is not None else load_bundle(model)

    def generate(self, prompt: str, *, on_step: Progress | None = None, **options: Any) -> "Film | list[Film]":
        """Film a prompt; `options` are the other fields of Request."""
        _check_names(options)
        request = Request(prompt, **{"model": self.name, **options})
        films = [generate(one, self.bundle, on_step) for one in request.each()]
        return films[0] if request.n == 1 else films


def load(model: str = "storybook") -> Model:
    """The shipped model, or the weights in a folder (a run's folder too)."""
    return Model(model)


@functools.lru_cache(maxsize=1)
def load_bundle(model: str) -> "Bundle":
    """Weights by the name or folder that a Request's `model` gives; the last one stays loaded."""
    from .models import bundle

    return bundle.load_bundle(model)


def generate(request: Request, bundle: "Bundle | None" = None, on_step: Progress | None = None) -> Film:
    """Make one film. `on_step(done, steps)` is called before the first step and after each.

    The same request, weights and machine give the same frames. ValueError for what the model cannot film, MemoryError
    where the machine has too little free memory; nothing has been computed then.
    """
    began = time.perf_counter()
    if request.n != 1:
        raise ValueError(f"n={request.n}: generate() makes one film. Loop over request.each().")
    bundle = bundle if bundle is not None else load_bundle(request.model)
    request = request.resolved()
    planned = plan(request, bundle)
    check_memory(planned)
    prompt, notes = understand(request, bundle)
    z_BCTHW = _dream(request, prompt, planned, bundle, on_step or (lambda done, steps: None))
    frames = _crop(_draw(z_BCTHW, bundle), request)
    recipe = {**dataclasses.asdict(request), "skyloom": version(), "weights": fingerprint(bundle)}
    return Film(frames, request.fps, recipe, notes, time.perf_counter() - began)


def plan(request: Request, bundle: "Bundle") -> Plan:
    """Sizes and peak memory of a film. ValueError where it is longer than the model was trained for."""
    config = bundle.config
    longest = max(bucket.frames for bucket in config.model.buckets)
    if request.frames > longest:
        raise ValueError(
            f"seconds={request.seconds:g} at {request.fps:g} fps is {request.frames} frames: the model {config.name!r} films "
            f"up to {longest}. Try seconds={int(100 * longest / request.fps) / 100:g}."
        )
    ruler = Ruler(config.vae.time_stride, config.vae.stride, (1, config.dit.patch, config.dit.patch))
    frames, height, width = ruler.cover(request.frames, *sizes.parse_size(request.size))
    tokens = ruler.tokens(frames, height, width)
    seen = tokens + config.text.max_tokens
    weights = sum(4 * p.numel() for module in (bundle.vae, bundle.dit) for p in module.parameters())
    thinking = 2 * tokens * (config.dit.heads * seen * SCORE_BYTES + config.dit.width * TOKEN_BYTES)  # 2: guided
    drawn = min(frames, DECODED_AT_ONCE * config.vae.time_stride)
    drawing = PIXEL_BYTES * drawn * height * width + 3 * 5 * frames * height * width
    return Plan(frames, height, width, tokens, PROCESS_BYTES + weights + max(thinking, drawing))


def check_memory(planned: Plan) -> None:
    """MemoryError where the machine has less free memory than the film takes."""
    free = sizes.free_memory()
    if free and planned.bytes - PROCESS_BYTES > free:
        raise MemoryError(
            f"{planned.frames} frames at {planned.width}x{planned.height} take {sizes.human_bytes(planned.bytes)} of memory, "
            f"but {sizes.human_bytes(free)} are free. Try a smaller size or fewer seconds."
        )


def expected_seconds(request: Request, bundle: "Bundle") -> float:
    """Rough wall time of a film on this machine, from its FLOPs and a short trial of the CPU."""
    import torch

    request, planned, c = request.resolved(), plan(request, bundle), bundle.config
    width = c.dit.width
    step = sizes.transformer_flops(planned.tokens, width, c.dit.depth, mlp_width=c.dit.hidden, text_tokens=c.text.max_tokens)
    step += sizes.local_flops(planned.tokens * c.dit.patch**2, c.vae.channels, c.dit.local_width, c.dit.local_depth)
    steps = (request.steps or 0) * (1 if request.guidance == 1 else 2)
    with torch.inference_mode():
        cells = torch.zeros(1, c.vae.channels, 1, c.dit.patch, c.dit.patch)
        decode = conv_flops(bundle.vae, lambda: bundle.vae.decode(cells)) * planned.tokens
    return (steps * step + decode) / (0.4 * machine_rate())  # large products reach the trial's rate, the rest does not


def conv_flops(module: "nn.Module", use: Callable[[], object]) -> int:
    """Operations of the module's convolutions and linear maps while `use` runs; no data is looked at, so "meta" will do."""
    from torch import nn

    from .models.layers import Conv

    counts = []
    count = lambda layer, _, out: counts.append(2 * out.numel() * layer.weight[0].numel())  # noqa: E731
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.Linear, Conv))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        use()
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)


@functools.cache
def machine_rate() -> float:
    """FLOPs a second of a bfloat16 matrix product on this machine's CPU."""
    import torch

    a = torch.ones(512, 512, dtype=torch.bfloat16)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - began)
    return 2 * 512**3 / min(times)


def understand(request: Request, bundle: "Bundle") -> tuple[str, list[str]]:
    """The prompt as the model reads it, and notes for people on what it cannot know."""
    c = bundle.config
    prompt, wordless = emoji_to_words(request.prompt, request.language)
    notes = [f"no word for {emoji}: left out" for emoji in wordless]
    for word, near in bundle.vocabulary.unknown(prompt).items():
        notes.append(f"unknown word {word!r}" + (f", the nearest known is {near!r}" if near else ", nothing known is near"))
    if (length := len(bundle.vocabulary.encode(prompt))) > c.text.max_tokens:
        notes.append(
            f"long prompt: of {length} tokens (a word, or a letter of an unknown one) the first {c.text.max_tokens} are read"
        )
    if request.fps != c.fps:
        notes.append(
            f"at {request.fps:g} fps things move {request.fps / c.fps:.2g} times as fast as at the {c.fps} of training"
        )
    trained = [sizes.size_text(bucket.height, bucket.width) for bucket in c.model.buckets]
    if request.size not in trained:
        notes.append(f"size {request.size} is not one of those trained on ({', '.join(dict.fromkeys(trained))})")
    return prompt, notes


def version() -> str:
    try:
        return metadata.version("skyloom")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


def fingerprint(bundle: "Bundle") -> str:
    """Short name of a model's exact weights; recipes carry it."""
    digest = hashlib.sha256()
    for module in (bundle.vae, bundle.dit):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().float().numpy().tobytes())
    return digest.hexdigest()[:12]


def _dream(request: Request, prompt: str, planned: Plan, bundle: "Bundle", on_step: Progress) -> "Tensor":
    """Noise -> z_BCTHW of one film."""
    import torch

    from .diffusion import patterns, sampler
    from .models.bundle import autocast

    c = bundle.config
    assert request.steps is not None and request.guidance is not None
    device = next(bundle.dit.parameters()).device
    cells = planned.height // c.vae.stride, planned.width // c.vae.stride
    shape = (1, c.vae.channels, 1 + (planned.frames - 1) // c.vae.time_stride, *cells)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(request.seed)).to(device)
    with torch.inference_mode(), autocast(device):
        alone, both = bundle.read([prompt]), bundle.read([prompt, request.negative])
        velocity = sampler.guided(
            lambda z, t: bundle.dit(z, t, *alone), lambda z, t: bundle.dit(z, t, *both), request.guidance, GUIDED
        )
        times = sampler.schedule(request.steps, SHIFT)
        films = sampler.sample(velocity, noise, patterns.unknown(shape), times)
        for done in range(request.steps):
            on_step(done, request.steps)
            z = next(films)
    on_step(request.steps, request.steps)
    return z


def _draw(z_BCTHW: "Tensor", bundle: "Bundle") -> np.ndarray:
    """z_BCTHW of one film -> frames_THWC, a few latent frames at a time."""
    import torch

    from .models.bundle import autocast

    with torch.inference_mode(), autocast(z_BCTHW.device):
        parts = bundle.vae.decode_stream(z_BCTHW.split(DECODED_AT_ONCE, dim=2))
        drawn = [
            ((part[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy() for part in parts
        ]
    return np.concatenate(drawn)


def _crop(frames: np.ndarray, request: Request) -> np.ndarray:
    """The wanted frames, and the middle of each at the wanted size."""
    height, width = sizes.parse_size(request.size)
    top, left = (frames.shape[1] - height) // 2, (frames.shape[2] - width) // 2
    return np.ascontiguousarray(frames[: request.frames, top : top + height, left : left + width])


def _number(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    """`value` as int or float inside low..high, or a ValueError."""
    wanted = "a whole number" if kind is int else "a number"
    if isinstance(value, (bool, str)) or not hasattr(value, "__index__" if kind is int else "__float__"):
        raise ValueError(f"{name}={value!r}: wanted {wanted} from {low} to {high}.")
    number = kind(value)
    if not low <= number <= high:
        raise ValueError(f"{name}={value!r}: wanted {wanted} from {low} to {high}.")
    return number


def _check_names(options: dict[str, Any]) -> None:
    names = [f.name for f in dataclasses.fields(Request)]
    for option in options:
        if option not in names:
            near = difflib.get_close_matches(option, names, n=1)
            raise ValueError(
                f"no option {option!r}." + (f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names)}.")
            )
