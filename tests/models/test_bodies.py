"""Bodies out of what cells say, each frame alone and along the film."""

import itertools
import math

import pytest
import torch
from lying_bodies import a_picture, body, lying

from skyloom.models.bodies import BODIES, looks_of, settle
from skyloom.models.places import SAID, SHARES, SIDE, TURN_SCALE, lay_out, surely, truth


def said_of(*frames: list[tuple[float, ...]]) -> torch.Tensor:
    """What somebody who knows says of these bodies, frame by frame: 1 T 16 16 P."""
    said = []
    for rows in frames:
        stances = lying(*rows) if rows else lying((0.0,) * 7 + (-1.0,))
        looks = torch.zeros(1, stances.shape[2], dtype=torch.long)
        said.append(surely(*truth(stances, looks, a_picture(), (16, 16))))
    return torch.cat(said, 1)


def found(said: torch.Tensor) -> list[list[dict[str, float]]]:
    """The bodies that are found, track after track: in each frame where they are, or nothing."""
    stances = settle(said, a_picture())[2][0]
    tracks = []
    for track in stances.unbind(1):
        rows = []
        for a, b, c, d, e, f, _, whose in track.tolist():
            here = {"x": c + (a + b) / 2, "y": f + (d + e) / 2, "tall": math.hypot(b, e), "area": a * e - b * d}
            rows.append({**here, "angle": math.degrees(math.atan2(-b, e))} if whose >= 0 else {})
        if any(rows):
            tracks.append(rows)
    return tracks


@pytest.mark.parametrize(
    "bodies",
    [
        [(8.0, 0, 3.0, 0, 8.0, 5.0)],
        [(-6.0, 0, 12.0, 0, 6.0, 4.0)],  # looks the other way
        [(4.0, 3.0, 5.0, -3.0, 4.0, 7.0)],  # turned
        [(5.0, 0, 1.0, 0, 5.0, 5.0), (5.0, 0, 9.0, 0, 5.0, 5.0)],  # two alike
    ],
)
def test_what_is_said_with_noise_is_made_whole(bodies):
    stances = lying(*((*matrix, 0.5, 0) for matrix in bodies))
    known = truth(stances, torch.zeros(1, len(bodies), dtype=torch.int64), a_picture(), (16, 16))
    noise = torch.randn(1, 1, 16, 16, SAID, generator=torch.Generator().manual_seed(0))
    right, said = (lay_out(what, a_picture()) for what in (surely(*known), surely(*known) + 0.15 * noise))
    told, seen, _ = settle(surely(*known) + 0.15 * noise, a_picture())
    assert seen.tolist() == [[True]]
    settled = (lay_out(told, a_picture()) - right).abs().mean()
    assert settled < 0.5 * (said - right).abs().mean() and settled < 0.2 * right.abs().mean()


def test_films_in_which_nobody_is_seen_are_left_to_the_model():
    said = torch.cat([said_of([body(8, 8)], [body(8, 8)]), torch.zeros(1, 2, 16, 16, SAID)])
    _, seen, _ = settle(said, a_picture().expand(2, -1, -1, -1, -1))
    assert seen.tolist() == [[True, True], [False, False]]
    absent = torch.cat([a_picture(), torch.zeros_like(a_picture())], 1)  # the second look is padding
    assert settle(said[:1], absent)[1].tolist() == [[True, True]]


def test_two_of_a_kind_that_touch_are_two_bodies():
    """Their cells are one patch, but disagree where the middle is."""
    stances = lying(body(5, 8, 4), body(9, 8, 4))
    pictures = torch.ones(1, 1, 4, SIDE, SIDE)
    known = truth(stances, torch.tensor([[0, 0]]), pictures, (16, 16))
    told, seen, _ = settle(surely(*known), pictures)
    assert seen.all()
    spots = told[0, 0, 8, 3:11, SHARES].tolist()  # across both, a row through their middles
    assert spots == pytest.approx([-0.75, -0.25, 0.25, 0.75] * 2, abs=0.1)


