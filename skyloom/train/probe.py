"""Train the probe: scenes drawn by the storybook -> softened clips -> their records. Rerun to resume.

The page reads top to bottom: set up, loop {step, log, once in a while validate and save}, export; then the loss, the batches
and the pool. Dimension key as in models/probe: B clips, F frames looked at, H W pixels, h w cells, N nouns, Q actors.
"""

import dataclasses
import functools
import math
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ..base import checkpoint, dist, files
from ..base.log import Log
from ..config import Bucket, Config, ProbeConfig, to_json
from ..models.bundle import autocast
from ..models.probe import ACTOR_HEADS, SCENE_HEADS, STRIDE, Labels, Probe, load_probe, looks_of, picked, save_probe, to_input
from ..worlds import scene as words
from ..worlds.nouns import core_nouns, load_nouns
from ..worlds.sample import sample_scene
from ..worlds.scene import Scene
from ..worlds.storybook import render
from .drawn import Drawing, Drawn
from .optim import Optimisers, PowerEMA, schedule

SLOTS = 4  # Q
PART_FRAMES = 576  # frames looked at in one file of the pool
VALIDATION = {1: 192, 17: 64, 49: 32}  # clips of a bucket that are kept for validation, by its frames
WEIGHTS = {  # of the terms of the loss
    "cells": 0.6, "which": 0.5, "presence": 0.5, "place": 1.0, "light": 1.0, "weather": 1.0, "camera": 1.0, "count": 0.5,
    "colour": 0.5, "action": 1.0, "second": 0.5, "heading": 0.3,
}  # fmt: skip


@dataclass
class Batch:
    looks_BFHWC: Tensor  # uint8
    cover_BFhw: Tensor  # share of each cell that actors cover, 0..1
    times_F: Tensor
    truth: dict[str, Tensor]  # head -> (B,) or (B, Q) answers; -1 where there is none, or none to be seen
    noun_BQ: Tensor  # index of each actor's noun, -1 past the last

    def to(self, device: torch.device) -> "Batch":
        truth = {head: value.to(device) for head, value in self.truth.items()}
        looks, cover, nouns = (part.to(device) for part in (self.looks_BFHWC, self.cover_BFhw, self.noun_BQ))
        return Batch(looks, cover, self.times_F, truth, nouns)


def main(
    config: Config,
    run: Path,
    *,
    minutes: float = math.inf,
    check_every: int = 500,
    save_every: int = 250,
    device: str = "cpu",
    draw: int = 0,
    init: str | Path | None = None,
    anneal: bool = False,
) -> Path:
    """Trains in `run` until config.probe.steps are done (or `minutes` have passed); exports run/export/probe.*

    From a pool that is drawn first, or from what `draw` processes draw meanwhile; from the start or from the probe `init`.
    With `anneal` the learning rate falls so that it is zero when the minutes have passed.
    """
    c = config.probe
    rank, _ = dist.start()
    place = dist.prepared(device)
    if draw and dist.world_size() > 1:
        raise ValueError(f"draw={draw}: one process draws for itself; {dist.world_size()} were started. Start one.")
    checkpoint.claim(run, to_json(config), ("probe", "fps"))
    sights = Sights(config, draw, place) if draw else None
    pool: Sequence[Shelf | Kept] = sights.shelves if sights else []
    kept: list[Shelf] = []
    if not sights:
        pool, kept = load_pool(config, run / "pool")
    torch.manual_seed(c.seed)
    model = Probe(c, world_labels())
    if init is not None:
        model.load_state_dict(load_probe(init).state_dict())
    model.to(place)
    optimiser = Optimisers(model, c.lr, c.weight_decay, muon=True)
    ema = PowerEMA(model, gamma=16.97)
    step = 0
    if state := checkpoint.load_latest(run):
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.average, step = {name: value.to(place) for name, value in state["ema"].items()}, state["step"]
    log = Log(run, step, quiet=rank > 0)
    if sights:
        sights.wait(lambda: all(len(shelf) >= min(shelf.bucket.batch, shelf.bucket.clips) for shelf in sights.shelves))
    began = time.time()
    while step < c.steps:
        batch = draw_batch(pool, config, step).to(place)
        losses = loss_parts(model, batch, soften(batch, c, dist.step_rng(c.seed, step, 1 + rank, place)))
        torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum().backward()
        dist.average_gradients(model)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        gone = (time.time() - began) / (60 * minutes) if anneal else 0.0
        optimiser.step(schedule(step, c.steps, c.warmup, c.decay, gone))
        step += 1
        ema.update(model, step)
        if step % 25 == 0:
            parts = {name: float(dist.average(value.detach())) for name, value in losses.items()}
            log.row(step, looks=batch.looks_BFHWC.shape[1], norm=float(norm), **parts)
        last = step == c.steps or time.time() - began > minutes * 60
        if step % check_every == 0 or last:
            log.row(step, **validate(averaged(model, ema), kept, config))
        if rank == 0 and (step % save_every == 0 or last):
            checkpoint.save(run, step, {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema.average})
        if last:
            break
    if rank == 0:
        save_probe(averaged(model, ema), run / "export")
    if sights:
        sights.close()
    dist.stop()
    return run / "export"


