"""The program's root: its groups of verbs, the options they share, and how errors become one line and an exit code."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from .. import __version__

app = App(
    name="skyloom",
    help="Film a sentence: `skyloom generate 'a red fox runs in the snow' -o fox.mp4`.",
    version=__version__,
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
world = App(name="world", help="The world that the shipped model learned from: fetch its art, look at its scenes.")
train = App(name="train", help="Train a model of your own, stage by stage. Run a stage again to resume it.")
plan = App(name="plan", help="Say what a verb would take - sizes, memory, hours - and stop.")
for part in (world, train, plan):
    app.command(part)

STDIN = "\0"  # stands for a lone "-", which the parser would take for an option; no shell can pass it
Out = Annotated[str, Parameter(name=["--out", "-o"], allow_leading_hyphen=True)]
Flag = Annotated[bool, Parameter(negative="")]
Setting = Annotated[str, Parameter(help="Changes to the preset, each as path=value: model.lr=3e-4 dit.depth=8 ...")]
Preset = Annotated[str, Parameter(help="A whole model by name: storybook, tiny, small, base, large.")]
Run = Annotated[Path | None, Parameter(help="The run's folder [runs/PRESET].")]
Minutes = Annotated[float, Parameter(help="Stop after so many, with everything saved.")]


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Errors of use and input become one line on standard error."""
    try:
        code = app(with_stdin(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return complain("stopped", 130)
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (CycloptsError, ValueError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        return complain(error, 2)
    except (OSError, MemoryError, RuntimeError) as error:
        return complain(error, 1)


def with_stdin(arguments: list[str]) -> list[str]:
    """A lone "-" that is no value of --out becomes STDIN."""
    before = ["", *arguments]
    return [STDIN if a == "-" and b not in ("-o", "--out") else a for a, b in zip(arguments, before, strict=False)]


def pairs(settings: tuple[str, ...], example: str) -> dict[str, str]:
    """path=value settings by their path."""
    found = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"setting {setting!r}: wanted path=value, such as {example}.")
        found[path] = value
    return found


def note(text: str) -> None:
    print(f"skyloom: note: {text}", file=sys.stderr)


def complain(error: object, code: int) -> int:
    if os.environ.get("SKYLOOM_DEBUG") and isinstance(error, Exception):
        raise error
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"skyloom: {text}", file=sys.stderr)
    return code