def test_a_patch_of_which_all_cells_say_the_middle_is_no_body():
    which = torch.zeros(1, 1, 16, 16, dtype=torch.long)
    which[..., 6:10, 2:14] = 1
    said = surely(which, torch.zeros(1, 1, 16, 16, 2), 0.25 * TURN_SCALE * torch.eye(2).flatten().expand(1, 1, 16, 16, 4))
    assert not settle(said, a_picture())[1].any()


def test_stances_say_whose_they_are():
    two = a_picture().expand(1, 2, -1, -1, -1)
    which, *where = truth(lying(body(8, 8)), torch.tensor([[1]]), two, (16, 16))
    stances = settle(surely(which, *where), two)[2]
    assert looks_of(stances).tolist() == [[0] * BODIES + [1] * BODIES]
    assert sorted(set(stances[..., 7].flatten().tolist())) == [-1.0, 1.0]


def test_a_body_half_out_of_the_picture_keeps_its_size():
    ((there,),) = found(said_of([body(0.5, 8)]))
    assert there["tall"] == pytest.approx(6, abs=0.1) and there["x"] == pytest.approx(0.5, abs=0.2)
    ((there,),) = found(said_of([body(8, 15.0, angle=20)]))
    assert there["angle"] == pytest.approx(20, abs=2) and there["y"] == pytest.approx(15, abs=0.3)


def test_what_hides_half_a_body_does_not_move_it():
    said = said_of([body(8, 8)])
    said[..., 8:, :] = said_of([])[..., 8:, :]
    ((there,),) = found(said)
    assert (there["x"], there["y"], there["tall"]) == pytest.approx((8, 8, 6), abs=0.25)


def test_a_body_that_walks_is_followed():
    (track,) = found(said_of(*([body(4 + 2 * i, 8)] for i in range(5))))
    assert [there["x"] for there in track[1:-1]] == pytest.approx([6, 8, 10], abs=0.1)
    assert all(b["x"] > a["x"] + 1 for a, b in itertools.pairwise(track))


def test_two_that_walk_side_by_side_keep_their_places():
    tracks = found(said_of(*([body(3 + i, 4, 4), body(13 - i, 12, 5)][:: 1 if i % 2 else -1] for i in range(4))))
    assert len(tracks) == 2 and all(all(track) for track in tracks)
    above, below = sorted(tracks, key=lambda track: track[0]["y"])
    assert all(there["y"] == pytest.approx(4, abs=0.3) for there in above)
    assert all(there["y"] == pytest.approx(12, abs=0.3) for there in below)


def test_sizes_are_steady_and_nobody_turns_round_for_one_frame():
    (track,) = found(said_of(*([body(8, 8, side, wide)] for side, wide in ((6, 1), (6.6, 1), (5.4, -1), (6, 1), (6, 1)))))
    assert all(there["area"] > 0 and there["tall"] == pytest.approx(6, abs=0.2) for there in track)


def test_what_spins_looks_both_ways():
    (track,) = found(said_of(*([body(8, 8, 8, wide)] for wide in (1, 0.4, -0.9, 0.5, 1))))
    assert [there["area"] > 0 for there in track] == [True, True, False, True, True]


def test_a_body_is_there_all_the_time():
    (track,) = found(said_of([body(6, 8)], [], [body(8, 8)], [], []))
    assert [there["x"] for there in track] == pytest.approx([6, 7, 8, 8, 8], abs=0.1)
    assert all(there["tall"] == pytest.approx(6, abs=0.1) for there in track)


def test_what_left_the_picture_has_gone():
    (track,) = found(said_of([], [body(2, 8)], [body(7, 8)], [body(13.5, 8)], [], []))
    assert [bool(there) for there in track] == [False, True, True, True, False, False]


def test_a_second_one_that_is_hardly_seen_was_a_mistake():
    one, other = body(4, 8, 5), body(12, 8, 5)
    (track,) = found(said_of([one], [one, other], [one], [one]))
    assert all(there["x"] == pytest.approx(4, abs=0.2) for there in track)
    assert len(found(said_of([one], [one, other], [one, other], [one]))) == 2


def test_what_is_not_there_is_no_number():
    said = torch.zeros(2, 3, 16, 16, SAID)
    assert settle(said, a_picture().expand(2, -1, -1, -1, -1))[2].isfinite().all()
