"""The probe: a small network that reads a clip back into the record it was drawn from.

Dimension key: B clips, F frames looked at, H W pixels, C = 5 channels (red, green, blue, change since the frame before, change
to the frame after), h w cells of 16 pixels, M = F h w tokens, D token width, N nouns, Q nouns asked about.

A residual convolution network reads each frame alone; two transformer layers mix the cells of all frames. Each cell says which
noun it shows (`where`), from which the presence of every noun follows; a noun, as a query, then looks at the cells that show
it and reads what that actor does. Words are given by `Labels`, so this file knows no world.
"""

import dataclasses
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..base.checkpoint import load_weights, save_weights
from ..base.files import write_atomic
from ..config import ProbeConfig
from .bundle import autocast
from .layers import Conv, SwiGLU, attention, rms, rope_table, rotate, split_heads
from .shipped import SHIPPED
from .vae import Norm

CHANNELS, FOLD, STRIDE = 5, 4, 16
LOOKS = 12  # steps between the frames looked at, at most: 49 frames are read at 13 of them, 17 at 9
HEAD, HEADS = 128, 2
ROPE = (40, 44, 44)  # channels of a head that turn with time, row and column
PICTURE_SLOPE = 4.0  # temperature over frames: between the mean of their evidence (large) and the best frame (small)
SCENE_HEADS = ("place", "light", "weather", "camera")
ACTOR_HEADS = ("count", "colour", "action", "second", "heading")


@dataclass(frozen=True)
class Labels:
    """The words that the probe chooses from. `colours[0]` is the natural colour, ''."""

    nouns: tuple[str, ...]
    places: tuple[str, ...]
    lights: tuple[str, ...]
    weathers: tuple[str, ...]
    cameras: tuple[str, ...]
    actions: tuple[str, ...]
    colours: tuple[str, ...]

    def options(self, head: str) -> tuple:
        """The answers of a head, in the order of its logits."""
        return {
            "place": self.places, "light": self.lights, "weather": self.weathers, "camera": self.cameras,
            "count": (1, 2, 3, 4), "colour": self.colours, "action": self.actions, "second": ("", *self.actions),
            "heading": (-1, 1),
        }[head]  # fmt: skip


@dataclass(frozen=True)
class ActorReading:
    """What the probe sees of one actor; field names as in worlds.scene.Actor. `sure` holds a probability for each field."""

    noun: str
    actions: tuple[str, ...]
    count: int
    colour: str
    heading: int
    sure: dict[str, float]


@dataclass(frozen=True)
class Reading:
    """What the probe sees in a clip; field names as in worlds.scene.Scene."""

    actors: tuple[ActorReading, ...]
    place: str
    light: str
    weather: str
    camera: str
    sure: dict[str, float]
    ranked: tuple[tuple[str, float], ...]  # the likeliest nouns with their probabilities, best first


class Seen(NamedTuple):
    """One look at B clips."""

    tokens_BMD: Tensor
    scene_BD: Tensor  # twice as wide: the scene's own token and the mean of the cells
    where_BMN: Tensor  # logits of each noun in each cell, against 0 for none
    presence_BN: Tensor


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.norm = Norm(width)
        self.conv1, self.conv2 = Conv(width, width), Conv(width, width)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.conv1(self.norm(x))))


