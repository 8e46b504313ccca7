"""A server for benchmarks: `skyloom serve` in a process of its own, that can be killed and started again; calls to it."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from skyloom.config import Bucket
from skyloom.models.bundle import save_bundle, tiny_bundle

BUCKETS = (Bucket(1, 64, 64, 1, 1), Bucket(33, 64, 64, 1, 1))
PATIENCE = 300.0  # seconds that anything may take on a busy machine


def tiny_model(folder: Path) -> str:
    """An untrained model that films 64x64, 33 frames at once; its folder."""
    folder.mkdir(parents=True)
    bundle = tiny_bundle(0)
    bundle.config = dataclasses.replace(bundle.config, model=dataclasses.replace(bundle.config.model, buckets=BUCKETS))
    save_bundle(bundle, folder)
    return str(folder)


class Stand:
    """One home and port; the process on it may change."""

    def __init__(self, folder: Path, model: str, **settings: Any):
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.temporary.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        settings |= {"home": self.home, "model": model, "port": self.port}
        self.env = os.environ | {f"SKYLOOM_{name.upper()}": str(value) for name, value in settings.items()}
        self.env |= {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": self.env.get("OMP_NUM_THREADS", "1")}
        self.log = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "skyloom", "serve"]
        self.api = subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL, stderr=self.log)

    def ready(self) -> None:
        """Wait until films can be made."""
        wait_for(lambda: _is_ready(self.url))

    def workers(self) -> list[int]:
        """Process ids of the workers that this API started."""
        found = []
        for task in Path(f"/proc/{self.api.pid}/task").glob("*"):
            try:
                children = (task / "children").read_text().split()
                found += [int(pid) for pid in children if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            except OSError:  # gone meanwhile
                continue
        return found

    def kill_api(self) -> None:
        self.api.kill()
        self.api.wait()

    def stop(self) -> None:
        self.api.send_signal(signal.SIGTERM)
        try:
            self.api.wait(120)
        except subprocess.TimeoutExpired:
            self.kill_api()
        self.log.close()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """The JSON of an answer. urllib.error.URLError and OSError where none comes."""
        return json.loads(self.fetch(method, path, body, **headers))

    def fetch(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        named = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, data, named, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def finished(self, id: str, every: float = 0.05) -> dict[str, Any]:
        """The film once it is done, as a caller sees it who asks again and again."""
        while (video := self.call("GET", f"/v1/videos/{id}"))["status"] in ("queued", "in_progress"):
            time.sleep(every)
        return video


def wait_for(condition: Any, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not get there in time; its log is in the benchmark's folder.")
        time.sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False
