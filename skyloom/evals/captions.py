"""Are captions true? The probe reads drawn clips back into records, and their words say what it is sure of (data/caption).

Each fact that a caption states is held against the record that the clip was drawn from. Facts about an actor that is not there
are wrong, all of them; what a caption leaves out is not wrong, but lowers the share of the truth that it tells.
"""

from collections import defaultdict
from dataclasses import dataclass

from ..data.caption import scene_of
from ..worlds.scene import TRAVELS, Scene
from ..worlds.wording import untold
from .adherence import score
from .clips import FPS, Bench, scenes
from .report import table

FACTS = ("noun", "count", "colour", "action", "second action", "heading", "place", "light", "weather", "camera")


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    split: str = "val"
    frames: int = 17


CASES = (
    Case("17 frames"), Case("49 frames", frames=49), Case("17 frames, held-out combinations", "heldout"),
    Case("49 frames, held-out combinations", "heldout", 49),
)  # fmt: skip


def main(bench: Bench, cases: tuple[Case, ...] = CASES) -> dict:
    """Every case over bench.n scenes: for each kind of fact how many were told, how many rightly, how many there were."""
    rows = []
    for case in cases:
        told: dict[str, list[bool]] = defaultdict(list)
        there = 0
        for i, scene in enumerate(scenes(case.split, case.frames, bench.n, bench.seed)):
            reading = bench.probe.read(bench.real(scene, case.frames), FPS)
            for fact, right in facts(scene_of(reading, scene.seconds), scene).items():
                told[fact] += right
            there += sum(len(right) for right in facts(scene, scene).values())
            bench.say(f"captions: {case.name}", i + 1, bench.n)
        every = [right for some in told.values() for right in some]
        scores = {fact: score(sum(told[fact]), len(told[fact])) for fact in FACTS if told[fact]}
        rows.append({
            "name": case.name, "scores": scores, "all": score(sum(every), len(every)), "told": len(every) / bench.n,
            "share": sum(every) / there,
        })  # fmt: skip
    return {"rows": rows}


def facts(told: Scene, truth: Scene) -> dict[str, list[bool]]:
    """Each fact that the dense caption of `told` states, by kind, and whether it is so in `truth`."""
    found: dict[str, list[bool]] = defaultdict(list)
    actors = {actor.noun: actor for actor in truth.actors}
    still = not told.camera
    for actor in told.actors:
        other = actors.get(actor.noun)
        found["noun"].append(other is not None)
        found["count"].append(other is not None and actor.count == other.count)
        if actor.colour:
            found["colour"].append(other is not None and actor.colour == other.colour)
        if untold(told) or (still and len(told.actors) == 1 and len(actor.actions) > 1):
            continue
        found["action"].append(other is not None and actor.actions[0] == other.actions[0])
        if len(actor.actions) > 1 and not still:
            found["second action"].append(other is not None and actor.actions[1:2] == other.actions[1:2])
        if actor.actions[0] in TRAVELS and actor.heading:
            found["heading"].append(other is not None and actor.heading == other.heading)
    for field in ("place", "light", "weather") + (() if still else ("camera",)):
        found[field].append(getattr(told, field) == getattr(truth, field))
    return found


def tables(result: dict) -> str:
    """One Markdown table: per cent of the stated facts that are true."""
    kinds = [fact for fact in FACTS if any(fact in row["scores"] for row in result["rows"])]
    rows = [
        [row["name"], _cell(row["all"]), f"{row['told']:.1f}", f"{100 * row['share']:.0f} %",
         *(_cell(row["scores"].get(kind)) for kind in kinds)]
        for row in result["rows"]
    ]  # fmt: skip
    note = (
        "Per cent of the facts that captions state which are true (Wilson's 95 % interval, facts). `told`: facts a caption; "
        "`of the truth`: how much of what the record holds is told, and rightly.\n\n"
    )
    return note + table(("clips", "true facts", "told", "of the truth", *kinds), rows)


def _cell(value: dict | None) -> str:
    if value is None:
        return ""
    return f"{100 * value['rate']:.1f} ({100 * value['low']:.0f}-{100 * value['high']:.0f}, {value['trials']})"
