"""What the data engine costs: beside PySceneDetect on the same films, and as the number of files grows.

    python benchmarks/data_engine.py throughput [--footage FOLDER] [--files 10000]

Seconds are of processor time, so that other work on the machine counts less. The engine is everything between a file and its
shards: hashes, probing, the one decode with cuts and scores, copies, and the latents of the kept shots.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scenedetect import AdaptiveDetector, detect

from skyloom.base import footage
from skyloom.base.checkpoint import write_atomic
from skyloom.data import build, ingest, shards
from skyloom.data.catalog import Catalog
from skyloom.data.cut import Cut
from skyloom.data.settings import DataConfig, EncodeConfig
from skyloom.evals import report
from skyloom.evals.composites import landscape
from skyloom.models.bundle import find_model

SHORT = 10, (72, 128)  # frames and size of the films that are many


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
    return f"Seconds of one core's time, the same films by both.\n\n{report.table(columns, rows)}"


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


def growth(most: int, out: Path) -> str:
    """A row for a tenth, a third and all of `most` short films, each built by a process of its own."""
    rows = []
    for count in (most // 10, most // 3, most):
        kept = out / f"growth-{count}.json"
        if not kept.is_file():
            asked = [sys.executable, str(Path(__file__)), str(count)]
            write_atomic(kept, subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        found = json.loads(kept.read_text())
        rows.append(
            [
                str(count),
                *(f"{1000 * found[name] / count:.1f} ms" for name in ("ingest", "measure", "judge")),
                f"{found['memory']:.0f} MB",
            ]
        )
    frames, (height, width) = SHORT
    note = (
        f"Short films of {frames} pictures of {width}x{height}, no two alike: processor time a file, and the most memory of "
        "the main process.\n\n"
    )
    return note + report.table(("files", "ingest", "cuts and scores", "bounds and copies", "memory"), rows)


def build_many(count: int) -> dict[str, float]:
    """Draws the films, takes them in, and says what each stage took; children's time included."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "in"
        home.mkdir()
        for i in range(count):
            folder = home / f"{i // 500:03d}"
            folder.mkdir(exist_ok=True)
            footage.compress(folder / f"{i:05d}.mp4", landscape(np.random.default_rng((9, i)), *SHORT), 24)
        config, found = DataConfig(), {}
        with Catalog(Path(name) / "set", write=True) as catalog:
            stages = {
                "ingest": lambda: ingest.ingest(catalog, home, config.ingest, processes=2),
                "measure": lambda: build.measure(catalog, config, processes=2),
                "judge": lambda: build.judge(catalog, config),
            }
            for stage, work in stages.items():
                before = spent()
                work()
                found[stage] = spent() - before
        shutil.rmtree(home)
    return found | {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def spent() -> float:
    """Seconds of processor time of this process and of its children that ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    print(json.dumps(build_many(int(sys.argv[1]))))
