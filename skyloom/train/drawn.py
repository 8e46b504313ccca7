"""Clips drawn while a model learns: worker processes draw them, the device that learns encodes and keeps them.

For accelerators, which see more clips in a minute than one would want to encode beforehand (data/encode.py): a run begins at
once, and every second brings scenes that it has never seen. `Stock` stands in for data.loader.Loader.

Dimension key: n clips of a group, V prompts kept of each, T H W C frames, latent or not, R bodies, L tokens, X all that is
known of a prompt: L tokens (0 is padding), then its looks, then which of them each body has (-1 is none).
"""

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..config import Bucket, Config
from ..data.encode import INT8, bucket_stream, pool_mask, stances_in_cells
from ..data.loader import Batch, Prompts, camera_of, draw_caption
from ..models.layout import in_latents
from ..models.overlay import Overlay
from ..models.staging import CAMERA
from ..models.vae import VAE
from ..models.vocabulary import MOST_LOOKS, Vocabulary
from ..worlds.sample import sample_scene
from ..worlds.scene import Scene
from ..worlds.storybook import BODIES, render
from .layouts import laid_of
from .looks import looks_of_bodies

GROUP_FRAMES = 136  # drawn by a worker before it hands them over: 8 films of 17
PROMPTS = 4  # V
STILLS = 2  # frames of a film that are also kept as pictures
PATIENCE = 300.0  # seconds to wait for the first clips
FRESH = 7_000_003  # added to seeds: other scenes than those of data/encode.py


