"""Skyloom films a sentence. `skyloom.load().generate("a red fox in the snow", seconds=3).save("fox.mp4")`

Importing this is instant: torch loads with the first film.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .generate import Film, Model, Request, load

__version__ = "0.1.0"
__all__ = ["Film", "Model", "Request", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import generate

        return getattr(generate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
