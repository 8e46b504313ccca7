"""Caption quality: the same budget spent on pictures with short captions, with dense ones, or with 95 of 100 dense.

    python benchmarks/captions.py --steps 600 --scenes 3072 --n 96

DALL-E 3's ablation (Betker et al. 2023, section 3) in a world whose truth is known. Three small models begin with the same
random weights and see the same single frames under the same noise; only the words differ. "Short" are tags, as a picture's alt
text has them: the actor always, the rest more or less often. Each model then draws scenes that nobody has seen, from short
prompts, from the same ones told in full by `--expand`, and from dense ones. The probe says which of the stated facts can be
seen. The flow loss on real frames of those scenes stands beside that: it needs no probe. Models are kept in --run.
"""

import argparse
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import stills
import torch

from skyloom.base.video import contact_sheet
from skyloom.config import Config, DiTConfig, ModelTrain, TextConfig
from skyloom.evals import report
from skyloom.evals.adherence import compare, wilson
from skyloom.evals.sheets import save_jpeg
from skyloom.models.bundle import Bundle, load_bundle, save_bundle
from skyloom.models.probe import Probe
from skyloom.train.model import bundle_loss
from skyloom.worlds.captions import caption
from skyloom.worlds.expand import expand, read_facts
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import Scene
from skyloom.worlds.storybook import render

SIDE = 128  # pixels of the frames; what the probe looks at
STREAM = 810_000  # seeds of scenes: none that training or evaluation uses
SHORT, DENSE = "tags", "dense"
DIETS = {"short": 0.0, "dense": 1.0, "95 % dense, 5 % short": 0.95}  # share of dense captions
PROMPTS: dict[str, Callable[[Scene, int], str]] = {
    "short": lambda scene, i: caption(scene, "en", SHORT, still=True),
    "short, expanded": lambda scene, i: expand(caption(scene, "en", SHORT, still=True), i, still=True),
    "dense": lambda scene, i: caption(scene, "en", DENSE, still=True),
}
FACTS = ("noun", "colour", "place", "light", "weather")
SHOWN = 8  # pictures of each row of the sheet


def main() -> None:
    a = arguments()
    start, probe = stills.begun(a.model, a.probe)
    held = [sample_scene(STREAM, i, split="val", max_actors=1) for i in range(a.n)]
    real = [draw(scene) for scene in held]
    truth = stills.encoded(start, real)
    rows = [["", "real frames", *judged(probe, held, [frame for frame, _ in real], every_fact), "", ""]]
    strips = []
    for diet, bundle in grown(start, a).items():
        for name, say in PROMPTS.items():
            prompts = [say(scene, i) for i, scene in enumerate(held)]
            made = stills.drawn(bundle, prompts, truth[0].shape[-2:], a.sampling, a.seed)
            facts = every_fact if name == "dense" else short_facts
            rows.append([diet, name, *judged(probe, held, made, facts), *losses(bundle, truth, prompts)])
            strips += [np.concatenate([picture[0] for picture in made[:SHOWN]], 1)]
            print(*rows[-1:], flush=True)
    publish(a, rows, strips)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="storybook", help="whose tokenizer, vocabulary and probe to take")
    parser.add_argument("--probe", help="folder of the probe [the model's]")
    parser.add_argument("--run", type=Path, default=Path("runs/captions"))
    parser.add_argument("--width", type=int, default=128, help="of the transformer")
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--scenes", type=int, default=3072, help="to train on")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--n", type=int, default=96, help="unseen scenes")
    parser.add_argument("--sampling", type=int, default=12, help="steps of the sampler")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


def draw(scene: Scene) -> stills.Picture:
    return render(scene, SIDE, SIDE, 1, 12, start=scene.seconds / 2, masks=True)


def small(start: Config, a: argparse.Namespace) -> Config:
    """A small transformer over the tokenizer's latents, which remembers no pictures: what it draws it has from the captions."""
    return Config(
        name="captions",
        vae=start.vae,
        text=TextConfig(width=128, depth=2),
        dit=DiTConfig(width=a.width, depth=a.depth, head_dim=64, local_width=96, local_depth=1),
        model=ModelTrain(shift=1.0, uniform=0.25, actor_weight=3.0),
    )


