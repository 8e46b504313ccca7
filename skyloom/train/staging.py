"""Train the staging: records of scenes -> plans with noise at a mix of patterns -> velocity. Rerun to resume.

Nothing is drawn: a scene's bodies and its camera are known from its record, hundreds of scenes a second, so that every step
brings new ones. The prompt is read by the encoder of the model that will film the plan, which stays as it is.

Dimension key as in models/staging: B scenes, T latent frames, R bodies, S rows of a plan, F numbers of each, Q looks.
"""

import dataclasses
import itertools
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..base import checkpoint, dist
from ..config import Bucket, Config, VAEConfig, to_json
from ..data.encode import middles, stances_in_cells
from ..data.loader import draw_caption
from ..diffusion.flow import flow_loss
from ..diffusion.patterns import training_levels
from ..models.bodies import BODIES
from ..models.bundle import STAGING, Bundle, autocast, load_bundle
from ..models.staging import CAMERA, NUMBERS, Staging, plan_of, scaled
from ..models.text import TextEncoder
from ..worlds.sample import sample_scene
from ..worlds.scene import TRAVELS, Scene
from ..worlds.storybook import cameras
from .looks import looks_of_bodies
from .small import learn

T = TypeVar("T")
ODD_LENGTHS = 0.3  # share of batches of another length than the model's shapes have
STRANGERS = 0.05  # share of looks that are not told which they are: so strangers have a place
CROWDED = 0.4  # share of batches, half as large, with room for BODIES of each look; the others show no two of a kind
QUIET = 0.35  # share of scenes in which nobody goes anywhere that are taken: which way one goes is learned last
UNNAMED = 0.1  # share of scenes that are asked for a look, too, which nobody in it has
WATCHED = 4  # batches of held-out scenes


@dataclass(frozen=True)
class Plans:
    """A batch."""

    plan_BFTS1: Tensor  # not scaled
    weight_BTS1: Tensor
    ids_BL: Tensor
    mask_BL: Tensor
    text_BLE: Tensor | None  # of the large model's encoder, where it has read them
    looks_BQ: Tensor
    slots_BL: Tensor  # which of the looks each token names, -1 for none
    size: tuple[int, int]  # rows and columns of cells
    scenes: tuple[Scene, ...]  # whose plans these are
    texts: tuple[str, ...]  # their prompts

    def to(self, device: torch.device) -> "Plans":
        names = ("plan_BFTS1", "weight_BTS1", "ids_BL", "mask_BL", "looks_BQ", "slots_BL", "text_BLE")
        parts = {name: part for name in names if (part := getattr(self, name)) is not None}
        return dataclasses.replace(self, **{name: part.to(device, non_blocking=True) for name, part in parts.items()})


def main(
    config: Config,
    run: Path,
    model: str | Path,
    *,
    onwards: bool = False,
    minutes: float = math.inf,
    save_minutes: float = 3,
    check_every: int = 200,
    device: str = "cpu",
    draw: int = 1,
    anneal: bool = False,
) -> Path:
    """Trains in `run` for the model of that name or folder, whose words and looks the plans are of; exports run/export.

    It starts from nothing, or `onwards` from the staging that the model has. Stops early, with everything saved and exported,
    after `minutes`; with `anneal` the learning rate falls so that it is zero by then. `draw` processes draw scenes. ValueError
    where the config has no staging, or the model none to go on from.
    """
    c = config.staging
    if not c.depth:
        raise ValueError("staging.depth is 0: this preset stages nothing. Set it, or take another preset.")
    if draw < 1:
        raise ValueError(f"draw={draw}: nobody would draw scenes. Start at least one process.")
    checkpoint.claim(run, to_json(config), ("text", "staging", "fps"))
    place = dist.prepared(device)
    old = load_bundle(model)
    reader = old.dit.text.to(place).eval()
    batches = Batches(config, model, read=place.type == "cpu")  # in processes of their own, which have time there
    torch.manual_seed(c.seed)
    staging = Staging(c, config.text)
    if not onwards:
        staging.centre, staging.scale = spread(batches)
    elif old.staging is None:
        raise ValueError(f"onwards: the model {model} stages nothing yet. Leave it out to start from nothing.")
    elif (has := (old.staging.settings.width, old.staging.settings.depth)) != (c.width, c.depth):
        raise ValueError(f"onwards: the model {model} has width and depth {has} of staging, wanted {c.width, c.depth}.")
    else:
        staging.load_state_dict(old.staging.state_dict())
    staging.to(place)
    held_out = Batches(config, model, "val", read=place.type == "cpu")
    watched = [heard(held_out[i].to(place), reader) for i in range(WATCHED)]
    return learn(
        staging,
        c,
        run,
        STAGING,
        lambda step: drawn(batches, step, c.steps, draw),
        lambda part, batch, step: plan_loss(part, heard(batch.to(place), reader), config, step),
        lambda part: validate(part, watched, config),
        minutes=minutes,
        save_minutes=save_minutes,
        check_every=check_every,
        anneal=anneal,
    )


