"""What the data engine costs: beside PySceneDetect on the same films, and as the number of files grows.

    python benchmarks/data_engine.py throughput [--footage FOLDER] [--files 10000]

Seconds are of processor time, so that other work on the machine counts less. The engine is everything between a file and its
shards: hashes, probing, the one decode with cuts and scores, copies, and the latents of the shots.
"""

import ctypes
import functools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import forkserver
from pathlib import Path

import av
import numpy as np
from scenedetect import AdaptiveDetector, detect

from skyloom.base import footage
from skyloom.base.files import write_atomic
from skyloom.data import build, ingest, shards, workers
from skyloom.data.catalog import Catalog
from skyloom.data.cut import Cut
from skyloom.data.report import write_report
from skyloom.data.settings import DataConfig, EncodeConfig
from skyloom.evals import report
from skyloom.evals.composites import landscape
from skyloom.models.shipped import find_model

SHORT = 10, (72, 128), 10  # frames, size and rate of the films that are many
PIECE = 20  # seconds
STAGES = ("ingest", "cuts and scores", "bounds and copies", "latents", "report")


def beside_scenedetect(paths: Sequence[Path]) -> str:
    """A row a film: seconds alone and in the engine, stage by stage."""
    model = find_model("storybook")
    seconds = np.array([costs(path, model) for path in paths])
    rows = [row_of(path.name, *some) for path, some in zip(paths, seconds, strict=True)]
    rows.append(row_of("all", *seconds.sum(0)))
    columns = (
        "film",
        "PySceneDetect",
        "decode",
        "read",
        "cuts and scores",
        "latents",
        "engine",
        "over PySceneDetect",
        "decode's share",
    )
    note = "Seconds of one core's time, the same films by both; latents of every shot, not of the kept ones alone."
    return f"{note}\n\n{report.table(columns, rows)}"


def costs(path: Path, model: Path) -> tuple[float, ...]:
    """Seconds of PySceneDetect alone, of decoding alone, and of the engine's three stages that touch the file."""
    alone, _ = timed(lambda: detect(str(path), AdaptiveDetector()))
    decode, _ = timed(lambda: [None for _ in footage.pictures(path)])
    read, row = timed(lambda: ingest.read_file(path, path.parent))
    look, film = timed(lambda: build.analyse(path, path.parent, row["interlaced"], DataConfig().shots, ()))
    cuts = [cut_of(str(i), shot) for i, shot in enumerate(film["shots"]) if not shot["short"]]
    shards.encode_film(path, cuts[:1], row["interlaced"], model)  # loads the tokenizer, which a build does once
    latents, _ = timed(lambda: shards.encode_film(path, cuts, row["interlaced"], model))
    return alone, decode, read, look, latents


def cut_of(key: str, shot: dict) -> Cut:
    config = EncodeConfig()
    height, width = shards.fitted_size(shot["height"], shot["width"], config.most_pixels, shards.BLOCK)
    frames = shards.fitted_frames(shot["to"] - shot["from"], config.fps, config.most_frames)
    return Cut(key, shot["start"], shot["end"], shot["from"], frames, height, width, config.fps)


def row_of(name: str, alone: float, decode: float, read: float, look: float, latents: float) -> list[str]:
    engine = read + look + latents
    cells = [f"{value:.2f}" for value in (alone, decode, read, look, latents, engine)]
    return [name, *cells, f"{engine / alone:.2f} times", f"{100 * decode / engine:.0f} %"]


def timed(work: Callable) -> tuple[float, object]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def together(paths: Sequence[Path]) -> str:
    """Seconds by the clock, all with two cores to use: PySceneDetect film by film, and a whole build with two workers."""
    adopt()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "in"
        home.mkdir()
        pieces = [str(piece) for path in paths for piece in in_pieces(path, home)]
        python, command = sys.executable, str(Path(sys.executable).with_name("scenedetect"))
        asked = {
            "PySceneDetect, one process for all files": [[python, "-c", ONE_BY_ONE, *pieces]],
            "`scenedetect -i FILE detect-adaptive`, file by file": [
                [command, "-q", "-i", piece, "detect-adaptive"] for piece in pieces
            ],
            "`skyloom data build`, two workers": [
                [python, "-m", "skyloom", "data", "build", str(home), "-o", str(Path(name) / "set"), "--processes", "2"]
            ],
        }
        costs = {what: costs_of(functools.partial(run, commands)) for what, commands in asked.items()}
    alone, *_ = costs.values()
    rows = [
        (what, f"{clock:.1f}", f"{work:.1f}", f"{clock / alone[0]:.2f} times", f"{work / alone[1]:.2f} times")
        for what, (clock, work) in costs.items()
    ]
    note = (
        f"The same films in {len(pieces)} files, those longer than {PIECE} s in pieces: seconds by the clock on two cores, and "
        "of processor time, of commands with all their starts. The build is every stage, the others find cuts alone.\n\n"
    )
    return note + report.table(("what", "clock", "processor", "clock over the first", "processor over it"), rows)


ONE_BY_ONE = """import sys
from scenedetect import AdaptiveDetector, detect
for path in sys.argv[1:]:
    detect(path, AdaptiveDetector())
"""


