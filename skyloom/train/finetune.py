"""Train a model on: data sets of own footage -> noisy latents -> velocity, all weights or a low-rank adapter. Rerun to resume.

The page reads top to bottom: settle what learns from what, loop {step, log, once in a while validate, look and save}, export.
"""

import copy
import dataclasses
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..base import checkpoint, dist, files
from ..base.log import Log, save_sheet
from ..base.sizes import Ruler
from ..config import Config, override, to_json, unaided
from ..data.loader import Batch
from ..data.mixture import STILLS, Ahead, Mixture, Source
from ..data.packing import Pack, Packs
from ..data.shards import vae_hash
from ..diffusion.patterns import training_levels
from ..models import lora
from ..models.bundle import Bundle, autocast, load_bundle, save_bundle
from ..models.packing import packed_velocity
from ..models.shipped import find_model
from ..models.vae import to_frames
from . import optim
from .model import GUIDED_ABOVE, bundle_loss, sampled

GAMMA = 16.97  # EMA window of 5 % of the run so far
LEVELS = 16  # noise levels, at least, at which held-out clips are looked at
SEEN = 6  # clips on a sheet


@dataclass(frozen=True)
class Options:
    """What is asked for, besides the settings of the config."""

    lora: int = 0  # the adapter's rank; 0 trains all weights
    tokens: int | None = None  # a step takes at most; None is what the model was trained with
    frames: int | None = None  # a clip gives at most; None is the longest that the model was trained on
    stills: float = STILLS  # share of the steps that see single frames
    pack: bool = False  # clips whole and of all shapes in one step, instead of the beginnings of clips of one shape


def main(
    sources: list[Source],
    init: str | Path,
    run: Path,
    settings: dict[str, str] | None = None,
    options: Options = Options(),
    *,
    minutes: float = math.inf,
    save_minutes: float = 5,
    look_minutes: float = 20,
    check_every: int = 100,
) -> Path:
    """Trains the model `init` in `run` on the data sets; `settings` change its config. Returns run/export.

    Stops early, with everything saved and exported, after `minutes`.
    """
    rank, _ = dist.start()
    bundle = load_bundle(init)
    config = bundle.config = settled(bundle.config, run.parent.name, settings or {}, options)
    mixture = mix(sources, config, bundle, vae_hash(find_model(init)), options)
    batches = Ahead(Packs(mixture, *sizes_of(config, options)) if options.pack else mixture)
    config = bundle.config = with_buckets(config, mixture)
    c, model = config.model, bundle.dit
    state = checkpoint.load_latest(run)
    begun = {"lora": options.lora, "packed": options.pack}
    if state:
        mixture.restore(state["data"])
        if state.get("options", begun) != begun:
            told = ["--pack" if state["options"]["packed"] else "no --pack", f"--lora {state['options']['lora']}"]
            raise ValueError(f"{run} was begun with {' and '.join(told)}. Go on with them, or take another folder.")
    checkpoint.claim(run, to_json(config), ("vae", "text", "dit", "model", "fps"))
    about = {"base": str(init), "sets": mixture.about(), **begun}
    files.write_atomic(run / "data.json", json.dumps(about, ensure_ascii=False, indent=1))
    torch.manual_seed(c.seed)
    model.train()
    if options.lora:
        lora.add_lora(model, options.lora)
    optimiser = optim.Optimisers(model, c.lr, c.weight_decay, muon=not options.lora)
    ema = optim.PowerEMA(model, GAMMA)
    step, best = 0, math.inf
    if state:
        model.load_state_dict(state["model"], strict=False)
        optimiser.load_state_dict(state["optimiser"])
        ema.average = state["ema"]
        step, best = state["step"], state["best"]
    log = Log(run, step, quiet=rank > 0)
    trials = [Trial.of(name, batch) for name, batch in mixture.held_out().items()]
    if not trials:
        print("no held-out clips: the run says nothing of how well it does on others. See docs/data.md, `split`.")
    if step == 0:
        log.row(0, **validate(bundle, trials))  # the model that it starts from
    began = saved = looked = time.time()
    while step < c.steps:
        batch = batches.batch(step)
        loss = pack_loss(bundle, batch, step) if isinstance(batch, Pack) else step_loss(bundle, batch, step)
        if loss is not None:
            loss.backward()
        dist.average_gradients(model)
        norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], c.clip_grad)
        optimiser.step(optim.schedule(step, c.steps, c.warmup, c.decay))
        step += 1
        ema.update(model, step)
        if step % 10 == 0:
            mean = dist.average(torch.zeros(()) if loss is None else loss.detach())
            log.row(step, **{f"loss{batch.kind}": float(mean), "norm": float(norm)})
        now, improved = time.time(), False
        last = step == c.steps or dist.any_rank(now - began > minutes * 60)
        if step % check_every == 0 or last:
            scores = validate(averaged(bundle, ema), trials)
            log.row(step, **scores)
            score = sum(scores.values()) / max(1, len(scores))
            improved, best = bool(scores) and score < best, min(best, score if scores else best)
        if rank == 0 and (last or now - looked > look_minutes * 60):
            look(averaged(bundle, ema), mixture, run / "samples" / f"{step:06d}.png")
            looked = now
        if rank == 0 and (last or improved or now - saved > save_minutes * 60):
            kept = {"model": optim.learned(model), "optimiser": optimiser.state_dict(), "ema": ema.average}
            checkpoint.save(run, step, {**kept, "best": best, "data": mixture.state(), "options": begun}, best=improved)
            bundle.config = dataclasses.replace(config, trained=config.trained + step)
            export(averaged(bundle, ema), run / "export", options, str(init))
            saved = now
        if last:
            break
    dist.stop()
    return run / "export"


