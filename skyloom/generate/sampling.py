"""Take -> frames: which cells are given, which prompt counts where, and window after window for films of any length.

Dimension key: B batch (1), C latent channels, T latent frames of a window, N of a whole take, H W rows and columns of cells,
P prompts; F frames of pixels. A window that goes on from another begins with the take's first latent frame, the anchor, and the
last few that are done, all held at a small known noise: so that the model neither drifts nor trusts small errors.
"""

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..base.memory import free_unused
from ..diffusion import patterns, sampler
from ..diffusion.flow import Velocity
from ..models.bodies import BODIES, looks_of
from ..models.bundle import autocast
from ..models.places import SAID, truth
from ..models.steady import steadied
from ..models.vae import to_frames, to_video
from .backdrop import Painter, pull_towards
from .cost import DECODED_AT_ONCE
from .dressing import Dresser
from .falling import Falling
from .noise import Noise as Noise
from .panned import Panner
from .plans import Plan
from .relit import difference
from .request import Preview, Progress, Request, pull_of
from .staged import Stager
from .takes import CHUNK, Take, latents_of

if TYPE_CHECKING:
    from ..models.bundle import Bundle

SHIFT = 2.0  # of the sampling times towards noise, where films take shape
CARRIED = 4  # latent frames that a window sees of the one before, besides the anchor
KNOWN_NOISE = 0.1  # of what a window sees
PREVIEW = 64  # pixels of the short side
BACKDROP_STEPS = 6  # at least: a still costs little


@dataclass
class Stage:
    """What a take is filmed with."""

    request: Request  # settled and resolved
    bundle: "Bundle"
    noise: Noise
    window: int  # latent frames at once
    on_step: Progress
    on_preview: Preview | None
    steps: int  # of all takes and windows
    done: int = 0
    device: torch.device = field(init=False)

    def __post_init__(self) -> None:
        self.device = next(self.bundle.dit.parameters()).device

    def preview_due(self) -> bool:
        """Whether somebody looks: to draw a preview takes a good part of a step."""
        due = getattr(self.on_preview, "due", None)
        return due is None or due()

    def step(self) -> None:
        self.done += 1
        self.on_step(self.done, self.steps)


def windows_of(take: Take, window: int) -> list[tuple[int, int]]:
    """[from, to) of the latent frames that each window films anew."""
    count, fresh = latents_of(take.frames), max(1, window - 1 - carried(window))
    if take.ring:
        return [(1, count)]
    ends = [min(count, window)]
    while ends[-1] < count:
        ends.append(min(count, ends[-1] + fresh))
    return list(zip([0, *ends], ends, strict=False))


def carried(window: int) -> int:
    """How many latent frames a window sees of the one before: fewer where a short window would have no room for new ones."""
    return max(0, min(CARRIED, window - 2))


