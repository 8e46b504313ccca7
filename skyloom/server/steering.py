"""Our own controls of a film to be made: pictures at given times, a clip and what becomes of it, variations.

Each turns fields of a call into options of a Request and files beside it. ApiError 400 names what does not go together.
"""

import secrets
from typing import TYPE_CHECKING

from ..base import sizes
from . import catalog, uploads
from .media import FILM
from .records import Job
from .uploads import CLIPS, PICTURES, Facts
from .wire import ApiError, ImageEdit, Reference, Upload, VideoCreate

if TYPE_CHECKING:
    from .orders import Order, Orders

Sources = dict[str, Job]  # the films that a call names by id: "video", "to", "like"
BECOMES = ("to", "outpaint", "loop", "strength", "mask", "mask_box")  # of a clip
NEW_SECONDS = "2"  # of a bridge, where the call does not say
VARY = 0.3
FIDELITY = {"high": 0.4, "low": 0.6}  # of an edited picture: how much of it is made anew


def is_given(value: object) -> bool:
    """Whether a call says so: 0 counts, a plain no does not."""
    return value is not None and value is not False


def from_clip(orders: "Orders", call: VideoCreate, sources: Sources) -> "Order":
    """An order for what becomes of a clip: connected or blended with another, made wider, looped, or edited."""
    done = [name for name in BECOMES if is_given(getattr(call, name))]
    ways = {"edit" if name in ("strength", "mask", "mask_box") else name for name in done}
    if len(ways) != 1:
        told = " and ".join(done) if done else "nothing"
        message = f"'video': {told} is to become of it. Wanted one of to, outpaint, loop, or strength with or without a mask."
        raise ApiError(400, message, param="video", code="invalid_value")
    order = orders.again(sources["video"], call) if "video" in sources else orders.from_upload(call)
    if ways == {"to"}:
        _towards(orders, order, call, sources)
    elif ways == {"outpaint"}:
        _outpaint(orders, order, call)
    elif ways == {"loop"}:
        new = orders.seconds(call.seconds or NEW_SECONDS)
        order.options |= {"loop": True, "seconds": new}
        _lasts(orders, order, order.seconds + new)
    else:
        add_mask(orders, order, call)
    return order


def _towards(orders: "Orders", order: "Order", call: VideoCreate, sources: Sources) -> None:
    """The other film, after a bridge (or blended over a curve)."""
    if "to" in sources:
        other = sources["to"]
        orders.check_done(other, "to")
        order.titles["to"] = other.id
        suffix, data, seconds = "mp4", orders.media.path(other.id, FILM).read_bytes(), float(other.seconds)
    else:
        assert isinstance(call.to, Upload)
        facts = uploads.examine(call.to.data, CLIPS, "to", orders.settings, orders.moderator.sees)
        orders.moderator.check_pictures(facts.pictures, "to")
        suffix, data, seconds = facts.suffix, facts.data, facts.seconds
    new = orders.seconds(call.seconds or NEW_SECONDS)
    order.files["to"] = (f"to.{suffix}", data)
    order.options |= {"seconds": new} | {name: getattr(call, name) for name in ("then", "curve") if getattr(call, name)}
    if call.curve == "transition":
        _lasts(orders, order, order.seconds + seconds - min(new, order.seconds, seconds))
    else:
        _lasts(orders, order, min(order.seconds, seconds) if call.curve else order.seconds + new + seconds)


def _outpaint(orders: "Orders", order: "Order", call: VideoCreate) -> None:
    """The clip inside a larger shape."""
    if not call.size:
        raise ApiError(
            400, "'outpaint' needs the new 'size', such as 1280x720.", param="size", code="missing_required_parameter"
        )
    order.height, order.width = orders.size(call.size)
    _, config = orders.model(order.model)
    native = catalog.native(config, order.height, order.width, order.seconds)
    order.options |= {"outpaint": True, "size": sizes.size_text(native.height, native.width)}
    order.shown["size"] = order.options["size"]


def _lasts(orders: "Orders", order: "Order", seconds: float) -> None:
    if seconds > orders.settings.max_extended:
        message = f"The whole would last {seconds:g} s: this server makes up to {orders.settings.max_extended:g}."
        raise ApiError(400, message, param="seconds", code="invalid_value")
    order.seconds = round(seconds, 3)
    order.shown["seconds"] = order.seconds


def add_mask(orders: "Orders", order: "Order", call: "VideoCreate | object") -> None:
    """How much of the clip is made anew, and where."""
    mask, box, strength = (getattr(call, name) for name in ("mask", "mask_box", "strength"))
    if mask and box:
        raise ApiError(400, "'mask' and 'mask_box': one of them.", param="mask_box", code="invalid_value")
    if strength is None:
        strength = 1.0 if mask or box else orders.STRENGTH
    order.options["strength"] = strength
    if box:
        order.options["mask"] = box
    if mask:
        facts = mask_of(orders, mask)
        _check_mask(facts, *order.clip, "film")
        order.files["mask"] = (f"mask.{facts.suffix}", facts.pictures[0] if facts.pictures else facts.data)


