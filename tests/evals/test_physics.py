"""A parabola through a flight gives back the world's gravity; where nothing flies there is none."""

import cv2
import numpy as np
import pytest

from skyloom.evals.physics import FRAMES, centre_of, falling_scenes, fit_flight, summary, track, true_heights
from skyloom.worlds.motion import GRAVITY
from skyloom.worlds.storybook import render


@pytest.mark.parametrize("action", ["fall", "jump"])
def test_true_motion_has_the_worlds_gravity(action):
    for scene in falling_scenes(action, 6):
        assert fit_flight(true_heights(scene)).gravity == pytest.approx(GRAVITY, rel=1e-6)


def test_gravity_is_recovered_from_a_rendered_fall():
    found = []
    for scene in falling_scenes("fall", 6):
        frames, mask = render(scene, 224, 128, FRAMES, 12, masks=True)
        cells = [cv2.resize(m, (8, 14), interpolation=cv2.INTER_AREA).astype(float) for m in mask]
        where = np.stack([centre_of(c) * 16 if c.max() > 60 else np.full(2, np.nan) for c in cells])
        found.append(fit_flight(track(frames, where)))
    told = summary(found)
    assert told["tracked"] == 1 and told["gravity"] == pytest.approx(1, abs=0.08) and told["error"] < 0.02


def test_what_does_not_fly_has_no_flight():
    assert fit_flight(np.zeros(17)) is None
    assert fit_flight(np.full(17, np.nan)) is None
    assert fit_flight(np.linspace(0, 1, 17) ** 2) is None  # opens upwards


def test_a_lost_actor_is_not_tracked():
    frames = np.zeros((5, 64, 64, 3), np.uint8)
    assert np.isnan(track(frames, np.full((5, 2), np.nan))).all()
