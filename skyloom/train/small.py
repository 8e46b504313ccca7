"""The loop that the small networks beside the transformer learn in: staging, tempo, verifier. Rerun to resume, bit by bit."""

import copy
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from ..base import checkpoint
from ..base.log import Log
from .optim import Optimisers, PowerEMA, schedule

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)
WIDTH = 6.94  # of the average: PowerEMA's exponent


class Settings(Protocol):
    """What the configs of these networks have in common."""

    @property
    def steps(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def decay(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


def learn(
    part: N,
    settings: Settings,
    run: Path,
    file: str,
    batches: Callable[[int], Iterable[T]],
    loss: Callable[[N, T, int], Tensor],
    held_out: Callable[[N], float],
    *,
    minutes: float = math.inf,
    save_minutes: float = 3,
    check_every: int = 200,
    anneal: bool = False,
    muon: bool = True,
    finish: Callable[[N], object] | None = None,
) -> Path:
    """Trains a part in `run`, from the step on at which that stopped, and exports its average as run/export/`file`.

    `batches` are those from a step on, `loss` is of a batch and a step, `held_out` of an average, of which `finish` has the
    last word. After `minutes` it stops early with everything saved; with `anneal` the learning rate has fallen to zero by then.
    """
    optimiser, ema, step = Optimisers(part, settings.lr, settings.weight_decay, muon=muon), PowerEMA(part, WIDTH), 0
    if state := checkpoint.load_latest(run):
        part.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        ema.average = {name: value.to(ema.average[name].device) for name, value in state["ema"].items()}
        step = state["step"]
    log = Log(run, step)
    began = saved = time.time()
    for batch in batches(step):
        if step == 0:
            began = time.time()  # waiting for the first batch is not time to learn
        gone = (time.time() - began) / (60 * minutes) if anneal and minutes else 0.0
        now_lost = loss(part, batch, step)
        now_lost.backward()
        norm = torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimiser.step(schedule(step, settings.steps, settings.warmup, settings.decay, gone))
        step += 1
        ema.update(part, step)
        now = time.time()
        last = step == settings.steps or now - began > minutes * 60
        if step % 20 == 0:
            log.row(step, loss=float(now_lost.detach()), norm=float(norm))
        if step % check_every == 0 or last:
            log.row(step, val=held_out(averaged(part, ema)))
        if last or now - saved > save_minutes * 60:
            checkpoint.save(run, step, {"model": part.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema.average})
            learned = averaged(part, ema)
            if last and finish is not None:
                finish(learned)
            checkpoint.save_weights(run / "export" / file, learned.state_dict(), torch.bfloat16)
            saved = now
        if last:
            break
    return run / "export"


def averaged(part: N, ema: PowerEMA) -> N:
    """A copy with the averaged weights."""
    with torch.no_grad():
        made = copy.deepcopy(part).requires_grad_(False)
        made.load_state_dict(ema.average)
    return made.eval()
