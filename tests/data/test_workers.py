"""Bounded workers: whatever a piece of work does to its process, the others go on and the caller hears why."""

import os
import time

import pytest

from skyloom.data.workers import Failure, each


def task(kind):
    if kind == "hang":
        time.sleep(600)
    if kind == "die":
        os.kill(os.getpid(), 9)
    if kind == "exit":
        os._exit(3)
    if kind == "eat":
        return len(bytes(3 << 30))
    if kind == "bad":
        raise ValueError("not\nfootage")
    if kind == "bug":
        raise KeyError("x")
    if kind == "write":
        with open("made_by_a_worker", "wb") as file:
            file.write(b"x" * 10)
    return kind * 2


def run(kinds, seconds=60, processes=2):
    return dict(each(task, [(kind, (kind,)) for kind in kinds], processes=processes, seconds=seconds, memory_mb=1024))


def test_work_comes_back():
    assert run(["a", "b", "c"]) == {"a": "aa", "b": "bb", "c": "cc"}


def test_what_kills_a_worker_costs_one_failure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(["die", "exit", "eat", "bad", "bug", "write", "fine"], processes=1)
    assert found.pop("fine") == "finefine"
    why = {kind: failure.reason for kind, failure in found.items()}
    assert "SIGKILL" in why["die"] and "code 3" in why["exit"] and "1024 MB" in why["eat"]
    assert why["bad"] == "not footage" and why["bug"].startswith("KeyError")
    assert isinstance(found["write"], Failure)
    assert not os.path.exists("made_by_a_worker") or os.path.getsize("made_by_a_worker") == 0


def test_what_hangs_is_given_up():
    assert run(["hang"], seconds=4) == {"hang": Failure("took longer than 4 s to read")}


def test_each_piece_of_work_may_have_its_own_time():
    found = run(["hang", "fine"], seconds={"hang": 3, "fine": 60}, processes=1)
    assert found == {"hang": Failure("took longer than 3 s to read"), "fine": "finefine"}


def test_an_abandoned_run_leaves_no_process():
    running = each(task, [("a", ("a",)), ("hang", ("hang",))], processes=2, seconds=60, memory_mb=256)
    assert next(running)[0] == "a"
    running.close()
    with pytest.raises(StopIteration):
        next(running)
