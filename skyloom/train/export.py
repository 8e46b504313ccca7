"""A trained run -> a folder that travels: weights, config, vocabulary, and a card that says what they are and came from."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ..base.files import write_atomic
from ..base.sizes import human_bytes
from ..config import to_json
from ..models.bundle import Bundle, load_bundle, save_bundle, take_decoder
from ..models.lora import FILE, load_adapter, merged, parse
from ..models.shipped import SHIPPED

LIMIT = 90_000_000  # bytes of a model inside the package
FREE = {"cc0", "cc0-1.0", "cc-by", "cc-by-4.0", "cc-by-3.0", "mit", "apache-2.0", "bsd", "bsd-3-clause", "public domain"}
WORLD = """- Trained by this repository alone, from random weights, for {steps} steps, on scenes that
  `skyloom.worlds` draws: characters, animals, vehicles and things in painted places. No footage, no other model.
{looks}- Art of the training scenes: Fluent Emoji by Microsoft, MIT licence. The weights are under Apache-2.0.
- It knows its own small world and nothing else: no real people, places or events, no text in pictures, no sound.
"""
LOOKS = """- Remembers a picture of each of {count} nouns (`pictures` and `looks` in dit.safetensors: the art, MIT licence) and
  lays those that a prompt names into its films{loops}. Where they are, how they go and are lit is
  learned. Scenery that stands about is painted by `skyloom.worlds`.