def settled(config: Config, name: str, settings: dict[str, str], options: Options) -> Config:
    """The model's config with a short, gentle run in place of its own, and the caller's settings."""
    gentle = dataclasses.replace(
        config.model, steps=400, lr=1e-3 if options.lora else 3e-4, warmup=20, decay=0.3, weight_decay=0.0
    )
    config = dataclasses.replace(unaided(config), name=name, model=gentle)
    for path, value in settings.items():
        if not path.startswith("model."):
            raise ValueError(f"{path}: a model that is trained on keeps its shape. Wanted model.…, such as model.steps=800.")
        config = override(config, path, value)
    return config


def mix(sources: list[Source], config: Config, bundle: Bundle, tokenizer: str, options: Options) -> Mixture:
    tokens, longest = sizes_of(config, options)
    return Mixture(
        sources, config, bundle.vae.gain_C, tokenizer=tokenizer, tokens=tokens, longest=longest, stills=options.stills
    )


def sizes_of(config: Config, options: Options) -> tuple[int, int]:
    """Tokens of a step and frames of a clip, at most: as the model was trained where nothing else is said."""
    ruler = Ruler(config.vae.time_stride, config.vae.stride, (1, config.dit.patch, config.dit.patch))
    own = [bucket for bucket in config.model.buckets if not bucket.window]
    tokens = options.tokens or max(b.batch * ruler.tokens(b.frames, b.height, b.width) for b in own)
    return tokens, options.frames or max(bucket.frames for bucket in own)


def with_buckets(config: Config, mixture: Mixture) -> Config:
    """The config that says what the data is like: its shapes, and how often each is seen."""
    model = dataclasses.replace(config.model, buckets=mixture.buckets, phases=((0, mixture.shares),))
    return dataclasses.replace(config, model=model)


def step_loss(bundle: Bundle, batch: Batch, step: int) -> Tensor | None:
    """Loss of this rank's share of a global batch; None where it has no clip for it. Every rank draws the same numbers."""
    c, whole = bundle.config.model, batch.z_BCTHW
    rng = dist.step_rng(c.seed, step)
    noise = torch.randn(whole.shape, generator=rng)
    levels = training_levels(len(whole), (whole.shape[2], whole.shape[3], whole.shape[4]), c.patterns, c.shift, c.uniform, rng)
    mine = dist.share(len(whole), even=False)
    if mine.start == mine.stop:
        return None
    counted = (levels > 0).expand(-1, *whole.shape[2:]).float()
    flat = torch.ones_like(counted[mine])
    loss = bundle_loss(bundle, whole[mine], noise[mine], levels[mine], flat, batch.captions[mine], learn=True)
    return loss * (counted[mine].sum() * dist.world_size() / counted.sum())


def pack_loss(bundle: Bundle, pack: Pack, step: int) -> Tensor | None:
    """The same of a pack: every cell of every clip counts alike."""
    c, rng = bundle.config.model, dist.step_rng(bundle.config.model.seed, step)
    noise = [torch.randn(z.shape, generator=rng) for z in pack.clips]
    grids = [(z.shape[1], z.shape[2], z.shape[3]) for z in pack.clips]
    levels = [training_levels(1, grid, c.patterns, c.shift, c.uniform, rng)[0] for grid in grids]
    mine = dist.share(len(pack.clips), even=False)
    if mine.start == mine.stop:
        return None
    sums = pack_errors(bundle, pack.clips[mine], noise[mine], levels[mine], pack.captions[mine])
    counted = sum(float((t > 0).expand(grid).sum()) for t, grid in zip(levels, grids, strict=True))
    return torch.stack(sums).sum() * (dist.world_size() / counted)


