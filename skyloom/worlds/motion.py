"""How things move: pure kinematics of a Scene, in time, with one gravity.

Dimension key: B bodies (an actor with count 3 has three), T times. Lengths are in units of the frame's short side, measured on
the screen; heights are above the ground; angles are degrees clockwise; times are seconds.
"""

from dataclasses import dataclass

import numpy as np

from .scene import Actor, Scene

GRAVITY = 3.0  # short sides per second squared, for every jump, bounce and fall
RESTITUTION = 0.75  # speed kept by a bounce
FALL_RESTITUTION = 0.35  # speed kept by something that falls: one small bounce, then rest
JUMP_PEAK, BOUNCE_HEIGHT, FALL_HEIGHT = 0.26, 0.42, 0.95
JUMP_PAUSE = 0.2  # crouch between jumps
SPEEDS = {"walk": 0.25, "run": 0.55, "roll": 0.4, "fly": 0.4, "swim": 0.3, "drive": 0.5, "sail": 0.2, "chase": 0.55}
REACH = {  # most that is crossed within the clip, in frame widths, so that long clips keep their actors in view
    "walk": 0.6, "run": 1.05, "roll": 0.85, "fly": 0.85, "swim": 0.7, "drive": 1.0, "sail": 0.5, "chase": 0.8,
}  # fmt: skip
HOVERS = ("fly", "float")
AIRY_PLACES = ("space", "sky")  # no ground: depth is read as height in the picture
SPIN_PERIOD, CIRCLE_PERIOD, SMALL = 1.2, 3.2, 0.55


@dataclass
class Track:
    """One body over T times; every field is (T,)."""

    x: np.ndarray
    height: np.ndarray
    depth: np.ndarray
    angle: np.ndarray
    wide: np.ndarray  # horizontal scale, may be negative while it spins
    tall: np.ndarray  # vertical scale
    look: np.ndarray  # 1 right, -1 left
    pivot: np.ndarray  # what it turns about: 0 its feet, 0.5 its middle


@dataclass(frozen=True)
class Poses:
    """All bodies over time; `actor` and `phase` are (B,), the rest (B, T)."""

    actor: np.ndarray
    phase: np.ndarray
    x: np.ndarray
    height: np.ndarray
    depth: np.ndarray
    angle: np.ndarray
    wide: np.ndarray
    tall: np.ndarray
    look: np.ndarray
    pivot: np.ndarray


@dataclass
class _Stage:
    """What the tracks of one scene share."""

    scene: Scene
    half_width: float
    sides: tuple[float, ...]


@dataclass
class _Act:
    """One action of one body: `tau` counts from its start, `t` from the middle of the clip."""

    name: str
    tau: np.ndarray
    t: np.ndarray
    duration: float
    split: bool  # one of two actions
    second: bool
    actor: Actor
    index: int
    anchor: float
    side: float
    phase: float
    place: str
    start: tuple[float, float] = (0.0, 0.0)  # height and vertical speed on entering


def poses(scene: Scene, times: np.ndarray, sides: tuple[float, ...] | None = None, half_width: float = 0.5) -> Poses:
    """Every body of `scene` at `times` (T,) seconds.

    `sides` is the on-screen larger side of each actor (for rolling and keeping apart), `half_width` half the frame's width.
    """
    times = np.asarray(times, np.float64)
    stage = _Stage(scene, half_width, tuple(sides) if sides else (0.35,) * len(scene.actors))
    bodies, actor_of, phases = [], [], []
    for index, actor in enumerate(scene.actors):
        for k in range(actor.count):
            bodies.append(_body(stage, index, k, times))
            actor_of.append(index)
            phases.append((actor.phase + 0.37 * k) % 1)
    shape = (len(bodies), len(times))
    stacked = {name: np.array([getattr(b, name) for b in bodies]).reshape(shape) for name in Track.__dataclass_fields__}
    return Poses(np.array(actor_of, int), np.array(phases), **stacked)


