"""The same prompts at one, four and thirty-two budgets of training, the same seed: what more compute buys, side by side.

    python benchmarks/budgets.py
    python benchmarks/budgets.py --steps 300 --run runs/budgets

The best-known picture of Sora's report (Brooks et al. 2024, base compute, 4x, 32x), reproduced in a world whose truth is known.
Three transformers begin with the same random weights and see the same single frames in the same order; each runs to the end of
its own schedule. Their weights alone then draw prompts of scenes that nobody has seen, and the probe says which of the stated
facts can be seen. It takes some eighty minutes of one core. Stop it and run it again at will: each budget is a resumable run
of its own.
"""

import argparse
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import stills

from skyloom.base.video import contact_sheet
from skyloom.config import Bucket, Config, DiTConfig
from skyloom.data import encode
from skyloom.evals import report
from skyloom.evals.adherence import compare, wilson
from skyloom.evals.sheets import save_jpeg
from skyloom.models.bundle import load_bundle
from skyloom.models.probe import Probe
from skyloom.models.shipped import SHIPPED
from skyloom.presets import PRESETS
from skyloom.train import model as trainer
from skyloom.train.plan import model_flops
from skyloom.worlds.captions import caption
from skyloom.worlds.sample import sample_scene

BUDGETS = (1, 4, 32)
SIDE = 128  # pixels of the frames; what the probe looks at
STREAM = 820_000  # seeds of the scenes that are asked for: none that training or evaluation uses
FACTS = {"one noun": "noun", "place": "place", "light": "light", "weather": "weather"}


def main() -> None:
    a = arguments()
    start, probe = stills.begun("storybook", a.probe)
    tokenizer = SHIPPED / "storybook" / "vae.safetensors"
    configs = {budget: config_of(budget * a.steps, a) for budget in BUDGETS}
    encode.main(configs[1], tokenizer, a.run / "data")
    cells = (SIDE // start.vae.config.stride,) * 2
    rows, strips = [], []
    for budget, config in configs.items():
        run = a.run / f"{budget}x"
        trainer.main(config, run, a.run / "data", tokenizer, check_every=max(1, config.model.steps // 4), look_minutes=math.inf)
        bundle = load_bundle(run / "export")
        strips.append(np.concatenate([picture[0] for picture in stills.drawn(bundle, trainer.PROMPTS, cells, 16, a.seed)], 1))
        compute = f"{model_flops(config) / 1e15:.3g} PFLOP"
        rows.append([f"{budget}x", str(config.model.steps), compute, held_out_loss(run), *told(bundle, probe, cells, a)])
        print(*rows[-1], flush=True)
    publish(a, rows, strips)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--probe", type=Path, help="folder of the probe [the model's]")
    parser.add_argument("--run", type=Path, default=Path("runs/budgets"))
    parser.add_argument("--steps", type=int, default=45, help="of the smallest budget")
    parser.add_argument("--scenes", type=int, default=8192, help="to learn from")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--n", type=int, default=96, help="unseen scenes that are asked for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


def config_of(steps: int, a: argparse.Namespace) -> Config:
    """The shipped recipe with a smaller transformer and nothing but single frames to learn from, in so many steps."""
    preset = PRESETS["storybook"]
    learning = dataclasses.replace(
        preset.model, steps=steps, warmup=max(5, steps // 20), decay=0.4, shift=1.0, lr=2e-3,
        buckets=(Bucket(1, SIDE, SIDE, a.scenes, a.batch),), phases=((0, (1.0,)),),
    )  # fmt: skip
    dit = DiTConfig(width=256, depth=6, local_width=96, local_depth=1)
    return dataclasses.replace(preset, name="budgets", dit=dit, model=learning)


def held_out_loss(run: Path) -> str:
    """The last one that a run wrote down."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return f"{[row for row in rows if f'val1x{SIDE}x{SIDE}' in row][-1][f'val1x{SIDE}x{SIDE}']:.4f}"


def told(bundle: trainer.Bundle, probe: Probe, cells: tuple[int, int], a: argparse.Namespace) -> list[str]:
    """Of each kind of fact in prompts of unseen scenes the share that the probe finds in what the weights draw: per cent."""
    scenes = [sample_scene(STREAM, i, split="val", max_actors=1) for i in range(a.n)]
    prompts = [caption(scene, "en", "dense", still=True) for scene in scenes]
    found: dict[str, list[bool]] = {kind: [] for kind in FACTS}
    for scene, picture in zip(scenes, stills.drawn(bundle, prompts, cells, 16, a.seed), strict=True):
        held = compare(scene, probe.read(picture, asked=tuple(actor.noun for actor in scene.actors)), still=True)
        for kind in FACTS:
            found[kind] += held[kind]
    return [percent(hits) for hits in found.values()]


def percent(hits: list[bool]) -> str:
    low, high = wilson(sum(hits), len(hits))
    return f"{100 * np.mean(hits):.0f} ({100 * low:.0f}-{100 * high:.0f}, {len(hits)})" if hits else ""


def publish(a: argparse.Namespace, rows: list[list[str]], strips: list[np.ndarray]) -> None:
    save_jpeg(a.docs / "img" / "budgets.jpg", contact_sheet(strips, columns=1))
    columns = ["budget", "steps", "training compute", "held-out loss", *FACTS.values()]
    prompts = "; ".join(f"`{prompt}`" for prompt in trainer.PROMPTS)
    text = (
        f"Single frames of {SIDE}x{SIDE}, {a.batch} a step, out of {a.scenes}. Held-out flow loss, and per cent of the facts\n"
        f"in {a.n} prompts of unseen scenes which the probe finds in the pictures (Wilson's 95 % interval, facts).\n\n"
        f"{report.table(columns, rows)}\n![The same prompts at three budgets](img/budgets.jpg)\n\n"
        f"From top to bottom 1x, 4x and 32x, the same seed throughout, none left out: {prompts}."
    )
    command = f"python benchmarks/budgets.py --steps {a.steps} --scenes {a.scenes} --batch {a.batch} --n {a.n}"
    report.publish(a.docs, "budgets", text, report.circumstances(command, a.seed))


if __name__ == "__main__":
    main()
