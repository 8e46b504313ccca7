"""How fast are films made, and in how much memory? Each figure comes from a fresh process, so that caches lend no help.

Cold is what a person waits for: from the start of the process to the film on disk. Warm is a second film in the same process.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .clips import Bench
from .report import table

PROMPT = "a red fox runs in the forest at sunset"
QUALITIES = ("fast", "good", "best")
SHAPES = (("square", 49), ("square", 17), ("wide", 49))
FPS = 12
WORLD = 17, 128, 64  # frames and pixels of the clips by which the world is timed, and how many


def main(bench: Bench, qualities: tuple[str, ...] = QUALITIES, shapes: tuple[tuple[str, int], ...] = SHAPES) -> dict:
    """A row for each quality at the first shape, and for each other shape at "good"; and how fast the world draws clips."""
    cases = [(quality, *shapes[0]) for quality in qualities] + [("good", *shape) for shape in shapes[1:]]
    rows = []
    for i, (quality, size, frames) in enumerate(cases):
        rows.append(measure(bench.model, quality, size, frames))
        bench.say("speed: processes", i + 1, len(cases))
    return {"rows": rows, "clips_per_second": float(told("world()"))}


def measure(model: str, quality: str, size: str, frames: int) -> dict:
    """Start a process that makes two films and time it."""
    with tempfile.TemporaryDirectory() as folder:
        job = {"model": model, "quality": quality, "size": size, "frames": frames, "out": str(Path(folder) / "film.mp4")}
        began = time.time()
        found = told(f"child({json.dumps(job)!r})")
    seconds = frames / FPS
    return {
        "quality": quality, "size": size, "frames": frames, "cold_seconds": found["finished"] - began,
        "warm_seconds": found["warm"], "film_per_second": seconds / found["warm"], "peak_bytes": found["peak"],
    }  # fmt: skip


def told(call: str) -> Any:
    """What a function of this module prints as JSON in a process of its own. RuntimeError with its last line where it fails."""
    code = f"from skyloom.evals import speed; speed.{call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"speed: the process failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def world() -> None:
    """Inside a process: draws scenes as training does, and prints how many clips it draws in a second of one core."""
    from ..worlds.sample import sample_scene
    from ..worlds.storybook import render

    frames, side, count = WORLD
    scenes = [sample_scene(0, i, split="train") for i in range(count)]
    render(scenes[0], side, side, frames, FPS)  # reads what pictures it needs first
    began = time.process_time()
    for scene in scenes:
        render(scene, side, side, frames, FPS)
    print(json.dumps(count / (time.process_time() - began)))


def child(job_json: str) -> None:
    """Inside the process: one film from nothing, then one more; prints what was measured as JSON."""
    job = json.loads(job_json)
    from ..generate import Request, generate

    def request(seed: int) -> Request:
        return Request(PROMPT, job["frames"] / FPS, job["size"], seed, quality=job["quality"], model=job["model"])

    generate(request(0)).save(job["out"])
    finished = time.time()
    began = time.perf_counter()
    generate(request(1)).save(job["out"])
    print(json.dumps({"finished": finished, "warm": time.perf_counter() - began, "peak": peak_memory()}))


def peak_memory() -> int:
    """Most bytes of memory that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def tables(result: dict) -> str:
    """Markdown: one row for each quality and shape."""
    rows = [
        [
            row["quality"], f"{row['frames']} frames, {row['size']}", f"{row['cold_seconds']:.1f} s",
            f"{row['warm_seconds']:.1f} s", f"{row['film_per_second']:.2f}", f"{row['peak_bytes'] / 1e9:.2f} GB",
        ]
        for row in result["rows"]
    ]  # fmt: skip
    frames, side, _ = WORLD
    drawn = f"{result['clips_per_second']:.0f} clips of {frames} frames of {side}x{side}"
    columns = ["quality", "film", "cold: command to file", "warm", "film seconds per second, warm", "peak memory"]
    return f"{table(columns, rows)}\nThe world draws {drawn} in a second of one core.\n"
