"""Results -> OUT/NAME.json and docs/RESULTS.md. A table stands between `<!-- BEGIN name -->` and `<!-- END name -->`, headed by
what it takes to believe it: date, command, machine, seed, commit, weights. Everything outside the markers is left as it is.
"""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..base.files import write_atomic

TITLES = {
    "tokenizer": "Tokenizer",
    "adherence": "Adherence: what the prompt asked for",
    "captions": "Captions: what the probe says of a clip",
    "caption-quality": "Captions: short or dense ones to learn from",
    "fidelity": "Fidelity: looks and motion",
    "physics": "Physics: falls and jumps",
    "speed": "Speed and memory",
    "speed-float32": "Speed and memory, on a CPU without bfloat16",
    "arithmetic": "bfloat16 or float32",
    "sheets": "Unselected seeds",
    "controls": "Controls",
    "framing": "Framing: square crops or native shapes",
    "scaling": "Scaling",
    "data-filters": "Data engine: cuts, faults and copies of known truth",
    "data-films": "Data engine: cuts of real films",
    "data-throughput": "Data engine: throughput",
    "data-growth": "Data engine: many files",
    "data-loader": "Data engine: what the loader gives and a trainer takes",
    "data-kills": "Data engine: kill -9 on the way",
    "data-hostile": "Data engine: files that nobody should trust",
    "budgets": "One prompt at three budgets",
    "serving": "Serving",
    "finetune": "Trained on real footage",
    "packing": "Packing clips of many shapes",
}
HEAD = """# Results

Every table is written by the command above it; a rerun of the command replaces the table. The probe is a small network of this
repository that reads clips back into the records they were drawn from (`skyloom/models/probe.py`).
"""


def circumstances(command: str, seed: int, weights: str = "") -> dict[str, str | int]:
    """What a result depends on besides its code."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()), "command": command, "machine": machine(), "seed": seed,
        "commit": commit(), "weights": weights,
    }  # fmt: skip


def machine() -> str:
    """'AMD EPYC, 2 cores, Linux'."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_cpu_model()}, {cores} core{'' if cores == 1 else 's'}, {platform.system()}"


def _cpu_model() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def commit() -> str:
    """Short name of the checked-out commit, with a plus where tracked files were changed; '' outside a checkout."""
    here = Path(__file__).parent.parent
    ask = lambda *words: subprocess.run(["git", *words], cwd=here, capture_output=True, text=True)  # noqa: E731
    try:
        name = ask("rev-parse", "--short", "HEAD")
        changed = ask("status", "--porcelain", "--untracked-files=no", "--", ".")
    except OSError:  # no git
        return ""
    return name.stdout.strip() + ("+" if changed.stdout.strip() else "") if name.returncode == 0 else ""


def save(out: Path, name: str, result: dict, about: dict) -> Path:
    """OUT/NAME.json: the figures and their circumstances."""
    path = out / f"{name}.json"
    write_atomic(path, json.dumps({"about": about, **result}, ensure_ascii=False, indent=1) + "\n")
    return path


def section(name: str, table: str, about: dict) -> str:
    """The Markdown between a name's markers."""
    facts = [f"`{about['command']}`", str(about["date"]), str(about["machine"]), f"seed {about['seed']}"]
    facts += [f"{key} {about[key]}" for key in ("commit", "weights") if about.get(key)]
    return f"## {TITLES.get(name, name.capitalize())}\n\n{' · '.join(facts)}\n\n{table.strip()}\n"


def put(page: str, name: str, text: str) -> str:
    """The page with `text` between the markers of `name`; at its end where it has none. Twice is once.

    ValueError where a marker is there without its partner.
    """
    begin, end = f"<!-- BEGIN {name} -->", f"<!-- END {name} -->"
    block = f"{begin}\n{text.strip()}\n{end}"
    if begin not in page and end not in page:
        return f"{page.rstrip()}\n\n{block}\n".lstrip()
    first, last = page.find(begin), page.find(end)
    if first < 0 or last < first:
        raise ValueError(f"markers of {name!r}: wanted {begin} and after it {end}. Repair or remove them.")
    return page[:first] + block + page[last + len(end) :]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def publish(docs: Path, name: str, table: str, about: dict) -> Path:
    """Put a result's table into DOCS/RESULTS.md."""
    path = docs / "RESULTS.md"
    page = path.read_text(encoding="utf-8") if path.exists() else HEAD
    write_atomic(path, put(page, name, section(name, table, about)))
    return path