def films(take: Take, stage: Stage) -> Iterator[Tensor]:
    """The take's frames in parts, 1 3 F h w (-1 to 1); sampling goes on as they are asked for."""
    if take.ring:
        yield _ring(take, stage)
        return
    anchor, past, ended = None, None, None  # latents of the first frame and the last ones, and what these look like
    memory: dict[int, Tensor] = {}
    stager = Stager(take.prompts, stage.request, stage.bundle, stage.noise.cells, take.was, take.room)
    if take.given is None and len(take.prompts) > 1:
        stager.coming_and_going(prompt_weights(take, 0, latents_of(take.frames)))
    dresser = Dresser(take, stage.request, stage.bundle, stager.looks, stage.noise.cells)
    panner = Panner(take, stage.request, stage.bundle, stager.looks, painter_of(stage))
    falling = Falling(take.prompts, stage.request, stage.bundle)
    light: Tensor | None = None
    for begin, end in windows_of(take, stage.window):
        known, levels, noise = cells(take, begin, end, stage), levels_of(take, begin, end, stage), stage.noise.draw(end - begin)
        noise = noise.to(stage.device)
        if take.relit and light is None:
            with torch.inference_mode(), autocast(stage.device):
                light = take.relit * difference(take.prompts[0], take.was, known, stage.bundle, stage.request.seed)
        lit = known if light is None else known + light
        head: list[Tensor] = [] if anchor is None or past is None else [anchor, past]
        held = sum(part.shape[2] for part in head)
        if held:
            known, lit = torch.cat([*head, known], 2), torch.cat([*head, lit], 2)
            levels = torch.cat([torch.full((1, held, *levels.shape[2:]), KNOWN_NOISE, device=stage.device), levels], 1)
            rng = torch.Generator().manual_seed(stage.request.seed + begin)
            noise = torch.cat([torch.randn(known[:, :, :held].shape, generator=rng).to(stage.device), noise], 2)
        weights = prompt_weights(take, begin, end, held)
        pattern = patterns.Pattern(levels, lit, held=held)
        with torch.inference_mode(), autocast(stage.device):
            plan = stager.window(weights, levels, known, held, carried(stage.window))
            plan = dresser(plan, weights, begin, held)
            velocity = velocity_of(take, weights, stage, stager, plan)
        z = _sample(velocity, noise, pattern, stage)[:, :, held:]
        old = 1 if held else 0  # the anchor, which is long past
        with torch.inference_mode(), autocast(stage.device):
            decode = functools.partial(_drawn, stage=stage, memory=memory, opens=begin == 0)
            film = panner(z, ended, weights[:, old:], levels[:, old:], plan and plan.part(old), begin, decode)
            if end < latents_of(take.frames):
                keep, seen = carried(stage.window), functools.partial(_as_drawn, film, z, levels[:, held:], stage)
                anchor = seen(0, 1) if anchor is None else anchor
                last = seen(max(0, end - begin - keep), end - begin)
                past = last if past is None else torch.cat([past, last], 2)
                past, ended = past[:, :, max(0, past.shape[2] - keep) :], film if ended is None else torch.cat([ended, film], 2)
                ended = ended[:, :, max(0, ended.shape[2] - keep * CHUNK) :].clone()  # a view would keep all of the window
            film = falling.over(film, weights[:, held:], levels[:, held:], begin)
        free_unused()
        yield film[:, :, CHUNK - 1 :] if begin == 0 else film


def _as_drawn(film: Tensor, z: Tensor, levels: Tensor, stage: Stage, first: int, end: int) -> Tensor:
    """Latents [first, end) of a window of a film: those of the frames that were drawn from them, but where they are given."""
    drawn = stage.bundle.vae.encode_frames(film[:, :, first * CHUNK : end * CHUNK])
    return torch.where(levels[:, None, first:end] > 0, drawn, z[:, :, first:end])


def _drawn(z_1CTHW: Tensor, stage: Stage, memory: dict[int, Tensor], opens: bool) -> Tensor:
    """Latents -> frames, CHUNK of each, a few latent frames at a time; `memory` is the decoder's."""
    video = torch.cat(list(stage.bundle.vae.decode_stream(z_1CTHW.split(DECODED_AT_ONCE, dim=2), memory, opens)), 2)
    return torch.cat([video[:, :, :1].expand(-1, -1, CHUNK - 1, -1, -1), video], 2) if opens else video


def cells(take: Take, begin: int, end: int, stage: Stage) -> Tensor:
    """z_BCTHW of the given frames, latent frames [begin, end); zeros where nothing is given."""
    channels, rows, columns = stage.noise.shape
    if take.given is None:
        return torch.zeros(1, channels, end - begin, rows, columns, device=stage.device)
    first = max(0, (begin - 1) * CHUNK)  # a clip opens with a frame of its own, so that a later part needs one before it
    video_BCTHW = to_video(take.given[first : 1 + (end - 1) * CHUNK]).to(stage.device)
    return stage.bundle.vae.encode(video_BCTHW)[:, :, (1 if begin else 0) :]


def levels_of(take: Take, begin: int, end: int, stage: Stage) -> Tensor:
    """t_BTHW of latent frames [begin, end): a cell is as unknown as the least known pixel that it touches."""
    config = stage.bundle.config
    first = 0 if begin == 0 else 1 + (begin - 1) * CHUNK
    levels = torch.from_numpy(np.array(take.levels[first : 1 + (end - 1) * CHUNK], np.float32)).to(stage.device)
    return patterns.levels_of_pixels(levels, CHUNK, config.vae.stride, config.dit.patch, opens=begin == 0)


