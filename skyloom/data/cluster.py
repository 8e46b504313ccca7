"""The work of the stages on Ray: on this machine as its own cluster, or on one that runs already.

The nodes see the footage and the model under the same paths as this machine (a shared disk) and have skyloom installed. The
catalogue and the shards are written here alone, so that results, in whatever order and from whatever node they come, make the
same data set. On a node, files are read in the same bounded processes as without Ray: a hostile file cannot hurt the node.
A task whose node or worker dies is done again elsewhere, up to TRIES times.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import workers

BATCH = 8  # files a task: its bounded process starts once for them all
AHEAD = 2  # tasks in flight for each core of the cluster
TRIES = 3


def connect(executor: str) -> Callable[[], object]:
    """Takes "ray" (this machine as a cluster), "ray://HOST:PORT" or "HOST:PORT"; returns a function that leaves it again.

    RuntimeError without Ray, ConnectionError where no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise RuntimeError(f"executor {executor!r} needs Ray. Install it: pip install 'skyloom[ray]'") from None
    if ray.is_initialized():
        return lambda: None  # whoever connected leaves
    where: dict[str, Any] = {"include_dashboard": False} if executor == "ray" else {"address": executor}
    try:
        ray.init(log_to_driver=False, **where)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConnectionError(f"executor {executor!r}: no cluster there ({str(error).splitlines()[0][:200]}).") from None
    return ray.shutdown


def each(
    work: Callable[..., Any],
    items: Iterable[tuple[Any, tuple[Any, ...]]],
    *,
    seconds: float | dict[Any, float],
    memory_mb: int,
) -> Iterator[tuple[Any, Any]]:
    """As `workers.each`, on the cluster that this process is connected to. RuntimeError where a task dies time after time."""
    import ray

    task = ray.remote(num_cpus=1, max_retries=TRIES)(batch)
    most = max(1, AHEAD * int(ray.cluster_resources().get("CPU", 1)))
    queue = iter(items)
    waiting: list[Any] = []
    try:
        while True:
            while len(waiting) < most and (some := list(itertools.islice(queue, BATCH))):
                theirs = {name: seconds[name] for name, _ in some} if isinstance(seconds, dict) else seconds
                waiting.append(task.remote(work, some, theirs, memory_mb))
            if not waiting:
                return
            done, waiting = ray.wait(waiting, num_returns=1)
            try:
                yield from ray.get(done[0])
            except ray.exceptions.RayError as error:
                raise RuntimeError(f"a task failed on the cluster: {' '.join(str(error).split())[:300]}") from None
    finally:
        for reference in waiting:
            ray.cancel(reference)


def batch(
    work: Callable[..., Any], items: list[tuple[Any, tuple[Any, ...]]], seconds: float | dict[Any, float], memory_mb: int
) -> list[tuple[Any, Any]]:
    """Runs on a node: the results of a few items, each read in a bounded process beside the task."""
    return list(workers.local(work, items, processes=1, seconds=seconds, memory_mb=memory_mb))