def run(commands: Sequence[Sequence[str]]) -> None:
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def costs_of(work: Callable) -> tuple[float, float]:
    """Seconds by the clock, and of processor time of this process and its children."""
    clock, before = time.perf_counter(), spent()
    work()
    return time.perf_counter() - clock, spent() - before


def in_pieces(path: Path, home: Path) -> list[Path]:
    """Copies of a film's packets, cut at the first key picture after each PIECE seconds. The copies that can be decoded."""
    found: list[Path] = []
    with av.open(str(path)) as source:
        stream, target, end = source.streams.video[0], None, -1.0
        for packet in source.demux(stream):
            if packet.dts is None:
                continue
            if packet.is_keyframe and (target is None or float(packet.pts * packet.time_base) >= end):
                if target:
                    target.close()
                found.append(home / f"{path.stem}-{len(found):02d}.mkv")
                target = av.open(str(found[-1]), "w")
                copied = target.add_stream_from_template(stream)
                end = float(packet.pts * packet.time_base) + PIECE
            packet.stream = copied
            target.mux(packet)
        if target:
            target.close()
    return found


def growth(most: int, out: Path) -> str:
    """A row for a hundredth, a tenth and all of `most` short films, each built by a process of its own."""
    counts = [most // 100, most // 10, most]
    if missing := [count for count in counts if not (out / f"growth-{count}.json").is_file()]:
        drawn = out / "growth-films"
        draw_many(drawn, max(missing))
        for count in missing:
            asked = [sys.executable, str(Path(__file__)), str(drawn), str(count)]
            answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            write_atomic(out / f"growth-{count}.json", answer)
        shutil.rmtree(drawn)
    rows = []
    for count in counts:
        found = json.loads((out / f"growth-{count}.json").read_text())
        memory = [f"{found['memory']:.0f} MB", f"{found['worker']:.0f} MB"]
        each = [f"{1000 * found[stage] / count:.1f} ms" for stage in STAGES]
        total = 1000 * sum(found[stage] for stage in STAGES) / count
        rows.append([f"{count} ({found['kept']} shots kept)", *each, f"{total:.1f} ms", *memory])
    frames, (height, width), fps = SHORT
    note = (
        f"Short films of {frames} pictures of {width}x{height}, {fps} a second, no two alike: processor time a file on two "
        "workers, their start included, and the most memory of the main process and of its largest worker.\n\n"
    )
    return note + report.table(("files", *STAGES, "all", "main", "worker"), rows)


def draw_many(home: Path, count: int) -> None:
    """The films, in folders of 500; those that are there stay."""
    frames, size, fps = SHORT
    for i in range(count):
        path = film_of(home, i)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            beside = path.with_name(f".{path.name}")
            footage.compress(beside, landscape(np.random.default_rng((9, i)), frames, size), fps)
            beside.rename(path)


def film_of(home: Path, number: int) -> Path:
    return home / f"{number // 500:03d}" / f"{number:05d}.mp4"


def build_many(drawn: Path, count: int) -> dict[str, float]:
    """What each stage of a build of the first `count` films took, the workers' time included."""
    with tempfile.TemporaryDirectory(dir=drawn.parent) as name:
        home = Path(name) / "in"
        for i in range(count):
            film_of(home, i).parent.mkdir(parents=True, exist_ok=True)
            os.link(film_of(drawn, i), film_of(home, i))
        found = build_all(home, Path(name) / "set")
    forkserver._forkserver._stop()  # then what its workers held is known, too
    status = Path("/proc/self/status").read_text()
    own = int(status.partition("VmHWM:")[2].split()[0])  # getrusage would tell of the process that began this one, too
    return found | {"memory": own / 1024, "worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}


def build_all(home: Path, folder: Path) -> dict[str, float]:
    """Every stage but words, with two workers: processor seconds of each, by STAGES, and how many shots were kept."""
    workers.prepare("skyloom.data.build", "skyloom.data.encode", "skyloom.models.vae")  # as the command does
    config, found, model = DataConfig(), {}, find_model("storybook")
    with Catalog(folder, write=True) as catalog:
        works = (
            lambda: ingest.ingest(catalog, home, config.ingest, processes=2),
            lambda: build.measure(catalog, config, processes=2),
            lambda: build.judge(catalog, config),
            lambda: shards.encode(catalog, model, config, processes=2, note=lambda line: None),
            lambda: write_report(catalog),
        )
        for stage, work in zip(STAGES, works, strict=True):
            before = spent()
            work()
            found[stage] = spent() - before
        return found | {"kept": build.funnel(catalog)["shots kept"]}


def spent() -> float:
    """Seconds of processor time of this process, of its children that ended, and of all that still runs below it: workers are
    forked from a process that ends when nobody needs it any more."""
    ended = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return ended + sum(_ticks(pid) for pid in _below(os.getpid())) / os.sysconf("SC_CLK_TCK")


def adopt() -> None:
    """Make this process the parent of what its children leave behind, so that `spent` sees it (prctl(2), Linux)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _below(pid: int) -> list[int]:
    """All processes that a process began, or adopted."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []  # it has just ended
    return [*children, *(one for child in children for one in _below(child))]


def _ticks(pid: int) -> int:
    """What a process and its children that ended have had of the processor."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))


if __name__ == "__main__":
    print(json.dumps(build_many(Path(sys.argv[1]), int(sys.argv[2]))))
