"""Kinematics: one gravity, honest bounces, rolling without slipping, actions that join."""

import numpy as np
import pytest

from skyloom.worlds.motion import BOUNCE_HEIGHT, FALL_HEIGHT, GRAVITY, JUMP_PEAK, RESTITUTION, SMALL, SPEEDS, ballistic, poses
from skyloom.worlds.scene import ACTIONS, Actor, Scene

TIMES = np.linspace(0, 4, 401)


def track(*actions: str, **fields):
    return poses(Scene((Actor("dog", actions, **fields),), seconds=4.0), TIMES)


def flights(height: np.ndarray) -> list[slice]:
    """The stretches during which something is in the air, without their ends."""
    air = np.flatnonzero(height > 0.01)
    parts = np.split(air, np.flatnonzero(np.diff(air) > 1) + 1)
    return [slice(p[0] + 1, p[-1]) for p in parts if len(p) > 8]


@pytest.mark.parametrize("action", ["jump", "bounce", "fall"])
def test_free_flight_has_one_gravity(action):
    height = track(action).height[0]
    for flight in flights(height):
        curvature = np.diff(height[flight], 2) / 0.01**2
        assert np.allclose(curvature, -GRAVITY, rtol=0.02)


def test_jump_reaches_its_peak_again_and_again():
    height = track("jump").height[0]
    peaks = [height[f].max() for f in flights(height)]
    assert len(peaks) >= 3
    assert np.allclose(peaks[1:-1], JUMP_PEAK, atol=0.002)


def test_bounce_keeps_its_share_of_speed():
    height, _ = ballistic(TIMES, BOUNCE_HEIGHT, 0.0, RESTITUTION)
    peaks = [height[f].max() for f in flights(height)]
    assert height[0] == pytest.approx(BOUNCE_HEIGHT)
    assert np.allclose(np.array(peaks[2:5]) / peaks[1:4], RESTITUTION**2, rtol=0.02)


def test_fall_comes_from_above_and_rests():
    height = track("fall").height[0]
    assert height[0] == FALL_HEIGHT and height[-1] == 0


def test_rolling_does_not_slip():
    side = 0.3
    path = poses(Scene((Actor("ball", ("roll",)),), seconds=4.0), TIMES, sides=(side,))
    travel, turn = np.diff(path.x[0]), np.radians(np.diff(path.angle[0]))
    assert np.allclose(travel, turn * side / 2)


@pytest.mark.parametrize("action", sorted(set(SPEEDS) - {"chase"}))
@pytest.mark.parametrize("heading", [-1, 1])
def test_travellers_go_where_they_look(action, heading):
    path = track(action, heading=heading)
    assert path.x[0, 200] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(path.x[0]) * heading > 0)
    assert np.all(path.look[0] == heading)
    assert abs(path.x[0, -1] - path.x[0, 0]) >= 0.4
    assert np.abs(np.diff(path.x[0])).max() / 0.01 <= SPEEDS[action] + 1e-9


def test_running_is_faster_than_walking():
    reach = {a: np.ptp(track(a).x) for a in ("walk", "run")}
    assert reach["run"] > 1.5 * reach["walk"]


@pytest.mark.parametrize("first", ACTIONS)
@pytest.mark.parametrize("second", ["walk", "run", "jump", "bounce", "fly", "spin", "grow", "sway", "float", "circle"])
def test_two_actions_join(first, second):
    """At the change, place and height go on from where they were (at 10 ms, nothing moves by more than 2 % of the frame)."""
    path = track(first, second, phase=0.3)
    for name in ("x", "height", "depth"):
        step = np.abs(np.diff(getattr(path, name)[0, 198:203]))
        assert step.max() < 0.02, name


def test_growing_ends_at_full_size():
    grow, shrink, both = track("grow"), track("shrink"), track("shrink", "grow")
    assert grow.tall[0, 0] == pytest.approx(SMALL, rel=0.02) and grow.tall[0, -1] == pytest.approx(1, rel=0.02)
    assert shrink.tall[0, -1] == pytest.approx(SMALL, rel=0.02)
    assert both.tall[0, 200] == pytest.approx(SMALL, rel=0.02) and both.tall[0, -1] == pytest.approx(1, rel=0.02)


def test_chaser_stays_behind():
    scene = Scene((Actor("dog", ("chase",), x=-0.3, partner=1), Actor("cat", ("run",), x=0.3)), seconds=4.0)
    path = poses(scene, TIMES)
    gap = path.x[1] - path.x[0]
    assert gap.min() > 0.2 and np.ptp(gap) < 0.02
    assert np.all(np.diff(path.x[0]) > 0)


def test_meeting_ends_near_the_middle_face_to_face():
    scene = Scene(
        (Actor("dog", ("meet",), x=-0.8, partner=1), Actor("cat", ("meet",), x=0.8, heading=-1, partner=0)), seconds=4.0
    )
    path = poses(scene, TIMES)
    assert path.x[1, 0] - path.x[0, 0] > path.x[1, -1] - path.x[0, -1] > 0
    assert abs(path.x[:, -1].mean()) < 0.05
    assert path.look[0, 0] == 1 and path.look[1, 0] == -1
    assert np.ptp(path.x[:, -50:], axis=1).max() == 0


def test_circling_passes_behind_and_in_front():
    scene = Scene((Actor("dog", ("circle",), partner=1), Actor("cat", ("stand",), depth=0.5)), seconds=4.0)
    path = poses(scene, TIMES)
    assert path.depth[0].min() < 0.4 and path.depth[0].max() > 0.6
    behind = path.x[0] - path.x[1]
    assert behind.min() < -0.2 and behind.max() > 0.2


def test_bodies_of_a_crowd_keep_apart():
    path = track("walk", count=3)
    assert path.x.shape == (3, len(TIMES)) and list(path.actor) == [0, 0, 0]
    assert np.diff(np.sort(path.x[:, 0])).min() > 0.2
    assert len(set(path.phase)) == 3


@pytest.mark.parametrize("action", ACTIONS)
def test_motion_goes_on_after_the_clip(action):
    late = poses(Scene((Actor("dog", (action,)),), seconds=1.0), np.array([0.5, 1.0, 3.0, 9.0]))
    for name in ("x", "height", "depth", "angle", "wide", "tall"):
        assert np.isfinite(getattr(late, name)).all()