def prompt_weights(take: Take, begin: int, end: int, held: int = 0) -> Tensor:
    """P T: how much each prompt counts in each latent frame of a window; what is held goes with the first that is not."""
    edges = [0, *range(1, take.frames, CHUNK), take.frames]
    weights = np.stack([take.weights[:, edges[i] : edges[i + 1]].mean(1) for i in range(begin, end)], 1)
    return torch.from_numpy(np.concatenate([np.repeat(weights[:, :1], held, 1), weights], 1)).float()


def velocity_of(
    take: Take,
    weights_PT: Tensor,
    stage: Stage,
    stager: Stager | None = None,
    plan: Plan | None = None,
    ring: sampler.Ring | None = None,
) -> Velocity:
    """The model, guided by the prompts that count, told the plan if there is one, and helped by what it remembers and by what
    stands still. A plan of a `ring` is cut open as that is, behind the frame that it closes on."""
    request, bundle = stage.request, stage.bundle
    active = [i for i in range(len(take.prompts)) if float(weights_PT[i].max()) > 0]
    weights = weights_PT[active].to(stage.device)
    texts = [take.prompts[i] for i in active]
    alone = bundle.read(texts)
    both = functools.cache(lambda: bundle.read([*texts, request.negative]))  # most films are guided by what was learned
    many = lambda x, n: x.expand(n, *x.shape[1:])  # noqa: E731
    bodies: Tensor | None = None  # stances_BTR8
    staged: Tensor | None = None
    said: Tensor | None = None
    layout: Tensor | None = None  # layout_PKTHW
    if stager is not None and plan is not None:
        staged, said = stager.told(plan, texts, alone[3])
        layout = stager.layout(plan, staged, alone[3])

    def now(x_PT: Tensor) -> Tensor:
        return x_PT if ring is None else torch.cat([ring.opened(x_PT, 1)[:, -1:], ring.opened(x_PT, 1)], 1)

    def told(more: int) -> tuple[Tensor, Tensor] | None:
        return None if said is None else nothing_said(now(said), more)

    def shown(more: int) -> Tensor | None:
        """The layout of each prompt; `more` that are told of no prompt see that of all."""
        if layout is None:
            return None
        whole = layout if ring is None else torch.cat([ring.opened(layout)[:, :, -1:], ring.opened(layout)], 2)
        return torch.cat([whole, many(sampler.mixed(whole, weights), more)]) if more else whole

    def conditional(z: Tensor, t: Tensor) -> Tensor:
        nonlocal bodies
        v, bodies = bundle.dit.film(many(z, len(texts)), many(t, len(texts)), *alone, told=told(0), layout=shown(0))
        return sampler.mixed(v, weights)

    def with_and_without(z: Tensor, t: Tensor) -> Tensor:
        nonlocal bodies
        count = len(texts) + 1
        v, bodies = bundle.dit.film(many(z[:1], count), many(t[:1], count), *both(), told=told(1), layout=shown(1))
        return torch.cat([sampler.mixed(v[:-1], weights), v[-1:]])

    guided = sampler.guided(conditional, with_and_without, pull_of(request, bundle.config.model.guidance), request.interval)
    config, pictures = bundle.config, alone[3]

    def helped(z: Tensor, t: Tensor) -> Tensor:
        v, level = guided(z, t), t[:, None]
        film = taken = z - level * v
        somebody: Tensor | None = None
        seen = bodies if staged is None else now(staged)
        if seen is not None and (config.laid_above < 1 or layout is not None):
            stances = seen[: len(texts), :, : BODIES * pictures.shape[1]]  # films made together may have more looks
            looks = looks_of(stances)
            if config.laid_above < float(t.max()) and layout is None:  # shown a layout, the model knows; pictures come last
                lacking = bundle.overlay(many(film, len(texts)), stances, looks, pictures)
                film = torch.where(level > config.laid_above, film + sampler.mixed(lacking, weights), film)
            somebody = (truth(stances, looks, pictures, (z.shape[3], z.shape[4]))[0] > 0).any(0, keepdim=True)
        film = steadied(film, t, config.steady_below if take.steady else 0.0, somebody)
        return torch.where(level > 0, v + (taken - film) / level.clamp(min=1e-3), v)

    return helped