def _check_mask(mask: Facts, width: int, height: int, what: str) -> None:
    if (mask.width, mask.height) != (width, height):
        told = f"{mask.width}x{mask.height}, but the {what} {width}x{height}"
        raise ApiError(400, f"The mask is {told}: wanted the same size.", param="mask", code="invalid_value")


def mask_of(orders: "Orders", value: Upload | Reference) -> Facts:
    """A mask as white and black. A picture may say the same by being transparent, as masks of the Images API are."""
    facts = uploads.picture_of(value, "mask", orders.settings, PICTURES + CLIPS, "mask")
    return Facts(facts.data, "png" if facts.pictures else facts.suffix, *_shape(facts), facts.pictures)


def _shape(facts: Facts) -> tuple[int, int, int, float]:
    return facts.width, facts.height, facts.frames, facts.seconds


def add_pictures(orders: "Orders", order: "Order", call: VideoCreate) -> None:
    """The last frame, and pictures at times between."""
    if call.last_image:
        orders.add_picture(order, "last", call.last_image, "last_image")
    for i, frame in enumerate(call.keyframes or []):
        if frame.at >= order.seconds:
            message = f"A picture at {frame.at:g} s, but the film ends at {order.seconds:g} s."
            raise ApiError(400, message, param="keyframes", code="invalid_value")
        orders.add_picture(order, f"images.{i}", frame.image, "keyframes")
    if call.keyframes:
        order.options["images"] = [[frame.at, ""] for frame in call.keyframes]


def like(orders: "Orders", call: VideoCreate, source: Job) -> "Order":
    """A variation of a film: the same request, its noise turned towards another seed."""
    from .orders import OPTIONS, Order

    apart = ("input_reference", "last_image", "keyframes", "storyboard", "video", "loop", "size", "seconds", "characters")
    if given := next((name for name in (*apart, "cast") if getattr(call, name)), None):
        message = f"'like' keeps everything of its film but the prompt: {given!r} does not go with it."
        raise ApiError(400, message, param=given, code="invalid_value")
    if "pieces" in source.request:
        message = f"The video {source.id!r} was cut from others: take one of those, or remix it."
        raise ApiError(400, message, param="like", code="invalid_value")
    orders.moderator.check_prompt(call.prompt)
    options = dict(source.request["options"])
    used = {options["seed"], *(seed for seed, _ in options.get("seeds", []))}
    seed = secrets.randbelow(2**31) if call.seed is None else call.seed
    if seed in used:
        raise ApiError(
            400, f"seed={seed}: is the film's own. Another one leads away from it.", param="seed", code="invalid_value"
        )
    if call.prompt != source.prompt:
        options["prompt"] = call.prompt
    options |= {name: value for name in OPTIONS if (value := getattr(call, name)) is not None}
    options["seeds"] = [*options.get("seeds", []), [source.request["options"]["seed"], options.get("vary", 0.0)]]
    options |= {"seed": seed, "vary": VARY if call.vary is None else call.vary}
    height, width = orders.size(source.size)
    order = Order("video", call, call.prompt, source.model, height, width, float(source.seconds), 0, {}, options)
    order.rate, order.shown, order.source = source.request["rate"], source.request["native"], source.id
    order.titles = dict(source.request.get("titles", {}))
    for option, name in source.request.get("inputs", {}).items():
        path = orders.media.path(source.id, name)
        if not path.is_file():
            raise ApiError(400, "The files that this film was made from are gone.", param="like", code="not_found")
        order.files[option] = (name, path.read_bytes())
    return order


def still(orders: "Orders", call: ImageEdit) -> "Order":
    """An order for an edit of a picture: all of it as far as `strength` says, or where a mask is transparent or white."""
    picture = _one_picture(call)
    facts = uploads.picture_of(picture, "image", orders.settings, wanted=orders.moderator.sees)
    orders.moderator.check_pictures(facts.pictures, "image")
    order = orders.still_order(call, orders.size_of(facts) if call.size in (None, "auto") else str(call.size))
    order.files["clip"] = (f"clip.{facts.suffix}", facts.data)
    whole = FIDELITY[call.input_fidelity or "low"] if not call.mask else 1.0
    order.options |= {"size": "auto", "seconds": 0, "strength": whole if call.strength is None else call.strength}
    if call.mask:
        mask = mask_of(orders, call.mask)
        _check_mask(mask, facts.width, facts.height, "picture")
        order.files["mask"] = (f"mask.{mask.suffix}", mask.pictures[0] if mask.pictures else mask.data)
    return order


def _one_picture(call: ImageEdit) -> Upload | Reference:
    given: list[Upload | Reference] = [*(call.images or [])]
    if call.image is not None:
        given += call.image if isinstance(call.image, list) else [call.image]
    if not given:
        raise ApiError(400, "Missing required parameter: 'image'.", param="image", code="missing_required_parameter")
    if len(given) > 1:
        raise ApiError(400, f"{len(given)} pictures: this model edits one at a time.", param="image", code="unsupported")
    return given[0]
