"""The controls: for each, which frames are given, how unknown the rest is, and what the film shows of the given ones.

Everything that steers a film is decided here, as numbers over frames and pixels; the sampler never knows why.
Dimension key: F frames of a take (1 + 4 k), H W pixels, P prompts.
"""

import dataclasses
from typing import Any

import cv2
import numpy as np

from ..base import clips
from ..base.sizes import Ruler
from ..base.video import fit
from .request import RECTANGLE, Request, Shot, influences
from .takes import CHUNK, Desk, Script, Take, flat, latents_of, provenance

CONTEXT = 4  # chunks of a clip that its continuation looks at
LIFT = 0.7  # noise level where both clips of a blend weigh the same
BRIDGED = 0.8  # the same in the middle of a bridge between two clips
FEATHER = 6  # pixels over which what was painted fades into what was given
RELIT = 0.5  # strength of an edit from which on its light is all that of the new prompt
FORM = 8.0  # deviation of the strongest channel of latents, brightness, where noise has 1


def write_script(request: Request, ruler: Ruler, window: int) -> Script:
    """The script of a settled request for a model that sees `window` latent frames at once.

    OSError or ValueError with a message to show where a file, or what is asked of it, cannot be filmed.
    """
    desk = Desk(request, ruler, window)
    build = {"film": _film, "extend": _extend, "loop": _loop, "connect": _connect, "blend": _blend, "edit": _edit}
    parts = build[request.task](desk)
    kept = tuple(part for part in parts if isinstance(part, Take) or len(part))
    return Script(kept, *desk.canvas, desk.inputs, tuple(desk.notes))


def _whole(frames: int) -> int:
    """The length 1 + 4 k that holds so many frames."""
    return 1 + (latents_of(frames) - 1) * CHUNK


def _film(desk: Desk) -> list[Any]:
    request = desk.request
    if not request.shots:
        return [_placed(desk, request.frames, _pictures(desk, request.frames), (Shot(0, 600, desk.prompt),))]
    starts = [i for i, shot in enumerate(request.shots) if shot.cut and i] + [len(request.shots)]
    parts, first, begin = [], 0, 0
    for after in starts:
        group = request.shots[first:after]
        end = round(request.shots[after].start * request.fps) if after < len(request.shots) else request.frames
        zero = begin / request.fps
        moved = [dataclasses.replace(s, start=max(0.0, s.start - zero), end=s.end - zero) for s in group]
        pictures = [(0 if i == 0 else round(s.start * request.fps), s.image) for i, s in enumerate(moved) if s.image]
        parts.append(_placed(desk, max(1, end - begin), _apart(pictures, request.fps), tuple(moved)))
        first, begin = after, end
    return parts


def _pictures(desk: Desk, frames: int) -> dict[int, str]:
    """Frame -> the picture that is given there."""
    request = desk.request
    placed = [(0, request.image)] if request.image else []
    placed += [(round(seconds * request.fps), path) for seconds, path in request.images]
    placed += [(frames - 1, request.last)] if request.last else []
    if placed and frames == 1:
        raise ValueError(f"seconds={request.seconds:g}: a still that is given needs no filming. Try seconds=2.")
    for at, path in placed:
        if at >= frames:
            raise ValueError(f"{path}: at {at / request.fps:g} s, but the film ends at {frames / request.fps:.4g} s.")
    return _apart(placed, request.fps)


def _apart(placed: list[tuple[int, str]], fps: float) -> dict[int, str]:
    taken: dict[int, str] = {}
    for at, path in placed:
        cell = latents_of(at + 1)
        if cell in taken:
            raise ValueError(
                f"{taken[cell]} and {path}: given too close together, wanted {CHUNK / fps:.2g} s between pictures."
            )
        taken[cell] = path
    return dict(placed)


