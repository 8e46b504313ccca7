"""Pictures drawn in full over the frames of a film, from far to near."""

import numpy as np
import torch
import torch.nn.functional as F

from skyloom.generate.cutouts import Cutout, Sprite, drawn_over, tones
from skyloom.models.places import SIDE


def body(x=1.0, y=1.0, side=2.0, frames=4, speed=0.0):
    """A square one, its upper left corner there, in cells; it goes to the right: 1 F 1 8."""
    stances = torch.tensor([side, 0, x, 0, side, y, 0.5, 0.0]).repeat(1, frames, 1, 1)
    stances[0, :, 0, 2] += speed * torch.arange(frames)
    return stances


def picture(half=False):
    """A square, white, or light and on its right half dark: 1 1 4 S S, premultiplied."""
    shown = torch.ones(1, 1, 4, SIDE, SIDE)
    if half:
        shown[..., :3, :, : SIDE // 2], shown[..., :3, :, SIDE // 2 :] = 0.2, -0.6
    return shown


def dots(film):
    """A film in beats and dots, 0 to 1."""
    return F.avg_pool3d(film, 2) / 2 + 0.5


def over(film, light, stances, pictures, counts=None):
    counts = torch.ones(film.shape[2]) if counts is None else counts
    return drawn_over(film, dots(light), [Cutout(stances[:, :, 0], pictures[:, 0], counts)], 16)


def test_a_body_is_drawn_to_the_pixel_and_moves_from_frame_to_frame():
    film = torch.full((1, 3, 4, 64, 96), -1.0)
    drawn = over(film, torch.ones_like(film), body(speed=0.25), picture())
    for frame in range(4):
        left = 16 + 4 * frame
        assert drawn[0, :, frame, 17:47, left + 1 : left + 31].min() > 0.95
        assert drawn[0, :, frame, :, : left - 1].max() == -1 and drawn[0, :, frame, :, left + 33 :].max() == -1


def test_it_has_the_mean_colours_of_the_film():
    light = torch.zeros(1, 3, 4, 64, 96)
    light[:, 0] = 0.5
    drawn = over(torch.zeros_like(light), light, body(), picture(half=True))[0, :, 0, 18:46, 18:46]
    assert drawn[0].mean() > drawn[1].mean() + 0.2  # a warm light
    assert (drawn[:, :, :12].mean() - drawn[:, :, 16:].mean()) > 0.5  # and still its own picture


def test_it_is_seen_as_much_as_it_counts():
    film = torch.full((1, 3, 4, 64, 64), -1.0)
    drawn = over(film, torch.ones_like(film), body(), picture(), torch.tensor([1.0, 0.25, 1, 1]))
    assert drawn[0, 0, 0, 32, 32] > 0.95 and abs(float(drawn[0, 0, 1, 32, 32]) + 0.5) < 0.05
    nobody = body()
    nobody[..., 7] = -1
    assert torch.equal(over(film, film, nobody, picture()), film)


def test_the_nearer_one_hides_the_other_even_where_they_change_places():
    film = torch.zeros(1, 3, 4, 64, 64)
    black, white = picture(), picture()
    black[:, :, :3] = -1
    near = body(frames=4)
    near[0, :, 0, 6] = torch.tensor([0.9, 0.9, 0.1, 0.1])
    rows = [
        Cutout(near[:, :, 0], white[:, 0], torch.ones(4), lit=True),
        Cutout(body(frames=4)[:, :, 0], black[:, 0], torch.ones(4), lit=True),
    ]
    drawn = drawn_over(film, dots(film), rows, 16)[0, 0, :, 32, 32]
    assert drawn.tolist() == [1, 1, -1, -1]
    same = [Cutout(body()[:, :, 0], one[:, 0], torch.ones(4), lit=True) for one in (white, black)]
    assert drawn_over(film, dots(film), same, 16)[0, 0, 0, 32, 32] == -1  # the later one


def test_the_colours_are_those_of_what_is_seen_of_a_body():
    light = torch.full((1, 3, 4, 64, 64), 0.5)
    light[..., 32:] = -1.0  # here another one stands before it
    one = Cutout(body(x=1, y=1)[:, :, 0], picture()[:, 0], torch.ones(4))
    other = body(x=2, y=1)
    other[..., 6] = 0.9
    (alone, _), (behind, _) = (
        tones(cutouts, dots(light))[0] for cutouts in ([one], [one, Cutout(other[:, :, 0], picture()[:, 0], torch.ones(4))])
    )
    assert behind.mean() > 0.7 > alone.mean() and abs(float(behind.mean()) - 0.75) < 0.05
    assert tones([Cutout(one.stances_1F8, one.picture_14SS, one.count_F, lit=True)], dots(light)) == [None]


def test_a_small_picture_is_a_mean_of_its_pixels():
    stripes = torch.ones(1, 4, SIDE, SIDE)
    stripes[:, :3, :, ::2] = -1
    frame = np.zeros((64, 64, 3), np.uint8)
    Sprite(Cutout(torch.zeros(1, 1, 8), stripes, torch.ones(1)), None).draw(
        frame, 0, np.array([[12.0, 0, 20], [0, 12.0, 20]]), 1.0
    )
    inner = frame[23:29, 23:29]
    assert np.abs(inner.astype(int) - 128).max() <= 12
    Sprite(Cutout(torch.zeros(1, 1, 8), stripes, torch.ones(1)), None).draw(
        frame, 0, np.array([[12.0, 0, 200], [0, 12.0, 20]]), 1.0
    )  # out of sight
    assert (frame[:, 40:] == 0).all()


def test_the_colours_are_not_those_of_frames_in_which_nobody_is_named_or_in_which_somebody_rushes_off():
    light = torch.full((1, 3, 12, 64, 64), 0.5)
    light[:, :, 4:] = -1.0
    whole, gone = (torch.tensor([1.0] * 4 + [share] * 8) for share in (1.0, 0.0))
    stands = body(frames=12)[:, :, 0]
    always, part = (tones([Cutout(stands, picture()[:, 0], counts)], dots(light))[0][0].mean() for counts in (whole, gone))
    assert float(part) > 0.7 > float(always)
    rushes = stands.clone()
    rushes[0, 4:8, 2] += 0.8 * torch.arange(1, 5)  # 3 cells in a latent frame, of a body of 2
    leaving = torch.tensor([1.0] * 8 + [0.0] * 4)
    assert torch.allclose(tones([Cutout(rushes, picture()[:, 0], leaving)], dots(light))[0][0].mean(), part, atol=0.06)
