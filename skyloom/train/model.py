"""Train the transformer: encoded clips -> noisy latents at a mix of noise patterns -> velocity. Rerun to resume.

The page reads top to bottom: set up, loop {step, log, once in a while validate, look and save}, export.
"""

import dataclasses
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base import checkpoint, dist
from ..base.log import Log, save_sheet
from ..config import Bucket, Config, to_json
from ..data.loader import Batch, Loader, Prompts, Shelf, collate
from ..diffusion.flow import Pull, flow_loss
from ..diffusion.patterns import training_levels, unknown
from ..diffusion.sampler import guided, sample, schedule
from ..models.bundle import Bundle, autocast, load_bundle, save_bundle
from ..models.dit import DiT
from ..models.places import errors, surely, truth
from ..models.vae import VAE, to_frames
from ..models.vocabulary import NULL, Vocabulary
from ..worlds.captions import all_words
from . import optim
from .drawn import Stock
from .layouts import layout_in
from .looks import known_nouns, looks_of_bodies, memory_of, names_of

GAMMAS = (16.97, 6.94)  # EMA windows of 5 % and 10 % of the run so far; the first is exported
GUIDED_ABOVE = 0.1  # noise level
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
    device: str = "cpu",
    draw: int = 0,
    anneal: bool = False,
) -> Path:
    """Trains in `run` on the parts in `data`, encoded by the weights in `tokenizer`; exports run/export.

    `init` names a model to start from. Stops early, with everything saved and exported, after `minutes`; with `anneal` the
    learning rate falls so that it is zero by then. With `draw`, so many processes draw clips meanwhile, and `data` is for
    validation only.
    """
    c = config.model
    rank, _ = dist.start()
    place = dist.prepared(device)
    if draw and dist.world_size() > 1:
        raise ValueError(f"draw={draw}: one process draws for itself; {dist.world_size()} were started. Start one.")
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
    before = 0  # steps of the model that this one starts from
    if init is not None:
        vocabulary, before = start_from(model, init, vocabulary.names)
    model.text.requires_grad_(not c.keep_text)
    model.to(place)
    vae.to(place)
    optimiser = optim.Optimisers(model, c.lr, c.weight_decay, muon=True)
    emas = [optim.PowerEMA(model, gamma) for gamma in GAMMAS]
    loader = Stock(config, vae, vocabulary, draw) if draw else Loader(data, c, vae.gain_C.cpu(), config.fps)
    step, best = 0, math.inf
    if state := checkpoint.load_latest(run):
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        for ema, average in zip(emas, state["emas"], strict=True):
            ema.average = {name: value.to(place) for name, value in average.items()}
        step, best, before = state["step"], state["best"], state.get("before", before)
        loader.restore(state["parts"])
    log = Log(run, step, quiet=rank > 0)
    bundle = Bundle(config, vae, model, vocabulary)
    triples = held_out(data, config, vae.gain_C.cpu())
    if isinstance(loader, Stock):
        loader.batch(step)  # waits for the first clips, which is not time to learn
    began = saved = looked = time.time()
    while step < c.steps:
        gone = (time.time() - began) / (60 * minutes) if anneal else 0.0
        late = max(gone, step / c.steps) >= c.guided_after
        loss, parts = train_step(bundle, loader.batch(step), config, step, guide=late)
        loss.backward()
        dist.average_gradients(model)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), c.clip_grad)
        optimiser.step(optim.schedule(step, c.steps, c.warmup, c.decay, gone))
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
        if rank == 0 and (last or improved or now - saved > save_minutes * 60):
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "emas": [e.average for e in emas]}
            checkpoint.save(run, step, {**state, "best": best, "before": before, "parts": loader.state()}, best=improved)
            bundle.config = dataclasses.replace(config, trained=before + step)
            save_bundle(averaged(bundle, emas[0]), run / "export")
            saved = now
        if rank == 0 and (last or now - looked > look_minutes * 60):
            look(averaged(bundle, emas[0]), run / "samples" / f"{step:06d}.png")
            looked = now
        if last:
            break
    if isinstance(loader, Stock):
        loader.close()
    dist.stop()
    return run / "export"


def start_from(model: DiT, init: str | Path, names: list[tuple[str, ...]]) -> tuple[Vocabulary, int]:
    """Loads a trained model into `model`: its words stay, or they would change places; parts that it lacks stay new.

    Also returns how many steps are behind it."""
    old = load_bundle(init)
    model.text.embedding = torch.nn.Embedding(len(old.vocabulary), model.text.config.width)
    model.load_state_dict({**model.state_dict(), **old.dit.state_dict()})
    return Vocabulary(old.vocabulary.words, names), old.config.trained


