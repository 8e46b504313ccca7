"""How well the data engine finds cuts, faults and copies, on films whose truth is known, and what it costs.

    python benchmarks/data_engine.py --n 200 [--footage FOLDER] [--seed 1]

Without --footage the scenes are drawn; with it, most come from the films in FOLDER, whose longest shots are used. Every row is
one filter at the bounds of skyloom.data.settings: how many faults it found, of those that there are, and how many of its finds
are faults. A shot of a crushed film is not counted for or against "blurred", nor a dark one for "border": it has both faults.
The last rows say what the engine's one decode takes beside PySceneDetect alone on the same films, in seconds of processor time.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scenedetect import AdaptiveDetector, detect

from skyloom.base import footage
from skyloom.data import build, dedup, score
from skyloom.data.settings import DedupConfig, ScoreConfig, ShotConfig
from skyloom.evals.composites import FPS, Clip, Composite, composite, copied, landscape

REASONS = {
    "frozen": ("frozen", "static"), "static": ("static", "frozen"), "text": ("text",), "border": ("border",),
    "blur": ("blurred",), "dark": ("dark",), "low bitrate": ("coarse", "blocky"),
}  # fmt: skip
BOTH = {"blur": ("low bitrate", "dark"), "border": ("dark",), "frozen": ("static", "dark"), "static": ("frozen", "dark")}
COPIES = ("encoded", "cropped", "mirrored", "scaled", "graded")
SIZE = (180, 320)


class Tally(Counter[str]):
    """Counts of hits, misses and false finds; `rates` are recall and precision in percent."""

    def add(self, is_so: bool, found: bool) -> None:
        self["hit"] += is_so and found
        self["missed"] += is_so and not found
        self["false"] += found and not is_so

    def rates(self) -> str:
        recall, precision = (100 * self["hit"] / max(1, self["hit"] + self[other]) for other in ("missed", "false"))
        return f"{self['hit'] + self['missed']:5d}  recall {recall:5.1f} %  precision {precision:5.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="films")
    parser.add_argument("--footage", type=Path, help="a folder of films to take scenes from")
    parser.add_argument("--seed", type=int, default=1, help="which films; 0 is the set that bounds were chosen on")
    options = parser.parse_args()
    sources = sources_of(options.footage) if options.footage else []
    tallies = {name: Tally() for name in ("cut", "dissolve", "fade", *REASONS)}
    spent = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.n):
            film = composite(options.seed * 100_000 + i, sources, size=SIZE)
            path = Path(folder) / "film.mp4"
            footage.compress(path, film.frames, FPS, crf=film.crf)
            spent[1] += time_of(lambda path=path: detect(str(path), AdaptiveDetector()))
            measured, seconds = measure(path)
            spent[0] += seconds
            judge_joins(film, measured, tallies)
            judge_parts(film, path, tallies)
    for name, tally in tallies.items():
        print(f"{name:12s} {tally.rates()}")
    print(f"{'copies':12s} {judge_copies(options.seed, max(8, options.n // 5), sources).rates()}")
    print(
        f"processor    {spent[0]:.1f} s for cuts and scores, {spent[1]:.1f} s for PySceneDetect alone: "
        f"{spent[0] / spent[1]:.2f} times"
    )


def measure(path: Path) -> tuple[dict, float]:
    began = time.process_time()
    found = build.analyse(path, path.parent, False, ShotConfig(min_seconds=0.1), ())
    return found, time.process_time() - began


def time_of(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def judge_joins(film: Composite, measured: dict, tallies: dict[str, Tally]) -> None:
    """A cut counts within one frame; of a fade or dissolve some part must be found. One find serves one join."""
    left = list(measured["joins"])
    for join in film.joins:
        near = [f for f in left if f[1] <= join.end + 1 and f[2] >= join.start - 1]
        tallies[join.kind].add(True, bool(near))
        if near:
            left.remove(near[0])
    for kind, *_ in left:
        tallies[kind].add(False, True)


def judge_parts(film: Composite, path: Path, tallies: dict[str, Tally]) -> None:
    """Scores of the true parts, so that a missed cut does not count twice."""
    meter = build.Meter()
    for picture in footage.pictures(path):
        meter.add(picture)
    result = meter.result()
    for part in film.parts:
        shot = {"scores": score.numbers(result, part.start, part.end), "start": part.start, "end": part.end}
        found = {reason.split(":")[0] for reason in score.reasons(shot, {"width": SIZE[1], "height": SIZE[0]}, ScoreConfig())}
        for defect, names in REASONS.items():
            if part.defect not in BOTH.get(defect, ()):
                tallies[defect].add(part.defect == defect, bool(found & set(names)))


def judge_copies(seed: int, n: int, sources: Sequence[Clip]) -> Tally:
    """n scenes, and a copy of every second one: which pairs match? All other pairs must not."""
    rng = np.random.default_rng((seed, 5))
    shots, true = [], set()
    for i in range(n):
        source = sources[i] if i < len(sources) else None
        frames = source(48) if source else landscape(rng, 48, SIZE)
        shots.append(frames)
    for i in range(0, n, 2):
        kind = COPIES[i // 2 % len(COPIES)]
        true.add((i, len(shots)))
        shots.append(copied(shots[i], kind, rng))
    greys = [encoded(frames, int(rng.integers(18, 36))) for frames in shots]
    found = set(dedup.matches(greys, [str(i) for i in range(len(greys))], DedupConfig()))
    tally = Tally()
    for pair in true | found:
        tally.add(pair in true, pair in found)
    return tally


def encoded(frames: np.ndarray, crf: int) -> list[np.ndarray]:
    """The pictures that the engine keeps of a shot, after an encoder had its way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shot.mp4"
        footage.compress(path, frames, FPS, crf=crf)
        pictures = build.analyse(path, path.parent, False, ShotConfig(min_seconds=0.1, max_seconds=60), ())["pictures"]
    return dedup.greys_of([jpeg for shot in pictures for jpeg in shot])


def sources_of(folder: Path) -> list[Clip]:
    """The longest shot of each film in the folder, at most 200 frames of it."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            shots = build.analyse(path, folder, footage.probe(path).interlaced, ShotConfig(max_seconds=1e9), ())["shots"]
        except ValueError:
            continue
        longest = max(shots, key=lambda shot: shot["end"] - shot["start"])
        if longest["end"] - longest["start"] >= 56:
            found.append(clip_of(path, longest["start"] + 2, min(longest["end"] - 2, longest["start"] + 200)))
    return found


def clip_of(path: Path, start: int, end: int) -> Clip:
    frames = np.stack([picture.rgb(480) for picture in footage.pictures(path) if start <= picture.number < end])

    def clip(wanted: int) -> np.ndarray:
        there_and_back = np.concatenate([frames, frames[-2:0:-1]])
        return there_and_back[np.arange(wanted) % len(there_and_back)]

    return clip


if __name__ == "__main__":
    main()
