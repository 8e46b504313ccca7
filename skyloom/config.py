"""Every setting of Skyloom, as frozen dataclasses. A config says only what is free; the rest is derived.

`override(config, "train.lr", "3e-4")` returns a changed copy, `to_json` and `from_json` are strict round trips.
"""

import dataclasses
import difflib
import json
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class VAEConfig:
    """Spacetime tokenizer: 4 frames x 16 x 16 pixels -> one latent cell of `channels` numbers; the first frame alone."""

    channels: int = 96  # C
    decoder_widths: tuple[int, ...] = (96, 192, 320)  # at strides 4, 8, 16
    decoder_depths: tuple[int, ...] = (2, 3, 3)  # residual blocks at each

    @property
    def stride(self) -> int:
        """Pixels per latent cell, along height and width."""
        return 4 * 2 ** (len(self.decoder_widths) - 1)

    time_stride: typing.ClassVar[int] = 4  # frames per latent frame, after the first


@dataclass(frozen=True)
class TextConfig:
    """Bilingual prompt encoder, trained jointly with the transformer."""

    width: int = 256  # E
    depth: int = 4
    heads: int = 4
    max_tokens: int = 128  # L
    looks: int = 0  # of how many nouns the model remembers a picture


@dataclass(frozen=True)
class DiTConfig:
    """Diffusion transformer over 2x2 patches of latent cells, between convolutions over the cells."""

    width: int = 384  # D
    depth: int = 10
    head_dim: int = 128  # K; 128 keeps the CPU's matrix units busy (facts: 3x over 64)
    patch: int = 2
    local_width: int = 192  # G, of the convolutions over single cells, before and after the transformer
    local_depth: int = 2  # blocks before, and as many after
    layout: bool = False  # whether the cells are shown the layout of a film that was staged (models/layout)

    @property
    def heads(self) -> int:  # A
        return self.width // self.head_dim

    @property
    def hidden(self) -> int:
        """Width of the SwiGLU, 8/3 D rounded up to 128."""
        return -(-self.width * 8 // 3 // 128) * 128


@dataclass(frozen=True)
class StagingConfig:
    """The small transformer that says who stands where before a film is painted (models/staging), and how it learns."""

    depth: int = 0  # blocks; 0: the model has none
    width: int = 192  # D
    head_dim: int = 64
    text_depth: int = 1  # blocks of its own over the prompt as the large model's encoder reads it
    steps: int = 4000
    batch: int = 64  # scenes a step
    lr: float = 2e-3
    warmup: int = 50
    decay: float = 0.5  # the last fraction of the steps, linearly to zero
    weight_decay: float = 0.01
    shift: float = 4.0  # of the noise levels, as in ModelTrain: which way somebody goes is settled above 0.8
    uniform: float = 0.3
    absent: float = 0.2  # weight of rows of bodies that are not there
    dense: tuple[float, ...] = (0.05, 0.15, 0.8)  # share of tag, sentence and dense captions: which way, only long ones say
    seed: int = 0


@dataclass(frozen=True)
class TempoConfig:
    """The small transformer that says how bodies go between the moments of a plan (models/tempo), and how it learns."""

    depth: int = 0  # blocks; 0: the model has none
    width: int = 128  # D
    heads: int = 4
    steps: int = 3000
    batch: int = 64  # scenes a step
    lr: float = 1e-3
    warmup: int = 50
    decay: float = 0.5  # the last fraction of the steps, linearly to zero
    weight_decay: float = 0.01
    noise: float = 0.05  # the most that is added to what it is shown, in deviations: plans that are drawn are never exact
    pace: float = 2.0  # weight of what changes from frame to frame, next to where bodies are
    seed: int = 0


@dataclass(frozen=True)
class VerifierConfig:
    """The small transformer that says of plans whether they show what prompts ask for (models/verifier), and how it learns."""

    depth: int = 0  # blocks; 0: the model has none
    width: int = 64  # D
    heads: int = 4
    text_depth: int = 2  # blocks over the prompt
    actions: int = 19  # A, of worlds.scene.ACTIONS
    cameras: int = 10  # C, of worlds.scene.CAMERAS
    steps: int = 6000
    batch: int = 64  # scenes a step
    lr: float = 2e-3
    warmup: int = 50
    decay: float = 0.5  # the last fraction of the steps, linearly to zero
    weight_decay: float = 0.01
    noise: float = 0.1  # the most that is added to what it is shown, in deviations: plans that are drawn are never exact
    seed: int = 0


@dataclass(frozen=True)
class AirConfig:
    """What a model remembers of what falls and drifts through a film (models/air)."""

    particles: int = 0  # of each kind, by day and at night; 0: the model has none
    frames: int = 48  # of a round, after which each sways as before
    seed: int = 0


@dataclass(frozen=True)
class TokenizerTrain:
    """How the tokenizer learns. One step = `batch` crops of `frames` x `crop` x `crop` pixels."""

    steps: int = 6000
    batch: int = 8
    crop: int = 96
    frames: int = 9
    lr: float = 1e-3
    warmup: int = 200
    decay: float = 0.35  # the last fraction of the steps, linearly to zero
    pool: int = 3000  # clips drawn once and cropped many times
    pool_size: int = 256  # pixels a side
    haar: float = 1.0  # weights of the losses, next to L1
    square: float = 0.0
    temporal: float = 0.3
    noise: float = 0.03  # the most that is added to half of the latents
    actor_weight: float = 2.0  # added to the pixel weight under an actor
    seed: int = 0


@dataclass(frozen=True)
class Bucket:
    """One shape of training clip and its share of the training samples in each phase."""

    frames: int
    height: int
    width: int
    clips: int  # how many to draw and encode
    batch: int  # clips a step
    window: int = 0  # learn from windows of so many cells a side around the actor of scenes that have only one


@dataclass(frozen=True)
class ModelTrain:
    """How the transformer learns. `phases` are (first step, share of each bucket in the order of `buckets`)."""

    steps: int = 40000
    buckets: tuple[Bucket, ...] = (
        Bucket(1, 256, 256, 40000, 64),
        Bucket(17, 256, 256, 8000, 16),
        Bucket(49, 256, 256, 2000, 6),
    )
    phases: tuple[tuple[int, tuple[float, ...]], ...] = ((0, (1.0, 0.0, 0.0)), (3000, (0.2, 0.6, 0.2)))
    lr: float = 1e-3  # of AdamW (vectors, embeddings) and, RMS-matched, of Muon (matrices)
    warmup: int = 200
    decay: float = 0.2
    weight_decay: float = 0.01
    shift: float = 1.4  # of the logit-normal noise levels, sqrt(numbers / 4096)
    uniform: float = 0.15  # share of uniform noise levels
    drop_text: float = 0.1
    actor_weight: float = 2.0
    places_weight: float = 0.3  # of the loss of what is said of where the looks are
    told: float = 0.5  # share of clips in which the sketch is the true one, so that the other half learns to trust it
    seen: float = 0.85  # share of these whose camera is known, too, by a model that is shown layouts
    posed: float = 0.5  # share of clips whose layouts show bodies as they stand in that moment (train/layouts)
    guidance: float = 1.0  # of a scale above 1, what guidance would add is learned too (train/model.learned_guidance)
    guided_after: float = 0.0  # share of the run before that is learned: it takes a third of a step
    keep_text: bool = False  # the prompt's encoder stays as it is, so that the staging, which reads through it, stays good
    clip_grad: float = 1.0
    patterns: tuple[float, ...] = (0.45, 0.25, 0.10, 0.10, 0.10)  # equal, prefix, both ends, ramp, independent
    dense: tuple[float, ...] = (0.2, 0.5, 0.3)  # share of tag, sentence and dense captions
    chinese: float = 0.4  # share of Chinese captions
    seed: int = 0


@dataclass(frozen=True)
class ProbeConfig:
    """The network that reads a clip back into its record, and how it learns. `phases` as in ModelTrain."""

    width: int = 64  # of the first level of its picture network; later levels have 2 and 3 times as much
    size: int = 128  # pixels of the short side that it looks at
    steps: int = 2300
    buckets: tuple[Bucket, ...] = (
        Bucket(1, 128, 128, 24000, 96),
        Bucket(17, 128, 128, 4000, 12),
        Bucket(49, 128, 128, 1600, 8),
        Bucket(17, 128, 224, 400, 6),
        Bucket(17, 224, 128, 400, 6),
    )
    phases: tuple[tuple[int, tuple[float, ...]], ...] = (
        (0, (1.0, 0.0, 0.0, 0.0, 0.0)),
        (1000, (0.3, 0.42, 0.2, 0.04, 0.04)),
    )
    lr: float = 4e-3
    warmup: int = 100
    decay: float = 0.4
    weight_decay: float = 0.02
    soften: float = 0.6  # share of clips that are blurred, re-scaled or grainy, as films from a tokenizer are
    seed: int = 0


@dataclass(frozen=True)
class Config:
    """A whole model and the way it is trained."""

    name: str = "storybook"
    vae: VAEConfig = field(default_factory=VAEConfig)
    text: TextConfig = field(default_factory=TextConfig)
    dit: DiTConfig = field(default_factory=DiTConfig)
    staging: StagingConfig = field(default_factory=StagingConfig)
    tempo: TempoConfig = field(default_factory=TempoConfig)
    verifier: VerifierConfig = field(default_factory=VerifierConfig)
    air: AirConfig = field(default_factory=AirConfig)
    tokenizer: TokenizerTrain = field(default_factory=TokenizerTrain)
    model: ModelTrain = field(default_factory=ModelTrain)
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    fps: int = 12
    trained: int = 0  # steps behind the weights, with those of the model that they began from; training counts them
    laid_above: float = 0.0  # noise level above which remembered pictures lie over what takes shape (models/overlay); 1: never
    steady_below: float = 0.6  # noise level below which what stands still is drawn once (models/steady); 0: never


def unaided(config: Config) -> Config:
    """The config of a model that learned from other footage: what helps the storybook's films would spoil its own."""
    alone = dataclasses.replace(
        config, staging=StagingConfig(), tempo=TempoConfig(), verifier=VerifierConfig(), air=AirConfig()
    )
    return dataclasses.replace(alone, laid_above=1.0, steady_below=0.0)


def override(config: T, path: str, text: str) -> T:
    """A copy of `config` with the field at dotted `path` set to `text`, read as the field's type.

    Raises ValueError naming the nearest field for an unknown one, or the wanted type for text that does not fit.
    """
    key, _, rest = path.partition(".")
    names = [f.name for f in dataclasses.fields(config)]  # type: ignore[arg-type]
    if key not in names:
        near = difflib.get_close_matches(key, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" It has: {', '.join(names)}."
        raise ValueError(f"{type(config).__name__} has no setting {key!r}.{hint}")
    old = getattr(config, key)
    if rest and not dataclasses.is_dataclass(old):
        raise ValueError(f"{path!r}: {key!r} is a value, it has no settings of its own.")
    new = override(old, rest, text) if rest else _parse(path, type(config), key, text)
    return dataclasses.replace(config, **{key: new})  # type: ignore[type-var]


def to_json(config: Any) -> str:
    return json.dumps(dataclasses.asdict(config), indent=2)


def from_json(text: str) -> Config:
    """The inverse of `to_json`; raises ValueError for unknown or ill-typed fields."""
    return _build(Config, json.loads(text), "config")


def _parse(path: str, owner: type, key: str, text: str) -> Any:
    hint = typing.get_type_hints(owner)[key]
    if hint is str:
        return text
    try:
        value = json.loads(text.lower() if hint is bool else text)
    except ValueError:
        raise ValueError(f"{path}={text!r}: wanted {getattr(hint, '__name__', hint)}.") from None
    return _build(hint, value, path)


def _build(hint: Any, value: Any, path: str) -> Any:
    """`value`, as JSON gives it, turned into the type that `hint` names."""
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint)
        unknown = [key for key in value if key not in hints]
        if unknown:
            raise ValueError(f"{path}: {hint.__name__} has no setting {unknown[0]!r}.")  # type: ignore[union-attr]
        return hint(**{key: _build(hints[key], item, f"{path}.{key}") for key, item in value.items()})  # type: ignore[operator]
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        kinds = typing.get_args(hint)
        each = [kinds[0]] * len(value) if kinds[-1] is Ellipsis else kinds
        if len(each) == len(value):
            return tuple(_build(kind, item, path) for kind, item in zip(each, value, strict=True))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint in (int, float, bool, str) and type(value) is hint:
        return value
    raise ValueError(f"{path}={value!r}: wanted {getattr(hint, '__name__', hint)}.")
