"""The server under pressure: what it loses, how fast it answers, what it adds to the time of a film.

    python benchmarks/serving.py chaos       60 s of kill -9 at random, of workers and API, under load
    python benchmarks/serving.py load        1,000 waiting jobs, 100 callers that poll, a worker that films
    python benchmarks/serving.py overhead    a film through the server against the same film without it; eight of each
    python benchmarks/serving.py batching    eight films in one call of the model against eight calls

Each writes OUT/serving-NAME.json and, with whatever the others wrote there before, its part of docs/RESULTS.md. The server is
started as people start it, on a home of its own, with an untrained model of a few thousand weights. Linux: processes are
found in /proc.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import serving_chaos
import serving_load
import serving_overhead

from skyloom.evals import report

PARTS = {
    "chaos": (serving_chaos.measure, serving_chaos.table),
    "load": (serving_load.measure, serving_load.table),
    "overhead": (serving_overhead.measure, serving_overhead.table),
    "batching": (serving_overhead.measure_batching, serving_overhead.table_of_batching),
}


def main() -> None:
    a = arguments()
    command = f"python benchmarks/serving.py {a.part} --seed {a.seed}"
    command += f" --seconds {a.seconds:g}" if a.part == "chaos" else ""
    command += f" --jobs {a.jobs} --pollers {a.pollers}" if a.part == "load" else ""
    raised = priority()
    with tempfile.TemporaryDirectory(prefix="skyloom-serving-") as folder:
        result = PARTS[a.part][0](Path(folder), a)
    result |= {"load": round(os.getloadavg()[0], 1), "priority": raised}
    report.save(a.out, f"serving-{a.part}", result, report.circumstances(command, a.seed))
    publish(a.out, a.docs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--seconds", type=float, default=60, help="of chaos, and of polling [60]")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--pollers", type=int, default=100)
    parser.add_argument("--n", type=int, default=5, help="films of each kind for overhead [5]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/serving"))
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    return parser.parse_args()


def publish(out: Path, docs: Path) -> None:
    """One section from the results that are there, each under its own command and date."""
    texts = []
    for name, (_, table) in PARTS.items():
        path = out / f"serving-{name}.json"
        if path.is_file():
            result = json.loads(path.read_text(encoding="utf-8"))
            about = result["about"]
            facts = [f"`{about['command']}`", about["date"], about["machine"], f"commit {about['commit']}"]
            facts += [f"load average {result['load']:g}, scheduling group at nice {result['priority']} when it began"]
            texts.append(" · ".join(facts) + f"\n\n{table(result)}")
            newest = about
    report.publish(docs, "serving", "\n".join(texts), newest | {"command": "python benchmarks/serving.py PART"})


def priority() -> int:
    """The nice value of this process's scheduling group: on a machine that does other work it matters."""
    try:
        return int(Path("/proc/self/autogroup").read_text().split()[-1])
    except (OSError, ValueError):
        return 0


if __name__ == "__main__":
    main()