def _body(stage: _Stage, index: int, k: int, times: np.ndarray) -> Track:
    """Body `k` of an actor; a crowd stands side by side, every second one a little deeper."""
    actor, side = stage.scene.actors[index], stage.sides[index]
    room = min(0.85 * side, 1.5 * stage.half_width / max(actor.count - 1, 1))
    offset = (k - (actor.count - 1) / 2) * room
    depth = float(np.clip(actor.depth + (0.07 * (k % 2) - 0.035 if actor.count > 1 else 0), 0, 1))
    return _track(stage, index, offset, depth, (actor.phase + 0.37 * k) % 1, times)


def _plan(scene: Scene, index: int) -> list[tuple[str, int]]:
    """The actions of an actor in order, each with the actor it concerns; being chased or met is an action too."""
    actor = scene.actors[index]
    for other, chaser in enumerate(scene.actors):
        if chaser.partner != index or other == index or (actor.partner == other and other > index):
            continue
        if {"chase", "meet"} & set(chaser.actions) and not {"chase", "meet"} & set(actor.actions):
            return [
                ({"chase": "flee", "meet": "meet"}[a], other)
                if a in ("chase", "meet")
                else (actor.actions[min(s, len(actor.actions) - 1)], actor.partner)
                for s, a in enumerate(chaser.actions)
            ]
    return [(action, actor.partner) for action in actor.actions[:2]]


def _track(stage: _Stage, index: int, offset: float, depth: float, phase: float, all_times: np.ndarray) -> Track:
    scene, actor = stage.scene, stage.scene.actors[index]
    plan, half = _plan(scene, index), scene.seconds / 2
    anchor = actor.x * stage.half_width + offset

    def segment(order: int, times: np.ndarray, start: tuple[float, float] = (0.0, 0.0)) -> Track:
        name, other = plan[order]
        split = len(plan) > 1
        begin = half * order
        act = _Act(
            name, times - begin, times - half, half if split else scene.seconds, split, order > 0, actor, index, anchor,
            stage.sides[index], phase, scene.place, start,
        )  # fmt: skip
        track = _still(act, depth)
        _scaled(act, track, plan)
        _perform(stage, act, track, other, times)
        return track

    first = segment(0, all_times)
    if len(plan) == 1 or all_times.max(initial=0) <= half:
        return first
    edge = segment(0, np.array([half - 1e-3, half]))
    speed = (edge.height[1] - edge.height[0]) / 1e-3
    second = segment(1, all_times, (float(edge.height[1]), float(speed)))
    entry = segment(1, np.array([half]), (float(edge.height[1]), float(speed)))
    _join(plan, second, edge, entry, all_times - half)
    late = all_times > half
    return Track(**{f: np.where(late, getattr(second, f), getattr(first, f)) for f in Track.__dataclass_fields__})


def _ease(u: np.ndarray | float) -> np.ndarray:
    u = np.clip(u, 0, 1)
    return u * u * (3 - 2 * u)


def _join(plan: list, second: Track, edge: Track, entry: Track, tau: np.ndarray) -> None:
    """Let the second action begin where the first ended: place is kept, turn and height are worked off."""
    fade = 1 - _ease(tau / 0.6)
    gap = edge.x[1] - entry.x[0]
    second.x += gap if plan[1][0] not in ("circle", "meet", "chase", "flee") else gap * fade
    second.depth += (edge.depth[1] - entry.depth[0]) * fade
    turn = (edge.angle[1] - entry.angle[0] + 180) % 360 - 180
    second.angle += turn * fade
    if plan[1][0] in ("bounce", "fall"):
        return  # these carry the height and speed themselves
    height, speed = edge.height[1], (edge.height[1] - edge.height[0]) / 1e-3
    if plan[1][0] in HOVERS or plan[0][0] in HOVERS:
        second.height = second.height + (height - entry.height[0]) * fade
    else:
        second.height = second.height + np.maximum(height + speed * np.maximum(tau, 0) - GRAVITY / 2 * tau**2, 0)


