"""The world that the shipped model learned from."""

from pathlib import Path

from .root import Out, world


@world.command(name="fetch")
def world_fetch() -> None:
    """Fetch the art of the storybook world with npm. Run again to go on; a complete cache is left alone."""
    from ..worlds.art import fetch_art

    fetch_art(print)


@world.command(name="show")
def world_show(
    *, seed: int = 0, n: int = 16, seconds: float = 4.0, size: str = "square", split: str = "train", out: Out = "world"
) -> None:
    """Draw scenes: a contact sheet, an mp4 each, and their captions.

    Parameters
    ----------
    seed:
        Which scenes: the same seed draws the same ones.
    n:
        How many.
    seconds:
        Length of each.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels.
    split:
        train, val or heldout.
    out:
        Folder to write into; it is made where it is missing.
    """
    from ..base.sizes import parse_size
    from ..worlds.show import show_scenes

    print(show_scenes(Path(out), seed=seed, n=n, seconds=seconds, size=parse_size(size), split=split))