def grown(start: Bundle, a: argparse.Namespace) -> dict[str, Bundle]:
    """A model of each diet; those that an earlier run trained alike are taken as they are."""
    config = small(start.config, a)
    alike = f"{a.width}x{a.depth}-{a.steps}x{a.batch}-of-{a.scenes}-lr{a.lr:g}-seed{a.seed}"
    places = {diet: a.run / alike / f"{share:g}" for diet, share in DIETS.items()}
    models = {diet: load_bundle(place) for diet, place in places.items() if (place / "config.json").is_file()}
    if len(models) == len(DIETS):
        return models
    scenes = [sample_scene(STREAM, i, split="train", max_actors=1) for i in range(a.scenes)]
    pictures = stills.encoded(start, [draw(scene) for scene in scenes])
    for diet in [diet for diet in DIETS if diet not in models]:
        print(f"learning from captions: {diet}", flush=True)
        bundle = stills.newborn(start, config, a.seed)
        say = lambda i, rng, share=DIETS[diet]: said(scenes[i], rng, share)  # noqa: E731
        models[diet] = stills.learn(bundle, pictures, say, steps=a.steps, batch=a.batch, lr=a.lr, seed=a.seed)
        save_bundle(models[diet], places[diet])
    return {diet: models[diet] for diet in DIETS}


def said(scene: Scene, rng: np.random.Generator, dense: float) -> str:
    style = DENSE if rng.random() < dense else SHORT
    return caption(scene, "en", style, int(rng.integers(1 << 16)), still=True)


def every_fact(scene: Scene) -> set[str]:
    return set(FACTS)


def short_facts(scene: Scene) -> set[str]:
    """Which kinds of facts the short prompt states."""
    return {fact.kind.rstrip("s") for fact in read_facts(PROMPTS["short"](scene, 0), "en")}


def judged(
    probe: Probe, scenes: Iterable[Scene], pictures: Iterable[np.ndarray], facts: Callable[[Scene], set[str]]
) -> list[str]:
    """Of each kind of fact, and of all together, the share that the probe finds: per cent (Wilson's interval, facts)."""
    found: dict[str, list[bool]] = {kind: [] for kind in FACTS}
    for scene, picture in zip(scenes, pictures, strict=True):
        held = compare(scene, probe.read(picture, asked=tuple(actor.noun for actor in scene.actors)), still=True)
        held["noun"] = held["one noun"]
        for kind in found.keys() & facts(scene):
            found[kind] += held[kind]
    return [told(hits) for hits in (*found.values(), list(itertools.chain(*found.values())))]


def told(hits: list[bool]) -> str:
    low, high = wilson(sum(hits), len(hits))
    return f"{100 * np.mean(hits):.0f} ({100 * low:.0f}-{100 * high:.0f}, {len(hits)})" if hits else ""


@torch.no_grad()
def losses(bundle: Bundle, truth: tuple[torch.Tensor, torch.Tensor], prompts: list[str]) -> list[str]:
    """Flow loss of the real frames under these prompts, at noise levels spread evenly: of all cells, and under actors."""
    z, cover = truth
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(99))
    levels = ((torch.arange(len(z)) + 0.5) / len(z)).view(-1, 1, 1, 1)
    return [f"{float(bundle_loss(bundle, z, noise, levels, w, prompts)):.4f}" for w in (torch.ones_like(cover), cover)]


def finding(rows: list[list[str]]) -> str:
    """What the table says, in two sentences."""
    seen = {(diet, prompts): facts[-3].split(" ")[0] for diet, prompts, *facts in rows}
    shares = [f"with {prompts} prompts {', '.join(seen[diet, prompts] for diet in DIETS)}" for prompts in PROMPTS]
    nouns = max(int(noun.split(" ")[0]) for diet, _, noun, *_ in rows if diet)
    return (
        f"Per cent of the facts that show after learning from captions that are {'; '.join(DIETS)}:\n"
        f"{'; '.join(shares)}. Nouns are right in at most {nouns} per cent."
    )


def publish(a: argparse.Namespace, rows: list[list[str]], strips: list[np.ndarray]) -> None:
    """The table, and a sheet of the first scenes: of each model a row for each kind of prompt."""
    save_jpeg(a.docs / "img" / "captions.jpg", contact_sheet(strips, columns=1))
    columns = ["learned from", "prompts", *FACTS, "all", "loss", "loss under actors"]
    text = (
        f"Three models of {a.depth} blocks of {a.width}, {a.steps} steps of {a.batch} from the same random weights, on\n"
        f"{a.scenes} single frames of {SIDE}x{SIDE}; then {a.n} unseen scenes of one actor. Per cent of the facts that\n"
        "prompts state which the probe finds in the picture (Wilson's 95 % interval, facts); of short prompts, expanded or\n"
        "not, those that the short one states. Flow loss of real frames of the scenes under the prompts.\n\n"
        + report.table(columns, rows)
        + f"\n{finding(rows)}\n\nThe first {SHOWN} scenes, a row of the sheet for each row of the table:\n\n"
        "![Caption quality](img/captions.jpg)\n"
    )
    command = f"python benchmarks/captions.py --steps {a.steps} --batch {a.batch} --scenes {a.scenes} --n {a.n}"
    command += f" --width {a.width} --depth {a.depth}"
    report.publish(a.docs, "caption-quality", text, report.circumstances(command, a.seed))


if __name__ == "__main__":
    main()
