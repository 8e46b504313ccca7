"""Does the film show what the prompt says? The probe reads clips back into records, which are held against the truth.

Every row is one way of making clips of the same scenes: drawn (the ceiling of the probe), through the tokenizer, or generated.
Of each claim that the caption makes, hits and trials are counted, with Wilson's 95 % interval.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.probe import Probe, Reading
from ..worlds.nouns import load_nouns
from ..worlds.scene import TRAVELS, Scene
from .clips import Bench, prompt_of, scenes
from .report import table

CLAIMS = (
    "one noun", "two nouns", "count", "colour", "place", "light", "weather", "camera", "action", "second action", "heading",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    source: str = "generated"  # real, reconstructed or generated
    split: str = "val"
    frames: int = 17
    language: str = "en"
    quality: str = "good"
    style: str = "dense"

    @property
    def ceiling(self) -> tuple[str, int]:
        """Cases over the same scenes share a ceiling."""
        return self.split, self.frames


CASES = (
    Case("real", "real"),
    Case("real, held-out combinations", "real", split="heldout"),
    Case("real, 49 frames", "real", frames=49),
    Case("through the tokenizer", "reconstructed"),
    Case("through the tokenizer, 49 frames", "reconstructed", frames=49),
    Case("generated"),
    Case("generated, held-out combinations", split="heldout"),
    Case("generated, Chinese", language="zh"),
    Case("generated, 49 frames", frames=49),
    Case("generated, fast", quality="fast"),
    Case("generated, best", quality="best"),
)


def main(bench: Bench, cases: Iterable[Case] = CASES) -> dict:
    """Judges every case over bench.n scenes. Rows: name, settings and, for each claim, hits, trials, rate, interval."""
    rows: list[dict] = []
    ceilings: dict[tuple[str, int], dict] = {}
    for case in cases:
        hits = run_case(bench, case)
        scores = {claim: score(sum(hits[claim]), len(hits[claim])) for claim in CLAIMS if hits[claim]}
        if case.source == "real":
            ceilings[case.ceiling] = scores
        for claim, value in scores.items():
            best = ceilings.get(case.ceiling, {}).get(claim)
            value["relative"] = value["rate"] / best["rate"] if best and best["rate"] else None
        rows.append({"name": case.name, "source": case.source, "split": case.split, "frames": case.frames, "scores": scores})
    return {"rows": rows}


def run_case(bench: Bench, case: Case) -> dict[str, list[bool]]:
    """Claim -> whether it held, over all scenes of the case."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for i, scene in enumerate(scenes(case.split, case.frames, bench.n, bench.seed)):
        if case.source == "real":
            clip = bench.real(scene, case.frames)
        elif case.source == "reconstructed":
            clip = bench.reconstructed(scene, case.frames)
        else:
            prompt = prompt_of(scene, case.language, case.style, case.frames)
            clip = bench.generated(prompt, case.frames, bench.seed + i, case.quality)
        for claim, held in judge(bench.probe, scene, clip).items():
            hits[claim] += held
        bench.say(f"adherence: {case.name}", i + 1, bench.n)
    return hits


def judge(probe: Probe, scene: Scene, frames_THWC: np.ndarray) -> dict[str, list[bool]]:
    """Hold a clip against the record it should show: claim -> one truth value for each time the record makes it."""
    asked = tuple(actor.noun for actor in scene.actors)
    return compare(scene, probe.read(frames_THWC, asked=asked), still=len(frames_THWC) == 1)


def compare(scene: Scene, reading: Reading, *, still: bool = False) -> dict[str, list[bool]]:
    """A reading that was asked about the scene's nouns, in order, against the scene.

    Nouns are right when they are the likeliest ones in the clip. Colours count where one was asked for, counts where there are
    several, headings where the picture shows one; whoever is chased or met moves as its partner does, and is left out.
    """
    wanted = {actor.noun for actor in scene.actors}
    likeliest = {noun for noun, _ in reading.ranked[: len(wanted)]}
    found: dict[str, list[bool]] = defaultdict(list)
    found["one noun" if len(wanted) == 1 else "two nouns"].append(likeliest == wanted)
    for field in ("place", "light", "weather") + (() if still else ("camera",)):
        found[field].append(getattr(reading, field) == getattr(scene, field))
    led = {actor.partner for actor in scene.actors if {"chase", "meet"} & set(actor.actions)}
    for i, (actor, seen) in enumerate(zip(scene.actors, reading.actors, strict=True)):
        if actor.count > 1:
            found["count"].append(seen.count == actor.count)
        if actor.colour:
            found["colour"].append(seen.colour == actor.colour)
        if still or i in led:
            continue
        found["action"].append(seen.actions[0] == actor.actions[0])
        if len(actor.actions) > 1:
            found["second action"].append(seen.actions[1:] == actor.actions[1:2])
        if actor.actions[0] in TRAVELS and load_nouns()[actor.noun].facing:
            found["heading"].append(seen.heading == actor.heading)
    return found


def score(hits: int, trials: int) -> dict[str, Any]:
    low, high = wilson(hits, trials)
    return {"hits": hits, "trials": trials, "rate": hits / trials if trials else 0.0, "low": low, "high": high}


def wilson(hits: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a rate, 95 % for z = 1.96; (0, 1) for no trials."""
    if not trials:
        return 0.0, 1.0
    rate, spread = hits / trials, z * z / trials
    centre = (rate + spread / 2) / (1 + spread)
    reach = z * math.sqrt(rate * (1 - rate) / trials + spread / (4 * trials)) / (1 + spread)
    return (max(0.0, centre - reach) if hits else 0.0), (min(1.0, centre + reach) if hits < trials else 1.0)


def tables(result: dict) -> str:
    """Two Markdown tables: rates with their intervals, and rates over the ceiling on real clips."""
    claims = [claim for claim in CLAIMS if any(claim in row["scores"] for row in result["rows"])]
    raw = table(["clips", *claims], [[row["name"], *(_cell(row["scores"].get(c)) for c in claims)] for row in result["rows"]])
    made = [row for row in result["rows"] if row["source"] != "real"]
    relative = table(["clips", *claims], [[row["name"], *(_relative(row["scores"].get(c)) for c in claims)] for row in made])
    note = "Per cent of claims that the probe finds true (Wilson's 95 % interval, trials):\n\n"
    return f"{note}{raw}\nRelative to the probe on real clips of the same scenes, per cent:\n\n{relative}"


def _cell(value: dict | None) -> str:
    if value is None:
        return ""
    return f"{100 * value['rate']:.1f} ({100 * value['low']:.0f}-{100 * value['high']:.0f}, {value['trials']})"


def _relative(value: dict | None) -> str:
    return "" if value is None or value.get("relative") is None else f"{100 * value['relative']:.1f}"
