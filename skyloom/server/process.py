"""The processes of a server: the API, and workers beside it that are started again when they end.

A worker is `skyloom worker` with the settings in its environment. It holds a pipe from the API's process: when that
closes, however it came about, the worker finishes its film and goes.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Hashable
from typing import Any

import uvicorn

from . import logs
from .app import create_app
from .jobs import Worker
from .making import Maker
from .records import Job
from .service import Service
from .settings import Settings, environment

log = logging.getLogger("skyloom.server")
SETTLED = 30.0  # seconds after which a worker that ends was not broken from the beginning
PIPED = "SKYLOOM_PIPED"  # set for workers whose standard input is such a pipe


class Api(uvicorn.Server):
    """uvicorn that tells streams of events to end when it has to stop: they would hold it up."""

    service: Service

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.service.stopping.set()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Answer calls until SIGTERM or Ctrl-C; then let workers end their films."""
    logs.set_up()
    service = Service(settings)
    if settings.keys_required and not any(key.revoked is None for key in service.store.keys()):
        raise ValueError(f"on {settings.host} the server wants API keys, and there is none. Make one: skyloom key new NAME")
    service.catalog.config(settings.model)  # refuses a model that is not there, before anything starts
    listener = _listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    app = create_app(settings, service)
    server = Api(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10, lifespan="on"))
    server.service = service
    for number in (signal.SIGINT, signal.SIGTERM):  # before uvicorn hears them, which repeats them to us when it is done
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    threading.Thread(target=_tidy, args=(service,), name="tidy", daemon=True).start()  # workers may be elsewhere, or busy
    with Crew(settings):
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        at = f"http://{name}:{port}"
        print(f"The studio is at {at}/, the API at {at}/v1 (its page: {at}/docs). Ctrl-C stops it.", flush=True)
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        return listener
    except OSError as error:
        raise OSError(f"cannot listen on {host} port {port} ({error.strerror or error}). Try another --port.") from error


class Crew:
    """The worker processes of this machine, as a context: inside it they run."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.stopping = threading.Event()
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Crew":
        self.processes = [self._start() for _ in range(self.settings.workers)]
        threading.Thread(target=self._watch, name="crew", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + self.settings.drain + 40
        for process in self.processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
            if process.stdin:
                process.stdin.close()

    def _start(self) -> subprocess.Popen[bytes]:
        inherited = os.environ | environment(self.settings) | {PIPED: "1"}
        return subprocess.Popen([sys.executable, "-m", "skyloom", "worker"], stdin=subprocess.PIPE, env=inherited)

    def _watch(self) -> None:
        """Replace workers that end: at once, but where one did not live long, the next ones wait longer each time."""
        pause, born = 0.0, dict.fromkeys(range(len(self.processes)), time.monotonic())
        while not self.stopping.wait(0.3):
            for i, process in enumerate(self.processes):
                if process.poll() is None or self.stopping.is_set():
                    continue
                log.warning("worker ended", extra={"code": process.returncode})
                if process.stdin:
                    process.stdin.close()
                pause = 0.0 if time.monotonic() - born[i] > SETTLED else min(60.0, 1.5 * pause + 0.5)
                if self.stopping.wait(pause):
                    return
                self.processes[i], born[i] = self._start(), time.monotonic()


class Work:
    """What a worker process does to jobs, put together from the rooms that know how."""

    def __init__(self, settings: Settings, service: Service):
        self.service = service
        sign = service.signed if settings.sign else None
        self.maker = Maker(settings, service.media, sign, service.moderator.check_frames)

    def make(self, job: Job, on_step: Any, joint: Any = None) -> dict[str, Any]:
        return self.maker.make(job, on_step, joint)

    def kin(self, job: Job) -> Hashable:
        return self.maker.kin(job)

    def joint(self, lanes: int) -> Any:
        from ..generate.together import Joint  # loads torch, as the first film does

        return Joint(lanes)

    def discard(self, id: str) -> None:
        self.maker.discard(id)

    def post(self, endpoint: str, envelope: dict[str, Any]) -> bool:
        return self.service.webhooks.post(endpoint, envelope)

    def tidy(self) -> None:
        self.service.tidy()


def start_worker(settings: Settings, service: Service) -> Worker:
    """A worker in threads of this process, its model on the way."""
    body = Work(settings, service)
    worker = Worker(settings, service.store, body)
    worker.start()
    threading.Thread(target=_warm, args=(worker, body), daemon=True).start()
    return worker


def work(settings: Settings) -> None:
    """Take jobs until SIGTERM, Ctrl-C or the end of the API's process; does not return."""
    logs.set_up()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if os.environ.get(PIPED):
        threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    worker = start_worker(settings, Service(settings))
    stop.wait()
    done = worker.stop(settings.drain)
    log.info("worker stopped", extra={"worker": worker.id})
    sys.stderr.flush()
    os._exit(0 if done else 1)  # threads of the queue may still sleep; nothing is left to save


def _tidy(service: Service) -> None:
    """Remove what expired, or was left by a process that was killed, while no server was there."""
    try:
        service.tidy()
    except Exception:
        log.exception("what has expired could not be removed; the next worker tries again")


def _until_closed(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


def _warm(worker: Worker, body: Work) -> None:
    """Load the model before the first job asks for it."""
    try:
        with worker.busy:
            body.maker.warm()
        worker.models.append(worker.settings.model)
        worker.store.beat(worker.id, worker.host, worker.models)
    except Exception:
        log.exception("the model cannot be loaded")
