"""The stages on Ray: a cluster of several nodes, a worker killed on the way, and the same data set as on this machine."""

import contextlib
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import footage_files as made
import numpy as np
import pytest

from skyloom.base import footage
from skyloom.cli import run
from skyloom.data import workers
from skyloom.data.catalog import Catalog

TOKEN = uuid.uuid4().hex


@pytest.mark.parametrize("executor", ["spark", "", "slurm"])
def test_an_unknown_executor_is_named(executor):
    with pytest.raises(ValueError, match="wanted local, ray"), workers.on(executor):
        pass


@pytest.mark.parametrize("verb", ["build", "ingest", "shots", "caption", "encode"])
def test_without_ray_the_error_says_what_to_install(monkeypatch, tmp_path, capsys, verb):
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "in").mkdir()
    what = {"build": [str(tmp_path / "in"), "--no-encode"], "ingest": [str(tmp_path / "in")]}.get(verb, [])
    assert run(["data", verb, *what, "-o", str(tmp_path / "set"), "--executor", "ray"]) == 1
    assert "pip install 'skyloom[ray]'" in capsys.readouterr().err


def test_after_a_mistake_work_is_done_here_again():
    with contextlib.suppress(ValueError), workers.on("spark"):
        pass
    assert workers._executor.get() == "local"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Twenty films of two scenes each, so that there are three tasks, and one file that is none."""
    folder = tmp_path_factory.mktemp("films")
    for i in range(20):
        footage.compress(folder / f"{i}.mp4", np.concatenate([made.film(2 * i, 14), made.film(2 * i + 1, 14)]), 24)
    (folder / "broken.mp4").write_bytes(b"no film")
    return folder


def held(folder: Path) -> tuple[list[tuple[str, ...]], dict[str, bytes]]:
    with Catalog(folder) as catalog:
        rows = catalog.db.execute("SELECT * FROM rows ORDER BY stage, key").fetchall()
    return rows, {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.suffix in (".tar", ".parquet", ".part")}


def kill_a_worker(killed: list[int], give_up: float) -> None:
    """Ends the first process that is at work on a task of this test's cluster."""
    while not killed and time.monotonic() < give_up:
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                at_work = (entry / "cmdline").read_bytes().startswith(b"ray::batch")
                if at_work and TOKEN.encode() in (entry / "environ").read_bytes():
                    time.sleep(0.5)  # until it has begun to read
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed.append(int(entry.name))
                    return
        time.sleep(0.02)


@pytest.mark.full
@pytest.mark.filterwarnings("default")  # Ray's own
def test_a_cluster_that_loses_a_worker_makes_the_same_set(films, model, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install 'skyloom[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("SKYLOOM_TEST", TOKEN)
    words = ["data", "build", str(films), "shots.min_seconds=0.3", "--model", str(model), "--processes", "1"]
    assert run([*words, "-o", str(tmp_path / "local")]) == 0
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        killed: list[int] = []
        killer = threading.Thread(target=kill_a_worker, args=(killed, time.monotonic() + 300))
        killer.start()
        assert run([*words, "-o", str(tmp_path / "ray"), "--executor", cluster.address]) == 0
        killer.join()
        there = ["-o", str(tmp_path / "alone"), "--processes", "1", "--executor", cluster.address]
        assert run(["data", "ingest", str(films), "shots.min_seconds=0.3", *there]) == 0
        assert run(["data", "shots", *there]) == run(["data", "caption", *there]) == 0
        assert run(["data", "encode", "--model", str(model), *there]) == 0
    finally:
        cluster.shutdown()
    assert killed
    wanted_rows, wanted_files = held(tmp_path / "local")
    assert len(wanted_rows) > 60 and any(name.endswith(".tar") for name in wanted_files)
    for rows, files in (held(tmp_path / "ray"), held(tmp_path / "alone")):  # in one go, and stage by stage
        assert rows == wanted_rows and files == wanted_files
