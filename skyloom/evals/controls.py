"""Do the controls do what they promise? Given parts stay, seams do not show, masks hold, a minute neither grows nor freezes.

Every case starts from a clip of the world (its record is known), written as an mp4 like anyone's. The measures of pictures need
no network; what a film shows is read by the probe, where there is one. Differences between frames are mean absolute, in levels.
"""

import dataclasses
import itertools
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..base.sizes import size_text
from ..base.video import read_video, write_video
from ..generate import Request, generate, shoot
from ..worlds.captions import caption
from ..worlds.expand import expand, lost, read_facts
from ..worlds.sample import sample_scene
from ..worlds.scene import LIGHTS, Scene
from ..worlds.storybook import render
from .adherence import compare
from .clips import FPS, STREAM, Bench, prompt_of, scenes, shrunk, through_tokenizer
from .report import table
from .tokenizer import psnr

LENGTH = 25  # frames of a given clip
ADDED = 16  # frames of an extension, a bridge, a loop
MINUTE = 60.0  # seconds
WARM_UP = 5.0  # seconds after which memory is to stay flat
PROMPTS = 100  # short prompts a language, for `expand`
BOUNDS: dict[str, tuple[str, float]] = {  # measure -> how it is held against what is wanted
    "given part, dB under the tokenizer": ("<=", 1.0),
    "outside the mask, dB under the tokenizer": ("<=", 1.0),
    "seam over median": ("<=", 1.3),
    "loop seam over median": ("<=", 1.2),
    "largest step over median": ("<=", 3.0),
    "noun": (">=", 1.0), "place": (">=", 1.0), "action": (">=", 1.0), "light": (">=", 1.0), "both nouns": (">=", 1.0),
    "facts kept": (">=", 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Given:
    """A clip that a control gets: its record, its file, its frames as read back, and what the tokenizer makes of them."""

    scene: Scene
    path: str
    frames: np.ndarray
    drawn: np.ndarray


Measures = dict[str, float]


def main(bench: Bench, controls: tuple[str, ...] = (), minute: float = MINUTE, prompts: int = PROMPTS) -> dict:
    """A row for each measure of each control (none named: all), over bench.n cases, and one for a film of `minute` seconds."""
    rows = []
    for name in controls or tuple(CONTROLS):
        found: dict[str, list[float]] = {}
        for i in range(bench.n):
            for measure, value in CONTROLS[name](bench, i).items():
                found.setdefault(measure, []).append(value)
            bench.say(f"controls: {name}", i + 1, bench.n)
        rows += [summed(name, measure, values) for measure, values in found.items()]
    if not controls or "expand" in controls:
        rows += [expansion(language, prompts, bench.seed) for language in ("en", "zh")]
    return {"rows": rows, "minute": long_film(bench, minute) if minute else None}


def summed(control: str, measure: str, values: list[float]) -> dict[str, Any]:
    """Median and the share of cases that are as wanted."""
    sign, bound = BOUNDS[measure]
    held = [value <= bound if sign == "<=" else value >= bound for value in values]
    return {
        "control": control, "measure": measure, "median": float(np.median(values)), "wanted": f"{sign} {bound:g}",
        "share": float(np.mean(held)), "n": len(values),
    }  # fmt: skip


def given(bench: Bench, i: int) -> Given:
    """Scene number `i` as a clip on disk."""
    [scene] = scenes("val", LENGTH, 1, bench.seed, i, max_actors=1)
    path = bench.out / "given" / f"{LENGTH}-{bench.seed}-{i}-{size_text(*bench.size)}.mp4"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, render(scene, *bench.size, LENGTH, FPS), FPS, metadata={"prompt": prompt_of(scene)})  # type: ignore[arg-type]
    frames = read_video(path)[0]
    return Given(scene, str(path), frames, through_tokenizer(bench.bundle, frames))


def film(bench: Bench, name: str, i: int, **controls: Any) -> np.ndarray:
    """The film of a control, kept; at the size of the bench."""
    request = Request(**{"seconds": ADDED / FPS, "size": size_text(*bench.size), "seed": bench.seed + i, **controls})
    return bench.kept(
        f"control-{name}-{bench.seed}-{i}-{size_text(*bench.size)}", lambda: generate(request, bench.bundle).frames
    )


def steps_of(frames_THWC: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each frame from the one before."""
    return np.array([np.abs(b.astype(np.int16) - a).mean() for a, b in itertools.pairwise(frames_THWC)])


def typical(frames_THWC: np.ndarray) -> float:
    """The median step of a clip; never zero, as a still clip has no seam to hide."""
    return max(0.5, float(np.median(steps_of(frames_THWC))))


def fallen(film_THWC: np.ndarray, truth: np.ndarray, drawn: np.ndarray) -> float:
    """dB by which a film is farther from the truth than what the tokenizer makes of it."""
    return float(psnr(shrunk(truth), shrunk(drawn)) - psnr(shrunk(truth), film_THWC))


def animate(bench: Bench, i: int) -> Measures:
    clip = given(bench, i)
    picture = Path(clip.path).with_suffix(".png")
    write_video(picture, clip.frames[:1], FPS)
    made = film(bench, "animate", i, prompt=prompt_of(clip.scene), image=str(picture))
    kept = fallen(made[:1], clip.frames[:1], through_tokenizer(bench.bundle, clip.frames[:1]))
    return {"given part, dB under the tokenizer": kept, **shown(bench, clip.scene, made, ("noun", "place", "action"))}


def extend_forward(bench: Bench, i: int) -> Measures:
    clip = given(bench, i)
    made = film(bench, "forward", i, clip=clip.path, extend="forward", prompt=prompt_of(clip.scene))
    seam = float(steps_of(made[LENGTH - 1 : LENGTH + 1])[0])
    read = shown(bench, clip.scene, made[LENGTH:], ("noun", "place"))
    return {**_kept(made[:LENGTH], clip), "seam over median": seam / typical(shrunk(clip.frames)), **read}


def extend_backward(bench: Bench, i: int) -> Measures:
    clip = given(bench, i)
    made = film(bench, "backward", i, clip=clip.path, extend="backward", prompt=prompt_of(clip.scene))
    seam = float(steps_of(made[ADDED - 1 : ADDED + 1])[0])
    read = shown(bench, clip.scene, made[:ADDED], ("noun", "place"))
    return {**_kept(made[ADDED:], clip), "seam over median": seam / typical(shrunk(clip.frames)), **read}


def _kept(part: np.ndarray, clip: Given) -> Measures:
    return {"given part, dB under the tokenizer": fallen(part, clip.frames, clip.drawn)}


def loop(bench: Bench, i: int) -> Measures:
    [scene] = scenes("val", LENGTH, 1, bench.seed, i, max_actors=1)
    made = film(bench, "loop", i, loop=True, prompt=prompt_of(scene))
    return {"loop seam over median": _round(made), **shown(bench, scene, made, ("noun", "place"))}


def loop_clip(bench: Bench, i: int) -> Measures:
    clip = given(bench, i)
    return {
        "loop seam over median": _round(film(bench, "loop-clip", i, loop=True, clip=clip.path, prompt=prompt_of(clip.scene)))
    }


def _round(made: np.ndarray) -> float:
    """The step from the last frame to the first over the median one."""
    return float(steps_of(np.stack([made[-1], made[0]]))[0]) / typical(made)


def connect(bench: Bench, i: int) -> Measures:
    first, second = given(bench, i), given(bench, i + 1)
    prompts = {"prompt": prompt_of(first.scene), "then": prompt_of(second.scene)}
    made = film(bench, "connect", i, clip=first.path, to=second.path, **prompts)
    read = {}
    if bench.reader is not None:
        ends = shown(bench, first.scene, made[:17], ("noun",)), shown(bench, second.scene, made[-17:], ("noun",))
        read = {"both nouns": min(end["noun"] for end in ends)}
    bridge = made[LENGTH - 5 : -(LENGTH - 5)]
    return {"largest step over median": float(steps_of(bridge).max()) / typical(made), **read}


def edit(bench: Bench, i: int) -> Measures:
    """Another light at `mild`; the noun and the place are to stay."""
    clip = given(bench, i)
    other = LIGHTS[(LIGHTS.index(clip.scene.light) + 1 + i % (len(LIGHTS) - 1)) % len(LIGHTS)]
    scene = dataclasses.replace(clip.scene, light=other)
    made = film(bench, "edit", i, clip=clip.path, strength="mild", prompt=prompt_of(scene), seconds=LENGTH / FPS)
    return {"largest step over median": float(steps_of(made).max()) / typical(made)} | shown(
        bench, scene, made, ("light", "noun", "place")
    )


def inpaint(bench: Bench, i: int) -> Measures:
    """The left half anew; the right half is compared."""
    clip = given(bench, i)
    height, width = bench.size
    mask = f"0,0,{width // 2},{height}"
    made = film(bench, "inpaint", i, clip=clip.path, mask=mask, prompt=prompt_of(clip.scene), seconds=LENGTH / FPS)
    right = slice(made.shape[2] * 5 // 8, None)
    outside = fallen(made[:, :, right], shrunk(clip.frames)[:, :, right], shrunk(clip.drawn)[:, :, right])
    return {"outside the mask, dB under the tokenizer": outside, **shown(bench, clip.scene, made, ("noun", "place"))}


CONTROLS: dict[str, Callable[[Bench, int], Measures]] = {
    "animate": animate, "extend forward": extend_forward, "extend backward": extend_backward, "loop": loop,
    "loop a clip": loop_clip, "connect": connect, "edit": edit, "inpaint": inpaint,
}  # fmt: skip


def shown(bench: Bench, scene: Scene, frames: np.ndarray, claims: tuple[str, ...]) -> Measures:
    """1 or 0 for each claim that the probe finds true; nothing without a probe."""
    if bench.reader is None:
        return {}
    asked = tuple(actor.noun for actor in scene.actors)
    found = compare(scene, bench.reader.read(frames, asked=asked), still=len(frames) == 1)
    found["noun"] = found["one noun"] + found["two nouns"]
    return {claim: float(all(found[claim])) for claim in claims if found[claim]}


def expansion(language: str, prompts: int, seed: int = 0) -> dict[str, Any]:
    """Whether short prompts keep every fact."""
    kept = []
    for i in range(prompts):
        short = caption(sample_scene(STREAM + seed, i), language, ("sentence", "tags")[i % 2])
        kept.append(float(not lost(read_facts(short, language), expand(short, seed + i), language)))
    return summed(f"expand, {language}", "facts kept", kept)


def long_film(bench: Bench, seconds: float = MINUTE, quality: str = "fast") -> dict[str, float]:
    """A film of so many seconds, frame by frame: speed, memory after WARM_UP and at the end, motion at both ends."""
    [scene] = scenes("val", 49, 1, bench.seed, max_actors=1)
    reel = shoot(Request(prompt_of(scene), seconds, size_text(*bench.size), bench.seed, quality=quality), bench.bundle)
    steps, early, before = [], 0, None
    began = time.perf_counter()
    for number, frame in enumerate(reel):
        if before is not None:
            steps.append(float(np.abs(frame.astype(np.int16) - before).mean()))
        before = frame
        if number == round(min(WARM_UP, seconds / 2) * FPS):
            early = peak_bytes()
    took, fifth = time.perf_counter() - began, max(1, len(steps) * 5 // max(10, round(seconds)))
    return {
        "seconds": seconds, "film_per_second": seconds / took, "early_bytes": float(early), "late_bytes": float(peak_bytes()),
        "growth": peak_bytes() / early - 1 if early else 0.0,
        "motion_first": float(np.mean(steps[:fifth])), "motion_last": float(np.mean(steps[-fifth:])),
    }  # fmt: skip


def peak_bytes() -> int:
    """Most bytes of memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def tables(result: dict) -> str:
    """Markdown: the measures of all controls, and the long film."""
    rows = [
        [row["control"], row["measure"], f"{row['median']:.2f}", row["wanted"], f"{100 * row['share']:.0f} %", str(row["n"])]
        for row in result["rows"]
    ]
    text = table(["control", "measure", "median", "wanted", "cases as wanted", "n"], rows)
    if not (minute := result.get("minute")):
        return text
    return text + (
        f"\nA film of {minute['seconds']:g} s at `fast`: {minute['film_per_second']:.2f} film seconds per second; peak memory "
        f"{minute['early_bytes'] / 1e9:.2f} GB after {WARM_UP:g} s, {minute['late_bytes'] / 1e9:.2f} GB at the end "
        f"({100 * minute['growth']:+.1f} %); mean step {minute['motion_first']:.2f} levels at the beginning, "
        f"{minute['motion_last']:.2f} at the end.\n"
    )
