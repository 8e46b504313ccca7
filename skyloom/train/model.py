"""Train the transformer: encoded clips -> noisy latents at a mix of noise patterns -> velocity. Rerun to resume.

The page reads top to bottom: set up, loop {step, log, once in a while validate, look and save}, export.
"""

import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base import checkpoint, dist
from ..base.log import Log, save_sheet
from ..config import Bucket, Config, to_json
from ..data.loader import Batch, Loader, Shelf, collate
from ..diffusion.flow import flow_loss
from ..diffusion.patterns import training_levels, unknown
from ..diffusion.sampler import guided, sample, schedule
from ..models.bundle import Bundle, autocast, load_bundle, save_bundle
from ..models.dit import DiT
from ..models.places import errors, surely, truth
from ..models.vae import VAE, to_frames
from ..models.vocabulary import Vocabulary
from ..worlds.captions import all_words
from . import optim
from .looks import known_nouns, looks_of_bodies, memory_of, names_of

GAMMAS = (16.97, 6.94)  # EMA windows of 5 % and 10 % of the run so far; the first is exported
PROMPTS = (
    "a red fox runs to the right in a snowy field at sunset",
    "a penguin jumps on a beach",
    "three penguins walk in the snow",
    "a rocket flies through space",
    "a blue car drives down a city street at night, in the rain",
    "一只猫在草地上跳跃",
    "a whale swims under water",
    "a soccer ball bounces on the road",
)


def main(
    config: Config,
    run: Path,
    data: Path,
    tokenizer: Path,
    *,
    init: str | Path | None = None,
    minutes: float = math.inf,
    save_minutes: float = 5,
    look_minutes: float = 20,
    check_every: int = 500,
) -> Path:
    """Trains in `run` on the parts in `data`, encoded by the weights in `tokenizer`; exports run/export.

    `init` names a model to start from. Stops early, with everything saved and exported, after `minutes`.
    """
    c = config.model
    rank, _ = dist.start()
    checkpoint.claim(run, to_json(config), ("vae", "text", "dit", "model", "fps"))
    nouns = known_nouns(config.text.looks)
    vocabulary = Vocabulary(sorted(all_words("en")) + sorted(all_words("zh")), names_of(nouns))
    vae = VAE(config.vae).eval()
    checkpoint.load_weights(vae, tokenizer)
    torch.manual_seed(c.seed)
    model = DiT(config.dit, config.text, config.vae.channels, len(vocabulary))
    model.gain_C.copy_(vae.gain_C)
    if nouns:
        model.looks, model.pictures = memory_of(nouns, vae)
    if init is not None:
        vocabulary = start_from(model, init, vocabulary.names)
    optimiser = optim.Optimisers(model, c.lr, c.weight_decay, muon=True)
    emas = [optim.PowerEMA(model, gamma) for gamma in GAMMAS]
    loader = Loader(data, c, vae.gain_C)
    step, best = 0, math.inf
    if state := checkpoint.load_latest(run):
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        for ema, average in zip(emas, state["emas"], strict=True):
            ema.average = average
        step, best = state["step"], state["best"]
        loader.restore(state["parts"])
    log = Log(run, step, quiet=rank > 0)
    bundle = Bundle(config, vae, model, vocabulary)
    triples = held_out(data, config, vae.gain_C)
    began = saved = looked = time.time()
    while step < c.steps:
        loss, parts = train_step(bundle, loader.batch(step), config, step)
        loss.backward()
        dist.average_gradients(model)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), c.clip_grad)
        optimiser.step(optim.schedule(step, c.steps, c.warmup, c.decay))
        step += 1
        for ema in emas:
            ema.update(model, step)
        if step % 20 == 0:
            log.row(step, **{name: float(dist.average(part.detach())) for name, part in parts.items()}, norm=float(norm))
        now, improved = time.time(), False
        last = step == c.steps or dist.any_rank(now - began > minutes * 60)
        if step % check_every == 0 or last:
            scores = validate(averaged(bundle, emas[0]), triples)
            log.row(step, **scores)
            score = sum(scores.values()) / max(1, len(scores))
            improved, best = bool(scores) and score < best, min(best, score if scores else best)
        if rank == 0 and (last or now - looked > look_minutes * 60):
            look(averaged(bundle, emas[0]), run / "samples" / f"{step:06d}.png")
            looked = now
        if rank == 0 and (last or improved or now - saved > save_minutes * 60):
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "emas": [e.average for e in emas]}
            checkpoint.save(run, step, {**state, "best": best, "parts": loader.state()}, best=improved)
            save_bundle(averaged(bundle, emas[0]), run / "export")
            saved = now
        if last:
            break
    dist.stop()
    return run / "export"