def _placed(desk: Desk, frames: int, pictures: dict[int, str], shots: tuple[Shot, ...]) -> Take:
    """A take of so many frames with pictures at some of them: each later than the first holds for its chunk."""
    length = _whole(frames)
    levels = flat(length, 1.0)
    given = desk.blank(length) if pictures else None
    for at, path in pictures.items():
        chunk = slice(0, 1) if at == 0 else slice(1 + (at - 1) // CHUNK * CHUNK, 1 + ((at - 1) // CHUNK + 1) * CHUNK)
        assert given is not None
        given[chunk], levels[chunk] = desk.on_canvas(desk.read(path, most=1)), 0
    prompts = tuple(dict.fromkeys(shot.text for shot in shots))
    return Take(prompts, shot_weights(shots, prompts, length, desk.request.fps), levels, (0, frames), given)


def shot_weights(shots: tuple[Shot, ...], prompts: tuple[str, ...], frames: int, fps: float) -> np.ndarray:
    """P F: each shot's text counts during the shot; between two shots one gives way to the other."""
    seconds = np.arange(frames) / fps
    weights = np.zeros((len(prompts), frames), np.float32)
    for i, shot in enumerate(shots):
        before, after = (shots[i - 1].end if i else -1.0), (shots[i + 1].start if i + 1 < len(shots) else np.inf)
        rise = _ramp(seconds, before, shot.start) if i else np.ones(frames)
        fall = 1 - _ramp(seconds, shot.end, after) if np.isfinite(after) else np.ones(frames)
        weights[prompts.index(shot.text)] += np.minimum(rise, fall)
    return weights / weights.sum(0)


def _ramp(seconds: np.ndarray, begin: float, end: float) -> np.ndarray:
    """0 before `begin`, 1 from `end` on."""
    if end - begin < 1e-6:
        return (seconds >= end - 1e-6).astype(float)
    return ((seconds - begin) / (end - begin)).clip(0, 1)


def _extend(desk: Desk) -> list[Any]:
    if desk.request.seconds == 0:
        raise ValueError("seconds=0: adds nothing to the clip. Try seconds=2.")
    clip, new, way = desk.read(desk.request.clip), desk.request.frames, desk.request.extend
    if way == "both" and len(clip) < 2 * CHUNK + 1:
        raise ValueError(f"{desk.request.clip}: too short to extend both ways at once. Extend it forward, then backward.")
    back = min(CONTEXT * CHUNK, len(clip) // 2 // CHUNK * CHUNK if way == "both" else CONTEXT * CHUNK)
    before, head = _lead_in(desk, clip, new, back) if way != "forward" else ([], 0)
    tail, after = _lead_out(desk, clip, new, len(clip) - head) if way != "backward" else (0, None)
    parts = [*before, clip[head : len(clip) - tail], after]
    return [part for part in parts if part is not None]


def _lead_out(desk: Desk, clip: np.ndarray, new: int, most: int) -> tuple[int, Take]:
    """What follows the clip: how many of its last frames the take covers, and the take."""
    context = 1 + min(CONTEXT, (most - 1) // CHUNK) * CHUNK
    length = _whole(context + new)
    given, levels = desk.blank(length), flat(length, 1.0)
    given[:context], levels[:context] = desk.on_canvas(clip[-context:]), 0
    return context, desk.take(levels, (0, context + new), given=given, paste=_handover(length, 0, context))


def _lead_in(desk: Desk, clip: np.ndarray, new: int, most: int) -> tuple[list[Take], int]:
    """What comes before the clip: takes, of which each is filmed after the one that it leads into, since no window can be that
    does not see what it ends with; and how many of the clip's first frames the last one covers."""
    span, half = 1 + (desk.window - 1) * CHUNK, (desk.window - 1) // 2 * CHUNK
    reach = max(CHUNK, min(CONTEXT * CHUNK, half))  # of a take into the one that follows it
    context = max(CHUNK, min(most, len(clip) // CHUNK * CHUNK))
    context = context if _whole(new) <= span - context else min(context, reach)
    head, piece = clip[:context], min(new, span - context)
    takes, left = [_before(desk, piece, desk.on_canvas(_padded(head, context)), len(head))], new - piece
    if left and half < CHUNK:
        raise ValueError(f"seconds={desk.request.seconds:g}: the windows of this model are too short to go so far backward.")
    while left:
        piece = min(left, span - reach)
        takes.append(dataclasses.replace(_before(desk, piece, desk.blank(reach), reach), leads=reach))
        left -= piece
    return takes[::-1], len(head)


def _before(desk: Desk, new: int, context: np.ndarray, shown: int) -> Take:
    """A take of so many frames and the given ones after them, of which the film has the first that are `shown`."""
    begin = _whole(new)
    length = begin + len(context)
    given, levels = desk.blank(length), flat(length, 1.0)
    given[begin:], levels[begin:] = context, 0
    return desk.take(levels, (begin - new, begin + shown), given=given, paste=_fade_in(length, begin))


def _padded(frames: np.ndarray, length: int) -> np.ndarray:
    """The last frame again and again, up to `length`."""
    return np.concatenate([frames, np.repeat(frames[-1:], length - len(frames), 0)])


def _handover(length: int, begin: int, end: int) -> np.ndarray:
    """The film shows the clip itself, then more and more what the model drew of it, so that no seam shows."""
    paste = np.zeros((length, 1, 1, 1), np.float32)
    paste[begin:end, 0, 0, 0] = np.linspace(1, 0, end - begin + 1)[1:] if end - begin > 1 else 0
    return paste


def _fade_in(length: int, begin: int) -> np.ndarray:
    """The same the other way round: from what the model drew of the clip to the clip itself."""
    return _handover(length, 0, length - begin)[::-1].copy()


def _ends(desk: Desk, first: np.ndarray, second: np.ndarray, new: int) -> tuple[Take, int, int]:
    """A take from the end of one clip to the beginning of another; how many frames of each it covers."""
    tail = 1 + min(CONTEXT // 2, (len(first) - 1) // CHUNK) * CHUNK
    head = max(CHUNK, min(CONTEXT // 2 * CHUNK, len(second) // CHUNK * CHUNK))
    gap = -(-new // CHUNK) * CHUNK
    tail += CHUNK * _further(desk.window, latents_of(tail + gap + head), (len(first) - tail) // CHUNK)
    length = tail + gap + head
    given, levels = desk.blank(length), flat(length, 1.0)
    given[:tail], levels[:tail] = desk.on_canvas(first[-tail:]), 0
    lead = second[:head]
    given[-head:] = desk.on_canvas(_padded(lead, head))
    levels[-head:] = 0
    paste = np.maximum(_handover(length, 0, tail), _fade_in(length, length - head))
    take = desk.take(levels, (0, tail + gap + len(lead)), given=given, paste=paste)
    return take, tail, len(lead)


def _further(window: int, count: int, most: int) -> int:
    """How many more latent frames of the first clip, of `most`, a take of so many must begin with for its last window to be as
    long as can be. Each window is filmed without a look ahead: where the last one holds little but the second clip, what comes
    before that was drawn by one that has not seen it, and a jump shows."""
    from .sampling import windows_of

    def last(more: int) -> int:
        length = 1 + (count + more - 1) * CHUNK
        begin, end = windows_of(Take(("",), np.ones((1, length)), flat(length, 1.0), (0, length)), window)[-1]
        return end - begin

    return max(range(min(most, window) + 1), key=last) if count > window else 0


def _connect(desk: Desk) -> list[Any]:
    request = desk.request
    first, second = desk.read(request.clip), desk.read(request.to)
    take, tail, head = _ends(desk, first, second, max(1, request.frames))
    seconds = np.arange(take.frames) / request.fps
    second_weight = _ramp(seconds, (tail - 1) / request.fps, (take.frames - head) / request.fps)
    if desk.prompt != request.then:
        take = _fading(take)
    take = dataclasses.replace(take, **_two_prompts(desk.prompt, request.then, second_weight))
    return [first[:-tail], take, second[head:]]


def _fading(take: Take) -> Take:
    """What is unknown becomes known about: the frame before it fades into the one after, and the more of both is seen, the more
    is drawn anew. Left to itself the model goes from one place to another in a single step."""
    assert take.given is not None
    given, levels = take.given.copy(), take.levels.copy()
    unknown = np.flatnonzero(levels[:, 0, 0] == 1)
    begin, end = unknown[0], unknown[-1] + 1
    share = (np.arange(1, end - begin + 1) / (end - begin + 1)).astype(np.float32)[:, None, None, None]
    given[begin:end] = ((1 - share) * given[begin - 1] + share * given[end]).round()
    levels[begin:end] = BRIDGED * np.sqrt(4 * share * (1 - share))[..., 0]
    return dataclasses.replace(take, given=given, levels=levels, steady=False)


def _two_prompts(first: str, second: str, influence: np.ndarray) -> dict[str, Any]:
    if first == second:
        return {}
    return {"prompts": (first, second), "weights": np.stack([1 - influence, influence]).astype(np.float32)}


def _loop(desk: Desk) -> list[Any]:
    request = desk.request
    if request.clip:
        clip = desk.read(request.clip)
        if len(clip) < 3 * CHUNK:
            raise ValueError(f"{request.clip}: too short to loop, wanted at least {3 * CHUNK / request.fps:.2g} s.")
        take, tail, head = _ends(desk, clip[-(len(clip) // 2) :], clip[: len(clip) // 2], max(1, request.frames))
        return [clip[head:-tail], take]  # a loop may begin anywhere: here where the clip's own frames follow its first ones
    length = CHUNK * max(2, -(-request.frames // CHUNK))
    if length > (desk.window - 1) * CHUNK:
        longest = (desk.window - 1) * CHUNK / request.fps
        raise ValueError(
            f"seconds={request.seconds:g}: a loop lasts up to {int(100 * longest) / 100:g}. Let it run several times."
        )
    if length != request.frames:
        desk.notes.append(f"a loop is made of pieces of {CHUNK} frames: {length / request.fps:.2f} s")
    return [desk.take(flat(length + 1, 1.0), (1, length + 1), ring=True)]


def _blend(desk: Desk) -> list[Any]:
    request = desk.request
    first, second, points = desk.read(request.clip), desk.read(request.to), influences(request.curve)
    most = min(len(first), len(second))
    shared = max(2, min(most, request.frames)) if request.curve == "transition" else most
    across = np.linspace(0, 1, shared)
    curves = {"transition": across**2 * (3 - 2 * across), "mix": np.full(shared, 0.5), "sample": np.sin(np.pi * across) / 2}
    if points:
        seconds, values = (list(column) for column in zip(*points, strict=True))
        influence = np.interp(np.arange(shared) / request.fps, seconds, values)
        if seconds[-1] > shared / request.fps:
            ends = f"the shorter clip ends at {shared / request.fps:.4g} s"
            desk.notes.append(f"curve: goes on to {seconds[-1]:g} s, but {ends}: its rest is left out")
    else:
        influence = curves[request.curve]
    keep = (len(first) - shared, shared) if request.curve == "transition" else (0, len(second))
    length = _whole(shared)
    share = _padded(influence.astype(np.float32), length)[:, None, None, None]
    one, other = (_padded(clip, length) for clip in (first[keep[0] :][:shared], second[:shared]))
    mixed = ((1 - share) * one + share * other).round().astype(np.uint8)
    levels = (LIFT * 4 * share * (1 - share))[..., 0]  # where one clip counts alone it is given
    take = desk.take(levels, (0, shared), given=desk.on_canvas(mixed), steady=False)
    take = dataclasses.replace(take, **_two_prompts(desk.prompt, request.then, share[:, 0, 0, 0]))
    return [first[: keep[0]], take, second[keep[1] :]]


def _edit(desk: Desk) -> list[Any]:
    request = desk.request
    if request.outpaint:
        return _outpaint(desk)
    about = clips.look(request.clip)
    most = max(1, request.frames)
    clip = desk.read(request.clip, most=most)
    if about.seconds > (most + 1) / request.fps:
        desk.notes.append(
            f"{request.clip}: its first {most / request.fps:.4g} s of {about.seconds:.4g}. Ask for more seconds to take more"
        )
    length = _whole(len(clip))
    given = desk.on_canvas(_padded(clip, length))
    level = 1.0 if request.strength is None else lifted_to(request.strength)
    if not request.mask:
        relit = min(1.0, (request.strength or 0.0) / RELIT)
        return [desk.take(flat(length, level), (0, len(clip)), given=given, was=desk.said_of(request.clip), relit=relit)]
    mask = desk.on_canvas(_mask(desk, about, len(clip)))
    mask = mask if len(mask) == 1 else _padded(mask, length)
    levels, paste = np.broadcast_to(mask * level, (length, *mask.shape[1:])), _outside(mask)
    paste = np.broadcast_to(paste, (length, *paste.shape[1:]))
    room = _room(mask) if level == 1 else ()
    return [desk.take(levels, (0, len(clip)), given=given, paste=paste, was=desk.said_of(request.clip), room=room)]


def lifted_to(strength: float) -> float:
    """The noise level that a clip is lifted to. A film's brightness and its large forms are FORM times as strong as noise, so
    half of them is lost only where the level is FORM / (FORM + 1): the shift of flow.shift_levels, for one number."""
    return FORM * strength / (1 + (FORM - 1) * strength)


def _mask(desk: Desk, about: clips.Footage, frames: int) -> np.ndarray:
    """Where the clip is to change: F H W float32, 0 or 1, fitted as the clip was; F is 1 where it does not move."""
    path, size = desk.request.mask, (about.height, about.width)
    if rectangle := RECTANGLE.fullmatch(path):
        left, top, width, height = map(int, rectangle.groups())
        if not (width and height and left + width <= size[1] and top + height <= size[0]):
            raise ValueError(f"mask={path}: reaches outside {desk.request.clip}, which is {size[1]}x{size[0]}.")
        drawn = np.zeros((*size, 3), np.uint8)
        drawn[top : top + height, left : left + width] = 255
        pictures = fit(drawn, desk.size)[None]
    else:
        seen = clips.look(path)
        if (seen.height, seen.width) != size:
            clip = f"{desk.request.clip} is {size[1]}x{size[0]}"
            raise ValueError(f"{path}: a mask of {seen.width}x{seen.height}, but {clip}. Make them the same size.")
        pictures = clips.read_clip(path, desk.request.fps, desk.size, frames)
        desk.inputs[path] = provenance(path)
    mask = (pictures.mean(-1) > 127).astype(np.float32)
    if not mask.any():
        raise ValueError(f"mask={path}: has no white in it, so that nothing would change.")
    return mask


def _room(mask: np.ndarray) -> tuple[float, ...]:
    """Top, left, bottom and right of what the mask holds in all frames, as shares of the picture; () for nothing."""
    rows, columns = (np.flatnonzero(mask.min(0).any(axis)).tolist() for axis in (1, 0))
    if not rows:
        return ()
    height, width = mask.shape[1:]
    return rows[0] / height, columns[0] / width, (rows[-1] + 1) / height, (columns[-1] + 1) / width


def _outside(mask: np.ndarray) -> np.ndarray:
    """F H W 1: where the film shows the clip itself: all but the mask, fading out over FEATHER pixels around it."""
    soft = [cv2.GaussianBlur(cv2.dilate(frame, np.ones((2 * FEATHER + 1,) * 2)), (0, 0), FEATHER / 2) for frame in mask]
    return (1 - np.maximum(np.stack(soft), mask))[..., None].clip(0, 1)


def _outpaint(desk: Desk) -> list[Any]:
    request, (height, width) = desk.request, desk.size
    about = clips.look(request.clip)
    scale = min(height / about.height, width / about.width)
    rows, columns = min(height, round(about.height * scale)), min(width, round(about.width * scale))
    if (rows, columns) == (height, width):
        raise ValueError(
            f"size={request.size}: has the shape of {request.clip}, so that nothing is to be added. Try wide or tall."
        )
    clip = desk.read(request.clip, most=max(1, request.frames), size=(rows, columns))
    top, left = (height - rows) // 2, (width - columns) // 2
    spare = ((0, 0), (top, height - rows - top), (left, width - columns - left))
    length = _whole(len(clip))
    given = desk.on_canvas(np.pad(_padded(clip, length), (*spare, (0, 0)), mode="edge"))
    mask = desk.on_canvas(np.pad(np.zeros((1, rows, columns), np.float32), spare, constant_values=1))
    paste = np.broadcast_to(_outside(mask), (length, *mask.shape[1:], 1))
    return [desk.take(np.broadcast_to(mask, (length, *mask.shape[1:])), (0, len(clip)), given=given, paste=paste)]