def world_labels() -> Labels:
    """The storybook's own words, and the core of its cast."""
    nouns = tuple(noun.key for noun in core_nouns())
    return Labels(nouns, words.PLACES, words.LIGHTS, words.WEATHERS, words.CAMERAS, words.ACTIONS, ("", *words.COLOURS))


def loss_parts(model: Probe, batch: Batch, looks_BFCHW: Tensor) -> dict[str, Tensor]:
    """All terms of the loss, by name."""
    with autocast(looks_BFCHW.device):
        seen = model.look(looks_BFCHW, batch.times_F)
        answers = model.scene(seen) | model.ask(seen, batch.noun_BQ.clamp(min=0))
    losses = {head: _choice(answers[head], batch.truth[head]) for head in (*SCENE_HEADS, *ACTOR_HEADS)}
    losses["cells"] = cell_loss(seen.where_BMN, batch)
    hot = present(batch.noun_BQ, seen.presence_BN.shape[1])
    losses["presence"] = F.binary_cross_entropy_with_logits(seen.presence_BN, hot.float(), reduction="none").sum(1).mean()
    losses["which"] = which_loss(seen.presence_BN, batch.noun_BQ, hot)
    return losses


def cell_loss(where_BMN: Tensor, batch: Batch) -> Tensor:
    """Cells say what they show: nothing where no actor is, and the noun where an actor of a one-noun scene is."""
    cover_BM = batch.cover_BFhw.flatten(1)
    alone = (batch.noun_BQ[:, 1] < 0)[:, None]
    noun = batch.noun_BQ[:, :1] + 1
    target = torch.where((cover_BM > 0.4) & alone, noun, torch.where(cover_BM < 0.02, 0, -1))
    logits = torch.cat([torch.zeros_like(where_BMN[..., :1]), where_BMN], -1)
    each = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1, reduction="none")
    filled, empty = (target > 0).flatten(), (target == 0).flatten()
    return each[filled].sum() / filled.sum().clamp(min=1) + each[empty].sum() / empty.sum().clamp(min=1)


def which_loss(presence_BN: Tensor, noun_BQ: Tensor, hot_BN: Tensor) -> Tensor:
    """Cross-entropy of each noun of the scene against all nouns that are not in it."""
    wanted = presence_BN.gather(1, noun_BQ.clamp(min=0))
    others = presence_BN.masked_fill(hot_BN, -math.inf).logsumexp(1, keepdim=True)
    each = torch.logaddexp(wanted, others) - wanted
    there = noun_BQ >= 0
    return each[there].mean()


def present(noun_BQ: Tensor, nouns: int) -> Tensor:
    """(B, N) True where the noun is in the scene."""
    hot = torch.zeros(len(noun_BQ), nouns + 1, dtype=torch.bool, device=noun_BQ.device)
    return hot.scatter_(1, torch.where(noun_BQ < 0, nouns, noun_BQ), True)[:, :nouns]


