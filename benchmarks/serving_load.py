"""A long queue, many callers that poll, a worker that films: how fast the API answers, and whether its memory grows."""

import argparse
import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any

from serving_stand import Stand, tiny_model

BUSY = {"prompt": "a red fox runs", "size": "64x64", "seconds": "2", "steps": 100}
SECONDS = 30.0  # of polling


def measure(folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    stand = Stand(folder / "stand", tiny_model(folder / "tiny"), max_waiting=10**6, max_waiting_per_key=10**6, drain=1)
    stand.ready()
    ids, taken = [], []
    for _ in range(a.jobs):
        began = time.perf_counter()
        ids.append(stand.call("POST", "/v1/videos", BUSY)["id"])
        taken.append(time.perf_counter() - began)
    memory = [_memory(stand.api.pid)]
    asked = asyncio.run(_poll_all(stand, ids, a, memory))
    counts = stand.call("GET", "/v1/videos?limit=1&order=asc")["data"][0]["status"]
    result = {
        "jobs": a.jobs, "pollers": a.pollers, "first_job": counts, "create": _spread(taken), "poll": _spread(asked),
        "polls": len(asked), "polls_per_second": round(len(asked) / SECONDS, 1), "memory_mb": [m / 2**20 for m in memory],
    }  # fmt: skip
    stand.stop()
    return result


async def _poll_all(stand: Stand, ids: list[str], a: argparse.Namespace, memory: list[int]) -> list[float]:
    end, taken = time.perf_counter() + SECONDS, []
    pollers = [_poll(stand.port, ids, random.Random(a.seed + i), end, taken) for i in range(a.pollers)]
    await asyncio.gather(_watch(stand.api.pid, end, memory), *pollers)
    return taken


async def _poll(port: int, ids: list[str], rng: random.Random, end: float, taken: list[float]) -> None:
    """One caller on one connection, once a second, as the official client polls."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(rng.random())
    while time.perf_counter() < end:
        began = time.perf_counter()
        writer.write(f"GET /v1/videos/{rng.choice(ids)} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, 1 - taken[-1]))
    writer.close()
    await writer.wait_closed()


async def _watch(pid: int, end: float, memory: list[int]) -> None:
    while time.perf_counter() < end:
        await asyncio.sleep(1)
        memory.append(_memory(pid))


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1000 * s for s in seconds)
    at = lambda share: round(ordered[int(share * (len(ordered) - 1))], 1)  # noqa: E731
    return {"median": at(0.5), "p95": at(0.95), "p99": at(0.99), "most": at(1)}


def table(result: dict[str, Any]) -> str:
    r = result
    rows = [(name, r[key]) for name, key in ((f"poll, {r['polls_per_second']:g} a second", "poll"), ("create", "create"))]
    lines = "".join(f"| {name} | {s['median']:g} | {s['p95']:g} | {s['p99']:g} | {s['most']:g} |\n" for name, s in rows)
    memory = r["memory_mb"]
    return (
        f"{r['jobs']} waiting jobs, {r['pollers']} callers that ask once a second, one worker that films all the time; server, "
        f"worker and callers share the machine.\n\n"
        f"| call | median, ms | p95 | p99 | most |\n| --- | --- | --- | --- | --- |\n{lines}\n"
        f"Memory of the API: {memory[0]:.0f} MB before, {memory[-1]:.0f} MB after {r['polls']} polls.\n"
    )