def plan_loss(staging: Staging, batch: Plans, config: Config, step: int) -> Tensor:
    """The flow loss of a batch at the patterns of its step."""
    c, rng = config.staging, dist.step_rng(config.staging.seed, step)
    plan = scaled(batch.plan_BFTS1, staging)
    assert batch.text_BLE is not None, "nobody read the prompts"
    noise = torch.randn(plan.shape, generator=rng).to(plan.device, non_blocking=True)
    levels = training_levels(len(plan), (plan.shape[2], 1, 1), config.model.patterns, c.shift, c.uniform, rng)
    levels = levels.to(plan.device, non_blocking=True)
    with autocast(plan.device):
        text = staging.read(batch.text_BLE, batch.mask_BL)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            return staging(z, t, text, batch.mask_BL, batch.looks_BQ, batch.size)

        return flow_loss(velocity, plan, noise, levels, batch.weight_BTS1)


@torch.no_grad()
def heard(batch: Plans, reader: TextEncoder) -> Plans:
    """The batch with its prompts read by the large model's encoder."""
    if batch.text_BLE is not None:
        return batch
    with autocast(batch.ids_BL.device):
        return dataclasses.replace(batch, text_BLE=reader(batch.ids_BL, batch.mask_BL))


@torch.no_grad()
def validate(staging: Staging, watched: list[Plans], config: Config) -> float:
    return sum(float(plan_loss(staging, batch, config, i)) for i, batch in enumerate(watched)) / len(watched)


