"""Who is in a part of a film only goes out of the picture and comes into it, the way that his plan leads."""

import pytest
import torch

from skyloom.generate import Request, generate
from skyloom.generate.coming import BEYOND, Comings
from skyloom.generate.request import Shot
from skyloom.generate.staged import Stager
from skyloom.models.bodies import BODIES
from skyloom.models.bundle import tiny_bundle
from skyloom.models.staging import NUMBERS, Staging, scaled

CELLS = (8, 16)
OUT = 1.0 + 0.1  # short sides from the middle to the border of a picture twice as wide as high, and half of a body


@pytest.fixture(scope="module")
def staging():
    return tiny_bundle().staging


def body(frames, *, right=0.0, down=0.0, x=0.0, there=1.0):
    """A plan of one look, whose first body goes so far in each latent frame."""
    plan = torch.zeros(1, NUMBERS, frames, BODIES + 1, 1)
    plan[:, -1] = 0
    plan[0, 0, :, 0, 0] = x + right * torch.arange(frames)
    plan[0, 1, :, 0, 0] = down * torch.arange(frames)
    plan[0, 2, :, 0, 0], plan[0, 3, :, 0, 0], plan[0, 4, :, 0, 0] = torch.tensor(0.2).log(), 1, 1
    plan[0, -1, :, 0, 0] = there
    return plan


def bent(staging: Staging, comings: Comings, plan, at):
    return scaled(comings.bent(scaled(plan, staging), staging, at), staging, back=True)[0, :, :, 0, 0]


def named(*shares):
    return torch.tensor(shares)[:, None]


def test_who_is_named_no_longer_goes_out_the_way_that_he_went(staging):
    for sense in (1, -1):
        x, *_, there = bent(staging, Comings(named(*[1.0] * 8, *[0.0] * 6), CELLS), body(14, right=sense * 0.05), range(14))
        assert torch.allclose(x[:2], sense * 0.05 * torch.arange(2), atol=1e-4)  # not yet
        assert (sense * x[:8]).diff().min() > 0 and torch.allclose(x[7 : 8 + BEYOND], torch.tensor(sense * OUT), atol=1e-4)
        assert (there[: 8 + BEYOND] > 0.5).all() and (there[8 + BEYOND :] < 0.5).all()


def test_who_comes_does_so_from_behind(staging):
    x, *_, there = bent(staging, Comings(named(*[0.0] * 6, *[1.0] * 8), CELLS), body(14, right=0.05, x=-0.5), range(14))
    assert torch.allclose(x[6 - BEYOND : 7], torch.tensor(-OUT), atol=1e-4)
    assert x[6:].diff().min() > 0 and float(x[-1]) == pytest.approx(-0.5 + 13 * 0.05, abs=1e-4)
    assert (there[: 6 - BEYOND] < 0.5).all() and (there[6 - BEYOND :] > 0.5).all()


def test_what_rises_leaves_at_the_top_and_nothing_through_the_ground(staging):
    shares = named(*[1.0] * 8, *[0.0] * 6)
    _, y, *_ = bent(staging, Comings(shares, CELLS), body(14, down=-0.1), range(14))
    assert float(y[7]) == pytest.approx(-0.6, abs=1e-4)
    plan = body(14, down=0.1)
    assert torch.allclose(bent(staging, Comings(shares, CELLS), plan, range(14)), plan[0, :, :, 0, 0], atol=1e-4)


def test_who_stands_who_is_always_there_and_who_is_gone_for_a_moment_stay_as_planned(staging):
    for shares, plan in (
        (named(*[1.0] * 8, *[0.0] * 6), body(14)),
        (named(*[1.0] * 14), body(14, right=0.1)),
        (named(*[1.0] * 6, 0.5, 0.5, *[1.0] * 6), body(14, right=0.1)),
        (named(*[0.4] * 14), body(14, right=0.1)),
    ):
        assert torch.allclose(bent(staging, Comings(shares, CELLS), plan, range(14)), plan[0, :, :, 0, 0], atol=1e-4)


def test_the_way_is_the_same_in_the_next_window(staging):
    comings = Comings(named(*[1.0] * 8, *[0.0] * 8), CELLS)
    plan = body(16, right=0.05)
    whole = bent(staging, Comings(named(*[1.0] * 8, *[0.0] * 8), CELLS), plan, range(16))
    first = bent(staging, comings, plan[:, :, :6], range(6))
    back = plan[:, :, 4:].clone()
    back[0, 0] = 5 - back[0, 0]  # as if its plan turned round: it has begun to go
    second = bent(staging, comings, back, range(4, 16))
    assert torch.allclose(first, whole[:, :6], atol=1e-4)
    assert float(second[0, 3]) == pytest.approx(OUT, abs=1e-4) and list(comings.ways.values()) == [(1, 0)]


def test_who_is_there_for_a_part_of_a_window_and_goes_on_from_none_before():
    comings = Comings(torch.tensor([[1.0, 0.0, 1.0]] * 6 + [[0.0, 1.0, 1.0]] * 6), CELLS)
    assert comings.named_in_part(0, 8) == {0, 1} and comings.named_in_part(0, 5) == set()
    assert comings.named_in_part(4, 4) == {1} and comings.named_in_part(7, 3) == {1}  # as good as then
    assert comings.named_in_part(9, 3) == set()


def test_a_storyboard_is_filmed_with_whoever_its_cards_name(monkeypatch):
    bundle, asked = tiny_bundle(), []
    monkeypatch.setattr(Stager, "coming_and_going", lambda self, weights: asked.append((self.prompts, weights)))
    cards = (Shot(0, 1, "a fox runs"), Shot(1, 2, "snow"))
    film = generate(Request("", shots=cards, size="64x64", steps=1, quality="fast"), bundle)
    [(prompts, weights)] = asked
    assert len(prompts) == 2 and weights.shape == (2, 1 + (len(film.frames) + 2) // 4)
    asked.clear()
    generate(Request("a fox runs", size="64x64", steps=1, seconds=1), bundle)
    assert not asked