def start_from(model: DiT, init: str | Path, names: list[tuple[str, ...]]) -> Vocabulary:
    """Loads a trained model into `model`; its words stay, or they would change places. Parts that it lacks stay new."""
    old = load_bundle(init)
    model.text.embedding = torch.nn.Embedding(len(old.vocabulary), model.text.config.width)
    model.load_state_dict({**model.state_dict(), **old.dit.state_dict()})
    return Vocabulary(old.vocabulary.words, names)


def train_step(bundle: Bundle, batch: Batch, config: Config, step: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of this rank's share of a batch, and its parts by name: that of the flow, and that of what is said of places."""
    c = config.model
    whole = batch.z_BCTHW
    rng = dist.step_rng(c.seed, step)
    noise = torch.randn(whole.shape, generator=rng)
    levels = training_levels(len(whole), (whole.shape[2], whole.shape[3], whole.shape[4]), c.patterns, c.shift, c.uniform, rng)
    mine = dist.share(len(whole))
    weight = 1 + c.actor_weight * batch.coverage_BTHW
    told = torch.rand(len(whole), generator=rng)[mine] < c.told
    words = bundle.read(batch.captions[mine])
    known = places_known(bundle, batch, mine, words[3]) if words[3].shape[1] else None
    said: list[Tensor | None] = []
    hint = (surely(*known), told.to(words[0].device)) if known else None
    loss = words_loss(bundle, words, whole[mine], noise[mine], levels[mine], weight[mine], said, hint)
    counted = weight * (levels > 0)  # a mean over the whole batch is not that over the ranks' own means
    loss = loss * (counted[mine].sum() * dist.world_size() / counted.sum())
    if not config.text.looks:
        return loss, {f"loss{batch.kind}": loss}
    sums, counts = torch.zeros(2, device=loss.device), torch.zeros(2, device=loss.device)
    if known and said[0] is not None:
        named = torch.tensor([bool(bundle.vocabulary.looks(text)) for text in batch.captions[mine]], device=loss.device)
        sums, counts = errors(said[0], *known, named)
    [counts] = dist.total([counts])  # by every rank, whether or not its prompts name anyone
    places = (sums / counts.clamp(min=1)).sum() * dist.world_size()
    return loss + c.places_weight * places, {f"loss{batch.kind}": loss, "places": places}


def places_known(bundle: Bundle, batch: Batch, mine: slice, pictures_BQ4SS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What is to be said of the cells of this rank's share, from the scenes' records (places.truth)."""
    stances, device = batch.stances_BTR8[mine], pictures_BQ4SS.device
    looks_BR = looks_of_bodies(batch.captions[mine], batch.scenes[mine], stances, bundle.vocabulary)
    return truth(stances.to(device), looks_BR.to(device), pictures_BQ4SS, (batch.z_BCTHW.shape[3], batch.z_BCTHW.shape[4]))


def bundle_loss(bundle: Bundle, z: Tensor, noise: Tensor, levels: Tensor, weight: Tensor, captions: list[str]) -> Tensor:
    return words_loss(bundle, bundle.read(captions), z, noise, levels, weight, [])


def words_loss(
    bundle: Bundle,
    words: tuple[Tensor, ...],
    z: Tensor,
    noise: Tensor,
    levels: Tensor,
    weight: Tensor,
    said: list[Tensor | None],
    hint: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """The flow loss of latents under prompts that were read; what the model says of where the looks are joins `said`, and
    `hint` tells it (Places.forward)."""
    device = words[0].device

    def velocity(z_t: Tensor, t: Tensor) -> Tensor:
        with autocast(device):
            v, places = bundle.dit.film(z_t, t, *words, told=hint)
        said.append(places)
        return v

    return flow_loss(velocity, z.to(device), noise.to(device), levels.to(device), weight.to(device))


Triple = tuple[Bucket, Batch, Tensor, Tensor]


def held_out(data: Path, config: Config, gain_C: Tensor) -> list[Triple]:
    """Fixed (clip, noise, level) triples of each bucket, the same in every run: validation losses compare across runs."""
    triples: list[Triple] = []
    for bucket in config.model.buckets:
        shelf = Shelf(data, bucket, "val")
        rng = np.random.default_rng(99)
        count = min(len(shelf), 16 if bucket.frames > 1 else 64)
        if count:
            chosen = shelf.alone[:count] if bucket.window else list(range(count))
            batch = collate(shelf, chosen, config.model, gain_C, rng)
            noise = torch.randn(batch.z_BCTHW.shape, generator=torch.Generator().manual_seed(99))
            levels = ((torch.arange(len(noise)) + 0.5) / len(noise)).view(-1, 1, 1, 1)
            triples.append((bucket, batch, noise, levels))
    return triples


@torch.no_grad()
def validate(bundle: Bundle, triples: list[Triple]) -> dict[str, float]:
    scores = {}
    for bucket, batch, noise, levels in triples:
        parts = []
        for i in range(0, len(noise), 8):
            s = slice(i, i + 8)
            flat = torch.ones_like(batch.coverage_BTHW[s])
            parts.append(float(bundle_loss(bundle, batch.z_BCTHW[s], noise[s], levels[s], flat, batch.captions[s])))
        scores[f"val{bucket.frames}x{bucket.height}x{bucket.width}{'w' if bucket.window else ''}"] = sum(parts) / len(parts)
    return scores


@torch.no_grad()
def look(bundle: Bundle, sheet: Path, *, frames: int = 17, steps: int = 16, guidance: float = 3.0) -> None:
    """A sheet of fixed prompts and seeds: five frames of a short film a row."""
    config = bundle.config
    cells = 256 // config.vae.stride
    shape = (len(PROMPTS), config.vae.channels, 1 + (frames - 1) // 4, cells, cells)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    words = bundle.read([*PROMPTS, *[""] * len(PROMPTS)])

    def both(z: Tensor, t: Tensor) -> Tensor:
        with autocast(z.device):
            return bundle.dit(z, t, *words)

    def conditional(z: Tensor, t: Tensor) -> Tensor:
        with autocast(z.device):
            return bundle.dit(z, t, *(part[: len(z)] for part in words))

    velocity = guided(conditional, both, guidance, (0.1, 1.0))
    *_, z = sample(velocity, noise, unknown(shape), schedule(steps, 2.0))
    with autocast(z.device):
        rows = [to_frames(bundle.vae.decode(z[i : i + 1]))[::4, ::2, ::2] for i in range(len(z))]
    save_sheet(sheet, rows)


def averaged(bundle: Bundle, ema: optim.PowerEMA) -> Bundle:
    """The bundle with the averaged weights in the transformer's place."""
    config = bundle.config
    dit = DiT(config.dit, config.text, config.vae.channels, len(bundle.vocabulary))
    dit.load_state_dict(ema.average)
    return Bundle(config, bundle.vae, dit.eval(), bundle.vocabulary)