class Mixer(nn.Module):
    """Self-attention over the tokens of a clip, then an MLP."""

    def __init__(self, width: int):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * HEADS * HEAD, bias=False)
        self.out = nn.Linear(HEADS * HEAD, width, bias=False)
        self.mlp = SwiGLU(width, 2 * width)

    def forward(self, x_BMD: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        q, k, v = (split_heads(part, HEADS) for part in self.qkv(rms(x_BMD)).chunk(3, -1))
        seen = attention(rotate(rms(q), rope), rotate(rms(k), rope), v, None)
        x_BMD = x_BMD + self.out(rearrange(seen, "B A M K -> B M (A K)"))
        return x_BMD + self.mlp(rms(x_BMD))


class Reader(nn.Module):
    """Queries look at tokens, then an MLP."""

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Linear(width, HEADS * HEAD, bias=False)
        self.keys = nn.Linear(width, 2 * HEADS * HEAD, bias=False)
        self.out = nn.Linear(HEADS * HEAD, width, bias=False)
        self.mlp = SwiGLU(width, width)

    def forward(self, q_BQD: Tensor, tokens_BMD: Tensor, bias_BQM: Tensor) -> Tensor:
        k, v = (split_heads(part, HEADS) for part in self.keys(rms(tokens_BMD)).chunk(2, -1))
        q = rms(split_heads(self.query(rms(q_BQD)), HEADS))
        seen = attention(q, rms(k), v, bias_BQM[:, None])
        q_BQD = q_BQD + self.out(rearrange(seen, "B A Q K -> B Q (A K)"))
        return q_BQD + self.mlp(rms(q_BQD))


class Probe(nn.Module):
    """See `read` and `features`; the trainer uses `look` and `ask`."""

    def __init__(self, config: ProbeConfig, labels: Labels):
        super().__init__()
        self.config, self.labels = config, labels
        widths, depths, count = (config.width, 2 * config.width, 3 * config.width), (1, 2, 2), len(labels.nouns)
        self.width = widths[-1]
        self.stem = nn.Conv2d(CHANNELS * FOLD**2, widths[0], 3, padding=1)
        self.picture_blocks = nn.ModuleList(
            nn.Sequential(*(Residual(w) for _ in range(d))) for w, d in zip(widths, depths, strict=True)
        )
        self.downs = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.norm = Norm(self.width)
        self.place_in_clip = nn.Linear(10, self.width)
        self.scene_token = nn.Parameter(torch.randn(self.width) * 0.5)
        self.blocks = nn.ModuleList(Mixer(self.width) for _ in range(2))
        self.where = nn.Linear(self.width, count)
        nn.init.constant_(self.where.bias, -6.0)
        self.slope = nn.Parameter(torch.tensor(1.0))
        self.offset = nn.Parameter(torch.tensor(-2.0))
        self.noun = nn.Embedding(count, self.width)
        self.reader_blocks = nn.ModuleList(Reader(self.width) for _ in range(2))
        self.pull = nn.Parameter(torch.tensor(0.5))  # how much a query trusts `where`
        self.scene_heads = nn.ModuleDict({h: nn.Linear(2 * self.width, len(labels.options(h))) for h in SCENE_HEADS})
        self.actor_heads = nn.ModuleDict({h: nn.Linear(self.width, len(labels.options(h))) for h in ACTOR_HEADS})
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def look(self, looks_BFCHW: Tensor, times_F: Tensor) -> Seen:
        """Looks as `to_input` makes them, at `times_F` seconds -> everything but the answers about single actors."""
        batch, frames = looks_BFCHW.shape[:2]
        x = F.pixel_unshuffle(rearrange(looks_BFCHW, "B F C H W -> (B F) C H W"), FOLD)
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for i, level in enumerate(self.picture_blocks):
            x = level(self.downs[i - 1](x) if i else x)
        cells = self.norm(x).float()
        rows, columns = cells.shape[-2:]
        rope, where = _positions(times_F, rows, columns)
        tokens = rearrange(cells, "(B F) D h w -> B (F h w) D", B=batch) + self.place_in_clip(where.to(cells.device)).float()
        x = torch.cat([self.scene_token.expand(batch, 1, -1), tokens], 1)
        rope = (rope[0].to(x.device), rope[1].to(x.device))
        for block in self.blocks:
            x = block(x, rope)
        tokens = rms(x[:, 1:].float())
        scene = torch.cat([rms(x[:, 0].float()), tokens.mean(1)], -1)
        where_BMN = self.where(tokens).float()
        return Seen(tokens, scene, where_BMN, self._presence(where_BMN, frames))

    def _presence(self, where_BMN: Tensor, frames: int) -> Tensor:
        """Evidence for each noun: the sum over a frame's cells, then softly the best frames."""
        each = rearrange(where_BMN, "B (F c) N -> B F c N", F=frames).logsumexp(2)
        clip = PICTURE_SLOPE * ((each / PICTURE_SLOPE).logsumexp(1) - float(np.log(frames)))
        return clip * self.slope + self.offset

    def scene(self, seen: Seen) -> dict[str, Tensor]:
        """Logits of place, light, weather and camera, each (B, answers)."""
        return {head: layer(seen.scene_BD).float() for head, layer in self.scene_heads.items()}

    def ask(self, seen: Seen, nouns_BQ: Tensor) -> dict[str, Tensor]:
        """Logits about the actors that are these nouns, each (B, Q, answers)."""
        index = nouns_BQ[:, None, :].expand(-1, seen.where_BMN.shape[1], -1)
        bias = self.pull * seen.where_BMN.detach().gather(2, index).clamp(-8, 8).transpose(1, 2)
        q = self.noun(nouns_BQ)
        for reader in self.reader_blocks:
            q = reader(q, seen.tokens_BMD, bias)
        q = rms(q.float())
        return {head: layer(q).float() for head, layer in self.actor_heads.items()}

    @torch.no_grad()
    def see(self, frames_THWC: np.ndarray, fps: float = 12.0) -> Seen:
        """One clip, uint8 of any size from 16 pixels and any length."""
        looks, times = looks_of(frames_THWC, self.config.size, fps)
        device = self.noun.weight.device
        with autocast(device):
            return self.look(to_input(torch.from_numpy(looks)[None]).to(device), torch.from_numpy(times))

    @torch.no_grad()
    def read(self, frames_THWC: np.ndarray, fps: float = 12.0, asked: tuple[str, ...] | None = None) -> Reading:
        """Read a clip. With `asked` the actors are those nouns, in that order; else all that are likelier than not (1 to 4).

        ValueError for frames that are not uint8 T H W 3, and for asked nouns outside `labels.nouns`.
        """
        seen = self.see(frames_THWC, fps)
        chance = seen.presence_BN[0].sigmoid()
        order = chance.argsort(descending=True).tolist()
        if asked is None:
            wanted = [i for i in order[:4] if chance[i] > 0.5] or order[:1]
        else:
            wanted = [_index(self.labels.nouns, noun) for noun in asked]
        with autocast(chance.device):
            scene, actors = self.scene(seen), self.ask(seen, torch.tensor([wanted], device=chance.device))
        best = {head: _best(logits[0], self.labels.options(head)) for head, logits in scene.items()}
        read = [self._actor(i, float(chance[i]), {h: v[0, q] for h, v in actors.items()}) for q, i in enumerate(wanted)]
        ranked = tuple((self.labels.nouns[i], float(chance[i])) for i in order[:8])
        said, sure = {head: a for head, (a, _) in best.items()}, {head: p for head, (_, p) in best.items()}
        return Reading(tuple(read), **said, sure=sure, ranked=ranked)

    def _actor(self, noun: int, chance: float, logits: dict[str, Tensor]) -> ActorReading:
        best = {head: _best(value, self.labels.options(head)) for head, value in logits.items()}
        answer = {head: a for head, (a, _) in best.items()}
        actions = tuple(a for a in (answer["action"], answer["second"]) if a)
        sure = {"noun": chance, **{head: p for head, (_, p) in best.items()}}
        return ActorReading(self.labels.nouns[noun], actions, answer["count"], answer["colour"], answer["heading"], sure)

    def features(self, frames_THWC: np.ndarray, fps: float = 12.0) -> np.ndarray:
        """A clip as a vector of look and motion, (D,) float32: the mean of its cells."""
        return self.see(frames_THWC, fps).tokens_BMD[0].mean(0).float().cpu().numpy()

    def locate(self, frames_THWC: np.ndarray, noun: str, fps: float = 12.0) -> np.ndarray:
        """Where a noun is seen in each frame looked at: (F, h, w) probabilities."""
        seen = self.see(frames_THWC, fps)
        chance = torch.cat([torch.zeros_like(seen.where_BMN[0, :, :1]), seen.where_BMN[0]], -1).softmax(-1)
        height, width = _fitted(frames_THWC.shape[1:3], self.config.size)
        found = chance[:, 1 + _index(self.labels.nouns, noun)]
        return found.reshape(-1, height // STRIDE, width // STRIDE).cpu().numpy()


def picked(frames: int) -> np.ndarray:
    """The frames that are looked at: every second, or fewer in long clips."""
    return np.arange(0, frames, max(2, -(-(frames - 1) // LOOKS)))


def looks_of(frames_THWC: np.ndarray, size: int, fps: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 frames -> looks, uint8 (F, H, W, 5), with `size` pixels on the short side, and their times in seconds (F,).

    The last two channels hold the change of grey since the frame before and to the frame after, 1/12 s away, plus 128.
    """
    if frames_THWC.ndim != 4 or frames_THWC.shape[-1] != 3 or frames_THWC.dtype != np.uint8 or not len(frames_THWC):
        raise ValueError(f"frames: got {frames_THWC.dtype} {frames_THWC.shape}, wanted uint8 (frames, height, width, 3).")
    small = _resized(frames_THWC, _fitted(frames_THWC.shape[1:3], size))
    grey = (small.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    at, step, last = picked(len(small)), max(1, round(fps / 12)), len(small) - 1
    now = grey[at]
    changes = [grey[np.clip(at + side * step, 0, last)] - now for side in (-1, 1)]
    changes = [np.clip(np.rint(change) + 128, 0, 255).astype(np.uint8) for change in changes]
    return np.concatenate([small[at], *changes], -1), (at / fps).astype(np.float32)


def to_input(looks_BFHWC: Tensor) -> Tensor:
    """uint8 (or float 0..255) looks -> B F C H W: colours -1..1, changes in units of 32 grey levels."""
    x = looks_BFHWC.float()
    x = torch.cat([x[..., :3] / 127.5 - 1, (x[..., 3:] - 128) / 32], -1)
    return rearrange(x, "B F H W C -> B F C H W")


def _fitted(size: tuple[int, ...], short: int) -> tuple[int, int]:
    """Height and width with `short` pixels on the short side, both multiples of the stride."""
    scale = short / min(size)
    height, width = (max(1, round(side * scale / STRIDE)) * STRIDE for side in size)
    return height, width


def _resized(frames_THWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if frames_THWC.shape[1:3] == size:
        return frames_THWC
    x = rearrange(torch.from_numpy(np.ascontiguousarray(frames_THWC)), "T H W C -> T C H W").float()
    whole = all(a % b == 0 for a, b in zip(x.shape[2:], size, strict=True))
    x = F.avg_pool2d(x, x.shape[2] // size[0]) if whole and x.shape[2] // size[0] == x.shape[3] // size[1] else F.interpolate(
        x, size, mode="bilinear", antialias=True, align_corners=False
    )  # fmt: skip
    return rearrange(x.round().clamp(0, 255).to(torch.uint8), "T C H W -> T H W C").numpy()


def _positions(times_F: Tensor, rows: int, columns: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Rotary table of the scene token and all cells, and ten numbers that say where in the clip each cell is."""
    y = torch.arange(rows) - (rows - 1) / 2
    x = torch.arange(columns) - (columns - 1) / 2
    times = times_F.detach().cpu().float()
    grid = torch.stack(torch.meshgrid(times * 3, y, x, indexing="ij"), -1).reshape(-1, 3)
    cos, sin = rope_table(torch.cat([torch.zeros(1, 3), grid]), ROPE)
    scaled = grid * torch.tensor([0.25, 0.25, 0.25])
    span = (times[-1] - times[0]).expand(len(grid), 1) / 4
    return (cos, sin), torch.cat([scaled, torch.sin(scaled * torch.pi), torch.cos(scaled * torch.pi), span], -1)


def _best(logits: Tensor, options: tuple) -> tuple:
    chance = logits.softmax(-1)
    index = int(chance.argmax())
    return options[index], float(chance[index])


def _index(nouns: tuple[str, ...], noun: str) -> int:
    if noun not in nouns:
        raise ValueError(f"the probe never learned {noun!r}: it knows {len(nouns)} nouns, of the core of the cast.")
    return nouns.index(noun)


def save_probe(probe: Probe, folder: Path) -> None:
    """Writes probe.safetensors (bfloat16) and probe.json (settings and labels)."""
    save_weights(folder / "probe.safetensors", probe.state_dict(), torch.bfloat16)
    record = {"width": probe.config.width, "size": probe.config.size, "labels": dataclasses.asdict(probe.labels)}
    write_atomic(folder / "probe.json", json.dumps(record, ensure_ascii=False, indent=0))


def load_probe(path: str | Path = "storybook") -> Probe:
    """The probe in a folder, in a run's export/, or shipped under that name. FileNotFoundError where there is none."""
    for folder in (Path(path), Path(path) / "export", SHIPPED / str(path)):
        if (folder / "probe.json").is_file():
            record = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
            labels = Labels(**{name: tuple(words) for name, words in record["labels"].items()})
            probe = Probe(ProbeConfig(width=record["width"], size=record["size"]), labels)
            load_weights(probe, folder / "probe.safetensors")
            return probe.eval()
    raise FileNotFoundError(f"no probe at {path}: wanted probe.json and probe.safetensors there. Try `skyloom train probe`.")
