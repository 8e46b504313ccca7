"""Frames at another rate: as long as before, those that were there untouched, what lies between them on its way."""

import itertools

import numpy as np
import pytest

from skyloom.base.retiming import count_at, retimed

SIDE = 64


def moving(count, step=4, start=0):
    """A soft disc that goes to the right, at these places."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for i in range(count):
        away = np.hypot(rows - SIDE / 2, columns - 14 - start - step * i)
        yield np.repeat((255 * (10 - away).clip(0, 1))[..., None], 3, 2).astype(np.uint8)


def middle(frame):
    return float((frame[..., 0] * np.arange(SIDE)).sum() / frame[..., 0].sum())


@pytest.mark.parametrize("wanted", [1, 8, 11.99, 12, 15, 23.976, 24, 25, 30, 60])
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_film_is_as_long_as_before_and_what_was_there_stays(wanted, count):
    before = list(moving(count))
    after = list(retimed(iter(before), 12, wanted))
    assert len(after) == count_at(count, 12, wanted) and abs(len(after) / wanted - count / 12) < 1 / min(wanted, 12)
    assert np.array_equal(after[0], before[0])
    if wanted in (24, 60):
        assert all(np.array_equal(a, b) for a, b in zip(after[:: int(wanted) // 12], before, strict=True))


def test_between_two_places_a_body_is_on_its_way():
    after = list(retimed(moving(9), 12, 24))
    steps = np.diff([middle(frame) for frame in after[:-1]])
    assert np.allclose(steps, 2, atol=0.7)
    ghost = np.mean([f.astype(int) for f in itertools.islice(moving(9), 3, 5)], axis=0)
    assert np.abs(after[7].astype(int) - ghost).mean() > 3  # no mean of the two


def test_fewer_are_picked_as_they_are():
    before = list(moving(12))
    after = list(retimed(iter(before), 12, 5))
    assert [next(i for i, b in enumerate(before) if np.array_equal(a, b)) for a in after] == [0, 2, 4, 7, 9]


def test_frames_come_as_they_are_made():
    made = []

    def frames():
        for i, frame in enumerate(moving(20, step=1)):
            made.append(i)
            yield frame

    film = retimed(frames(), 12, 24)
    next(film)
    assert len(made) <= 4
    assert len(list(film)) == 39 and len(made) == 20


def test_a_loop_goes_on_around_its_end():
    there_and_back = [*moving(5), *list(moving(4, start=4))[::-1][1:]]
    open_end, closed = (list(retimed(iter(there_and_back), 12, 24, around=around)) for around in (False, True))
    assert middle(open_end[-1]) == pytest.approx(middle(there_and_back[-1]), abs=0.5)  # stands
    between = (middle(there_and_back[-1]) + middle(there_and_back[0])) / 2
    assert middle(closed[-1]) == pytest.approx(between, abs=1)


def test_a_film_without_frames_has_none():
    assert list(retimed(iter([]), 12, 24)) == list(retimed(iter([]), 12, 6)) == []
