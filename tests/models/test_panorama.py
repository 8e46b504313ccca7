"""A background goes by as the camera goes; who hides it is no part of it."""

import pytest
import torch
import torch.nn.functional as F

from skyloom.models.panorama import passed_over, seen_from, to_frame, to_panorama

SIZE = 64, 96


def ways(frames=5, across=0.0, down=0.0, zoom=0.0):
    """A camera that goes so far from the first frame to the last."""
    share = torch.linspace(0, 1, frames)[:, None]
    return torch.cat([share * torch.tensor([across, down, zoom]), torch.zeros(frames, 1), torch.full((frames, 1), 0.4)], 1)[
        None
    ]


def texture(height, width):
    y, x = torch.meshgrid(torch.arange(height) / 48, torch.arange(width) / 48, indexing="ij")
    return torch.stack([(9 * x).sin(), (7 * y + 4 * x).cos(), (8 * (x - y)).sin()])[None] / 2


def real(camera, margin=(30, 80)):
    """A wide picture as the camera sees it, from the frame in the middle at rest."""
    wide = texture(SIZE[0] + 2 * margin[0], SIZE[1] + 2 * margin[1])
    way = seen_from(camera, camera.shape[1] // 2, *SIZE)
    return torch.stack(
        [F.grid_sample(wide, to_panorama(way[:, f], *SIZE, margin), align_corners=False) for f in range(camera.shape[1])], 2
    )


def alone(film, camera, hidden=None, front=None):
    """The frame in the middle on top; of the others nothing is known, unless it is said what hides them."""
    nothing = torch.zeros(1, camera.shape[1], *SIZE)
    middle = camera.shape[1] // 2
    others = [f for f in range(camera.shape[1]) if f != middle]
    if hidden is None:
        hidden = torch.ones_like(nothing)
        hidden[:, middle] = 0
    return passed_over(film, camera, hidden, nothing if front is None else front, [middle, *others])


@pytest.mark.parametrize("move", [{}, {"across": 0.3}, {"down": 0.2}, {"zoom": 0.25}, {"across": -0.2, "zoom": -0.1}])
def test_every_frame_sees_its_part_of_the_one_on_top(move):
    camera = ways(**move)
    truth = real(camera)
    film = torch.zeros_like(truth)
    film[:, :, 2] = truth[:, :, 2]
    seen = alone(film, camera)
    inner = (slice(None), slice(None), slice(None), slice(26, -26), slice(38, -38))
    assert (seen[inner] - truth[inner]).abs().mean() < 0.01  # of a deviation of 0.35
    if move:
        assert (seen[inner][:, :, 0] - seen[inner][:, :, -1]).abs().mean() > 0.05
    else:
        assert torch.allclose(seen[:, :, 0, 16:-16, 16:-16], truth[:, :, 2, 16:-16, 16:-16], atol=1e-4)


def test_the_frame_on_top_is_at_rest():
    camera = ways(across=0.4, down=0.1, zoom=0.2)
    for frame in range(5):
        way = seen_from(camera, frame, *SIZE)
        assert torch.allclose(way[..., :3], camera[..., :3] - camera[:, frame, None, :3])


def test_the_way_there_and_back_is_one():
    camera, margin = seen_from(ways(across=0.3, zoom=0.1), 2, *SIZE), (12, 40)
    there, back = to_frame(camera[:, 4], *SIZE, margin), to_panorama(camera[:, 4], *SIZE, margin)
    again = F.grid_sample(there.permute(0, 3, 1, 2), back, align_corners=False)[0, :, 2:-2, 2:-2]
    y, x = (torch.arange(n)[2:-2] * 2 / n + 1 / n - 1 for n in SIZE)
    far = (again[0] - x).abs() + (again[1] - y[:, None]).abs()
    assert far.median() < 0.01


def test_who_hides_the_background_is_no_part_of_it():
    camera = ways(across=0.0)
    film = torch.zeros(1, 3, 5, *SIZE)
    body = torch.zeros(1, 5, *SIZE)
    for f in range(5):
        body[:, f, 20:28, 6 + 10 * f : 14 + 10 * f] = 1
    film = film + body[:, None]
    seen = alone(film, camera, hidden=body, front=body)
    assert torch.allclose(seen, film, atol=1e-5)  # it stays in front, and nowhere else
    assert alone(film, camera, front=body)[:, :, 0, 20:28, 26:34].mean() > 0.9  # were it not left out


def test_what_no_frame_shows_stays():
    camera, film = ways(across=0.6), torch.rand(1, 3, 5, *SIZE)
    hidden = torch.ones(1, 5, *SIZE)
    assert torch.allclose(alone(film, camera, hidden=hidden), film)


def test_no_smear_of_one_frame_is_seen_in_all():
    camera = ways(frames=7)
    film = real(camera)
    smeared = film.clone()
    smeared[:, :, 3, 16:48, 32:64] += 1
    hidden = torch.zeros(1, 7, *SIZE)
    one, most = (passed_over(smeared, camera, hidden, hidden, [3, 0, 1, 2, 4, 5, 6], common=common) for common in (False, True))
    far = [(seen - film)[:, :, 0, 24:40, 40:56].abs().mean() for seen in (one, most)]
    assert far[1] < 0.3 * far[0]
    calm = passed_over(film, camera, hidden, hidden, [3, 0, 1, 2, 4, 5, 6], common=True)
    assert (calm - film)[..., 20:-20, 20:-20].abs().mean() < 0.02  # where all agree it changes nothing


def ghosted(frames=7, ghost=(10, 20)):
    """A camera that stands; in each frame a body at a place of its own, and right beside it a smear."""
    film = texture(*SIZE)[:, :, None].expand(1, 3, frames, *SIZE).clone()
    hidden, doubtful = (torch.zeros(1, frames, *SIZE) for _ in range(2))
    for f in range(frames):
        left = 4 + 12 * f
        film[:, :, f, 20:40, left : left + 16] = 1.0
        hidden[:, f, 22:38, left + 4 : left + 12] = 1
        doubtful[:, f, 18:42, max(0, left - 2) : left + 18] = 1
    return film, hidden, doubtful


def test_a_camera_that_stands_sees_what_most_frames_show():
    film, hidden, doubtful = ghosted()
    still = ways(7)
    clean = texture(*SIZE)
    for with_doubt, far in ((doubtful, 0.02), (None, 0.4)):
        seen = passed_over(film, still, hidden, hidden, [3, 2, 4, 1, 5, 0, 6], doubtful_BFHW=with_doubt, common=True)
        off = (seen - clean[:, :, None]).abs().amax(1)[hidden < 0.5]
        assert (off.max() < far) if with_doubt is not None else (off.max() > far)


def test_who_stands_in_front_stays_and_what_nobody_shows_too():
    film, hidden, doubtful = ghosted()
    hidden[..., :8, :8] = doubtful[..., :8, :8] = 1  # in all frames
    film[:, :, 3, :8, :8] = 0.25
    seen = passed_over(film, ways(7), hidden, hidden, [3, 2, 4, 1, 5, 0, 6], doubtful_BFHW=doubtful, common=True)
    assert torch.equal(seen[:, :, 3, :8, :8], film[:, :, 3, :8, :8])
    assert torch.equal(seen[0, :, 3][:, hidden[0, 3] > 0.5], film[0, :, 3][:, hidden[0, 3] > 0.5])


def test_doubtful_parts_are_taken_where_no_frame_shows_better():
    film = texture(*SIZE)[:, :, None].expand(1, 3, 5, *SIZE).clone()
    film[:, :, 1:, 30:34, 30:34] = 1.0
    hidden, doubtful = torch.zeros(1, 5, *SIZE), torch.zeros(1, 5, *SIZE)
    doubtful[:, :, 28:36, 28:36] = 1
    hidden[:, 1:, 28:36, 28:36] = 1  # only the first frame shows it at all
    for camera in (ways(5), ways(5, across=1e-4)):
        seen = passed_over(film, camera, hidden, torch.zeros_like(hidden), [2, 1, 3, 0, 4], doubtful_BFHW=doubtful, common=True)
        assert (seen[:, :, 2, 30:34, 30:34] - texture(*SIZE)[:, :, 30:34, 30:34]).abs().max() < 0.05
