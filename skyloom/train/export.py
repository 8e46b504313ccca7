"""A trained run -> a folder that travels: weights, config, vocabulary and a model card that says what they are."""

import json
from pathlib import Path

import torch

from ..base.checkpoint import load_weights, write_atomic
from ..base.sizes import human_bytes
from ..config import to_json
from ..models.bundle import SHIPPED, Bundle, load_bundle, save_bundle
from ..models.vae import VAE

LIMIT = 90_000_000  # bytes of a model inside the package


def export_run(run: Path, to: Path | None = None) -> Path:
    """Copy the averaged weights of RUN/model/export to `to` (default: the package's weights/NAME) and write the card.

    FileNotFoundError where the run has no trained model yet; ValueError where it is too large for the package.
    """
    source = run / "model"
    if not (source / "export" / "dit.safetensors").is_file():
        raise FileNotFoundError(f"{source / 'export'}: no trained model there. Run `skyloom train model` first.")
    bundle = load_bundle(source)
    take_decoder(bundle, run / "tokenizer" / "export" / "vae.safetensors")
    folder = to or SHIPPED / bundle.config.name
    probe = sorted((run / "probe" / "export").glob("probe.*"))  # the judge travels along, so that `eval` needs no training
    size = sum(file.stat().st_size for file in [*(source / "export").glob("*.safetensors"), *probe])
    if to is None and size > LIMIT:
        raise ValueError(
            f"{source}: {human_bytes(size)} of weights, at most {human_bytes(LIMIT)} ship. Give a folder with --to."
        )
    save_bundle(bundle, folder)
    for file in probe:
        write_atomic(folder / file.name, file.read_bytes())
    write_atomic(folder / "README.md", model_card(bundle, last_metrics(source / "metrics.jsonl"), size))
    return folder


def take_decoder(bundle: Bundle, weights: Path) -> None:
    """Put the tokenizer's latest decoder into the bundle: it may have learned on while the transformer trained.

    ValueError where its latents are other ones than those that the transformer learned.
    """
    if not weights.is_file():
        return
    latest = VAE(bundle.config.vae)
    load_weights(latest, weights)
    for name, old in bundle.vae.named_buffers():
        if not torch.equal(old, latest.get_buffer(name)):
            raise ValueError(f"{weights}: its latents ({name}) are not those that the transformer was trained on.")
    bundle.vae = latest.eval()


def last_metrics(path: Path) -> dict[str, float]:
    """The last value of each figure in a run's diary."""
    found: dict[str, float] = {}
    if path.is_file():
        for row in path.read_text().splitlines():
            found |= json.loads(row) if row.endswith("}") else {}
    return found


def model_card(bundle: Bundle, metrics: dict[str, float], size: int) -> str:
    """The card in Markdown, for people and for hubs that read its head."""
    config = bundle.config
    weights = {
        name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in (("vae", bundle.vae), ("dit", bundle.dit))
    }
    shapes = ", ".join(dict.fromkeys(f"{b.frames} x {b.width}x{b.height}" for b in config.model.buckets))
    losses = "".join(f"| {name} | {value:.4g} |\n" for name, value in sorted(metrics.items()) if name.startswith("val"))
    figures = (
        f"\nHeld-out flow loss at the end of training, by frames x height x width:\n\n| | |\n|---|---|\n{losses}"
        if losses
        else ""
    )
    return f"""---
license: apache-2.0
pipeline_tag: text-to-video
language: [en, zh]
---
# {config.name}

A text-to-video model of Skyloom: a sentence in English or Chinese becomes a film at {config.fps} frames per second.

- Files: `vae.safetensors` (tokenizer, {weights["vae"]:.1f} M weights), `dit.safetensors` (transformer and text encoder,
  {weights["dit"]:.1f} M weights), `config.json`, `vocabulary.json` ({len(bundle.vocabulary.words)} words and Hanzi);
  {human_bytes(size)} in all.
- Trained by this repository alone, from random weights, for {int(metrics.get("step", 0))} steps, on scenes that
  `skyloom.worlds` draws: characters, animals, vehicles and things in painted places. No footage, no other model.
- Art of the training scenes: Fluent Emoji by Microsoft, MIT licence. The weights are under Apache-2.0.
- Trained on frames x size: {shapes}.
- It knows its own small world and nothing else: no real people, places or events, no text in pictures, no sound.

Use it: `skyloom generate "a red fox runs in the snow" --model {config.name}`. Scores: `docs/RESULTS.md`.
{figures}
<details><summary>Configuration</summary>

```json
{to_json(config)}
```

</details>
"""
