"""Held-out loss against training compute, for three sizes of the transformer that each get the same compute.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --data runs/storybook/data --tokenizer runs/storybook/tokenizer/export/vae.safetensors

The first draws and encodes a few thousand stills by the shipped tokenizer and learns from windows of these, around actors: it
takes an hour of one core. Stop it and run it again at will: each size trains in its own resumable run. Writes
docs/img/scaling.svg and the table in docs/RESULTS.md.
"""

import argparse
import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

from skyloom.base.files import write_atomic
from skyloom.config import Bucket, Config, DiTConfig
from skyloom.data import encode
from skyloom.evals import report
from skyloom.models.shipped import SHIPPED
from skyloom.presets import PRESETS
from skyloom.train import model as trainer
from skyloom.train.plan import model_flops

SIZES = {"S": DiTConfig(width=128, depth=6), "M": DiTConfig(width=256, depth=8), "L": DiTConfig(width=384, depth=12)}
POINTS = 8  # of each curve
COLOURS = ("#4c78a8", "#f58518", "#54a24b")


@dataclass(frozen=True)
class Point:
    size: str
    step: int
    flops: float
    loss: float


def main() -> None:
    a = arguments()
    points: list[Point] = []
    preset = PRESETS[a.preset] if a.data else of_stills(PRESETS[a.preset], a.stills)
    data, tokenizer = a.data or a.run / "data", a.tokenizer or SHIPPED / "storybook" / "vae.safetensors"
    if not a.data:
        encode.main(preset, tokenizer, data)
    for name, dit in SIZES.items():
        config = budgeted(dataclasses.replace(preset, name=f"scaling-{name}", dit=dit), a.pflops * 1e15)
        run = a.run / name
        trainer.main(config, run, data, tokenizer, check_every=max(1, config.model.steps // POINTS), look_minutes=math.inf)
        points += curve(name, config, run, a.bucket)
    table = report.table(
        ["size", "width x depth", "steps", "training compute", f"held-out loss ({a.bucket})"],
        [[p.size, shape(p.size), str(p.step), f"{p.flops / 1e15:.3g} PFLOP", f"{p.loss:.4f}"] for p in points],
    )
    print(table)
    write_atomic(a.docs / "img" / "scaling.svg", plot(points))
    command = f"python benchmarks/scaling.py --pflops {a.pflops:g}" + (
        f" --data {a.data}" if a.data else f" --stills {a.stills}"
    )
    text = f"{table}\n![Held-out loss against compute](img/scaling.svg)"
    report.publish(a.docs, "scaling", text, report.circumstances(command, PRESETS[a.preset].model.seed))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="encoded clips, as `skyloom train encode` writes them [stills of its own]")
    parser.add_argument("--tokenizer", type=Path, help="vae.safetensors that encoded them [the shipped one]")
    parser.add_argument("--stills", type=int, default=3072, help="how many to draw where no data is given")
    parser.add_argument("--run", type=Path, default=Path("runs/scaling"))
    parser.add_argument("--preset", choices=sorted(PRESETS), default="storybook")
    parser.add_argument("--pflops", type=float, default=0.03, help="training compute of each size, in 10^15 operations")
    parser.add_argument("--bucket", default="1x256x256w", help="whose held-out loss is shown")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


def of_stills(preset: Config, count: int) -> Config:
    """The preset with nothing but windows of single frames to learn from: what shows in minutes which size learns fastest."""
    bucket = Bucket(1, 256, 256, count, 16, window=8)
    return dataclasses.replace(preset, model=dataclasses.replace(preset.model, buckets=(bucket,), phases=((0, (1.0,)),)))


def budgeted(config: Config, flops: float) -> Config:
    """The config with one mix of buckets throughout (the last phase's) and as many steps as the compute pays for."""
    mix = ((0, config.model.phases[-1][1]),)
    trial = dataclasses.replace(config, model=dataclasses.replace(config.model, steps=1000, phases=mix))
    steps = max(10, round(1000 * flops / model_flops(trial)))
    return dataclasses.replace(trial, model=dataclasses.replace(trial.model, steps=steps, warmup=max(5, steps // 20)))


def curve(name: str, config: Config, run: Path, bucket: str) -> list[Point]:
    """The held-out losses that a run wrote down, with the compute spent until then."""
    points = []
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        if f"val{bucket}" in row:
            spent = dataclasses.replace(config, model=dataclasses.replace(config.model, steps=row["step"]))
            points.append(Point(name, row["step"], model_flops(spent), row[f"val{bucket}"]))
    if not points:
        raise SystemExit(f"{run}: no held-out loss of {bucket!r}. Give one of the preset's shapes with --bucket.")
    return points


def shape(size: str) -> str:
    return f"{SIZES[size].width} x {SIZES[size].depth}"


def plot(points: list[Point], width: int = 640, height: int = 400) -> str:
    """An SVG of loss over compute (logarithmic), one line for each size."""
    left, right, top, bottom = 64, width - 20, 20, height - 48
    xs, ys = [math.log10(p.flops) for p in points], [p.loss for p in points]
    x0, x1, y0, y1 = min(xs), max(xs), min(ys), max(ys)
    x = lambda p: left + (right - left) * (math.log10(p.flops) - x0) / ((x1 - x0) or 1)  # noqa: E731
    y = lambda loss: bottom - (bottom - top) * (loss - y0) / ((y1 - y0) or 1)  # noqa: E731
    parts = [f'<rect width="{width}" height="{height}" fill="white"/>', *axes(x0, x1, y0, y1, (left, right, top, bottom))]
    for colour, size in zip(COLOURS, SIZES, strict=True):
        mine = [p for p in points if p.size == size]
        line = " ".join(f"{x(p):.1f},{y(p.loss):.1f}" for p in mine)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(p):.1f}" cy="{y(p.loss):.1f}" r="3" fill="{colour}"/>' for p in mine]
        at = list(SIZES).index(size)
        parts.append(f'<text x="{right - 90}" y="{top + 16 + 18 * at}" fill="{colour}">{size}: {shape(size)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">'
    return "\n".join([head, *parts, "</svg>\n"])


def axes(x0: float, x1: float, y0: float, y1: float, box: tuple[int, int, int, int]) -> list[str]:
    left, right, top, bottom = box
    parts = [f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="#888"/>']
    for i in range(5):
        loss, y = y0 + (y1 - y0) * i / 4, bottom - (bottom - top) * i / 4
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end" fill="#555">{loss:.3f}</text>')
        power, x = x0 + (x1 - x0) * i / 4, left + (right - left) * i / 4
        parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{10**power / 1e15:.3g}</text>')
    middle = (left + right) // 2
    return [*parts, f'<text x="{middle}" y="{bottom + 38}" text-anchor="middle" fill="#555">training compute, PFLOP</text>']


if __name__ == "__main__":
    main()
