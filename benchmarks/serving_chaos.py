"""Kill -9 at random under load: is any job lost, done twice, is anything left on the disk?"""

import argparse
import base64
import collections
import http.server
import io
import json
import os
import random
import signal
import sqlite3
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from PIL import Image
from serving_stand import Stand, tiny_model, wait_for

from skyloom.base.video import read_video

CALLERS = 3
PAUSE = 2.5  # mean seconds between two kills
FILES = {"film.mp4", "thumbnail.webp", "spritesheet.jpg"}


class Ear:
    """Hears the webhooks: the ids of the events about each film."""

    def __init__(self) -> None:
        self.events: dict[str, set[str]] = collections.defaultdict(set)
        ear = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                ear.events[event["data"]["id"]].add(event["id"])
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def measure(folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    """Callers ask for films, each with a key of its own that they repeat until it is answered; then everything is counted."""
    ear, model = Ear(), tiny_model(folder / "tiny")
    stand = Stand(folder / "stand", model, workers=2, webhook_private=1, drain=5)
    stand.ready()
    hook = {"name": "ear", "url": ear.url, "event_types": ["video.completed", "video.failed"]}
    stand.call("POST", "/v1/webhook_endpoints", hook)
    told: dict[str, str] = {}
    end = time.monotonic() + a.seconds
    callers = [threading.Thread(target=_ask, args=(stand, told, end, a.seed + i)) for i in range(CALLERS)]
    for caller in callers:
        caller.start()
    kills = _kill(stand, end, random.Random(a.seed))
    for caller in callers:
        caller.join()
    stand.ready()
    began = time.monotonic()
    wait_for(lambda: not _rows(stand, "status IN ('queued', 'in_progress')"), 1200)
    caught_up = time.monotonic() - began
    wait_for(lambda: len(ear.events) >= len(told) or time.monotonic() - began > 300, 1200)
    result = {"seconds": a.seconds, "asked": len(told), **kills, "caught_up_seconds": round(caught_up, 1)}
    result |= _counted(stand, told, ear) | _left_over(stand)
    stand.stop()
    ear.server.shutdown()
    ear.server.server_close()
    return result


def _ask(stand: Stand, told: dict[str, str], end: float, seed: int) -> None:
    """One caller: words, or words and a picture, again and again."""
    rng = random.Random(seed)
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 80, 40)).save(buffer, "PNG")
    picture = {"image_url": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()}
    while time.monotonic() < end:
        key, body = uuid.UUID(int=rng.getrandbits(128)).hex, {"prompt": "a red fox runs", "size": "64x64", "seconds": "1"}
        body |= {"steps": rng.randint(4, 20)} | ({"input_reference": picture} if rng.random() < 0.3 else {})
        while key not in told:
            try:
                told[key] = stand.call("POST", "/v1/videos", body, idempotency_key=key)["id"]
            except (OSError, ValueError, EOFError):  # killed before, or within the answer
                time.sleep(0.2)
        time.sleep(rng.uniform(0.3, 1.0))


def _kill(stand: Stand, end: float, rng: random.Random) -> dict[str, int]:
    """Kills, mostly of a worker, sometimes of the API, whose workers then see that it is gone, and end."""
    kills, known = {"killed_workers": 0, "killed_api": 0}, set()
    while time.monotonic() < end:
        time.sleep(min(rng.expovariate(1 / PAUSE), 3 * PAUSE))
        known |= set(stand.workers())
        alive = [pid for pid in sorted(known) if Path(f"/proc/{pid}/stat").exists() and pid in _living(pid)]
        if rng.random() < 0.35 or not alive:
            stand.kill_api()
            stand.start()
            kills["killed_api"] += 1
        else:
            os.kill(rng.choice(alive), signal.SIGKILL)
            kills["killed_workers"] += 1
    return kills


def _living(pid: int) -> list[int]:
    try:
        return [] if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX" else [pid]
    except OSError:
        return []


def _rows(stand: Stand, where: str = "1=1") -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"file:{stand.home / 'skyloom.db'}?mode=ro", uri=True, timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT * FROM skyloom_jobs WHERE {where}")]
    finally:
        connection.close()


def _counted(stand: Stand, told: dict[str, str], ear: Ear) -> dict[str, int]:
    """Every key has one film that plays, or one that was killed so often that it was given up; every film one event."""
    rows = {row["id"]: row for row in _rows(stand)}
    by_key = collections.Counter(row["idempotency"] for row in rows.values())
    given_up = {id for id, row in rows.items() if row["status"] == "failed" and "worker_lost" in row["error"]}
    kept = {id for id in set(rows) - given_up if rows[id]["status"] == "completed" and _plays(stand, id)}
    lost = set(told.values()) - kept - given_up
    twice = [id for id in rows if len(ear.events[id]) > 1]
    return {
        "lost": len(lost),
        "given_up": len(given_up),
        "doubled": sum(n > 1 for n in by_key.values()) + len(set(rows) - set(told.values())) + len(twice),
        "without_event": sum(not ear.events[id] for id in rows),
        "begun_again": sum(row["attempts"] > 1 for row in rows.values()),
    }


def _plays(stand: Stand, id: str) -> bool:
    folder = stand.home / "media" / id
    names = {file.name for file in folder.iterdir()} - {"image.png"}
    film = folder.parent.parent / "fetched.mp4"
    film.write_bytes(stand.fetch("GET", f"/v1/videos/{id}/content"))
    frames, _ = read_video(film)
    film.unlink()
    return names == FILES and len(frames) == 12


def _left_over(stand: Stand) -> dict[str, int]:
    """What lies about: at once, and after housekeeping, with everything made old enough for it."""
    at_once = _stray(stand)
    for path in (*(stand.home / "media").iterdir(), *stand.temporary.iterdir()):
        os.utime(path, (1, 1))
    deadline = time.monotonic() + 90
    while _stray(stand) and time.monotonic() < deadline:
        time.sleep(1)
    return {"left_at_once": len(at_once), "left_after_housekeeping": len(_stray(stand))}


def _stray(stand: Stand) -> list[str]:
    known = {row["id"] for row in _rows(stand)}
    folders = [path.name for path in (stand.home / "media").iterdir() if path.name not in known]
    parts = [path.name for path in stand.home.rglob(".*.part")]
    return folders + parts + [path.name for path in stand.temporary.iterdir()]


def table(result: dict[str, Any]) -> str:
    """In words: the figures are few."""
    r = result
    return (
        f"{r['seconds']:g} s with {CALLERS} callers, 2 workers, kill -9 at random: {r['killed_workers']} times a worker, "
        f"{r['killed_api']} times the API. {r['asked']} films asked for, {r['begun_again']} of them begun more than once.\n\n"
        f"{r.get('given_up', 0)} were in hand at three kills, and given up as the setting `attempts` has it. "
        f"**{r['lost']} lost, {r['doubled']} doubled, {r['without_event']} without their webhook.** Temporary files and "
        f"folders without a job: {r['left_at_once']} at the end, {r['left_after_housekeeping']} after housekeeping, "
        "which takes what is older than ten minutes (the benchmark makes it so old).\n"
    )