def _choice(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy over the answers that exist; 0 where a batch has none."""
    known = (truth >= 0).sum().clamp(min=1)
    return F.cross_entropy(logits.flatten(0, -2), truth.flatten(), ignore_index=-1, reduction="sum") / known


def soften(batch: Batch, c: ProbeConfig, rng: torch.Generator) -> Tensor:
    """Network input in which a share of the clips is blurred, drawn smaller and back, grainy, or a little off in colour.

    So what the probe says of a film rests on what is shown, not on how crisp the tokenizer drew it.
    """
    x = to_input(batch.looks_BFHWC)
    size, frames = x.shape[:2], x.shape[1]
    draw = functools.partial(torch.rand, generator=rng, device=x.device)
    grain = functools.partial(torch.randn, generator=rng, device=x.device)
    column = lambda low, high: low + (high - low) * draw((len(x), 1, 1, 1, 1))  # noqa: E731
    chosen = (draw((len(x), 1, 1, 1, 1)) < c.soften).float()
    flat = rearrange(x, "B F C H W -> (B F) C H W")
    if draw(()) < 0.5:
        soft = F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    else:
        scale = float(0.45 + 0.4 * draw(()))
        small = F.interpolate(flat, scale_factor=scale, mode="bilinear", antialias=True)
        soft = F.interpolate(small, flat.shape[2:], mode="bilinear")
    x = torch.lerp(x, soft.unflatten(0, size), chosen * column(0.3, 1.0))
    x = x + chosen * column(0, 0.06) * grain((len(x), frames, 1, *x.shape[3:]))
    gain = 1 + 0.08 * grain((len(x), 1, 3, 1, 1))
    return torch.cat([x[:, :, :3] * gain + column(-0.08, 0.08), x[:, :, 3:] * column(0.85, 1.15)], 2)


@dataclass
class Shelf:
    """The clips of one bucket: parts on disk, mapped into memory, with their records."""

    bucket: Bucket
    looks: list[np.ndarray]
    cover: list[np.ndarray]
    scenes: list[Scene]
    part: int

    def __len__(self) -> int:
        return len(self.scenes)

    def batch(self, chosen: np.ndarray, fps: int) -> Batch:
        at = [divmod(int(i), self.part) for i in chosen]
        looks = np.stack([self.looks[p][i] for p, i in at])
        cover = np.stack([self.cover[p][i] for p, i in at])
        truth, nouns = answers([self.scenes[int(i)] for i in chosen], still=self.bucket.frames == 1)
        times = torch.from_numpy(picked(self.bucket.frames).astype(np.float32) / fps)
        return Batch(torch.from_numpy(looks), torch.from_numpy(cover).float() / 255, times, truth, nouns)


class Kept:
    """The newest clips of a bucket, on the device, at most as many as the bucket says."""

    def __init__(self, bucket: Bucket):
        self.bucket = bucket
        self.clips: list[tuple[Tensor, Tensor, Scene]] = []  # looks, cover, record

    def __len__(self) -> int:
        return len(self.clips)

    def add(self, clips: list[tuple[Tensor, Tensor, Scene]]) -> None:
        self.clips = [*self.clips, *clips][-self.bucket.clips :]  # at once: another thread draws batches

    def batch(self, chosen: np.ndarray, fps: int) -> Batch:
        clips = self.clips
        looks, cover, scenes = zip(*(clips[int(i)] for i in chosen), strict=True)
        truth, nouns = answers(list(scenes), still=self.bucket.frames == 1)
        times = torch.from_numpy(picked(self.bucket.frames).astype(np.float32) / fps)
        return Batch(torch.stack(looks), torch.stack(cover).float() / 255, times, truth, nouns)


class Looked(Drawn):
    """Groups for a probe: (bucket, clips), drawn at twice its size as films are, and looked at as they are."""

    def __init__(self, config: Config, first: int):
        super().__init__(config.probe.buckets, config.probe.seed, first)
        self.config = config

    def groups(self, place: int, number: int, rng: np.random.Generator) -> Iterator[tuple[int, list]]:
        bucket = self.buckets[place]
        films, pictures, still = [], [], self.still(bucket)
        for scene, frames, mask in self.films(bucket, number, self.config.fps, scale=2):
            films.append(self._look(scene, frames, mask))
            one = slice(at := int(rng.integers(bucket.frames)), at + 1)
            pictures.append(self._look(scene, frames[one], mask[one]))
        yield place, films
        for i in still:
            yield i, pictures

    def _look(self, scene: Scene, frames: np.ndarray, mask: np.ndarray) -> tuple[Tensor, Tensor, Scene]:
        c = self.config
        cells = rearrange(mask[picked(len(frames))], "F (h p) (w q) -> F h w p q", p=2 * STRIDE, q=2 * STRIDE).mean((3, 4))
        looks = looks_of(frames, c.probe.size, c.fps)[0]
        return torch.from_numpy(looks), torch.from_numpy(cells.round().astype(np.uint8)), scene


class Sights(Drawing):
    """What is drawn for a probe meanwhile, by bucket."""

    def __init__(self, config: Config, processes: int, device: torch.device):
        super().__init__(processes, device)
        self.config = config
        self.shelves = [Kept(bucket) for bucket in config.probe.buckets]

    def dataset(self) -> Looked:
        return Looked(self.config, self.groups)

    def take(self, group: tuple[int, list[tuple[Tensor, Tensor, Scene]]]) -> None:
        place, clips = group
        moved = [(looks.to(self.device), cover.to(self.device), scene) for looks, cover, scene in clips]
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
        self.shelves[place].add(moved)


def draw_batch(pool: Sequence[Shelf | Kept], config: Config, step: int) -> Batch:
    """This rank's share of the global batch of `step`; one bucket a step, by the shares of the phase."""
    c = config.probe
    rng = np.random.default_rng((c.seed, step))
    shares = [share for first, share in c.phases if step >= first][-1]
    shelf = pool[rng.choice(len(pool), p=np.array(shares) / sum(shares))]
    chosen = rng.integers(0, len(shelf), shelf.bucket.batch)
    return shelf.batch(chosen[dist.share(len(chosen))], config.fps)


def answers(scenes: list[Scene], *, still: bool) -> tuple[dict[str, Tensor], Tensor]:
    """The truth of each head and the noun indices (B, Q). Of a still picture nothing that moves is asked."""
    labels, nouns = world_labels(), load_nouns()
    index = {head: {word: i for i, word in enumerate(labels.options(head))} for head in (*SCENE_HEADS, *ACTOR_HEADS)}
    place_of = {noun: i for i, noun in enumerate(labels.nouns)}
    truth = {head: torch.full((len(scenes),), -1) for head in SCENE_HEADS}
    truth |= {head: torch.full((len(scenes), SLOTS), -1) for head in ACTOR_HEADS}
    noun_BQ = torch.full((len(scenes), SLOTS), -1)
    for b, scene in enumerate(scenes):
        for head in SCENE_HEADS if not still else SCENE_HEADS[:-1]:
            truth[head][b] = index[head][getattr(scene, head)]
        for q, actor in enumerate(scene.actors):
            noun_BQ[b, q] = place_of[actor.noun]
            truth["count"][b, q] = actor.count - 1
            truth["colour"][b, q] = index["colour"][actor.colour]
            if not still:
                truth["action"][b, q] = index["action"][actor.actions[0]]
                truth["second"][b, q] = index["second"][actor.actions[1] if len(actor.actions) > 1 else ""]
                if nouns[actor.noun].facing or actor.actions[0] in words.TRAVELS:
                    truth["heading"][b, q] = index["heading"][actor.heading]
    return truth, noun_BQ


@torch.no_grad()
def validate(model: Probe, kept: list[Shelf], config: Config) -> dict[str, float]:
    """Accuracy of each head on clips of the split "val", by the frames of their bucket: "noun17" and so on."""
    scores: dict[str, float] = {}
    for shelf in kept:
        hits: dict[str, list[float]] = {}
        for start in range(0, len(shelf.scenes), shelf.bucket.batch):
            batch = shelf.batch(np.arange(start, min(start + shelf.bucket.batch, len(shelf.scenes))), config.fps)
            looks = to_input(batch.looks_BFHWC)
            with autocast(looks.device):
                seen = model.look(looks, batch.times_F)
                said = model.scene(seen) | model.ask(seen, batch.noun_BQ.clamp(min=0))
            for head, logits in said.items():
                truth = batch.truth[head]
                hits.setdefault(head, []).extend((logits.argmax(-1) == truth)[truth >= 0].float().tolist())
            for b, noun in enumerate(batch.noun_BQ):
                asked = set(noun[noun >= 0].tolist())
                best = set(seen.presence_BN[b].topk(len(asked)).indices.tolist())
                hits.setdefault("noun" if len(asked) == 1 else "nouns", []).append(float(asked == best))
        bucket = shelf.bucket
        name = f"{bucket.frames}" if bucket.height == bucket.width else f"{bucket.frames}x{bucket.height}x{bucket.width}"
        scores |= {f"{head}{name}": sum(v) / len(v) for head, v in sorted(hits.items()) if v}
    return scores


def averaged(model: Probe, ema: PowerEMA) -> Probe:
    probe = Probe(model.config, model.labels)
    probe.load_state_dict(ema.average)
    return probe.to(model.noun.weight.device).eval()


@dataclass(frozen=True)
class Job:
    stem: Path  # of the part's files
    split: str
    start: int
    count: int
    bucket: Bucket
    config: Config


def load_pool(config: Config, folder: Path) -> tuple[list[Shelf], list[Shelf]]:
    """The shelves to learn from and those to check on; what is missing is drawn first, in parallel."""
    buckets = config.probe.buckets
    kept = [dataclasses.replace(b, clips=VALIDATION.get(b.frames, 32)) for b in buckets if b.height == b.width]
    jobs = [part_jobs(folder, config, bucket, "train") for bucket in buckets]
    jobs += [part_jobs(folder, config, bucket, "val") for bucket in kept]
    missing = [job for shelf in jobs for job in shelf if not job.stem.with_suffix(".jsonl").exists()]
    if missing and dist.rank() == 0:
        draw_missing(missing)
    if dist.world_size() > 1:
        torch.distributed.barrier()
    shelves = [open_shelf(shelf) for shelf in jobs]
    return shelves[: len(buckets)], shelves[len(buckets) :]


def draw_missing(jobs: list[Job]) -> None:
    count = min(len(jobs), os.cpu_count() or 1)
    if count == 1 or sum(job.count for job in jobs) < 500:  # a few clips are drawn sooner than a process starts
        for job in jobs:
            draw_part(job)
        return
    with multiprocessing.get_context("spawn").Pool(count) as workers:
        for done, _ in enumerate(workers.imap_unordered(draw_part, jobs)):
            print(f"\rdrawing clips, part {done + 1}/{len(jobs)}", end="", flush=True)
    print()


def part_jobs(folder: Path, config: Config, bucket: Bucket, split: str) -> list[Job]:
    part = part_size(bucket)
    name = f"{bucket.frames}x{bucket.height}x{bucket.width}"
    return [
        Job(folder / split / name / f"{start:06d}", split, start, min(part, bucket.clips - start), bucket, config)
        for start in range(0, bucket.clips, part)
    ]


def part_size(bucket: Bucket) -> int:
    return max(1, PART_FRAMES // len(picked(bucket.frames)))


def open_shelf(jobs: list[Job]) -> Shelf:
    load = lambda kind: [np.load(job.stem.with_suffix(f".{kind}.npy"), mmap_mode="r") for job in jobs]  # noqa: E731
    lines = [line for job in jobs for line in job.stem.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()]
    bucket, scenes = jobs[0].bucket, [Scene.from_json(line) for line in lines]
    return Shelf(bucket, load("looks"), load("cover"), scenes, part_size(bucket))


def draw_part(job: Job) -> None:
    """Draws one part of the pool. The records come last: a part exists or it does not."""
    bucket, config = job.bucket, job.config
    job.stem.parent.mkdir(parents=True, exist_ok=True)
    looks, covers, scenes = [], [], []
    for index in range(job.start, job.start + job.count):
        scene, start = drawn_scene(config, bucket, index, job.split)
        frames, mask = render(scene, bucket.height, bucket.width, bucket.frames, config.fps, start=start, masks=True)
        looks.append(looks_of(frames, config.probe.size, config.fps)[0])
        cells = rearrange(mask[picked(bucket.frames)], "F (h p) (w q) -> F h w p q", p=STRIDE, q=STRIDE)
        covers.append(cells.mean((3, 4)).round().astype(np.uint8))
        scenes.append(scene)
    for kind, rows in (("looks", looks), ("cover", covers)):
        beside = job.stem.with_suffix(f".{os.getpid()}.npy")
        np.save(beside, np.stack(rows))
        os.replace(beside, job.stem.with_suffix(f".{kind}.npy"))
    files.write_atomic(job.stem.with_suffix(".jsonl"), "".join(scene.to_json() + "\n" for scene in scenes))


def drawn_scene(config: Config, bucket: Bucket, index: int, split: str) -> tuple[Scene, float]:
    """Scene `index` of a bucket and the second at which its clip starts; stills are taken from anywhere in a film."""
    seconds = (49 if bucket.frames == 1 else max(bucket.frames, 17)) / config.fps
    stream = config.probe.seed + 600_000 + bucket.frames * 1000 + bucket.height + 3 * bucket.width
    scene = sample_scene(stream, index, split=split, seconds=seconds)
    return scene, (index * 0.618 % 1) * seconds if bucket.frames == 1 else 0.0