class Drawn(IterableDataset[Any]):
    """Endless groups of films; worker i of n draws the groups i, i + n, ... after `first`. Subclasses say what a group is."""

    def __init__(self, buckets: tuple[Bucket, ...], seed: int, first: int):
        self.buckets, self.seed, self.first = buckets, seed, first

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        lane, lanes = (info.id, info.num_workers) if info else (0, 1)
        if info:
            os.nice(10)  # who draws must not keep waiting who learns
        films = [i for i, bucket in enumerate(self.buckets) if bucket.frames > 1]
        shares = np.array([self.buckets[i].clips for i in films], float)
        for number in itertools.count(self.first + lane, lanes):
            rng = np.random.default_rng((self.seed, 41, number))
            yield from self.groups(int(rng.choice(films, p=shares / shares.sum())), number, rng)

    def groups(self, place: int, number: int, rng: np.random.Generator) -> Iterator[Any]:
        """Films of the bucket at `place`, and stills from them where there is a bucket for those."""
        raise NotImplementedError

    def films(self, bucket: Bucket, number: int, fps: int, scale: int = 1) -> Iterator[tuple[Scene, np.ndarray, np.ndarray]]:
        """The scenes of a group, their frames and the actors' coverage, `scale` times as large as the bucket says."""
        height, width, stream = bucket.height * scale, bucket.width * scale, self.seed + FRESH + bucket_stream(bucket)
        for i in range(max(1, GROUP_FRAMES // bucket.frames)):
            scene = sample_scene(stream, number * 64 + i, split="train", seconds=max(bucket.frames, 17) / fps)
            yield scene, *render(scene, height, width, bucket.frames, fps, masks=True)

    def still(self, bucket: Bucket) -> list[int]:
        """Where the bucket of single frames of this size is, if there is one."""
        size = (1, bucket.height, bucket.width)
        return [i for i, other in enumerate(self.buckets) if (other.frames, other.height, other.width) == size][:1]


class Drawing:
    """Takes in what `processes` workers draw, in a thread of its own. `state`, `restore` as Loader's. `close` it at the end."""

    def __init__(self, processes: int, device: torch.device):
        self.processes, self.device, self.groups = processes, device, 0
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._closing = False

    def dataset(self) -> Drawn:
        raise NotImplementedError

    def take(self, group: Any) -> None:
        raise NotImplementedError

    def state(self) -> list[int]:
        """How many groups came: a run that goes on draws those after them."""
        return [self.groups]

    def restore(self, state: list[int]) -> None:
        [self.groups] = state

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until enough is there. TimeoutError where nothing comes, RuntimeError where a worker failed."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._collect, daemon=True)
            self._thread.start()
        began = time.monotonic()
        while not ready():
            if self._failure:
                raise RuntimeError(f"no more clips are drawn: {self._failure}") from self._failure
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"too few clips after {PATIENCE:.0f} s from {self.processes} processes. Try more of them.")
            time.sleep(0.1)

    def _collect(self) -> None:
        if self.device.type == "cuda":  # a stream of its own, or every copy would wait for the steps that are under way
            torch.cuda.set_stream(torch.cuda.Stream(self.device))
        options: dict[str, Any] = {"num_workers": self.processes, "prefetch_factor": 2, "multiprocessing_context": "spawn"}
        try:
            for group in DataLoader(self.dataset(), batch_size=None, **options):
                if self._closing:
                    return
                self.take(group)
                self.groups += 1
        except BaseException as error:  # told to the thread that waits
            self._failure = error

    def close(self) -> None:
        """Ends the workers."""
        self._closing = True
        if self._thread is not None:
            self._thread.join(60)


@dataclass
class Group:
    """Clips of one bucket, as a worker hands them over."""

    bucket: int
    frames_nTHWC: Tensor  # uint8
    cover_nTHW: Tensor  # uint8, of latent cells
    stances_nTR8: Tensor
    prompts_nVX: Tensor  # int16
    counts_nV2: Tensor  # tokens and looks of each prompt
    cameras_nT5: Tensor
    laid_n4Fhw: Tensor  # int8, times 127, of models/layout.in_dots; empty where the model is shown none
    posed_n: Tensor  # float32, whether these show bodies as they stand in that moment


class Clips(Drawn):
    """Groups for a transformer."""

    def __init__(self, config: Config, vocabulary: Vocabulary, first: int = 0):
        super().__init__(config.model.buckets, config.model.seed, first)
        self.config, self.vocabulary = config, vocabulary

    def groups(self, place: int, number: int, rng: np.random.Generator) -> Iterator[Group]:
        bucket, fps = self.buckets[place], self.config.fps
        still = self.still(bucket)
        films, pictures = [], []
        for scene, frames, mask in self.films(bucket, number, fps):
            films.append(self._row(scene, bucket, frames, mask, 0.0, rng))
            for at in rng.integers(0, bucket.frames, STILLS * len(still)):
                one = slice(at, at + 1)
                pictures.append(self._row(scene, self.buckets[still[0]], frames[one], mask[one], int(at) / fps, rng))
        for number, rows in ((place, films), *((i, pictures) for i in still)):
            yield Group(number, *(torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True)))

    def _row(
        self, scene: Scene, bucket: Bucket, frames: np.ndarray, mask: np.ndarray, start: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        c, most = self.config, self.config.text.max_tokens
        stances = stances_in_cells(scene, bucket, start, c.fps, c.vae.stride)
        camera = camera_of(scene, start, bucket, c.fps)
        laid, posed = np.zeros(0, np.int8), bool(rng.random() < c.model.posed)
        if c.dit.layout:
            size = bucket.height // c.vae.stride, bucket.width // c.vae.stride
            dots = laid_of(scene, torch.from_numpy(stances), start, c.fps, size, len(self.vocabulary.names), posed=posed)
            laid = (dots * 127).round().to(torch.int8).numpy()
        texts = [draw_caption(scene, bucket, c.model, rng, whole=True) for _ in range(PROMPTS)]
        whom = looks_of_bodies(texts, [scene] * PROMPTS, torch.from_numpy(stances).expand(PROMPTS, -1, -1, -1), self.vocabulary)
        prompts, counts = np.full((PROMPTS, most + MOST_LOOKS + BODIES), -1, np.int16), np.zeros((PROMPTS, 2), np.int64)
        for row, count, text, bodies in zip(prompts, counts, texts, whom, strict=True):
            ids, named = self.vocabulary.encode(text)[:most], self.vocabulary.looks(text)
            row[:most] = ids + [0] * (most - len(ids))
            row[most : most + len(named)] = named
            row[-BODIES:] = bodies
            count[:] = len(ids), len(named)
        return frames, pool_mask(mask, c.vae.stride), stances, prompts, counts, camera, laid, np.array(posed, np.float32)


class Shelf:
    """The newest clips of a bucket, on the device, at most as many as the bucket says."""

    def __init__(self, bucket: Bucket, config: Config, device: torch.device):
        self.bucket, self.device, self.drawn = bucket, device, 0
        stride, time = config.vae.stride, 1 + (bucket.frames - 1) // config.vae.time_stride
        grid = (time, bucket.height // stride, bucket.width // stride)
        new = lambda *shape, dtype: torch.zeros(bucket.clips, *shape, dtype=dtype, device=device)  # noqa: E731
        self.z = new(config.vae.channels, *grid, dtype=torch.int8)
        self.cover = new(*grid, dtype=torch.uint8)
        self.stances = new(time, BODIES, 8, dtype=torch.float32)
        self.prompts = new(PROMPTS, config.text.max_tokens + MOST_LOOKS + BODIES, dtype=torch.int16)
        self.counts = np.zeros((bucket.clips, PROMPTS, 2), np.int64)
        self.cameras = new(time, CAMERA, dtype=torch.float32)
        self.laid = new(config.vae.channels, *grid, dtype=torch.int8) if config.dit.layout else None
        self.covered = new(1, *grid, dtype=torch.uint8) if config.dit.layout else None
        self.posed = new(dtype=torch.float32)

    def __len__(self) -> int:
        return min(self.drawn, self.bucket.clips)

    @property
    def ready(self) -> bool:
        """It holds four batches, or all that it ever will."""
        return len(self) >= min(4 * self.bucket.batch, self.bucket.clips)

    def add(self, group: Group, z: Tensor, laid: Tensor | None, covered: Tensor | None) -> None:
        at = (self.drawn + np.arange(len(z))) % self.bucket.clips
        where = torch.from_numpy(at).to(self.device)
        parts = (
            (self.z, z),
            (self.cover, group.cover_nTHW),
            (self.stances, group.stances_nTR8),
            (self.prompts, group.prompts_nVX),
            (self.cameras, group.cameras_nT5),
            (self.laid, laid),
            (self.covered, covered),
            (self.posed, group.posed_n),
        )
        for kept, new in parts:
            if kept is not None and new is not None:
                kept[where] = new.to(self.device)
        self.counts[at] = group.counts_nV2.numpy()
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
        self.drawn += len(z)


class Stock(Drawing):
    """Batches of clips that workers draw meanwhile. A shelf is drawn from as soon as it is ready.

    ValueError for buckets of windows, which are cut from encoded clips.
    """

    def __init__(self, config: Config, vae: VAE, vocabulary: Vocabulary, processes: int):
        if any(bucket.window for bucket in config.model.buckets):
            raise ValueError("model.buckets: windows need encoded clips. Try --preset storybook-gpu, which has none.")
        super().__init__(processes, vae.gain_C.device)
        self.config, self.vae, self.vocabulary = config, vae, vocabulary
        self.overlay = Overlay(vae)
        self.shelves = [Shelf(bucket, config, self.device) for bucket in config.model.buckets]

    def dataset(self) -> Clips:
        return Clips(self.config, self.vocabulary, self.groups)

    @torch.no_grad()
    def take(self, group: Group) -> None:
        video = rearrange(group.frames_nTHWC.to(self.device), "n T H W C -> n C T H W").float() / 127.5 - 1
        z = self.vae.encode(video) / self.vae.gain_C.view(1, -1, 1, 1, 1)
        self.shelves[group.bucket].add(group, self._packed(z), *self._laid(group))

    def _laid(self, group: Group) -> tuple[Tensor | None, Tensor | None]:
        """Of the clips' layouts the latents, packed as z is, and in 255ths what the pictures cover."""
        if not self.config.dit.layout:
            return None, None
        laid = in_latents(self.overlay, group.laid_n4Fhw.to(self.device).float() / 127)
        covered = (255 * laid[:, -1:]).round().clamp(0, 255).to(torch.uint8)
        return self._packed(laid[:, :-1] / self.vae.gain_C.view(1, -1, 1, 1, 1)), covered

    def _packed(self, z: Tensor) -> Tensor:
        return (z * INT8).round().clamp(-127, 127).to(torch.int8)

    def batch(self, step: int) -> Batch:
        """The batch of a step, on the device; waits while there is none."""
        c = self.config.model
        rng = np.random.default_rng((c.seed, 17, step))
        shares = np.array([share for first, share in c.phases if step >= first][-1])
        self.wait(lambda: bool(np.any(shares * [shelf.ready for shelf in self.shelves])))
        able = shares * [shelf.ready for shelf in self.shelves]
        return self._pick(self.shelves[rng.choice(len(able), p=able / able.sum())], rng)

    def _pick(self, shelf: Shelf, rng: np.random.Generator) -> Batch:
        size, most = shelf.bucket.batch, self.config.text.max_tokens
        at, which = rng.integers(0, len(shelf), size), rng.integers(0, PROMPTS, size)
        silent = rng.random(size) < self.config.model.drop_text
        length, looks = (int(n) for n in shelf.counts[at, which].max(0))
        where, spoken, hush = (torch.from_numpy(a).to(self.device, non_blocking=True) for a in (at, which, silent))
        rows = shelf.prompts[where, spoken].long()
        nothing = torch.full_like(rows, -1)
        nothing[:, :most] = 0
        nothing[:, 0] = self.vocabulary.encode("")[0]
        ids, named, bodies = torch.where(hush[:, None], nothing, rows).split([most, MOST_LOOKS, BODIES], 1)
        prompts = Prompts(ids[:, :length], ids[:, :length] != 0, named[:, :looks], bodies)
        gain = self.vae.gain_C.view(1, -1, 1, 1, 1)
        z, cover, laid = shelf.z[where].float() / INT8 * gain, shelf.cover[where].float() / 255, None
        if shelf.laid is not None and shelf.covered is not None:
            laid = torch.cat([shelf.laid[where].float() / INT8 * gain, shelf.covered[where].float() / 255], 1)
        kind = f"{shelf.bucket.frames}"
        return Batch(z, cover, shelf.stances[where], [], [], kind, prompts, shelf.cameras[where], laid, shelf.posed[where])
