"""Work on files that nobody vouches for: in processes with bounds on time and memory, that cannot write files.

The processes are this machine's, or with `on` those of a Ray cluster. A file that kills its worker, hangs it or fills memory
costs one `Failure`; a fresh worker goes on with the next file.
"""

import contextlib
import contextvars
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

MEGABYTE = 1 << 20
FORKS = sys.platform == "linux"  # elsewhere system libraries do not bear it, or there is none


@dataclass(frozen=True)
class Failure:
    """Why there is no result."""

    reason: str


@dataclass
class Worker:
    process: Any
    pipe: Connection
    item: Any = None
    seconds: float = 0.0
    deadline: float = 0.0


_executor = contextvars.ContextVar("executor", default="local")


@contextlib.contextmanager
def on(executor: str) -> Iterator[None]:
    """Within it `each` works here ("local"), or on a Ray cluster ("ray", "ray://HOST:PORT", "HOST:PORT").

    ValueError for an executor that there is not; RuntimeError and ConnectionError as `cluster.connect`.
    """
    if executor not in ("local", "ray") and ":" not in executor:
        raise ValueError(f"executor {executor!r}: wanted local, ray, ray://HOST:PORT or HOST:PORT.")
    leave: Callable[[], object] | None = None
    if executor != "local":
        from .cluster import connect

        leave = connect(executor)
    before = _executor.set(executor)
    try:
        yield
    finally:
        _executor.reset(before)
        if leave:
            leave()


def each(
    work: Callable[..., Any],
    items: Iterable[tuple[Any, tuple[Any, ...]]],  # (name of the item, arguments of `work`)
    *,
    processes: int,
    seconds: float | dict[Any, float],  # that an item may take; by their names where they differ
    memory_mb: int,
) -> Iterator[tuple[Any, Any]]:
    """(name, result or Failure) of every item, as they come. `work` is a function that a fresh process can import.

    ValueError inside becomes a Failure with its text, other errors one with their type; `processes` items are in flight, or as
    many as a cluster has room for.
    """
    if _executor.get() == "local":
        return local(work, items, processes=processes, seconds=seconds, memory_mb=memory_mb)
    from . import cluster

    return cluster.each(work, items, seconds=seconds, memory_mb=memory_mb)


def local(
    work: Callable[..., Any],
    items: Iterable[tuple[Any, tuple[Any, ...]]],
    *,
    processes: int,
    seconds: float | dict[Any, float],
    memory_mb: int,
) -> Iterator[tuple[Any, Any]]:
    """`each` on this machine."""
    queue = iter(items)
    workers: list[Worker] = []
    try:
        while True:
            for name, arguments in _take(queue, processes - sum(w.item is not None for w in workers)):
                worker = next((w for w in workers if w.item is None), None)
                if worker is None:
                    worker = _hire(memory_mb)
                    workers.append(worker)
                worker.item, worker.seconds = (name,), seconds[name] if isinstance(seconds, dict) else seconds
                worker.deadline = time.monotonic() + worker.seconds
                worker.pipe.send((work, arguments))
            busy = [w for w in workers if w.item is not None]
            if not busy:
                return
            ready = wait([w.pipe for w in busy], timeout=max(0.0, min(w.deadline for w in busy) - time.monotonic()))
            for worker in busy:
                result = _collect(worker, worker.pipe in ready)
                if result is not None:
                    name, worker.item = worker.item[0], None
                    if not worker.process.is_alive():
                        workers.remove(worker)
                    yield name, result[0]
    finally:
        for worker in workers:
            _dismiss(worker)


def prepare(*modules: str) -> None:
    """Begin to import what workers will need, in a process of its own from which they are then forked: each begins at once, and
    what they imported is in memory once. Without it each imports for itself."""
    if FORKS:
        _context().set_forkserver_preload(["skyloom.data.workers", *modules])
        forkserver.ensure_running()


def _context() -> Any:
    """How a worker begins: from a clean process in any case, that this one's threads and files are no part of."""
    return multiprocessing.get_context("forkserver" if FORKS else "spawn")


def _take(queue: Iterator[Any], count: int) -> list[Any]:
    return [item for _, item in zip(range(count), queue, strict=False)]


def _hire(memory_mb: int) -> Worker:
    ours, theirs = multiprocessing.Pipe()
    process = _context().Process(target=_serve, args=(theirs, memory_mb, dict(os.environ)), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours)


def _collect(worker: Worker, ready: bool) -> tuple[Any] | None:
    """The result in a tuple, or None while the worker is at work."""
    if ready:
        try:
            return (worker.pipe.recv(),)
        except (EOFError, OSError):
            worker.process.join(5)
            code = worker.process.exitcode or 0
            name = signal.Signals(-code).name if code < 0 else f"code {code}"
            _dismiss(worker)
            return (Failure(f"killed its reader ({name})"),)
    if time.monotonic() >= worker.deadline:
        _dismiss(worker)
        return (Failure(f"took longer than {worker.seconds:g} s to read"),)
    return None


def _dismiss(worker: Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _serve(pipe: Connection, memory_mb: int, environment: dict[str, str]) -> None:
    """The loop of a worker: a piece of work in, a result or a Failure out."""
    os.environ.clear()  # the process that it was forked from may have begun with another
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    bounded = False
    while True:
        try:
            work, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        if not bounded:  # after the imports that unpickling did: they count as ours, not as the file's
            _bound(memory_mb)
            bounded = True
        try:
            result = work(*arguments)
        except ValueError as error:
            result = Failure(" ".join(str(error).split())[:300])
        except MemoryError:
            result = Failure(f"took more than {memory_mb} MB to read")
        except Exception as error:
            result = Failure(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        pipe.send(result)


def _bound(memory_mb: int) -> None:
    """No more memory than now plus `memory_mb`, no file written, no core dumped, the least urgent of processes."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (now + memory_mb * MEGABYTE,) * 2)
