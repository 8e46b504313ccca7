"""What is drawn next to given frames goes on from what they show, and what stands there is told from what moves."""

import cv2
import numpy as np
import pytest
import torch

from skyloom.generate.continuing import LINGERS, _posed, going_on_as, lingered
from skyloom.generate.cutouts import Cutout, drawn_over
from skyloom.generate.surveying import camera_steps, surveyed, without_air
from skyloom.models.panorama import views

SIZE = 96, 128
KNOWN = [True] * 8 + [False] * 16


def ground(height=160, width=256, seed=0):
    """Something with corners, 1 3 Y X."""
    rng = np.random.default_rng(seed)
    picture = cv2.resize(rng.integers(40, 200, (height // 8, width // 8, 3)).astype(np.uint8), (width, height))
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1


def cameras(steps, count):
    """A camera that goes by the same step in each of `count` frames."""
    way = torch.zeros(1, count, 5)
    way[0, :, :3] = torch.arange(count)[:, None] * torch.tensor(steps)
    way[..., 3], way[..., 4] = 0.0, 0.45
    return way


def seen(way):
    return views(ground(), way, SIZE, (32, 64))


def grey(film, i):
    return ((film[0, :, i].mean(0) + 1) * 127.5).round().byte().numpy()


@pytest.mark.parametrize("steps", [(0.0, 0.0, 0.0), (0.02, 0.0, 0.0), (-0.01, 0.015, 0.0), (0.0, 0.0, 0.02), (0.01, 0, -0.015)])
def test_the_camera_is_seen_to_go_as_it_went(steps):
    film = seen(cameras(steps, 2))
    [step] = camera_steps([grey(film, 0), grey(film, 1)], [np.ones(SIZE, np.uint8)] * 2, 0.0, 0.45)
    assert step == pytest.approx(steps, abs=0.003)


def test_what_falls_is_no_part_of_the_way():
    film = seen(cameras((0.02, 0.0, 0.0), 2))
    rng = np.random.default_rng(1)
    for i, _ in np.ndindex(2, 15):
        y, x = rng.integers(2, SIZE[0] - 2), rng.integers(2, SIZE[1] - 2)
        film[0, :, i, y - 1 : y + 2, x - 1 : x + 2] = 1
    [step] = camera_steps([grey(film, 0), grey(film, 1)], [np.ones(SIZE, np.uint8)] * 2, 0.0, 0.45)
    assert step == pytest.approx((0.02, 0, 0), abs=0.006)
    blank = np.full(SIZE, 128, np.uint8)
    assert camera_steps([blank, blank], [np.ones(SIZE, np.uint8)] * 2, 0.0, 0.45) is None


@pytest.mark.parametrize("backward", [False, True])
def test_a_given_camera_goes_on_and_comes_to_rest_in_its_plan(backward):
    true = cameras((0.015, 0.0, 0.0), 24)
    film, known, planned = seen(true), KNOWN, cameras((0.0, 0.0, 0.0), 24)
    if backward:
        film, known = film.flip(2), known[::-1]
        true = true.flip(1)
    way = surveyed(film, known, torch.zeros(1, 24, *SIZE), planned)
    edge, onward = (16, -1) if backward else (7, 1)
    steps = way[0, 1:, 0] - way[0, :-1, 0]
    given = steps[16:] if backward else steps[:7]
    wanted = -0.015 if backward else 0.015
    assert given.tolist() == pytest.approx([wanted] * 7, abs=0.003)
    assert float(way[0, edge + onward, 0] - way[0, edge, 0]) == pytest.approx(onward * wanted, abs=0.003)  # no jump
    last = steps[0] if backward else steps[-1]
    assert abs(float(last)) < 1e-6


def test_a_camera_between_two_clips_is_left_to_the_plan():
    planned = cameras((0.0, 0.0, 0.0), 24)
    known = [True] * 8 + [False] * 8 + [True] * 8
    assert surveyed(seen(planned), known, torch.zeros(1, 24, *SIZE), planned) is planned
    assert surveyed(seen(planned), [False] * 24, torch.zeros(1, 24, *SIZE), planned) is planned


def test_what_is_in_the_air_is_not_in_the_ground():
    way = cameras((0.01, 0.0, 0.0), 24)
    clear = seen(way)
    film, rng = clear.clone(), np.random.default_rng(2)
    for i, _ in np.ndindex(8, 30):
        y, x = rng.integers(2, SIZE[0] - 2), rng.integers(2, SIZE[1] - 2)
        film[0, :, i, y - 1 : y + 2, x - 1 : x + 2] = 1
    nobody = torch.zeros(1, 24, *SIZE)
    found = without_air(film, KNOWN, nobody, way, 7)
    inner = slice(6, -6), slice(6, -6)
    before, after = ((one - clear[:, :, 7])[0, :, *inner].abs().mean().item() for one in (film[:, :, 7], found))
    assert after < 0.2 * before
    assert torch.equal(without_air(clear, KNOWN, nobody, way, 7), clear[:, :, 7])  # what stands stays, to the last pixel


def body(**changes):
    """A square of one colour that goes right, 1 cell = 8 pixels."""
    stances = torch.tensor([3.0, 0, 4.0, 0, 3.0, 5, 0.5, 0.0]).repeat(1, 24, 1)
    stances[0, :, 2] += 0.1 * torch.arange(24)
    picture = torch.cat([torch.full((1, 3, 48, 48), 0.2), torch.ones(1, 1, 48, 48)], 1)
    return Cutout(stances, picture, torch.ones(24), **{"lit": True, **changes})


def test_a_difference_stays_for_a_while_and_goes_with_what_it_is_of():
    one = body(found=frozenset({7}))
    flat = torch.full((1, 3, 24, *SIZE), -0.5)
    made = drawn_over(flat, torch.zeros(1, 3, 12, 48, 64), [one], 8)
    film = made.clone()
    film[:, 0] += 0.2 * (made[:, 0] > 0)  # the body is redder than it would be drawn
    film[:, 2, :, :10] += 0.1  # and the sky bluer
    new = lingered(made, film, KNOWN, [one], 8, lambda picture, edge, frames: [picture] * len(frames))
    redder, bluer = (new - made)[0, 0], (new - made)[0, 2]
    middle = [int(8 * (4 + 0.1 * i + 1.5)) for i in range(24)]
    assert [round(float(redder[i, 52, middle[i]]), 3) for i in (8, 8 + LINGERS)] == pytest.approx([0.195, 0], abs=0.01)
    assert float(redder[12, 52, middle[12] - 14]) == 0  # where it was before it is no longer
    fading = bluer[8 : 8 + LINGERS, 4, 60]
    assert bool((fading.diff() < 0).all()) and float(fading[0]) == pytest.approx(0.0976, abs=0.01)
    assert torch.equal(new[:, :, 8 + LINGERS :], made[:, :, 8 + LINGERS :])


def test_nothing_stays_of_a_body_that_is_not_found():
    one = body()
    flat = torch.full((1, 3, 24, *SIZE), 64 / 127.5 - 1)
    made = drawn_over(flat, torch.zeros(1, 3, 12, 48, 64), [one], 8)
    new = lingered(made, flat, KNOWN, [one], 8, lambda picture, edge, frames: [picture] * len(frames))
    assert (new - made).abs().max() < 1e-6


def test_poses_go_on_and_meet():
    plain = np.arange(12) % 6
    assert _posed(plain, {3: 5}, 6).tolist() == [(i + 2) % 6 for i in range(12)]
    both = _posed(plain, {2: 2, 10: 0}, 6)
    assert both[2] == 2 and both[10] == 0 and set(np.diff(both[2:11]) % 6) <= {1, 2}


def test_a_body_is_followed_through_all_that_is_known():
    picture = np.zeros((48, 48, 4), np.uint8)
    cv2.circle(picture, (20, 24), 17, (220, 60, 40, 255), -1)
    cv2.circle(picture, (28, 16), 5, (20, 20, 120, 255), -1)
    one = body(loop=picture[None], pose_F=np.zeros(24, int))
    still = seen(cameras((0.0, 0.0, 0.0), 24))
    film = drawn_over(still, torch.zeros(1, 3, 12, 48, 64), [one], 8)
    off = one.stances_1F8.clone()
    off[0, :, 2] += 0.3 * torch.linspace(-1, 1, 24)
    off[0, :, 5] += 0.2
    plan = Cutout(off, one.picture_14SS, one.count_F, loop=one.loop, pose_F=one.pose_F)
    found = going_on_as(plan, film, KNOWN, 8, follow=True)
    assert found.found == {7}
    assert (found.stances_1F8 - one.stances_1F8)[0, :8, [2, 5]].abs().max() < 0.1
    loose = going_on_as(plan, film, KNOWN, 8)
    assert (loose.stances_1F8 - one.stances_1F8)[0, 0, 2].abs() > 0.08


def test_of_a_single_picture_the_prompt_says_whether_something_falls():
    still = seen(cameras((0.0, 0.0, 0.0), 24)).clone()
    still[0, :, :4, 40:43, 60:63] = 1
    known, nobody = [True] * 4 + [False] * 20, torch.zeros(1, 24, *SIZE)
    way = cameras((0.0, 0.0, 0.0), 24)
    assert torch.equal(without_air(still, known, nobody, way, 3), still[:, :, 3])
    assert float(without_air(still, known, nobody, way, 3, falls=True)[0, :, 41, 61].max()) < 0.7
