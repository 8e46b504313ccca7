"""The command line. Each verb loads what it needs inside itself, so that help never waits for torch.

Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 130 stopped by Ctrl-C. An error is one line on standard error;
SKYLOOM_DEBUG=1 shows where it came from.
"""

import signal
import sys

from . import controls, datasets, evaluation, films, serving, training, worlds
from .root import app, run

__all__ = ["app", "controls", "datasets", "evaluation", "films", "main", "run", "serving", "training", "worlds"]


def main() -> None:
    """Entry point of the `skyloom` program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that half-written files go
    sys.exit(run(sys.argv[1:]))