def pack_errors(
    bundle: Bundle, clips: list[Tensor], noise: list[Tensor], levels: list[Tensor], captions: list[str]
) -> list[Tensor]:
    """Of each clip C T H W the squared error of the velocity, summed over the cells that are not given (levels T H W)."""
    words = bundle.read(captions)
    noised = [(1 - t) * z + t * e for z, e, t in zip(clips, noise, levels, strict=True)]
    with autocast(words[0].device):
        velocities = packed_velocity(bundle.dit, noised, levels, *words)
    pulls = [torch.zeros((), device=words[0].device)] * len(clips)
    if bundle.config.model.guidance > 1:
        said = [v.detach().float() for v in velocities]
        pulls = packed_guidance(bundle, said, noised, levels, captions)
    parts = zip(velocities, clips, noise, levels, pulls, strict=True)
    return [((v.float() - (e - z + pull)).square().mean(0) * (t > 0)).sum() for v, z, e, t, pull in parts]


@torch.no_grad()
def packed_guidance(
    bundle: Bundle, said: list[Tensor], noised: list[Tensor], levels: list[Tensor], captions: list[str]
) -> list[Tensor]:
    """learned_guidance of a pack: what it adds to the aim of each clip, of whose velocity `said` is what the model says."""
    nothing = bundle.read([""] * len(captions))
    with autocast(nothing[0].device):
        without = packed_velocity(bundle.dit, noised, levels, *nothing)
    share = 1 - 1 / bundle.config.model.guidance
    parts = zip(said, without, levels, captions, strict=True)
    return [share * bool(words) * (t > GUIDED_ABOVE) * (v - u.float()) for v, u, t, words in parts]


@dataclass(frozen=True)
class Trial:
    """Held-out clips with a noise and a level each, the same in every run: losses compare across runs."""

    name: str
    batch: Batch
    noise_BCTHW: Tensor
    t_BTHW: Tensor

    @classmethod
    def of(cls, name: str, batch: Batch) -> "Trial":
        """Clips are repeated until there are LEVELS of them, and levels spread evenly over all."""
        count = len(batch.captions) * -(-LEVELS // len(batch.captions))
        rng = torch.Generator().manual_seed(99)
        which = torch.arange(count) % len(batch.captions)
        levels = (torch.randperm(count, generator=rng) + 0.5) / count
        repeated = dataclasses.replace(
            batch,
            z_BCTHW=batch.z_BCTHW[which],
            coverage_BTHW=batch.coverage_BTHW[which],
            captions=[batch.captions[i] for i in which.tolist()],
        )
        return cls(name, repeated, torch.randn(repeated.z_BCTHW.shape, generator=rng), levels.view(-1, 1, 1, 1))


@torch.no_grad()
def validate(bundle: Bundle, trials: list[Trial], at_once: int = 4) -> dict[str, float]:
    """The loss on held-out clips, shape by shape."""
    scores = {}
    for trial in trials:
        batch, losses = trial.batch, []
        for i in range(0, len(batch.captions), at_once):
            s = slice(i, i + at_once)
            flat = torch.ones_like(batch.coverage_BTHW[s])
            loss = bundle_loss(bundle, batch.z_BCTHW[s], trial.noise_BCTHW[s], trial.t_BTHW[s], flat, batch.captions[s])
            losses += [float(loss)] * len(batch.captions[s])
        scores[f"val{trial.name}"] = sum(losses) / len(losses)
    return scores


@torch.no_grad()
def look(bundle: Bundle, mixture: Mixture, sheet: Path) -> None:
    """A sheet of the first held-out clips (else of trained ones) and, under each, the film of its caption with seed 0."""
    groups = mixture.held_out(most=3) or {"trained": mixture.batch(0)}
    films = sorted(groups.values(), key=lambda batch: -batch.z_BCTHW.shape[2])
    pairs = [(batch.z_BCTHW[i : i + 1], batch.captions[i]) for batch in films for i in range(min(3, len(batch.captions)))]
    rows = []
    for z, caption in pairs[:SEEN]:
        for latents in (z, sampled(bundle, [caption], (z.shape[2], z.shape[3], z.shape[4]))):
            with autocast(latents.device):
                frames = to_frames(bundle.vae.decode(latents))
            rows.append(frames[torch.linspace(0, len(frames) - 1, min(5, len(frames))).round().long().numpy()])
    save_sheet(sheet, rows)


def averaged(bundle: Bundle, ema: optim.PowerEMA) -> Bundle:
    """The bundle with the averaged weights in place of those that learn."""
    dit = copy.deepcopy(bundle.dit)
    dit.load_state_dict(ema.average, strict=False)
    return dataclasses.replace(bundle, dit=dit.eval())


def export(bundle: Bundle, folder: Path, options: Options, base: str) -> None:
    """A whole model, or the adapter alone."""
    if options.lora:
        about = {"base": base, "rank": str(options.lora), "name": bundle.config.name}
        lora.save_adapter(folder / lora.FILE, bundle.dit.state_dict(), about)
    else:
        save_bundle(bundle, folder)
