"""A real server for the tests: uvicorn on a free port in a thread, and a worker with a model of a few thousand weights."""

import dataclasses
import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest
import uvicorn
from PIL import Image

import skyloom
from skyloom.config import Bucket
from skyloom.models.bundle import save_bundle, tiny_bundle
from skyloom.server import settings as rooms
from skyloom.server.app import create_app
from skyloom.server.process import start_worker
from skyloom.server.service import Service

ROOT = Path(skyloom.__file__).parent.parent
BUCKETS = (Bucket(1, 64, 64, 1, 1), Bucket(33, 64, 64, 1, 1), Bucket(33, 64, 96, 1, 1), Bucket(33, 96, 64, 1, 1))
PATIENCE = 120  # seconds that anything may take on a busy machine


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A folder with weights that film 64x64, 96x64 and 64x96, 33 frames at once."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    folder.mkdir()
    bundle = tiny_bundle(0)
    bundle.config = dataclasses.replace(bundle.config, model=dataclasses.replace(bundle.config.model, buckets=BUCKETS))
    save_bundle(bundle, folder)
    return str(folder)


class Server:
    """The API in a thread of this process, workers beside it."""

    def __init__(self, home, model, **changes):
        changes = {"drain": 20.0, "poll": 0.05, **changes}
        self.settings = dataclasses.replace(rooms.load(home=home, model=model, port=0), **changes)
        self.service = Service(self.settings)
        config = uvicorn.Config(
            create_app(self.settings, self.service), port=self.settings.port, log_config=None, lifespan="on"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.worker, self.processes, self.clients = None, [], []

    def client(self, key="none", **options):
        self.clients.append(openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **{"max_retries": 0, **options}))
        return self.clients[-1]

    def hire(self):
        """Let a worker in threads of this process take the jobs."""
        self.worker = start_worker(self.settings, self.service)
        until(lambda: self.worker.models)

    def spawn(self):
        """Start a worker process; returns it once it is ready for jobs."""
        before = {worker["id"] for worker in self.service.store.workers()}
        env = os.environ | rooms.environment(self.settings)
        process = subprocess.Popen([sys.executable, "-m", "skyloom", "worker"], cwd=ROOT, env=env)
        self.processes.append(process)
        until(lambda: any(w["models"] for w in self.service.store.workers() if w["id"] not in before), 5 * PATIENCE)
        return process

    def close(self):
        for client in self.clients:
            client.close()
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            process.wait(PATIENCE)
        if self.worker:
            assert self.worker.stop(60)
        self.service.stopping.set()
        self.server.should_exit = True
        self.thread.join(PATIENCE)


def png(shade=128, size=(64, 64), alpha=None):
    """A grey picture as a file."""
    image = Image.new("RGB", size, (shade,) * 3)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def until(condition, seconds=PATIENCE):
    """Wait for a condition, and return what made it true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory, model):
    """A server with one worker, shared by the tests of a file."""
    server = Server(tmp_path_factory.mktemp("home"), model)
    server.hire()
    yield server
    server.close()


@pytest.fixture(scope="module")
def client(served):
    return served.client()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, model):
    """A server without a worker: what is put into its queue stays there."""
    server = Server(tmp_path_factory.mktemp("home"), model)
    yield server
    server.close()


def pytest_itemcollected(item):
    """The client says with each call that the hosted service is gone. We know."""
    item.add_marker(pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning"))
