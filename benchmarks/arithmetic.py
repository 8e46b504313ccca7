"""bfloat16 or float32: the same film both ways in one process, turn by turn, with the CPU that is there.

    python benchmarks/arithmetic.py --rounds 3

Which of the two Skyloom takes by itself says `models.bundle.cpu_dtype`; this shows whether it is right. Writes its part of
docs/RESULTS.md.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from skyloom.evals import report
from skyloom.generate import Request, generate
from skyloom.models import bundle

TYPES = (torch.bfloat16, torch.float32)
PROMPT = "a red fox runs in the forest at sunset"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=17)
    parser.add_argument("--quality", default="good")
    parser.add_argument("--model", default="storybook")
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    a = parser.parse_args()
    taken = bundle.cpu_dtype()
    request = Request(PROMPT, a.frames / 12, quality=a.quality, model=a.model)
    seconds: dict[torch.dtype, list[tuple[float, float]]] = {dtype: [] for dtype in TYPES}
    for turn in range(a.rounds + 1):
        for dtype in TYPES:
            bundle.cpu_dtype = lambda dtype=dtype: dtype  # type: ignore[assignment,misc]
            began = time.perf_counter(), time.process_time()
            generate(request)
            if turn:  # the first warms up
                seconds[dtype].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    films = {dtype: tuple(statistics.median(times) for times in zip(*each, strict=True)) for dtype, each in seconds.items()}
    rows = [
        [name(dtype), f"{product_rate(dtype) / 1e9:.0f}", f"{films[dtype][0]:.2f} s", f"{films[dtype][1]:.2f} s",
         "yes" if dtype is taken else ""]
        for dtype in TYPES
    ]  # fmt: skip
    text = report.table(["type", "GFLOP/s of a product", "a film", "its CPU seconds", "taken here"], rows)
    ratio = films[torch.bfloat16][0] / films[torch.float32][0]
    text += f"\nMedian of {a.rounds} films of {a.frames} frames each, turn by turn. bfloat16 takes {ratio:.2f} times as long.\n"
    print(text)
    command = f"python benchmarks/arithmetic.py --rounds {a.rounds}"
    report.publish(a.docs, "arithmetic", text, report.circumstances(command, 0))


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def product_rate(dtype: torch.dtype, side: int = 1024) -> float:
    """FLOPs a second of one matrix product."""
    x, times = torch.ones(side, side, dtype=dtype), []
    for _ in range(4):
        began = time.perf_counter()
        x @ x
        times.append(time.perf_counter() - began)
    return 2 * side**3 / min(times)


if __name__ == "__main__":
    main()
