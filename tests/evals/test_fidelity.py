"""Laws of the distances between clouds of clips, of flicker and of the search for copies."""

import numpy as np
import pytest

from skyloom.evals.fidelity import chance, compare, flicker, frechet, mmd, nearest, thumbnail


def cloud(n: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (n, 12))


def test_mmd_of_one_distribution_is_zero_on_average():
    found = [mmd(cloud(40, seed=2 * i), cloud(40, seed=2 * i + 1)) for i in range(60)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found)


def test_mmd_grows_with_the_shift():
    found = [mmd(cloud(80), cloud(80, shift, seed=1)) for shift in (0, 0.3, 0.6, 1.2)]
    assert found == sorted(found) and found[-1] > 10 * abs(found[0])


def test_biased_mmd_is_positive_and_zero_for_equal_clouds():
    assert mmd(cloud(20), cloud(20), biased=True) == pytest.approx(0, abs=1e-9)
    assert mmd(cloud(20), cloud(20, seed=1), biased=True) > 0


def test_mmd_wants_two_clips():
    with pytest.raises(ValueError, match="at least 2"):
        mmd(cloud(1), cloud(4))


def test_frechet_of_identical_clouds_is_zero():
    x = cloud(50)
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)


def test_frechet_of_a_shift_is_its_square():
    x = cloud(50)
    assert frechet(x, x + 0.5) == pytest.approx(12 * 0.25, rel=1e-3)


def test_real_clips_stand_at_one():
    rows = compare({"real": cloud(30), "far": cloud(30, 1.0, seed=2)}, cloud(30, seed=1))
    assert rows[0]["times_real"] == pytest.approx(1) and rows[1]["times_real"] > 2
    assert chance(cloud(30), cloud(30, seed=1), np.random.default_rng(0))["p95"] > 0


def test_flicker_sees_noise_in_the_calm_part_only():
    rng = np.random.default_rng(0)
    calm = np.full((9, 16, 16, 3), 100, np.uint8)
    moving = calm.copy()
    for t in range(9):
        moving[t, :4, t : t + 4] = 250  # an actor passes: not background
    noisy = (calm + rng.integers(0, 6, calm.shape)).astype(np.uint8)
    assert flicker(calm) == 0 and flicker(moving) < 0.01 < 1 < flicker(noisy)


def test_a_copy_is_its_own_neighbour():
    known = cloud(20)
    assert nearest(known[3:4] + 0, known)[0] == pytest.approx(0, abs=1e-6)
    assert thumbnail(np.zeros((17, 32, 48, 3), np.uint8)).shape == (5 * 24 * 24 * 3,)