def _still(act: _Act, depth: float) -> Track:
    zero = np.zeros_like(act.tau)
    breath = 0.012 * np.sin(2 * np.pi * (0.45 * act.tau + act.phase))
    look = np.full(act.tau.shape, act.actor.heading)
    pivot = zero + (0.5 if act.name in ("roll", "fly", "swim") else 0.0)
    return Track(zero + act.anchor, zero.copy(), zero + depth, zero.copy(), 1 - 0.5 * breath, 1 + breath, look, pivot)


def _scaled(act: _Act, track: Track, plan: list) -> None:
    """Size over time: grow ends at full size, shrink starts there; before or after its half the size is kept."""
    names = [name for name, _ in plan]
    scaling = [n for n in names if n in ("grow", "shrink")]
    if not scaling:
        return
    done = names[: int(act.second)]
    size: float | np.ndarray = SMALL if scaling[0] == "grow" else 1.0
    for name in done:
        size = {"grow": 1.0, "shrink": SMALL}.get(name, size)
    if act.name in ("grow", "shrink"):
        goal = 1.0 if act.name == "grow" else SMALL
        size = size + (goal - size) * np.clip(act.tau / act.duration, 0, 1)
    track.wide *= size
    track.tall *= size


def _perform(stage: _Stage, act: _Act, track: Track, other: int, times: np.ndarray) -> None:
    name = act.name
    if name in ("walk", "run", "drive", "sail", "swim", "fly", "roll"):
        _travel(act, track, _speed(stage, name), act.actor.heading)
    elif name == "jump":
        _jump(act, track)
    elif name in ("bounce", "fall"):
        _drop(act, track)
    elif name in ("spin", "sway", "float"):
        _in_place(act, track)
    elif name in ("chase", "flee"):
        _chase(stage, act, track, other)
    elif name == "meet":
        _meet(stage, act, track, other)
    elif name == "circle":
        _circle(stage, act, track, other, times)


def _speed(stage: _Stage, name: str) -> float:
    if stage.scene.camera == "follow":
        return SPEEDS[name]  # the frame goes along, nothing leaves it
    return min(SPEEDS[name], REACH[name] * 2 * stage.half_width / stage.scene.seconds)


def _travel(act: _Act, track: Track, speed: float, heading: int) -> None:
    turn, beat = 2 * np.pi, act.tau + act.phase
    track.x += heading * speed * act.t
    if act.name == "walk":
        track.height += 0.014 * np.abs(np.sin(turn * beat))
        track.angle += 2.5 * np.sin(turn * beat)
    elif act.name in ("run", "chase", "flee"):
        track.height += 0.034 * np.abs(np.sin(turn * 1.6 * beat))
        track.angle += heading * 5 + 3.5 * np.sin(turn * 1.6 * beat)
    elif act.name == "drive":
        track.height += 0.003 * np.abs(np.sin(turn * 3 * beat))
    elif act.name == "sail":
        track.angle += 5 * np.sin(turn * 0.45 * beat)
        track.height += 0.012 * np.sin(turn * 0.45 * beat + 1)
    elif act.name == "swim":
        track.angle += 7 * np.sin(turn * 0.9 * beat)
        deep = 0.14 + 0.16 * act.actor.phase if act.place == "underwater" else 0.018
        track.height += deep + 0.018 * np.sin(turn * 0.9 * beat + 1.2)
    elif act.name == "fly":
        track.height += (0.06 if act.place in AIRY_PLACES else 0.3) + 0.035 * np.sin(turn * 0.55 * beat)
        track.angle += heading * (-3 + 3 * np.cos(turn * 0.55 * beat))
    elif act.name == "roll":
        track.angle += np.degrees(heading * speed * act.t / (act.side / 2))


