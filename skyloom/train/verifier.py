"""Train the verifier: plans of the world's scenes and their prompts -> what both say that happens. Rerun to resume.

Batches are those of the staging; what is true of each scene its record says. The verifier learns to read that from the plan and
to hear it from the prompt, each alone. Plans have some noise in them, as those that are drawn do.

Dimension key as in models/verifier: B scenes, T latent frames, Q looks, S rows of a plan, L tokens, E text width.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import checkpoint, dist
from ..config import Config, to_json
from ..models.bodies import BODIES
from ..models.bundle import VERIFIER, autocast, load_bundle
from ..models.staging import Staging, scaled
from ..models.verifier import Claims, Verifier
from ..models.vocabulary import Vocabulary
from ..worlds.scene import ACTIONS, CAMERAS, TRAVELS
from . import staging as plans
from .looks import known_nouns
from .small import learn
from .staging import Plans, drawn

WATCHED = 8  # batches of held-out scenes
EXACT = 0.3  # share of plans that are shown as they are
UNKNOWN = -100  # a label that is not learned from, as cross_entropy has it


@dataclass(frozen=True)
class Batch:
    plans: Plans
    labels: Claims  # what is true, as numbers of options; UNKNOWN where nothing is


def main(
    config: Config, run: Path, model: str | Path, *, minutes: float = math.inf, save_minutes: float = 3, check_every: int = 200
) -> Path:
    """Trains in `run` for the staging of the model of that name or folder; exports run/export.

    Stops early, with everything saved and exported, after `minutes`; the learning rate falls to zero by then. ValueError where
    the config has no verifier, or one of another world, or where the model stages nothing.
    """
    c = config.verifier
    if not c.depth:
        raise ValueError("verifier.depth is 0: this preset takes its plans as they come. Set it, or take another preset.")
    if (c.actions, c.cameras) != (len(ACTIONS), len(CAMERAS)):
        raise ValueError(
            f"verifier.actions={c.actions}, verifier.cameras={c.cameras}: the world has {len(ACTIONS)} and {len(CAMERAS)}."
        )
    checkpoint.claim(run, to_json(config), ("verifier", "staging", "text", "fps"))
    staging = load_bundle(model).staging
    if staging is None:
        raise ValueError(f"the model {model} stages nothing. Train its staging first, or take another model.")
    torch.manual_seed(c.seed)
    batches, held_out = Batches(config, model), Batches(config, model, "val")
    watched = [held_out[i] for i in range(WATCHED)]
    return learn(
        Verifier(c, config.text),
        c,
        run,
        VERIFIER,
        lambda step: drawn(batches, step, c.steps),
        lambda part, batch, step: claims_loss(part, staging, batch, config, step),
        lambda part: validate(part, staging, watched, config),
        minutes=minutes,
        save_minutes=save_minutes,
        check_every=check_every,
        anneal=True,
        muon=False,
    )


def claims_loss(verifier: Verifier, staging: Staging, batch: Batch, config: Config, step: int) -> Tensor:
    """The mean cross entropy of what is read from plans and from prompts."""
    shown, asked = claims_of(verifier, staging, batch, config, step)
    return losses(shown, asked, batch.labels).mean()


def claims_of(verifier: Verifier, staging: Staging, batch: Batch, config: Config, step: int) -> tuple[Claims, Claims]:
    """What plans with noise in them show, and what prompts ask for."""
    rng = dist.step_rng(config.verifier.seed, step)
    words, plan = batch.plans, scaled(batch.plans.plan_BFTS1, staging)
    assert words.text_BLE is not None, "nobody read the prompts"
    share = (torch.rand(len(plan), 1, 1, 1, 1, generator=rng) - EXACT).clamp(min=0) / (1 - EXACT)
    noisy = plan + config.verifier.noise * share * torch.randn(plan.shape, generator=rng)
    noisy[:, -1] = plan[:, -1]  # who is there, is
    with autocast(plan.device):
        shown = verifier.shown(noisy, words.looks_BQ)
        asked = verifier.asked(words.text_BLE, words.mask_BL, words.slots_BL, words.looks_BQ)
    return shown, asked


def losses(shown: Claims, asked: Claims, labels: Claims) -> Tensor:
    """Cross entropies: of what is seen of actions, second actions, headings and cameras, then of what is heard, counts too."""
    pairs = [(shown[i], labels[i]) for i in (0, 1, 2, 4)] + list(zip(asked, labels, strict=True))
    return torch.stack([_crossed(said, true) for said, true in pairs])


@torch.no_grad()
def validate(verifier: Verifier, staging: Staging, watched: list[Batch], config: Config) -> float:
    return sum(float(claims_loss(verifier, staging, batch, config, i)) for i, batch in enumerate(watched)) / len(watched)


class Batches(torch.utils.data.Dataset[Batch]):
    """The batch of a step, whatever came before: nothing to resume."""

    def __init__(self, config: Config, model: str | Path, split: str = "train"):
        c = config.verifier
        of_plans = dataclasses.replace(config.staging, batch=c.batch, seed=config.staging.seed + 1000 + c.seed)
        self.plans = plans.Batches(dataclasses.replace(config, staging=of_plans), model, split)
        self.vocabulary = load_bundle(model).vocabulary

    def __getitem__(self, step: int) -> Batch:
        batch = self.plans[step]
        return Batch(dataclasses.replace(batch, scenes=(), texts=()), labels_of(batch, self.vocabulary))


def labels_of(batch: Plans, vocabulary: Vocabulary) -> Claims:
    """What is true of each look that a prompt has, and of the camera. A look that nobody in the scene has does nothing."""
    names = {noun.key: i for i, noun in enumerate(known_nouns(len(vocabulary.names)))}
    action, second, heading, count = (torch.full(batch.looks_BQ.shape, UNKNOWN) for _ in range(4))
    count[batch.looks_BQ >= 0] = 0
    camera = torch.tensor([CAMERAS.index(scene.camera) for scene in batch.scenes])
    there_BQ = (batch.plan_BFTS1[:, -1, :, :-1, 0] > 0.5).any(1)
    looks = batch.looks_BQ.shape[1]
    there_BQ = there_BQ.unflatten(1, (looks, there_BQ.shape[1] // max(1, looks))).any(-1)
    for b, (scene, text) in enumerate(zip(batch.scenes, batch.texts, strict=True)):
        named = vocabulary.looks(text)
        count[b, : len(named)] = 0
        led = {actor.partner for actor in scene.actors if {"chase", "meet"} & set(actor.actions)}
        for i, actor in enumerate(scene.actors):
            look = names.get(actor.noun, -1)
            if look not in named:
                continue
            q = named.index(look)
            count[b, q] = min(actor.count, BODIES)
            if i in led or not there_BQ[b, q]:
                continue  # it moves as its partner does, or out of sight
            action[b, q] = ACTIONS.index(actor.actions[0])
            second[b, q] = 1 + ACTIONS.index(actor.actions[1]) if len(actor.actions) > 1 else 0
            heading[b, q] = int(actor.heading > 0) if set(actor.actions) & set(TRAVELS) else UNKNOWN
    return Claims(action, second, heading, count, camera)


def _crossed(logits: Tensor, labels: Tensor) -> Tensor:
    logits, labels = logits.float().flatten(0, -2), labels.flatten()
    return F.cross_entropy(logits, labels, ignore_index=UNKNOWN, reduction="sum") / (labels != UNKNOWN).sum().clamp(min=1)