def nothing_said(said_PTHWP: Tensor, more: int) -> tuple[Tensor, Tensor]:
    """The same, and `more` prompts that are told nothing: what DiT.film wants as `told`."""
    quiet = said_PTHWP.new_zeros(more, *said_PTHWP.shape[1:4], SAID)
    heard = torch.tensor([True] * len(said_PTHWP) + [False] * more, device=said_PTHWP.device)
    return torch.cat([said_PTHWP, quiet]), heard


def _sample(velocity: Velocity, noise: Tensor, pattern: patterns.Pattern, stage: Stage) -> Tensor:
    """All steps of one window."""
    assert stage.request.steps is not None
    seen = sampler.Watched(velocity)
    with torch.inference_mode(), autocast(stage.device):
        films = sampler.sample(seen, noise, pattern, sampler.schedule(stage.request.steps, SHIFT))
        for _ in range(stage.request.steps):
            z = next(films)
            stage.step()
            if stage.on_preview is not None and seen.estimate is not None and stage.preview_due():
                stage.on_preview(preview(seen.estimate, stage.bundle))
    return z


def painter_of(stage: Stage) -> Painter:
    """Who paints the film's backdrops, each a film of one frame."""

    def sampled(prompt: str, noise: Tensor, pattern: patterns.Pattern) -> Tensor:
        assert stage.request.guidance is not None
        pulled = stage.request.guidance * pull_towards(prompt)
        request = dataclasses.replace(stage.request, steps=max(BACKDROP_STEPS, stage.request.steps or 0), guidance=pulled)
        alone = dataclasses.replace(stage, request=request, on_step=lambda *_: None)
        alone.on_preview = None
        take = Take((prompt,), np.ones((1, 1), np.float32), np.ones((1, 1, 1), np.float32), (0, 1))
        with torch.inference_mode(), autocast(stage.device):
            velocity = velocity_of(take, torch.ones(1, 1), alone)
        return _sample(velocity, noise, pattern, alone)

    return Painter(stage.request, stage.bundle, stage.noise.cells, sampled)


def _ring(take: Take, stage: Stage) -> Tensor:
    """A closed ring of chunks, opened for the decoder: a still, two chunks from its end, then all of them."""
    count = latents_of(take.frames) - 1
    first, noise = stage.noise.draw(1).to(stage.device), stage.noise.draw(count).to(stage.device)
    weights = prompt_weights(take, 1, 2)
    vae = stage.bundle.vae

    def still(z: Tensor) -> Tensor:
        return vae.encode(vae.picture(z)[:, :, -1:])

    stager, ring = Stager(take.prompts, stage.request, stage.bundle, stage.noise.cells), sampler.Ring(count)
    with torch.inference_mode():
        with autocast(stage.device):
            plan = stager.ring(weights.expand(-1, count))
            plan = Dresser(take, stage.request, stage.bundle, stager.looks, stage.noise.cells).ring(
                plan, weights.expand(-1, count)
            )
            velocity = velocity_of(take, weights.expand(-1, count + 1), stage, stager, plan, ring)
        around = sampler.looped(velocity, still, first, ring)
        z = _sample(around, noise, patterns.unknown(noise.shape).to(stage.device), stage)
        falling = Falling(take.prompts, stage.request, stage.bundle)
        with autocast(stage.device):
            lead = torch.cat([still(z[:, :, -3:-2] if count > 2 else z[:, :, -1:]), z[:, :, -2:]], 2)
            decode = lambda z: _drawn(torch.cat([lead, z], 2), stage, {}, opens=True)[:, :, CHUNK * lead.shape[2] :]  # noqa: E731
            panner = Panner(take, stage.request, stage.bundle, stager.looks, painter_of(stage))
            film = panner.ring(z, weights.expand(-1, count), plan, decode)
            return falling.over(film, weights.expand(-1, count), torch.ones(1, count, 1, 1, device=stage.device), 1, ring=True)


def preview(z_BCTHW: Tensor, bundle: "Bundle") -> np.ndarray:
    """The last frame of each latent frame as the tokenizer's linear map draws it, small: frames_THWC."""
    frames = bundle.vae.picture(z_BCTHW)[0, :, CHUNK - 1 :: CHUNK]
    scale = PREVIEW / min(frames.shape[2:])
    if scale < 1:
        frames = torch.nn.functional.interpolate(frames.transpose(0, 1), scale_factor=scale, mode="area").transpose(0, 1)
    return to_frames(frames[None])