def _jump(act: _Act, track: Track) -> None:
    """Parabolas with a crouch between; as one of two actions a whole number of jumps fits its half."""
    launch = np.sqrt(2 * GRAVITY * JUMP_PEAK)
    flight = 2 * launch / GRAVITY
    period, shift = flight + JUMP_PAUSE, act.phase
    if act.split:
        period, shift = max(act.duration / max(int(act.duration / period), 1), flight), 0.0
    pause = period - flight
    beat = (act.tau + shift * period) % period
    air = np.clip(beat - pause, 0, flight)
    track.height += launch * air - GRAVITY / 2 * air**2
    crouch = np.where(beat < pause, np.sin(np.pi * np.clip(beat / max(pause, 1e-6), 0, 1)), 0)
    track.tall *= 1 - 0.16 * crouch + 0.05 * np.sin(np.pi * air / flight)
    track.wide *= 1 + 0.1 * crouch - 0.03 * np.sin(np.pi * air / flight)


def ballistic(tau: np.ndarray, height: float, speed: float, restitution: float) -> tuple[np.ndarray, np.ndarray]:
    """Free flight from `height` with upward `speed`, then bounces that keep `restitution` of it.

    Returns the height and the squash (0..1, sharp around each impact), both shaped like `tau`.
    """
    impact = np.sqrt(speed**2 + 2 * GRAVITY * max(height, 0))
    starts, speeds = [0.0, (speed + impact) / GRAVITY], [speed, impact * restitution]
    while speeds[-1] > 0.08 and len(starts) < 40:
        starts.append(starts[-1] + 2 * speeds[-1] / GRAVITY)
        speeds.append(speeds[-1] * restitution)
    speeds[-1] = 0.0
    at = np.clip(np.searchsorted(starts, tau, side="right") - 1, 0, len(starts) - 1)
    since = tau - np.take(starts, at)
    base = np.where(at == 0, height, 0)
    flight = np.maximum(base + np.take(speeds, at) * np.maximum(since, 0) - GRAVITY / 2 * np.maximum(since, 0) ** 2, 0)
    path = np.where(at == len(starts) - 1, 0, flight)
    squash = np.zeros_like(path)
    for start, before in zip(starts[1:], speeds[1:], strict=True):
        squash = np.maximum(squash, min(before / 1.2, 1) * np.exp(-(((tau - start) / 0.06) ** 2)))
    return path, squash


def _drop(act: _Act, track: Track) -> None:
    grounded = act.second and act.start[0] < 0.03
    if act.name == "fall" and grounded:
        _topple(act, track)
        return
    height, speed, tau = (BOUNCE_HEIGHT if act.name == "bounce" else FALL_HEIGHT), 0.0, act.tau
    if act.second:
        height, speed = act.start
        if act.name == "bounce" and grounded:
            speed = np.sqrt(2 * GRAVITY * BOUNCE_HEIGHT)
    elif act.name == "fall":
        tau = tau - 0.25 * act.phase
    else:
        tau = tau + 0.3 * act.phase
    path, squash = ballistic(tau, height, speed, RESTITUTION if act.name == "bounce" else FALL_RESTITUTION)
    track.height += path
    track.tall *= 1 - 0.2 * squash
    track.wide *= 1 + 0.14 * squash


def _topple(act: _Act, track: Track) -> None:
    """Something that already stands falls over: the angle of a rod that tips, with one small bounce."""
    tau = np.clip(act.tau, 0, None)
    tip = np.minimum(90 * (tau / 0.55) ** 2, 90)
    bounce = 12 * np.clip(np.sin(np.pi * np.clip((tau - 0.55) / 0.25, 0, 1)), 0, 1)
    angle = tip - bounce
    track.angle += act.actor.heading * angle
    track.height += 0.3 * act.side * np.sin(np.radians(angle))


