"""Films of a minute and of ten: filmed in a process of their own, of whose memory the most is noted for each second of film.

Dimension key: T frames of a segment, S segments of SEGMENT seconds, D features of the probe.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...base.files import write_atomic
from ...base.sizes import size_text
from ...generate import Request, load_bundle, shoot
from ..clips import FPS, Bench, prompt_of, scenes, shrunk
from .case import Outcome, digest, key_of, scene_of
from .measures import identity

SECONDS, LONG_SECONDS = 60.0, 600.0
SEGMENT, LOOKED = 5, 17  # seconds of a segment, and how many of its frames are kept for the probe
WARM_UP = 5  # seconds of film after which memory is to stay flat
REFERENCE = 32  # real clips whose features say what is usual
QUALITY = "fast"
GROWTH, SPEED = "memory, growth of its peak after 5 s", "film seconds per second"
DRIFT, ENERGY = "distance to real, last segment over first", "least lively segment's motion over the first's"


def minute(bench: Bench, i: int) -> Outcome:
    return long_film(bench, i, SECONDS)


def ten_minutes(bench: Bench, i: int) -> Outcome:
    return long_film(bench, i, LONG_SECONDS)


def long_film(bench: Bench, i: int, seconds: float) -> Outcome:
    """One film of so many seconds, and what came of memory, speed, looks and motion on the way."""
    scene = scene_of(bench, i, 49)
    request = Request(prompt_of(scene), seconds, size_text(*bench.size), bench.seed + i, quality=QUALITY, model=bench.model)
    folder = bench.out / "minutes" / bench.weights / digest(key_of(request))
    told = record(request, folder)
    parts = [np.load(folder / f"{k}.npy") for k in range(told["segments"])]
    memory, motion = np.array(told["memory"], float), np.array(told["motion"])
    early, later = memory[: WARM_UP + 1].max(), memory[min(WARM_UP + 1, len(memory) - 1) :].max()
    measures: dict[str, float | list[float]] = {
        SPEED: told["film_per_second"],
        GROWTH: float(later / early - 1),
        "memory, GB": float(memory.max() / 1e9),
        ENERGY: float(motion.min() / max(motion[0], 1e-6)),
    }
    if bench.reader is not None:
        measures |= looks(bench, parts, scene.actors[0].noun)
    return Outcome(measures, shown=(np.stack([part[len(part) // 2] for part in parts]),))


def looks(bench: Bench, parts: list[np.ndarray], noun: str) -> dict[str, float | list[float]]:
    """Drift, and whether who is asked for is there at the end, and is who was there at the beginning."""
    far = distances(bench, parts)
    first, last = (identity(bench, part)[0] for part in (parts[0], parts[-1]))
    return {
        "distance to real, first segment": far[0], DRIFT: far[-1] / max(far[0], 1e-6),
        "identity persists to the end": float(first == last), "asked noun at the end": float(last[0] == noun),
    }  # fmt: skip


def distances(bench: Bench, parts: Iterable[np.ndarray]) -> list[float]:
    """Of each segment's features to the centre of real clips: root mean square over D, in the real clips' deviations."""
    clips = [bench.real(scene, LOOKED) for scene in scenes("val", LOOKED, REFERENCE, bench.seed)]
    real = np.stack([bench.probe.features(clip) for clip in clips])
    centre, spread = real.mean(0), np.maximum(real.std(0), 0.1 * np.median(real.std(0)) + 1e-6)
    return [float(np.sqrt((((bench.probe.features(part) - centre) / spread) ** 2).mean())) for part in parts]


def record(request: Request, folder: Path) -> dict[str, Any]:
    """Film `request` in a fresh process, unless that was done before: its report (see `child`), and segments in `folder`.

    RuntimeError with the last line of what the process said where it fails.
    """
    report = folder / "report.json"
    if not report.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        job = {"seconds": request.seconds, "size": request.size, "seed": request.seed, "steps": request.resolved().steps}
        job |= {"prompt": request.prompt, "quality": request.quality, "model": request.model}
        code = f"from skyloom.evals.control_rows import minute; minute.child({json.dumps(job)!r}, {str(folder)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"a film of {request.seconds:g} s: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(report.read_text())


def child(job_json: str, folder: str) -> None:
    """Inside the process: film, keep the first frames of each segment, look at memory and motion; write report.json last."""
    request = Request(**json.loads(job_json))
    bundle = load_bundle(request.model)
    began, memory, motion, segments = time.perf_counter(), [], [], 0
    held: list[np.ndarray] = []
    steps: list[float] = []
    before: np.ndarray | None = None
    reel = shoot(request, bundle)
    most_resident()  # what it took to load the model is no part of it
    for number, frame in enumerate(reel):
        small = shrunk(frame[None])[0]
        if before is not None:
            steps.append(float(np.abs(small.astype(np.int16) - before).mean()))
        before = small
        if number % (SEGMENT * FPS) < LOOKED:
            held.append(small)
        if number % FPS == 0:
            memory.append(most_resident())
        if (number + 1) % (SEGMENT * FPS) == 0 or number + 1 == reel.count:
            np.save(Path(folder) / f"{segments}.npy", np.stack(held))
            motion.append(float(np.mean(steps)) if steps else 0.0)
            held, steps, segments = [], [], segments + 1
    took = time.perf_counter() - began
    report = {
        "frames": reel.count, "film_per_second": reel.count / FPS / took, "memory": memory, "motion": motion,
        "segments": segments,
    }  # fmt: skip
    write_atomic(Path(folder) / "report.json", json.dumps(report))


def most_resident() -> int:
    """The most bytes of memory that this process has held since it was last asked; where the system tells only the most that it
    ever held, that."""
    try:
        told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
        Path("/proc/self/clear_refs").write_text("5")  # forgets it
        return 1024 * int(told)
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
