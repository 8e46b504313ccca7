"""Clips of many sizes and lengths through one training step: alone, padded, in buckets, packed. What each costs a token.

    python benchmarks/packing.py [--clips 24] [--tokens 512] [--docs docs]

Seconds are processor time of one thread, forward and backward of the whole transformer, so that other work on the machine
counts little. Also checked: that a clip's loss in a pack is its loss alone.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from skyloom.base.sizes import Ruler
from skyloom.data.mixture import given_frames
from skyloom.evals import report
from skyloom.generate import fingerprint
from skyloom.models.bundle import Bundle, load_bundle
from skyloom.train.finetune import pack_errors
from skyloom.train.model import bundle_loss

SIZES = ((128, 128), (128, 224), (192, 192), (224, 128))  # pixels
LONGEST = 9  # latent frames
WORDS = "a red fox runs in the snow"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=512, help="a step, at most")
    parser.add_argument("--rounds", type=int, default=2, help="of which the quickest counts")
    parser.add_argument("--model", default="storybook")
    parser.add_argument("--docs", type=Path, help="folder of RESULTS.md; none is written without it")
    a = parser.parse_args()
    torch.set_num_threads(1)
    bundle = load_bundle(a.model)
    bundle.dit.train()
    rng = np.random.default_rng(0)
    shapes = [(int(rng.integers(1, LONGEST + 1)), *SIZES[rng.integers(len(SIZES))]) for _ in range(a.clips)]
    whole = sum(map(tokens_of, shapes))
    ways: dict[str, tuple[list[list[Shape]], str]] = {
        "alone": ([[shape] for shape in shapes], "nothing"), "padded": (padded(shapes, a.tokens), "nothing"),
        "buckets": buckets(shapes, a.tokens), "packed": (packed(shapes, a.tokens), "nothing"),
    }  # fmt: skip
    step(bundle, [shapes[0]])  # the first is slow: memory is fetched
    best: dict[str, float] = {}
    for _ in range(a.rounds):  # in turns, since other work on the machine comes and goes
        for name, (batches, _) in ways.items():
            work = pack_step if name == "packed" else step
            seconds = sum(timed(lambda w=work, b=batch: w(bundle, b)) for batch in batches)
            best[name] = min(seconds, best.get(name, seconds))
    rows = []
    for name, (batches, left_out) in ways.items():
        computed = sum(map(tokens_of, itertools.chain(*batches)))
        useful = whole if name == "padded" else computed
        rows.append([name, str(len(batches)), f"{useful / best[name]:.0f}", f"{1 - useful / computed:.1%}", left_out])
    text = report.table(["way", "steps", "useful tokens a second", "padding", "left out"], rows)
    text = (
        f"{a.clips} clips of 1 to {LONGEST} latent frames, {len(SIZES)} sizes, {whole} tokens, steps of at most {a.tokens}:\n"
        f"forward and backward on one thread, the quickest of {a.rounds} rounds. Buckets are full batches of each shape, as\n"
        f"a large data set gives.\n\n{text}\n"
        f"Loss of a clip in a pack against its loss alone: {difference(bundle, ways['packed'][0][0]):.2%} apart at most.\n"
    )
    print(text)
    if a.docs:
        command = f"python benchmarks/packing.py --clips {a.clips} --tokens {a.tokens}"
        report.publish(a.docs, "packing", text, report.circumstances(command, 0, fingerprint(bundle)))


Shape = tuple[int, int, int]  # latent frames, height and width in pixels


def tokens_of(shape: Shape) -> int:
    return shape[0] * Ruler().tokens(1, shape[1], shape[2])


def padded(shapes: list[Shape], tokens: int) -> list[list[Shape]]:
    """Clips as they come, all as large as the largest of their batch."""
    batches: list[list[Shape]] = [[]]
    for shape in shapes:
        some = [*batches[-1], shape]
        if batches[-1] and len(some) * tokens_of(largest(some)) > tokens:
            some = [shape]
            batches.append([])
        batches[-1] = some
    return [[largest(some)] * len(some) for some in batches]


def largest(shapes: list[Shape]) -> Shape:
    return tuple(max(side) for side in zip(*shapes, strict=True))  # type: ignore[return-value]


def buckets(shapes: list[Shape], tokens: int) -> tuple[list[list[Shape]], str]:
    """A full batch of each shape that the beginnings of the clips have."""
    ruler = Ruler()
    cut = [(ruler.latent_frames(given_frames(1 + 4 * (n - 1), 1 + 4 * (LONGEST - 1), ruler)), h, w) for n, h, w in shapes]
    lost = 1 - sum(map(tokens_of, cut)) / sum(map(tokens_of, shapes))
    batches = [[shape] * max(1, tokens // tokens_of(shape)) for shape in sorted(set(cut))]
    return batches, f"{lost:.1%} of the tokens: ends of clips"


def packed(shapes: list[Shape], tokens: int) -> list[list[Shape]]:
    """Each clip in the first pack with room."""
    packs: list[list[Shape]] = []
    for shape in shapes:
        room = (pack for pack in packs if sum(map(tokens_of, pack)) + tokens_of(shape) <= tokens)
        pack = next(room, None)
        if pack is None:
            packs.append(pack := [])
        pack.append(shape)
    return packs


def drawn(shapes: list[Shape], channels: int, seed: int = 0) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Latents C T H W, noise and levels T 1 1 of clips."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda: [torch.randn(channels, n, h // 16, w // 16, generator=rng) for n, h, w in shapes]  # noqa: E731
    return draw(), draw(), [torch.rand(n, 1, 1, generator=rng) for n, _, _ in shapes]


def step(bundle: Bundle, shapes: list[Shape]) -> None:
    """Forward and backward of a batch of clips of one shape."""
    z, noise, levels = (torch.stack(part) for part in drawn(shapes, bundle.config.vae.channels))
    bundle_loss(bundle, z, noise, levels, torch.ones(len(z), *z.shape[2:]), [WORDS] * len(z)).backward()
    bundle.dit.zero_grad(set_to_none=True)


def pack_step(bundle: Bundle, shapes: list[Shape]) -> None:
    z, noise, levels = drawn(shapes, bundle.config.vae.channels)
    torch.stack(pack_errors(bundle, z, noise, levels, [WORDS] * len(z))).sum().backward()
    bundle.dit.zero_grad(set_to_none=True)


@torch.no_grad()
def difference(bundle: Bundle, shapes: list[Shape]) -> float:
    """The largest relative difference between the losses of a pack's clips and those of the clips alone."""
    z, noise, levels = drawn(shapes, bundle.config.vae.channels)
    together = pack_errors(bundle, z, noise, levels, [WORDS] * len(z))
    worst = 0.0
    for clip, e, t, error in zip(z, noise, levels, together, strict=True):
        single = bundle_loss(bundle, clip[None], e[None], t[None], torch.ones(1, *clip.shape[1:]), [WORDS])
        worst = max(worst, abs(float(error) / clip[0].numel() / float(single) - 1))
    return worst


def timed(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