def _in_place(act: _Act, track: Track) -> None:
    turn = 2 * np.pi
    if act.name == "spin":
        period = act.duration / max(round(act.duration / SPIN_PERIOD), 1) if act.split else SPIN_PERIOD
        cos = np.cos(turn * (act.tau / period + (0 if act.split else act.phase)))
        track.wide *= np.where(cos < 0, -1, 1) * np.maximum(np.abs(cos), 0.1)
    elif act.name == "sway":
        track.angle += 15 * np.sin(turn * (0.7 * act.tau + (0 if act.split else act.phase)))
    else:
        track.height += 0.13 + 0.055 * np.sin(turn * (0.35 * act.tau + act.phase))


def _chase(stage: _Stage, act: _Act, track: Track, other: int) -> None:
    """The chaser runs behind, the chased one ahead; both hang on the point midway between their two anchors."""
    chaser = act.actor if act.name == "chase" or other < 0 else stage.scene.actors[other]
    heading, gap = chaser.heading, 0.0
    if 0 <= other < len(stage.sides):
        gap = max(0.6 * (stage.sides[act.index] + stage.sides[other]), 0.3)
        middle = (act.actor.x + stage.scene.actors[other].x) / 2 * stage.half_width
        shift = middle - act.actor.x * stage.half_width
        track.x += shift + heading * gap / 2 * (1 if act.name == "flee" else -1)
    track.look[:] = heading
    _travel(act, track, _speed(stage, "chase"), heading)


def _meet(stage: _Stage, act: _Act, track: Track, other: int) -> None:
    """Both walk towards the point between them and stop a body's width apart."""
    if not 0 <= other < len(stage.sides) or other == act.index:
        _travel(act, track, _speed(stage, "walk"), act.actor.heading)
        return
    mine, yours = act.actor.x, stage.scene.actors[other].x
    sign = -1.0 if (mine, act.index) < (yours, other) else 1.0
    middle = np.clip((mine + yours) / 2 * stage.half_width, -0.2, 0.2)
    stop = 0.27 * (stage.sides[act.index] + stage.sides[other])
    walking = 0.6 * act.duration
    speed = min(SPEEDS["walk"], max(stage.half_width * 0.95 - stop, 0.15) / walking)
    left = np.maximum(walking - act.tau, 0)
    offset = act.anchor - act.actor.x * stage.half_width
    track.x[:] = middle + offset + sign * (stop + speed * left)
    moving = left > 0
    beat = 2 * np.pi * (act.tau + act.phase)
    track.height += np.where(moving, 0.014 * np.abs(np.sin(beat)), 0)
    track.angle += np.where(moving, 2.5 * np.sin(beat), 0) * np.minimum(left / 0.2, 1)
    track.look[:] = -int(sign)


def _circle(stage: _Stage, act: _Act, track: Track, other: int, times: np.ndarray) -> None:
    """An ellipse on the ground around the partner (or around its own place): behind it, then in front of it."""
    centre_x: float | np.ndarray = act.anchor
    centre_depth = np.clip(act.actor.depth, 0.35, 0.7)
    radius = 0.3
    if 0 <= other < len(stage.sides) and other != act.index:
        partner = stage.scene.actors[other]
        radius = max(0.28, 0.5 * stage.sides[other] + 0.42 * act.side)
        centre_x, centre_depth = partner.x * stage.half_width, np.clip(partner.depth, 0.3, 0.75)
        if partner.partner != act.index:  # two that circle each other keep to their places
            centre_x = _body(stage, other, 0, times).x
    angle = 2 * np.pi * (act.tau / CIRCLE_PERIOD * act.actor.heading + act.phase)
    track.x[:] = centre_x + radius * np.sin(angle)
    track.depth[:] = np.clip(centre_depth + 0.24 * np.cos(angle), 0, 1)
    track.look[:] = np.where(np.cos(angle) * act.actor.heading >= 0, 1, -1)
