"""Framing: the same budget spent on square crops of wide scenes, or on the scenes in their own shape. Who is cut off?

    python benchmarks/framing.py --steps 120 --batch 8

The same scenes, drawn wide, become two sets of single frames: their middle squares, as pipelines for other models cut them, and
the whole. Two copies of one model go on from there, or begin (--init none), with equal pixels a step and equal steps. Each then
draws the same unseen captions in the shape that it was trained on. The probe says where the actor is; an actor is cut off where
it is seen at a side of the picture, or not at all. What the world itself knows of the training frames stands beside it.

Dimension key: B pictures, H W pixels, h w cells of the probe.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import stills

from skyloom.base.sizes import size_text
from skyloom.base.video import contact_sheet
from skyloom.evals import report
from skyloom.evals.adherence import wilson
from skyloom.evals.clips import shrunk
from skyloom.evals.sheets import save_jpeg
from skyloom.generate import Request, generate
from skyloom.models.bundle import Bundle
from skyloom.models.probe import Probe
from skyloom.worlds.captions import STYLES, caption
from skyloom.worlds.sample import sample_scene
from skyloom.worlds.scene import Scene
from skyloom.worlds.storybook import render

HEIGHT, WIDTH = 128, 224  # pixels of the wide frames; what the probe looks at
STREAM = 800_000  # seeds of scenes: none that training or evaluation uses
SPREAD = 0.75  # of half the width: how far from the middle actors are
NEAR, LEAST = 1, 0.15  # cells at a side that count as its border; chance of the noun in a cell that counts as seen
DIETS = ("square crops", "native shape")


def main() -> None:
    a = arguments()
    start, probe = stills.begun(a.model, a.probe)
    scenes = [scene_of(i, "train") for i in range(a.scenes)]
    asked = [scene_of(i, "val") for i in range(a.films)]
    rows, strips = [], []
    for diet in DIETS:
        frames = [draw(scene, diet) for scene in scenes]
        rows.append([f"training frames, {diet}", *told([cut_by_mask(mask) for _, mask in frames])])
        truth = [draw(scene, diet)[0] for scene in asked]
        rows.append([f"real frames of the captions, {diet}, by the probe", *told(list(judged(probe, asked, truth)))])
        bundle = grown(start, a, scenes, frames)
        made = filmed(bundle, asked, diet, a)
        rows.append([f"drawn by the model, {diet}", *told(list(judged(probe, asked, made)))])
        strips += [np.concatenate([shrunk(picture)[0] for picture in made[:6]], 1)]
        print(*rows[-3:], sep="\n", flush=True)
    publish(a, rows, strips)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--model", default="storybook", help="whose tokenizer, probe and (unless told otherwise) weights to take"
    )
    parser.add_argument("--init", choices=("model", "none"), default="model", help="go on from the model, or begin anew")
    parser.add_argument("--probe", help="folder of the probe [the model's]")
    parser.add_argument("--scenes", type=int, default=512, help="to train on")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=8, help="wide pictures a step; squares are 7/4 as many")
    parser.add_argument("--films", type=int, default=48, help="captions to draw")
    parser.add_argument("--sampling", type=int, default=12, help="steps of the sampler")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


def scene_of(i: int, split: str) -> Scene:
    """One actor, anywhere in the wide picture where it is in it as a whole."""
    scene = sample_scene(STREAM, i, split=split, max_actors=1)
    actor = dataclasses.replace(scene.actors[0], count=1, x=SPREAD * (2 * (i * 0.618 % 1) - 1))
    return dataclasses.replace(scene, actors=(actor,))


def draw(scene: Scene, diet: str) -> tuple[np.ndarray, np.ndarray]:
    """A frame (1, H, W, 3) from the middle of the scene, and what its actors cover (1, H, W); for crops the middle square."""
    frames, cover = render(scene, HEIGHT, WIDTH, 1, 12, start=scene.seconds / 2, masks=True)
    if diet == DIETS[0]:
        left = (WIDTH - HEIGHT) // 2
        return frames[:, :, left : left + HEIGHT], cover[:, :, left : left + HEIGHT]
    return frames, cover


def cut_by_mask(cover_THW: np.ndarray) -> bool:
    """Whether what an actor covers reaches a side of the picture, or nothing is covered."""
    seen = cover_THW[0] > 127
    return not seen.any() or bool(seen[:, 0].any() or seen[:, -1].any())


def cut_by_probe(probe: Probe, frame_THWC: np.ndarray, noun: str) -> bool:
    """The same by the probe: the noun in the outermost cells of a side, or nowhere."""
    where = probe.locate(frame_THWC, noun)[0]
    seen = where > max(LEAST, 0.5 * float(where.max()))
    return not seen.any() or bool(seen[:, :NEAR].any() or seen[:, -NEAR:].any())


def judged(probe: Probe, scenes: list[Scene], pictures: list[np.ndarray]) -> Iterator[bool]:
    for scene, picture in zip(scenes, pictures, strict=True):
        yield cut_by_probe(probe, picture, scene.actors[0].noun)


def told(cut: list[bool]) -> list[str]:
    """The share of actors that are cut off with its interval, and how many pictures there are."""
    low, high = wilson(sum(cut), len(cut))
    return [f"{100 * np.mean(cut):.0f} % ({100 * low:.0f}-{100 * high:.0f})", str(len(cut))]


def grown(start: Bundle, a: argparse.Namespace, scenes: list[Scene], frames: list[stills.Picture]) -> Bundle:
    """The model, or a new one like it, after `steps` on these frames."""
    bundle = stills.newborn(start, start.config, a.seed)
    if a.init == "model":
        bundle.dit.load_state_dict(start.dit.state_dict())
    pictures = stills.encoded(bundle, frames)
    batch = round(a.batch * WIDTH / frames[0][0].shape[2])  # equal pixels a step
    say = lambda i, rng: said(scenes[i], rng)  # noqa: E731
    return stills.learn(bundle, pictures, say, steps=a.steps, batch=batch, lr=a.lr, seed=a.seed)


def said(scene: Scene, rng: np.random.Generator) -> str:
    return caption(scene, "en", STYLES[rng.integers(3)], int(rng.integers(1 << 16)), still=True)


def filmed(bundle: Bundle, scenes: list[Scene], diet: str, a: argparse.Namespace) -> list[np.ndarray]:
    """A picture (1, H, W, 3) of each scene's caption, in the shape of the diet."""
    size = size_text(HEIGHT, HEIGHT if diet == DIETS[0] else WIDTH)
    prompts = [caption(scene, "en", "dense", still=True) for scene in scenes]
    requests = [Request(prompt, 0, size, a.seed + i, steps=a.sampling) for i, prompt in enumerate(prompts)]
    return [generate(request, bundle).frames for request in requests]


def publish(a: argparse.Namespace, rows: list[list[str]], strips: list[np.ndarray]) -> None:
    """The table and the sheet: six unselected pictures of either model."""
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0)), constant_values=24) for strip in strips]
    save_jpeg(a.docs / "img" / "framing.jpg", contact_sheet(padded, columns=1))
    begin = f"Both go on from `{a.model}`" if a.init == "model" else "Both begin with random weights"
    text = (
        f"{begin} for {a.steps} steps of {a.batch} wide pictures' worth of pixels, on {a.scenes} scenes of "
        f"{WIDTH}x{HEIGHT}.\n"
        "Share of actors that reach a side of the picture, or are not in it at all (Wilson's 95 % interval):\n\n"
        + report.table(["pictures", "actors cut off", "n"], rows)
        + "\nThe first six pictures of either model, from the same captions and seeds:\n\n![Framing](img/framing.jpg)\n"
    )
    command = f"python benchmarks/framing.py --steps {a.steps} --scenes {a.scenes} --films {a.films} --batch {a.batch}"
    command += "" if a.init == "model" else " --init none"
    report.publish(a.docs, "framing", text, report.circumstances(command, a.seed))


if __name__ == "__main__":
    main()