class Batches(Dataset[Plans]):
    """The batch of a step, whatever came before: nothing to resume."""

    def __init__(self, config: Config, model: str | Path, split: str = "train", *, read: bool = True):
        self.config, self.model, self.split, self.read = config, model, split, read
        self.shapes = sorted({(b.frames, b.height, b.width) for b in config.model.buckets if b.frames > 1 and not b.window})
        self._bundle: Bundle | None = None  # loaded by whoever draws

    def __getitem__(self, step: int) -> Plans:
        if self._bundle is None:
            self._bundle = load_bundle(self.model)
        c, fps = self.config, self.config.fps
        rng = np.random.default_rng((c.staging.seed, 53, step))
        frames, height, width = self.shapes[rng.integers(len(self.shapes))]
        if rng.random() < ODD_LENGTHS:
            frames = 1 + VAEConfig.time_stride * int(rng.integers(0, (max(f for f, *_ in self.shapes) - 1) // 4 + 1))
        bucket, seconds = Bucket(frames, height, width, 0, 0), max(frames, 17) / fps
        crowded = bool(rng.random() < CROWDED)
        spoken = dataclasses.replace(c.model, dense=c.staging.dense)
        scenes, texts, bodies, views = [], [], [], []
        for scene in self._scenes(step, seconds, crowded):
            start = float(rng.random()) * seconds if frames == 1 else 0.0
            scenes.append(scene)
            texts.append(draw_caption(scene, bucket, spoken, rng))
            bodies.append(stances_in_cells(scene, bucket, start, fps, c.vae.stride))
            views.append(cameras(scene, height, width, start + middles(frames) / fps))
        words, stances = self._bundle.vocabulary, torch.from_numpy(np.stack(bodies)).float()
        ids, mask, looks = words.batch(texts, c.text.max_tokens)
        owners = looks_of_bodies(texts, scenes, stances, words)
        slots = words.slots(texts, looks.tolist(), c.text.max_tokens)
        looks = self._asked(looks, texts, rng)
        size = height // c.vae.stride, width // c.vae.stride
        rows = in_rows(stances, owners, looks.shape[1], BODIES if crowded else 1)
        plan = plan_of(rows, torch.from_numpy(np.stack(views)), size)
        there = (rows[..., 7] >= 0).any(1, keepdim=True).float()
        weight = (c.staging.absent + (1 - c.staging.absent) * there).expand(-1, plan.shape[2], -1)
        weight = torch.cat([weight, torch.ones(*weight.shape[:2], 1)], 2)[..., None]  # the camera's row, too
        looks = torch.where(torch.from_numpy(rng.random(looks.shape)) < STRANGERS, -1, looks)
        batch = Plans(plan, weight, ids, mask, None, looks, slots, size, tuple(scenes), tuple(texts))
        return heard(batch, self._bundle.dit.text) if self.read else batch

    def _scenes(self, step: int, seconds: float, crowded: bool) -> Iterator[Scene]:
        wanted = self.config.staging.batch // (2 if crowded else 1)
        for i in itertools.count(16 * step * self.config.staging.batch):
            scene = sample_scene(self.config.staging.seed + 77, i, split=self.split, seconds=seconds)
            still = not any(action in TRAVELS for actor in scene.actors for action in actor.actions)
            if still and zlib.crc32(f"{i}".encode()) / 2**32 > QUIET:
                continue
            if crowded or all(actor.count == 1 for actor in scene.actors):
                yield scene
                wanted -= 1
            if not wanted:
                return

    def _asked(self, looks_BQ: Tensor, texts: list[str], rng: np.random.Generator) -> Tensor:
        """Some prompts that name fewer looks than others of the batch are asked for one that they do not name."""
        free = (looks_BQ < 0) & torch.tensor([text != "" for text in texts])[:, None]
        extra = torch.from_numpy(rng.random(looks_BQ.shape) < UNNAMED)
        other = torch.from_numpy(rng.integers(0, max(1, self.config.text.looks), looks_BQ.shape))
        return torch.where(free & extra, other, looks_BQ)


def in_rows(stances_BTR8: Tensor, owners_BR: Tensor, looks: int, each: int) -> Tensor:
    """Bodies in the order of a scene's actors -> in rows of their looks, `each` of them; who has none is left out."""
    rows = stances_BTR8.new_zeros(*stances_BTR8.shape[:2], looks * each, 8)
    rows[..., 7] = -1
    for b, owners in enumerate(owners_BR.tolist()):
        taken = [0] * looks
        for r, look in enumerate(owners):
            if look < 0:
                continue
            rows[b, :, look * each + taken[look]] = stances_BTR8[b, :, r]
            taken[look] += 1
    return rows


def spread(batches: Batches, bodies: int = 2000, most: int = 40) -> tuple[Tensor, Tensor]:
    """Mean and deviation of the numbers of bodies that are there (row 0) and of the camera (row 1), 2 F each: over so many
    bodies in single frames, or `most` batches."""
    seen, views = [torch.zeros(0, NUMBERS)], []
    for step in range(most):
        plan_BFTS1 = batches[step].plan_BFTS1
        rows = plan_BFTS1[..., :-1, 0].movedim(1, -1).flatten(0, 2)
        seen.append(rows[rows[:, -1] > 0.5])
        views.append(plan_BFTS1[..., -1, 0].movedim(1, -1).flatten(0, 1))
        if sum(map(len, seen)) >= bodies:
            break
    parts = [torch.cat(part) if sum(map(len, part)) > 1 else torch.eye(2, NUMBERS) for part in (seen, views)]
    centre, scale = torch.stack([part.mean(0) for part in parts]), torch.stack([part.std(0) for part in parts])
    centre[0, -1], scale[0, -1] = 0.5, 0.5
    centre[1, CAMERA:], scale[1, CAMERA:] = 0, 1
    return centre, scale.clamp(min=1e-3)


def drawn(batches: Dataset[T], first: int, steps: int, processes: int = 1) -> DataLoader[T]:
    """The batches of the steps that are left, drawn by processes of their own while the one before is learned from."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, steps),
        num_workers=processes,
        prefetch_factor=3,
        multiprocessing_context="spawn",
        worker_init_fn=_alone,
    )


def _alone(_: int) -> None:
    torch.set_num_threads(1)
