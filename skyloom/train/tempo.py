"""Train the tempo: stances of the world's bodies in every latent frame -> in every frame. Rerun to resume.

Nothing is drawn, as for the staging; what a plan would be is known from the record of a scene, and so is every frame. Both come
with the prompt, read by the encoders of the model whose plans these will be, which stay as they are.

Dimension key as in models/tempo: B scenes, T latent frames, N frames, R bodies, F numbers of each, Q looks, L tokens, E width.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..base import checkpoint, dist
from ..config import Bucket, Config, to_json
from ..data.loader import draw_caption
from ..models.bundle import TEMPO, Bundle, load_bundle
from ..models.staging import Staging, numbers_of
from ..models.tempo import MOVES, Tempo
from ..models.vae import FOLD
from ..worlds.sample import sample_scene
from ..worlds.scene import Scene
from ..worlds.storybook import stances
from .looks import known_nouns, looks_of_bodies
from .small import learn
from .staging import drawn, in_rows

OPENS = 0.6  # share of batches that begin where a film does
LONGEST = 16  # latent frames
EXACT = 0.3  # share of bodies that are shown as they are
BODIES = 2  # of each look that are learned from
WATCHED = 4  # batches of held-out scenes


@dataclass(frozen=True)
class Batch:
    numbers_BTRF: Tensor  # in deviations
    frames_BNRF: Tensor
    text_BLE: Tensor  # as the staging reads it
    mask_BL: Tensor
    looks_BQ: Tensor
    opens: bool


def main(
    config: Config, run: Path, model: str | Path, *, minutes: float = math.inf, save_minutes: float = 3, check_every: int = 200
) -> Path:
    """Trains in `run` for the staging of the model of that name or folder; exports run/export.

    Stops early, with everything saved and exported, after `minutes`; the learning rate falls to zero by then. ValueError where
    the config has no tempo, or the model stages nothing.
    """
    c = config.tempo
    if not c.depth:
        raise ValueError("tempo.depth is 0: this preset's plans are for latent frames alone. Set it, or take another preset.")
    checkpoint.claim(run, to_json(config), ("tempo", "staging", "text", "fps"))
    batches, held_out = Batches(config, model), Batches(config, model, "val")
    staging = batches.bundle.staging
    if staging is None:
        raise ValueError(f"the model {model} stages nothing. Train its staging first, or take another model.")
    torch.manual_seed(c.seed)
    tempo = Tempo(c, config.staging, config.text)
    watched = [held_out[i] for i in range(WATCHED)]
    return learn(
        tempo,
        c,
        run,
        TEMPO,
        lambda step: drawn(batches, step, c.steps),
        lambda part, batch, step: tempo_loss(part, staging, batch, config, step),
        lambda part: validate(part, staging, watched, config),
        minutes=minutes,
        save_minutes=save_minutes,
        check_every=check_every,
        anneal=True,
        muon=False,
    )


def tempo_loss(tempo: Tempo, staging: Staging, batch: Batch, config: Config, step: int) -> Tensor:
    """How far bodies are off in each frame, and in what changes from one to the next (L1): of those that are there."""
    rng = dist.step_rng(config.tempo.seed, step)
    shown = batch.numbers_BTRF
    noise = torch.rand(len(shown), 1, shown.shape[2], 1, generator=rng)
    noise = config.tempo.noise * (noise - EXACT).clamp(min=0) / (1 - EXACT) * torch.randn(shown.shape, generator=rng)
    shown = torch.cat([shown[..., :MOVES] + noise[..., :MOVES], shown[..., MOVES:]], -1)
    made = tempo(shown, staging, batch.text_BLE, batch.mask_BL, batch.looks_BQ, batch.opens)[..., :MOVES]
    there = (batch.frames_BNRF[..., MOVES:] > 0).all(1, keepdim=True).float()  # all the time; others keep to straight lines
    off = (made - batch.frames_BNRF[..., :MOVES]) * there
    per_body = off.abs().mean((1, 3)) + config.tempo.pace * off.diff(dim=1).abs().mean((1, 3))
    return per_body.sum() / there.sum().clamp(min=1)


@torch.no_grad()
def validate(tempo: Tempo, staging: Staging, watched: list[Batch], config: Config) -> float:
    return sum(float(tempo_loss(tempo, staging, batch, config, i)) for i, batch in enumerate(watched)) / len(watched)


class Batches(Dataset[Batch]):
    """The batch of a step, whatever came before: nothing to resume."""

    def __init__(self, config: Config, model: str | Path, split: str = "train"):
        self.config, self.model, self.split = config, model, split
        self.shapes = sorted({(b.height, b.width) for b in config.model.buckets if not b.window})
        self.known = {noun.key for noun in known_nouns(config.text.looks)}
        self._bundle: Bundle | None = None  # loaded by whoever draws

    @property
    def bundle(self) -> Bundle:
        if self._bundle is None:
            self._bundle = load_bundle(self.model)
        return self._bundle

    def __getitem__(self, step: int) -> Batch:
        c, fps, staging = self.config.tempo, self.config.fps, self.bundle.staging
        assert staging is not None
        rng = np.random.default_rng((c.seed, 71, step))
        height, width = self.shapes[rng.integers(len(self.shapes))]
        count, opens = int(rng.integers(3, LONGEST + 1)), bool(rng.random() < OPENS)
        start = 0.0 if opens else float(rng.random()) * 2
        times = start + np.arange(FOLD * count) / fps
        if opens:
            times = np.maximum(times - (FOLD - 1) / fps, 0)
        seconds = max(17 / fps, float(times[-1]) + float(rng.random()))
        bucket = Bucket(FOLD * count, height, width, 0, 0)
        spoken = dataclasses.replace(self.config.model, dense=self.config.staging.dense)
        scenes = list(itertools.islice(self._scenes(step, seconds), c.batch))
        texts = [draw_caption(scene, bucket, spoken, rng) for scene in scenes]
        stride = self.config.vae.stride
        moments = np.concatenate([times, [start, *(times[k : k + FOLD].mean() for k in range(FOLD, len(times), FOLD))]])
        if not opens:
            moments[len(times)] = times[:FOLD].mean()
        found = [stances(s, height, width, moments) / np.array([*(stride,) * 6, 1, 1], np.float32) for s in scenes]
        both_B = torch.from_numpy(np.stack(found)).float()
        words = self.bundle.vocabulary
        ids, mask, looks = words.batch(texts, self.config.text.max_tokens)
        rows = in_rows(both_B, looks_of_bodies(texts, scenes, both_B, words), looks.shape[1], BODIES)
        numbers = numbers_of(rows, (height // stride, width // stride))
        numbers = (numbers - staging.centre[0]) / staging.scale[0]
        with torch.no_grad():
            text = staging.read(self.bundle.dit.text(ids, mask), mask)
        return Batch(numbers[:, len(times) :], numbers[:, : len(times)], text, mask, looks, opens)

    def _scenes(self, step: int, seconds: float) -> Iterator[Scene]:
        for i in itertools.count(4 * step * self.config.tempo.batch):
            scene = sample_scene(self.config.tempo.seed + 79, i, split=self.split, seconds=seconds)
            named = any(actor.noun in self.known for actor in scene.actors)
            if named and all(actor.count <= BODIES for actor in scene.actors):
                yield scene