"""
FOOTAGE = """- Trained on from `{base}` for {steps} steps, on the footage below.
- It knows what it was shown, roughly, and learns small footage by heart. No text in pictures, no sound.
"""


def export_run(run: Path, to: Path | None = None) -> Path:
    """Copy the averaged weights of RUN/model/export to `to` (default: the package's weights/NAME) and write the card.

    A run that has only an adapter gives a folder with that. FileNotFoundError where the run has nothing trained yet; ValueError
    where it is too large for the package.
    """
    source = run / "model"
    if not (source / "export" / "dit.safetensors").is_file():
        if (run / "lora" / "export" / FILE).is_file():
            return export_adapter(run / "lora", to)
        raise FileNotFoundError(f"{source / 'export'}: no trained model there. Run `skyloom train model` first.")
    bundle = load_bundle(source)
    take_decoder(bundle, run / "tokenizer" / "export" / "vae.safetensors")
    probe = sorted((run / "probe" / "export").glob("probe.*"))  # the judge travels along, so that `eval` needs no training
    folder = write_model(bundle, to, source, size=sum(file.stat().st_size for file in probe))
    for file in probe:
        write_atomic(folder / file.name, file.read_bytes())
    return folder


def export_merged(adapters: Sequence[str], to: Path | None = None, model: str | None = None) -> Path:
    """The model with adapters, FILE or FILE:SCALE each, merged into its weights, as a model of its own, and its card."""
    named = [parse(text) for text in adapters]
    loaded = [(load_adapter(path), scale) for path, scale in named]
    first = loaded[0][0].about
    bundle = merged(load_bundle(model or first.get("base", "storybook")), loaded)
    bundle.config = dataclasses.replace(bundle.config, name=first.get("name", "mine"))
    run = next((folder for folder in [named[0][0] / "lora", named[0][0], *named[0][0].parents] if is_run(folder)), Path())
    return write_model(bundle, to, run)


def write_model(bundle: Bundle, to: Path | None, run: Path, size: int = 0) -> Path:
    """Weights and card in `to`, or in the package where they are small enough; `run` knows how they were trained."""
    folder = to or SHIPPED / bundle.config.name
    size += sum(min(2, t.element_size()) * t.numel() for part in parts_of(bundle).values() for t in part.state_dict().values())
    size += sum(map(len, bundle.loops.films.values())) if bundle.loops is not None else 0
    if to is None and size > LIMIT:
        raise ValueError(
            f"{bundle.config.name}: {human_bytes(size)} of weights, at most {human_bytes(LIMIT)} ship. Give a folder with --to."
        )
    save_bundle(bundle, folder)
    data = with_data(run, folder)
    write_atomic(folder / "README.md", model_card(bundle, run / "metrics.jsonl", size, data, samples_section(folder)))
    return folder


def export_adapter(run: Path, to: Path | None) -> Path:
    """A folder with the adapter alone, for a hub. ValueError without a place: the package holds whole models only."""
    if to is None:
        raise ValueError(f"{run}: an adapter. Give a folder with --to, or --lora {run.parent} to merge it into its model.")
    adapter = load_adapter(run)
    path = run / "export" / FILE
    write_atomic(to / FILE, path.read_bytes())
    data = with_data(run, to)
    base, rank = adapter.about.get("base", "?"), adapter.about.get("rank", "?")
    losses = losses_table(run / "metrics.jsonl")
    write_atomic(
        to / "README.md",
        f"""---
{licence_head(data)}
base_model: {base}
base_model_relation: adapter
library_name: skyloom
pipeline_tag: text-to-video
tags: [lora]
---
# {adapter.about.get("name", to.name)}

A low-rank adapter of rank {rank} ({human_bytes(path.stat().st_size)}) for Skyloom's model `{base}`: it turns attention and MLP
of the transformer.

Use it: `skyloom generate "..." --model {base} --lora {FILE}`, or `{FILE}:0.6` for less of it.

{data_section(data)}{losses}{samples_section(to)}""",
    )
    return to


def with_data(run: Path, folder: Path) -> dict[str, Any] | None:
    """What the run learned from, copied beside the weights with its newest sheet; None for the world's own scenes."""
    if not is_run(run):
        return None
    write_atomic(folder / "data.json", (run / "data.json").read_bytes())
    for sheet in sorted((run / "samples").glob("*.png"))[-1:]:
        write_atomic(folder / "samples.png", sheet.read_bytes())
    return json.loads((run / "data.json").read_text(encoding="utf-8"))


def is_run(folder: Path) -> bool:
    """Whether a run that learned from footage lies there."""
    return (folder / "data.json").is_file() and (folder / "metrics.jsonl").is_file()


def first_and_last_metrics(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """The first and the last value of each figure in a run's diary."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    if path.is_file():
        for row in path.read_text().splitlines():
            figures = json.loads(row) if row.endswith("}") else {}
            first, last = figures | first, last | figures
    return first, last


def model_card(bundle: Bundle, metrics: Path, size: int, data: dict[str, Any] | None, samples: str = "") -> str:
    """The card in Markdown, for people and for hubs that read its head."""
    config, base = bundle.config, f"base_model: {data['base']}\n" if data else ""
    weights = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in parts_of(bundle).items()}
    staged = f" `staging.safetensors` (who stands where, {weights['staging']:.1f} M weights)," if bundle.staging else ""
    staged += (
        f" `tempo.safetensors` (how they go from frame to frame, {weights['tempo']:.1f} M weights)," if bundle.tempo else ""
    )
    staged += f" `verifier.safetensors` (which plan is best, {weights['verifier']:.1f} M weights)," if bundle.verifier else ""
    many = bundle.config.air.particles
    staged += f" `air.safetensors` (what falls through it, and stars: {many} particles of each kind)," if bundle.air else ""
    staged += f" `loops.safetensors` (how {len(bundle.loops.films)} nouns move in themselves)," if bundle.loops else ""
    shapes = ", ".join(dict.fromkeys(f"{b.frames} x {b.width}x{b.height}" for b in config.model.buckets))
    steps = int(first_and_last_metrics(metrics)[1].get("step", 0))
    moving = ", some in a loop of their own (`loops.safetensors`)" if bundle.loops else ""
    looks = LOOKS.format(count=config.text.looks, loops=moving) if config.text.looks else ""
    origin = (
        FOOTAGE.format(base=data["base"], steps=steps) if data else WORLD.format(steps=config.trained or steps, looks=looks)
    )
    return f"""---
{licence_head(data)}
{base}library_name: skyloom
pipeline_tag: text-to-video
language: [en, zh]
---
# {config.name}

A text-to-video model of Skyloom: a sentence in English or Chinese becomes a film at {config.fps} frames per second.

- Files: `vae.safetensors` (tokenizer, {weights["vae"]:.1f} M weights), `dit.safetensors` (transformer and text encoder,
  {weights["dit"]:.1f} M weights),{staged} `config.json`, `vocabulary.json` ({len(bundle.vocabulary.words)} words and Hanzi);
  {human_bytes(size)} in all.
{origin}- Trained on frames x size: {shapes}.

Use it: `skyloom generate "a red fox runs in the snow" --model {config.name}`. Scores: `docs/RESULTS.md`.

{data_section(data)}{losses_table(metrics)}{samples}
<details><summary>Configuration</summary>

```json
{to_json(config)}
```

</details>
"""


def parts_of(bundle: Bundle) -> dict[str, nn.Module]:
    """A model's networks by the names of their files."""
    names = ("vae", "dit", "staging", "tempo", "verifier", "air")
    return {name: part for name in names if (part := getattr(bundle, name)) is not None}


def licence_head(data: dict[str, Any] | None) -> str:
    """Apache-2.0, as the code; `other` where the footage's licences do not plainly allow that."""
    licences = {name.lower() for row in (data or {}).get("sets", []) for name in row["licences"]}
    return "license: apache-2.0" if licences <= FREE else "license: other\nlicense_name: see-the-footage-below"


def data_section(data: dict[str, Any] | None) -> str:
    """What was learned from, and under which licences; weights learned from footage carry its terms along."""
    if not data:
        return ""
    lines = [
        f"| {row['name']} | {row['weight']:g} | {row['clips']} ({row['held_out']} held out) | {row['seconds']:g} | "
        + ", ".join(f"{name} ({count})" for name, count in row["licences"].items())
        + " |\n"
        for row in data["sets"]
    ]
    return (
        "## Footage\n\n| data set | weight | clips | seconds | licences of the clips |\n|---|---|---|---|---|\n"
        + "".join(lines)
        + "\nCode and base weights are under Apache-2.0; what the footage's licences ask for holds for these weights too.\n\n"
    )


def losses_table(metrics: Path) -> str:
    """Held-out flow loss, at the end and, where the run began with a trained model, before."""
    first, last = first_and_last_metrics(metrics)
    names = sorted(name for name in last if name.startswith("val"))
    if not names:
        return ""
    before = any(first[name] != last[name] for name in names)
    head = "| shape | before | after |\n|---|---|---|\n" if before else "| shape | loss |\n|---|---|\n"
    rows = "".join(f"| {name[3:]} | " + (f"{first[name]:.4g} | " if before else "") + f"{last[name]:.4g} |\n" for name in names)
    return f"Held-out flow loss by frames x height x width:\n\n{head}{rows}\n"


def samples_section(folder: Path) -> str:
    return (
        "Real clips, and under each a film of its caption with seed 0:\n\n![samples](samples.png)\n"
        if (folder / "samples.png").is_file()
        else ""
    )
