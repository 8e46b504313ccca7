"""The verbs that steer: a picture, a clip that goes on, a loop, a change, a storyboard. Each is a pattern of noise."""

import dataclasses

from .films import Making
from .root import Flag, app


@app.command
def image(*prompt: str, size: str = "square", making: Making | None = None) -> None:
    """Draw a prompt: a film of one frame, of any shape.

    Parameters
    ----------
    prompt:
        What to draw; - reads it from standard input.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels.
    """
    making = making or Making()
    dataclasses.replace(making, out=making.out or "image.png").film(prompt, seconds=0.0, size=size)


@app.command
def extend(
    clip: str,
    /,
    *prompt: str,
    seconds: float = 2.0,
    backward: Flag = False,
    both: Flag = False,
    size: str = "auto",
    making: Making | None = None,
) -> None:
    """Let a clip go on, keeping what is there.

    Parameters
    ----------
    clip:
        A film, or a picture.
    prompt:
        What happens; a film of Skyloom's own goes on with its prompt unless told otherwise.
    seconds:
        How much to add, on each side.
    backward:
        Add it before the clip.
    both:
        Add it before and after.
    size:
        Of the film; auto is the clip's.
    """
    way = "both" if both else "backward" if backward else "forward"
    (making or Making()).film(prompt, clip=clip, extend=way, seconds=seconds, size=size)


@app.command
def loop(*prompt: str, clip: str = "", seconds: float = 2.0, size: str = "auto", making: Making | None = None) -> None:
    """Film a prompt without beginning or end, or close a clip into a loop.

    Parameters
    ----------
    prompt:
        What to film.
    clip:
        A film to close.
    seconds:
        Length, up to 4; with --clip, of the bridge from its end to its beginning.
    size:
        square, wide, tall or WIDTHxHEIGHT in pixels; auto is the clip's, else square.
    """
    (making or Making()).film(prompt, clip=clip, loop=True, seconds=seconds, size=size)


@app.command
def connect(
    first: str, second: str, /, *prompt: str, then: str = "", seconds: float = 2.0, size: str = "auto",
    making: Making | None = None,
) -> None:  # fmt: skip
    """Let one clip become another.

    Parameters
    ----------
    first:
        The clip that the film begins with.
    second:
        The clip that it ends with.
    prompt:
        What the first shows [its own prompt].
    then:
        What the second shows [its own prompt].
    seconds:
        Length of what comes between.
    size:
        Of the film; auto is the first clip's.
    """
    (making or Making()).film(prompt, clip=first, to=second, then=then, seconds=seconds, size=size)


@app.command
def blend(
    first: str, second: str, /, *prompt: str, then: str = "", curve: str = "transition", seconds: float = 2.0,
    size: str = "auto", making: Making | None = None,
) -> None:  # fmt: skip
    """Mix two clips into one.

    Parameters
    ----------
    first:
        A clip.
    second:
        The clip whose influence the curve gives.
    prompt:
        What the first shows [its own prompt].
    then:
        What the second shows [its own prompt].
    curve:
        transition (from the first to the second), mix (half and half), sample (the second comes and goes), or
        SECOND:INFLUENCE, ... such as '0:0, 1:0.5, 2:1'.
    seconds:
        How long a transition takes.
    size:
        Of the film; auto is the first clip's.
    """
    (making or Making()).film(prompt, clip=first, to=second, then=then, curve=curve, seconds=seconds, size=size)


@app.command
def edit(
    clip: str, /, *prompt: str, strength: str = "mild", seconds: float = 120.0, size: str = "auto", making: Making | None = None
) -> None:
    """Film a clip anew after another prompt: another place, light, weather or actor in the same motion.

    Parameters
    ----------
    clip:
        A film.
    prompt:
        What it should show.
    strength:
        subtle, mild, strong, or a number from 0 (nothing changes) to 1 (nothing is kept).
    seconds:
        At most so many of the clip.
    size:
        Of the film; auto is the clip's.
    """
    (making or Making()).film(prompt, clip=clip, strength=_level(strength), seconds=seconds, size=size)


@app.command
def inpaint(
    clip: str, /, *prompt: str, mask: str, strength: str = "1", seconds: float = 120.0, size: str = "auto",
    making: Making | None = None,
) -> None:  # fmt: skip
    """Film a part of a clip anew; the rest stays.

    Parameters
    ----------
    clip:
        A film.
    prompt:
        What it should show.
    mask:
        A picture or film of the clip's size, white where it is to change, or X,Y,WIDTH,HEIGHT in its pixels.
    strength:
        How much of what is there may go: subtle, mild, strong, or 0 to 1.
    seconds:
        At most so many of the clip.
    size:
        Of the film; auto is the clip's.
    """
    (making or Making()).film(prompt, clip=clip, mask=mask, strength=_level(strength), seconds=seconds, size=size)


@app.command
def outpaint(
    clip: str, /, *prompt: str, size: str = "wide", seconds: float = 120.0,
    making: Making | None = None,
) -> None:  # fmt: skip
    """Give a clip another shape, by painting what lies beside it.

    Parameters
    ----------
    clip:
        A film.
    prompt:
        What it shows [its own prompt].
    size:
        The new size: square, wide, tall or WIDTHxHEIGHT in pixels.
    seconds:
        At most so many of the clip.
    """
    (making or Making()).film(prompt, clip=clip, outpaint=True, size=size, seconds=seconds)


@app.command
def storyboard(file: str, /, *, making: Making | None = None) -> None:
    """Film a storyboard: cards at times, in TOML or JSON.

    Parameters
    ----------
    file:
        The storyboard; what it says of size, seed and the like counts where no option does.
    """
    from ..generate.storyboard import read_storyboard

    making, told = making or Making(), read_storyboard(file)
    given = making.given()
    making.film((), **{key: value for key, value in told.items() if key not in given})


def _level(strength: str) -> float | str:
    """'0.4' -> 0.4; names stay names."""
    try:
        return float(strength)
    except ValueError:
        return strength
