"""What the server adds to the time of a film, and what filming many at once would save."""

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from serving_stand import Stand, tiny_model

from skyloom.generate import Film, Request, generate, load_bundle
from skyloom.generate.together import Joint
from skyloom.models.bundle import Bundle, autocast

MANY, COMPANY = 8, 4
SIZE, SECONDS, STEPS = "64x64", 1, 20
PROMPT = "a red fox runs in the snow"


def measure(folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    """The three ways by turns, so that what else the machine does falls on all of them."""
    model = tiny_model(folder / "tiny")
    stand, pair = Stand(folder / "stand", model), Stand(folder / "pair", model, workers=2)
    for server in (stand, pair):
        server.ready()
    out = folder / "film.mp4"
    ways = {
        "served": lambda: _served(stand, 1, out), "warm": lambda: _warm(model, out), "command": lambda: _command(model, out),
        "served_many": lambda: _served(stand, MANY, out), "paired_many": lambda: _served(pair, MANY, out),
        "warm_many": lambda: [_warm(model, out) for _ in range(MANY)],
        "command_many": lambda: [_command(model, out) for _ in range(MANY)],
    }  # fmt: skip
    for name in ("served", "warm", "paired_many"):
        ways[name]()  # loads what is loaded once
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for i in range(a.n):
        for name, way in ways.items():
            if name.endswith("_many") and i >= (1 if name == "command_many" else 3):
                continue
            began = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - began)
    for server in (stand, pair):
        server.stop()
    return {"seconds": {name: statistics.median(times) for name, times in taken.items()}, "n": a.n}


def _served(stand: Stand, count: int, out: Path) -> None:
    body = {"prompt": PROMPT, "size": SIZE, "seconds": SECONDS, "steps": STEPS, "seed": 7}
    for id in [stand.call("POST", "/v1/videos", body)["id"] for _ in range(count)]:
        assert stand.finished(id)["status"] == "completed"
        out.write_bytes(stand.fetch("GET", f"/v1/videos/{id}/content"))


def _warm(model: str, out: Path) -> None:
    generate(Request(PROMPT, size=SIZE, seconds=SECONDS, steps=STEPS, seed=7, model=model), load_bundle(model)).save(out)


def _command(model: str, out: Path) -> None:
    options = ["--size", SIZE, "--seconds", str(SECONDS), "--steps", str(STEPS), "--seed", "7", "--model", model]
    command = [sys.executable, "-m", "skyloom", "generate", PROMPT, *options, "-o", str(out)]
    env = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def table(result: dict[str, Any]) -> str:
    s = result["seconds"]
    rows = [
        ("through the server: asked for, polled every 50 ms, downloaded", f"{s['served']:.2f}", s["served_many"]),
        ("the same, two workers", "", s["paired_many"]),
        ("`skyloom generate`", f"{s['command']:.2f}", s["command_many"]),
        ("`generate()` in a process that has the model loaded", f"{s['warm']:.2f}", s["warm_many"]),
    ]
    lines = "".join(f"| {name} | {one} | {many:.2f} |\n" for name, one, many in rows)
    return (
        f"The same film of the tiny model ({SIZE}, {SECONDS} s, {STEPS} steps), medians of {result['n']}:\n\n"
        f"| way | one film, s | {MANY} films, s |\n| --- | --- | --- |\n{lines}\n"
        f"To a process that has its model the server adds {1000 * (s['served'] - s['warm']):.0f} ms: job and queue on disk, "
        "thumbnail, sheet, signature, download. `skyloom generate` loads its model each "
        f"time. {MANY} queued films take {s['served_many'] / s['warm_many']:.2f} of the time of {MANY} calls of `generate()`.\n"
    )


def measure_batching(_folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    """CPU seconds of one evaluation of the shipped model per film, by how many films it is given at once."""
    bundle, rows = load_bundle("storybook"), []
    channels, cells = bundle.config.vae.channels, 256 // bundle.config.vae.stride
    for frames in (1, 17):
        for batch in (1, 2, 4, MANY):
            z = torch.randn(batch, channels, 1 + (frames - 1) // 4, cells, cells)
            t = torch.full((batch, z.shape[2], 1, 1), 0.5)
            times = []
            with torch.inference_mode(), autocast(torch.device("cpu")):
                words = bundle.read([PROMPT] * batch)
                for _ in range(3):
                    began = time.process_time()
                    bundle.dit(z, t, *words)
                    times.append(time.process_time() - began)
            rows.append({"frames": frames, "batch": batch, "milliseconds": 1000 * min(times[1:]) / batch})
    return {"rows": rows, "threads": torch.get_num_threads(), "stills": _stills(bundle)}


def _stills(bundle: Bundle) -> dict[str, Any]:
    """CPU seconds of COMPANY stills one after another, and of the same together as a worker films them; how they differ."""
    requests = [Request(PROMPT, size="256x256", seconds=0, steps=STEPS, seed=seed) for seed in range(COMPANY)]
    seconds: dict[str, list[float]] = {"alone": [], "together": []}
    for _ in range(3):
        began = time.process_time()
        alone = [generate(request, bundle) for request in requests]
        seconds["alone"].append(time.process_time() - began)
        began = time.process_time()
        together = _together(requests, bundle)
        seconds["together"].append(time.process_time() - began)
    apart = [np.abs(a.frames.astype(int) - b.frames) for a, b in zip(alone, together, strict=True)]
    differ = {"most": int(np.max(apart)), "percent": 100 * float((np.array(apart) > 0).mean())}
    return {"steps": STEPS, "count": COMPANY, **{way: min(times) for way, times in seconds.items()}, **differ}


def _together(requests: list[Request], bundle: Bundle) -> list[Film]:
    joint, films = Joint(len(requests)), {}

    def one(i: int) -> None:
        with joint.lane():
            films[i] = generate(requests[i], joint.of(bundle))

    lanes = [threading.Thread(target=one, args=(i,)) for i in range(len(requests))]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    return [films[i] for i in range(len(requests))]


def table_of_batching(result: dict[str, Any]) -> str:
    batches = sorted({row["batch"] for row in result["rows"]})
    lines = ""
    for frames in sorted({row["frames"] for row in result["rows"]}):
        times = {row["batch"]: row["milliseconds"] for row in result["rows"] if row["frames"] == frames}
        lines += f"| {frames} | " + " | ".join(f"{times[batch]:.0f}" for batch in batches) + " |\n"
    s, head = result["stills"], " | ".join(f"{batch} at once" for batch in batches)
    return (
        "CPU time of one evaluation of the shipped model, milliseconds per film of 256x256, by how many films it gets at once "
        f"({result['threads']} thread{'s' if result['threads'] > 1 else ''}):\n\n"
        f"| frames | {head} |\n| --- |{' --- |' * len(batches)}\n{lines}\n"
        f"{s['count']} stills by `generate()`, {s['steps']} steps, all that belongs to them: {s['alone']:.1f} s one after "
        f"another, {s['together']:.1f} s together as a worker films them. They differ by at most {s['most']} of 255, in "
        f"{s['percent']:.4f} % of their bytes. Films are filmed one by one: company would save little, and cost each the "
        "promise of its own bytes.\n"
    )