def train_step(
    bundle: Bundle, batch: Batch, config: Config, step: int, *, guide: bool = True
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of this rank's share of a batch, and its parts by name: that of the flow, and that of what is said of places.

    With `guide` guidance is learned, too, where the config says so."""
    c = config.model
    rng, device = dist.step_rng(c.seed, step), bundle.vae.gain_C.device
    whole = batch.z_BCTHW.to(device)
    own = rng if device.type == "cpu" else dist.step_rng(c.seed, step, 0, device)
    noise = torch.randn(whole.shape, device=device, generator=own)
    grid = whole.shape[2], whole.shape[3], whole.shape[4]
    levels = training_levels(len(whole), grid, c.patterns, c.shift, c.uniform, rng).to(device, non_blocking=True)
    mine = dist.share(len(whole))
    weight = 1 + c.actor_weight * batch.coverage_BTHW.to(device)
    told = (torch.rand(len(whole), generator=rng)[mine] < c.told).to(device, non_blocking=True)
    seen = (torch.rand(len(whole), generator=rng)[mine] < c.seen).to(device, non_blocking=True)
    posed = torch.rand(len(whole), generator=rng)[mine] < c.posed
    layout = layout_in(bundle, batch, mine, told, seen, posed)
    prompts = prompts_of(bundle, batch, mine)
    with autocast(device):
        words = bundle.dit.read(prompts.ids_BL, prompts.mask_BL, prompts.looks_BQ)
    known = None
    if prompts.looks_BQ.shape[1]:
        known = truth(batch.stances_BTR8[mine].to(device), prompts.bodies_BR, words[3], (whole.shape[3], whole.shape[4]))
    said: list[Tensor | None] = []
    hint = (surely(*known), told) if known else None
    pull = learned_guidance(bundle, prompts.ids_BL, c.guidance, layout) if guide and c.guidance > 1 else None
    loss = words_loss(bundle, words, whole[mine], noise[mine], levels[mine], weight[mine], said, hint, pull, layout=layout)
    counted = weight * (levels > 0)  # a mean over the whole batch is not that over the ranks' own means
    loss = loss * (counted[mine].sum() * dist.world_size() / counted.sum())
    if not config.text.looks:
        return loss, {f"loss{batch.kind}": loss}
    sums, counts = torch.zeros(2, device=device), torch.zeros(2, device=device)
    if known and said[0] is not None:
        sums, counts = errors(said[0], *known, (prompts.looks_BQ >= 0).any(1))
    [counts] = dist.total([counts])  # by every rank, whether or not its prompts name anyone
    places = (sums / counts.clamp(min=1)).sum() * dist.world_size()
    return loss + c.places_weight * places, {f"loss{batch.kind}": loss, "places": places}


def prompts_of(bundle: Bundle, batch: Batch, mine: slice) -> Prompts:
    """The prompts of this rank's share on the model's device, and who of the scene they name (from its record)."""
    device = bundle.vae.gain_C.device
    if batch.prompts:
        parts = [getattr(batch.prompts, field.name)[mine] for field in dataclasses.fields(batch.prompts)]
    else:
        texts, words = batch.captions[mine], bundle.vocabulary
        bodies_BR = looks_of_bodies(texts, batch.scenes[mine], batch.stances_BTR8[mine], words)
        parts = [*words.batch(texts, bundle.config.text.max_tokens), bodies_BR]
    return Prompts(*(part.to(device, non_blocking=True) for part in parts))


def bundle_loss(
    bundle: Bundle,
    z: Tensor,
    noise: Tensor,
    levels: Tensor,
    weight: Tensor,
    captions: list[str],
    *,
    learn: bool = False,
    layout: Tensor | None = None,
) -> Tensor:
    """The flow loss under captions. Of a model that has learned guidance: to `learn`, that stays a part of the aim; else it is
    taken out of what the model says, so that losses of all models compare."""
    scale, device = bundle.config.model.guidance, bundle.vae.gain_C.device
    pull = None
    if learn and scale > 1:
        pull = learned_guidance(bundle, bundle.vocabulary.batch(captions, 1)[0].to(device), scale, layout)
    left = 1.0 if learn else scale
    return words_loss(bundle, bundle.read(captions), z, noise, levels, weight, [], None, pull, left, layout)


def words_loss(
    bundle: Bundle,
    words: tuple[Tensor, ...],
    z: Tensor,
    noise: Tensor,
    levels: Tensor,
    weight: Tensor,
    said: list[Tensor | None],
    hint: tuple[Tensor, Tensor] | None = None,
    pull: Pull | None = None,
    scale: float = 1.0,
    layout: Tensor | None = None,
) -> Tensor:
    """The flow loss of latents under prompts that were read; what the model says of where the looks are joins `said`, and
    `hint` tells it (Places.forward), as `layout` does. `scale` is of learned guidance to be taken out."""
    device = words[0].device

    def velocity(z_t: Tensor, t: Tensor) -> Tensor:
        with autocast(device):
            v, places = bundle.dit.film(z_t, t, *words, told=hint, layout=layout)
        said.append(places)
        if scale == 1:
            return v
        without = velocity_without(bundle, z_t, t, layout)
        return without + (v - without) / scale

    return flow_loss(velocity, z.to(device), noise.to(device), levels.to(device), weight.to(device), pull)


def velocity_without(bundle: Bundle, z_t: Tensor, t: Tensor, layout: Tensor | None = None) -> Tensor:
    """The velocity of films that no prompt is known of, though their layouts may be."""
    ids, mask, _ = (part.to(z_t.device, non_blocking=True) for part in bundle.vocabulary.batch([""], 1))
    count = len(z_t)
    with autocast(z_t.device):
        nothing = bundle.dit.read(ids.expand(count, -1), mask.expand(count, -1), ids.new_zeros(count, 0))
        return bundle.dit(z_t, t, *nothing, layout=layout)


def learned_guidance(bundle: Bundle, ids_BL: Tensor, scale: float, layout: Tensor | None = None) -> Pull:
    """What classifier-free guidance of this scale adds to the velocity, as a part of the aim: the model that has learned it
    needs one pass a step where guidance needs two (model guidance, arXiv 2502.12154, eq. 11: w = 1 - 1 / scale).

    Like guidance, above noise level 0.1 only; clips without a prompt keep their aim.
    """
    share = 1 - 1 / scale
    asked_B = (ids_BL[:, 0] != NULL).float().view(-1, 1, 1, 1, 1)

    @torch.no_grad()
    def pull(v: Tensor, z_t: Tensor, t: Tensor) -> Tensor:
        return share * asked_B * (t > GUIDED_ABOVE)[:, None] * (v - velocity_without(bundle, z_t, t, layout))

    return pull


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
            batch = collate(shelf, chosen, config.model, gain_C, rng, config.fps)
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
            layout = layout_in(bundle, batch, s, torch.ones(len(flat), device=bundle.vae.gain_C.device))
            clips = batch.z_BCTHW[s], noise[s], levels[s], flat, batch.captions[s]
            parts.append(float(bundle_loss(bundle, *clips, layout=layout)))
        scores[f"val{bucket.frames}x{bucket.height}x{bucket.width}{'w' if bucket.window else ''}"] = sum(parts) / len(parts)
    return scores


@torch.no_grad()
def look(bundle: Bundle, sheet: Path, *, frames: int = 17) -> None:
    """A sheet of fixed prompts and seeds: five frames of a short film a row."""
    cells = 256 // bundle.config.vae.stride
    z = sampled(bundle, list(PROMPTS), (1 + (frames - 1) // 4, cells, cells))
    with autocast(z.device):
        rows = [to_frames(bundle.vae.decode(z[i : i + 1]))[::4, ::2, ::2] for i in range(len(z))]
    save_sheet(sheet, rows)


@torch.no_grad()
def sampled(
    bundle: Bundle, prompts: list[str], grid: tuple[int, int, int], *, steps: int = 16, guidance: float = 2.0, seed: int = 0
) -> Tensor:
    """Latents of films of the prompts, all at once, as the weights alone make them; `grid` is frames, rows and columns."""
    guidance /= bundle.config.model.guidance
    shape = (len(prompts), bundle.config.vae.channels, *grid)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(bundle.vae.gain_C.device)
    words = bundle.read([*prompts, *[""] * len(prompts)])

    def both(z: Tensor, t: Tensor) -> Tensor:
        with autocast(z.device):
            return bundle.dit(z, t, *words)

    def conditional(z: Tensor, t: Tensor) -> Tensor:
        with autocast(z.device):
            return bundle.dit(z, t, *(part[: len(z)] for part in words))

    velocity = guided(conditional, both, guidance, (0.1, 1.0))
    *_, z = sample(velocity, noise, unknown(shape).to(noise.device), schedule(steps, 2.0))
    return z


def averaged(bundle: Bundle, ema: optim.PowerEMA) -> Bundle:
    """The bundle with the averaged weights in the transformer's place."""
    config = bundle.config
    dit = DiT(config.dit, config.text, config.vae.channels, len(bundle.vocabulary))
    dit.load_state_dict({**bundle.dit.state_dict(), **ema.average})
    return Bundle(config, bundle.vae, dit.to(bundle.vae.gain_C.device).eval(), bundle.vocabulary)
