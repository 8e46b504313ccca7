"""Plans of takes: they go on from window to window, from what is given, and say to each prompt what is its own."""

import dataclasses
import math

import pytest
import torch

from skyloom.generate import Request, generate, staged
from skyloom.generate.coming import entering
from skyloom.generate.naming import joined
from skyloom.generate.sampling import nothing_said
from skyloom.generate.staged import Stager
from skyloom.models.bodies import BODIES, ordered
from skyloom.models.bundle import tiny_bundle
from skyloom.models.staging import scaled
from skyloom.models.verifier import in_view

CELLS = (8, 8)


@pytest.fixture(scope="module")
def bundle():
    made = tiny_bundle()
    with torch.no_grad():
        made.staging.leave.bias[-1] = -6.0  # everybody is there: at the end of sampling data is noise less velocity
    return made


def stager(bundle, *prompts, seed=0, was=""):
    return Stager(prompts, Request(prompts[0], seed=seed), bundle, CELLS, was)


def plan(made, levels, held=0, known=None, kept=2):
    levels = torch.tensor(levels).view(1, -1, 1, 1)
    known = torch.zeros(1, 4, levels.shape[1], *CELLS) if known is None else known
    with torch.inference_mode():
        return made.window(torch.ones(len(made.prompts), levels.shape[1]) / len(made.prompts), levels, known, held, kept)


def test_a_plan_is_of_all_that_a_prompt_names_and_of_its_seed(bundle):
    made = plan(stager(bundle, "a fox in the snow"), [1.0] * 3)
    assert made.stances_1TS8.shape == (1, 3, 2 * BODIES, 8) and made.camera_1T5.shape == (1, 3, 5)
    whose = made.stances_1TS8[0, :, :, 7]
    assert (whose[:, :BODIES] == 0).all() and (whose[:, BODIES:] == 1).all()
    again, other = (plan(stager(bundle, "a fox in the snow", seed=seed), [1.0] * 3) for seed in (0, 1))
    assert torch.equal(made.stances_1TS8, again.stances_1TS8)
    assert not torch.allclose(made.stances_1TS8, other.stances_1TS8, atol=0.1)


def test_none_is_made_where_nobody_is_named_or_a_region_is_given(bundle):
    assert plan(stager(bundle, "a red"), [1.0] * 3) is None
    made = stager(bundle, "a fox")
    regions = torch.ones(1, 3, *CELLS)
    assert made.window(torch.ones(1, 3), regions, torch.zeros(1, 4, 3, *CELLS), 0, 2) is None
    alone = tiny_bundle()
    with torch.no_grad():
        alone.staging.leave.bias[-1] = 6.0
    assert plan(stager(alone, "a fox"), [1.0] * 3) is None  # nobody is there
    alone.staging = None
    assert plan(stager(alone, "a fox"), [1.0] * 3) is None


def test_the_next_window_knows_where_bodies_were(bundle):
    made = stager(bundle, "a fox")
    first = plan(made, [1.0] * 5)
    assert made.anchor.shape[2] == 1 and made.past.shape[2] == 2
    before = torch.cat([made.anchor, made.past], 2).clone()
    second = plan(made, [0.1] * 3 + [1.0] * 4, held=3)
    assert second.stances_1TS8.shape[1] == 7 and torch.equal(made.anchor, before[:, :, :1])
    kept = torch.cat([first.stances_1TS8[:, :1], first.stances_1TS8[:, -2:]], 1)
    far = lambda a, b: (a[..., 2:6:3] - b[..., 2:6:3]).abs().mean()  # noqa: E731
    fresh = plan(stager(bundle, "a fox", seed=1), [1.0] * 7)
    assert far(second.stances_1TS8[:, :3], kept) < 0.3 * far(fresh.stances_1TS8[:, :3], kept)  # heard of at a small noise
    assert plan(stager(bundle, "a fox"), [0.1] * 3 + [1.0] * 4, held=3) is None  # nothing to go on from


def seen(where, frames):
    """What the model would say of given frames: one body of the first of two looks, so far to the right."""
    stances = torch.zeros(1, frames, 2 * BODIES, 8)
    stances[..., 7] = -1
    stances[:, :, 2] = torch.tensor([3.0, 0, where, 0, 3, 2, 0.5, 0])
    return stances


def test_given_frames_say_where_bodies_are(bundle, monkeypatch):
    monkeypatch.setattr(bundle.dit, "film", lambda z, t, *words: (z, seen(4.0, z.shape[2])))
    made = plan(stager(bundle, "a fox"), [0.0, 1.0, 1.0])
    assert made.stances_1TS8[0, 0, 0, 2].item() == pytest.approx(4.0, abs=1.5)
    whole = plan(stager(bundle, "a fox"), [0.6, 0.6, 0.6])  # an edit: nothing is drawn
    assert torch.allclose(whole.stances_1TS8[0, :, 0, :6], seen(4.0, 1)[0, 0, 2, :6].expand(3, 6), atol=1e-4)
    assert (whole.stances_1TS8[0, :, 1:, 7] == -1).all()
    assert plan(stager(bundle, "a fox in the snow"), [1.0, 1.0, 0.0]) is None  # no snow is seen, and the plan has some


@pytest.mark.parametrize("room", [(0.0, 0.0, 0.25, 0.25), (0.5, 0.25, 1.0, 0.75)])
def test_who_is_asked_for_where_nobody_was_is_planned_in_the_region(bundle, monkeypatch, room):
    def painted(made, frames, held=0):
        levels = torch.zeros(1, frames, *CELLS)
        levels[:, :, 2:4, 2:4] = 1
        with torch.inference_mode():
            return made.window(torch.ones(1, frames), levels, torch.zeros(1, 4, frames, *CELLS), held, 2)

    nobody = torch.full((1, 12, 2 * BODIES, 8), -1.0)
    monkeypatch.setattr(bundle.dit, "film", lambda z, t, *words: (z, nobody[:, : z.shape[2]]))
    made = Stager(("a fox",), Request("a fox"), bundle, CELLS, "", room)
    top, left, bottom, right = (8 * share for share in room)
    for held in (0, 3):  # a window, and one that goes on from it
        plan = painted(made, 5, held)
        bodies = plan.stances_1TS8[0][plan.stances_1TS8[0, ..., 7] >= 0]
        assert len(bodies) and not plan.seen
        a, b, c, d, e, f = bodies[:, :6].T
        x, y = c + (a + b) / 2, f + (d + e) / 2
        assert (x > left).all() and (x < right).all() and (y > top).all() and (y < bottom).all()
        assert (torch.hypot(b, e) <= bottom - top).all()
    middle = 8 * (room[1] + room[3]) / 2, 8 * (room[0] + room[2]) / 2
    there = nobody.clone()
    there[:, :, 2] = torch.tensor([1.0, 0, middle[0] - 0.5, 0, 1, middle[1] - 0.5, 0.5, 0])
    monkeypatch.setattr(bundle.dit, "film", lambda z, t, *words: (z, there[:, : z.shape[2]]))
    fresh = lambda was: Stager(("a fox",), Request("a fox"), bundle, CELLS, was, room)  # noqa: E731
    assert painted(fresh(""), 5) is None and painted(fresh("snow"), 5) is None  # who is there becomes who is asked for
    there[..., 7] = -1
    assert painted(fresh("snow"), 5) is None  # somebody was told of and is not seen: perhaps there
    there[:, :, 2, 7] = 0
    there[:, :, 2, [2, 5]] = (8 - torch.tensor(middle)) - 0.5  # elsewhere
    if room[0]:
        return  # the middle of the picture is the middle of the picture again
    assert painted(fresh(""), 5) is None  # who is asked for is seen already
    assert painted(fresh("snow"), 5) is not None  # somebody else is


def outside(stances_8):
    """Whether the box of a body is out of the picture."""
    a, b, c, d, e, f = stances_8[:6].tolist()
    x, y = [c + min(0, a) + min(0, b), c + max(0, a) + max(0, b)], [f + min(0, d) + min(0, e), f + max(0, d) + max(0, e)]
    return x[1] < 0.2 or x[0] > CELLS[1] - 0.2 or y[1] < 0.2 or y[0] > CELLS[0] - 0.2


def test_who_is_not_in_the_first_frames_comes_into_the_picture(bundle, monkeypatch):
    monkeypatch.setattr(bundle.dit, "film", lambda z, t, *words: (z, torch.full((1, z.shape[2], 2 * BODIES, 8), -1.0)))
    made = plan(stager(bundle, "a fox"), [0.0] + [1.0] * 6)
    assert (made.stances_1TS8[0, :, 0, 7] >= 0).all() and outside(made.stances_1TS8[0, 0, 0])
    free = plan(stager(bundle, "a fox"), [1.0] * 7)
    assert torch.allclose(made.stances_1TS8[0, -1, 0], free.stances_1TS8[0, -1, 0], atol=1e-3)  # where it would be
    assert plan(stager(bundle, "a fox"), [1.0, 1.0, 0.0]) is None  # it would have to leave
    with torch.no_grad():
        bundle.staging.leave.bias[-1] = 6.0  # nobody is there
    nobody = plan(stager(bundle, "a fox"), [0.0, 1.0, 1.0])
    with torch.no_grad():
        bundle.staging.leave.bias[-1] = -6.0
    assert nobody is None


@pytest.mark.parametrize(("way", "axis", "side"), [((0.0, 0.4), 1, -1), ((0.5, 0.0), 0, -1), ((-0.5, 0.0), 0, 1)])
def test_who_falls_comes_from_above_and_who_goes_from_behind(bundle, way, axis, side):
    numbers = torch.zeros(1, staged.NUMBERS, 7, BODIES + 1, 1)
    numbers[0, 2, :, 0, 0], numbers[0, 3, :, 0, 0], numbers[0, 4, :, 0, 0] = -1.0, 1.0, 1.0  # size, width, cosine
    for number, goes in enumerate(way):
        numbers[0, number, :, 0, 0] = torch.linspace(-goes / 2, goes / 2, 7)
    numbers[0, -1, :, 0] = 1
    free = staged.scaled(numbers, bundle.staging)
    moved = entering(torch.zeros_like(free), free, [0], 1, bundle.staging, CELLS)
    made = staged.scaled(moved, bundle.staging, back=True)[0, :, :, 0, 0]
    assert made[axis, 0] * side > 0.5 and made[1 - axis, 0] == pytest.approx(-way[1 - axis] / 2, abs=0.08)
    assert torch.allclose(made[:, -1], numbers[0, :, -1, 0, 0], atol=1e-4)
    assert (made[axis].diff() * side < 0).all() or axis == 0  # never back


def test_who_is_new_goes_the_way_of_whom_it_replaces(bundle, monkeypatch):
    monkeypatch.setattr(bundle.dit, "film", lambda z, t, *words: (z, seen(4.0, z.shape[2])))
    made = plan(stager(bundle, "snow", was="a red fox"), [0.6] * 3)
    assert torch.allclose(made.stances_1TS8[0, :, 0, :6], seen(4.0, 1)[0, 0, 2, :6].expand(3, 6), atol=1e-4)
    assert staged.recast([1, 2, 3], [3, 4]) == [4, None, 3] and staged.recast([], [1]) == []


def test_each_prompt_is_told_its_own(bundle):
    made = stager(bundle, "snow", "a fox in the snow", "red")
    drawn = plan(made, [1.0] * 3)
    pictures = bundle.read(list(made.prompts))[3]
    rows, said = made.told(drawn, list(made.prompts), pictures)
    assert rows.shape == (3, 3, 2 * BODIES, 8) and said.shape[:4] == (3, 3, *CELLS)
    snow, fox = drawn.stances_1TS8[0, :, :BODIES, :7], drawn.stances_1TS8[0, :, BODIES:, :7]
    assert torch.equal(rows[0, :, :BODIES, :7], snow) and (rows[0, :, BODIES:, 7] == -1).all()
    assert torch.equal(rows[1, :, :BODIES, :7], fox) and torch.equal(rows[1, :, BODIES:, :7], snow)
    assert (rows[1, :, :BODIES, 7] == 0).all() and (rows[1, :, BODIES:, 7] == 1).all() and (rows[2, ..., 7] == -1).all()
    whole, heard = nothing_said(said, 1)
    assert whole.shape[0] == 4 and heard.tolist() == [True] * 3 + [False]


def test_given_frames_fall_into_runs():
    assert staged.runs([True, True, False, True]) == [(0, 2), (3, 4)] and staged.runs([False]) == []
    assert staged.runs([True]) == [(0, 1)]


def test_bodies_stand_from_left_to_right():
    stances = torch.zeros(1, 2, BODIES, 8)
    stances[..., 7] = torch.tensor([[-1.0, 0, 0, -1], [0, 0, 0, -1]])
    stances[..., 2] = torch.tensor([5.0, 7, 2, 0])
    assert ordered(stances)[0, 1, :, 2].tolist() == [2, 5, 7, 0]


@pytest.fixture
def heard(bundle, monkeypatch):
    """What the model is told, call by call."""
    told = []
    ask = type(bundle.dit.places).forward

    def listening(self, *args):
        told.append(args[3])
        return ask(self, *args)

    monkeypatch.setattr(type(bundle.dit.places), "forward", listening)
    return told


def test_a_film_follows_its_plan(bundle, heard):
    request = Request("a fox", seconds=5 / 12, size="64x64", steps=2)
    film = generate(request, bundle).frames
    assert (generate(request, bundle).frames == film).all() and all(told is not None for told in heard)
    alone = tiny_bundle()
    alone.staging = None
    assert not (generate(request, alone).frames == film).all()


def test_a_ring_is_planned_as_one(bundle):
    made = stager(bundle, "a fox")
    with torch.inference_mode():
        plan = made.ring(torch.ones(1, 4))
        assert plan.stances_1TS8.shape == (1, 4, BODIES, 8) and made.ring(torch.ones(1, 4)) is not None
        assert stager(bundle, "a red").ring(torch.ones(1, 4)) is None


def test_a_loop_follows_its_plan_however_it_is_turned(bundle, heard):
    generate(Request("a fox", seconds=16 / 12, size="64x64", steps=3, loop=True), bundle)
    said = [told[0][0] for told in heard]  # latent frames first: one that the ring closes on, and the ring from its cut on
    assert all(len(frames) == 5 and torch.equal(frames[0], frames[-1]) for frames in said)
    cuts = [next(n for n in range(4) if torch.equal(frames[1:].roll(n, 0), said[0][1:])) for frames in said]
    assert cuts == [0, 2, 0]


def test_a_plan_knows_bodies_in_each_frame(bundle):
    made = plan(stager(bundle, "a fox"), [1.0] * 4)
    paced = made.paced_1NS8
    assert paced.shape == (1, 16, BODIES, 8)
    assert torch.allclose(paced[:, 3], made.stances_1TS8[:, 0], atol=1e-3) and torch.equal(paced[:, 0], paced[:, 3])
    assert torch.equal(made.part(1).paced_1NS8, paced[:, 4:])
    assert torch.equal(made.at(torch.tensor([2, 0])).paced_1NS8, torch.cat([paced[:, 8:12], paced[:, :4]], 1))
    alone = dataclasses.replace(bundle, tempo=None)
    assert plan(stager(alone, "a fox"), [1.0] * 4).paced_1NS8 is None


def test_bodies_go_on_from_window_to_window_frame_by_frame(bundle):
    made = stager(bundle, "a fox")
    first = plan(made, [1.0] * 4)
    second = plan(made, [0.0, 0.0, 0.0, 1.0, 1.0], held=3)
    assert second.paced_1NS8.shape[1] == 20
    last, here = first.paced_1NS8[:, -1], second.paced_1NS8[:, 4 * 3 - 1]
    assert torch.allclose(here[..., :6], last[..., :6], atol=1e-3)


def test_a_ring_is_paced_around_its_end(bundle):
    with torch.inference_mode():
        made = stager(bundle, "a fox").ring(torch.ones(1, 4))
    assert made.paced_1NS8.shape == (1, 16, BODIES, 8)
    way = torch.cat([made.paced_1NS8, made.paced_1NS8[:, :1]], 1)[..., :6].diff(dim=1).abs().amax((0, 2, 3))
    assert float(way[-1]) <= 2 * float(way[:-1].max())


def test_the_film_is_made_of_the_plan_that_shows_best_what_is_asked_for(bundle, monkeypatch):
    made, one = stager(bundle, "a fox"), stager(bundle, "a fox")
    monkeypatch.setattr(staged, "TAKES", 1)
    first = plan(stager(bundle, "a fox"), [1.0] * 3)
    monkeypatch.undo()
    assert len(made.noises) == staged.TAKES > 2
    wanted = iter(
        [torch.tensor([0.0] * (len(made.noises) - 1) + [10.0]), torch.tensor([10.0] + [0.0] * (len(made.noises) - 1))]
    )
    monkeypatch.setattr(type(bundle.verifier), "forward", lambda self, plans, looks, asked: next(wanted))
    last, again = (plan(each, [1.0] * 3) for each in (made, one))
    assert torch.allclose(again.stances_1TS8, first.stances_1TS8, atol=1e-4)
    assert not torch.allclose(last.stances_1TS8, first.stances_1TS8, atol=0.1)
    plan(made, [0.1] * 3 + [1.0] * 4, held=3)  # how it goes on, nobody chooses


def test_what_is_told_anew_has_plans_to_choose_from_and_is_judged_by_its_own_frames(bundle, monkeypatch):
    made, judged = stager(bundle, "a fox", "a fox in the snow"), []

    def scores(self, plans, looks, asked):
        judged.append(plans.shape[:3:2])
        return torch.zeros(len(plans))

    monkeypatch.setattr(type(bundle.verifier), "forward", scores)
    said = torch.tensor([[1.0] * 4 + [0.0] * 4, [0.0] * 4 + [1.0] * 4])
    with torch.inference_mode():
        for at, count, held in ((0, 4, 0), (2, 4, 3), (3, 5, 3)):
            weights, levels = said[:, at : at + count], torch.tensor([0.1] * held + [1.0] * (count - held)).view(1, -1, 1, 1)
            made.window(weights, levels, torch.zeros(1, 4, count, *CELLS), held, 2)
    many = len(made.noises)
    assert judged[0] == (many, 4)  # the film's beginning
    assert judged[1:3] == [(many, 2), (many, 2)] and (many, 4) in judged[3:]  # something else is told: half of the window each


def test_there_is_room_for_no_more_than_are_asked_for(bundle, monkeypatch):
    claims = stager(bundle, "a fox in the snow")._asked(0)

    def counts(fox, snow):
        sure = torch.full((1, 2, BODIES + 1), -9.0)
        sure[0, 0, fox], sure[0, 1, snow] = 9, 9
        return claims._replace(count_BQK1=sure)

    for fox, snow, there in ((1, 0, [1, 0]), (1, 1, [1, 1]), (3, 1, [BODIES, BODIES])):
        said = counts(fox, snow)
        monkeypatch.setattr(type(bundle.verifier), "asked", lambda *_, said=said: said)
        made = plan(stager(bundle, "a fox in the snow"), [1.0] * 3)
        assert (made.stances_1TS8[0, 0, :, 7] >= 0).unflatten(0, (2, BODIES)).sum(1).tolist() == there


def rows_of(*bodies, size=(16, 16), frames=3):
    """Bodies that stand: middle right and down, height, depth, there."""
    one = torch.tensor([[x, y, math.log(tall), 1.0, 1, 0, depth, there] for x, y, tall, depth, there in bodies])
    return torch.as_tensor(one).expand(1, frames, -1, -1)


def test_who_hides_or_is_out_of_the_picture_is_not_seen():
    near, far = (0.0, 0.0, 0.4, 0.9, 1), (0.02, 0.0, 0.3, 0.2, 1)
    seen = in_view(rows_of(near, far), (16, 16))[0]
    assert seen[0] == 1 and seen[1] == 0
    assert in_view(rows_of((*near[:4], 0), far), (16, 16))[0].tolist() == [1, 1]  # who is not there hides nobody
    aside = in_view(rows_of(near, (0.5, 0.0, 0.3, 0.2, 1), (2.0, 0.0, 0.3, 0.2, 1)), (16, 16))[0]
    assert aside[0] == 1 and 0.3 < aside[1] < 0.7 and aside[2] == 0
    assert in_view(rows_of((0.7, 0.0, 0.3, 0.2, 1)), (16, 32))[0, 0] == 1  # in a wide one it is inside


@pytest.mark.parametrize(
    ("prompt", "pairs"),
    [
        ("a man and a woman", [("man", "woman")]),
        ("a red fox, two rabbits and a big bear run", [("fox", "rabbits"), ("rabbits", "bear")]),
        ("stars twinkle over a lion and a tiger", [("lion", "tiger")]),
        ("一个男人和一只红色的狐狸", [("男人", "狐狸")]),
        ("a dog chases a cat", []),
        ("two clouds and a lamp post. a fox runs.", []),
        ("a doctor floats, and two penguins walk", []),
    ],
)
def test_who_is_named_in_one_breath(prompt, pairs):
    assert joined(prompt) == pairs


def test_of_plans_the_best_shows_both_who_are_named_in_one_breath(bundle, monkeypatch):
    made = stager(bundle, "a fox and snow")
    made.surely = {0, 1}
    both = plan_with(bundle, made, (0.9, 0.9))
    alone, hidden = plan_with(bundle, made, (0.9, -1)), plan_with(bundle, made, (0.9, 0.9), apart=0.0)
    monkeypatch.setattr(type(bundle.verifier), "forward", lambda self, plans, looks, asked: torch.zeros(len(plans)))
    with torch.inference_mode():
        assert made._best(torch.cat([alone, hidden, both]), torch.ones(1, 3)) == 2
        made.surely = set()
        assert made._best(torch.cat([alone, hidden, both]), torch.ones(1, 3)) == 0  # nothing says that both are to be there


def test_each_prompt_asks_for_those_alone_whom_it_names(bundle):
    made, alone = stager(bundle, "a fox", "snow", "red"), stager(bundle, "snow")
    with torch.inference_mode():
        fox, snow, nobody = (made._asked(p).count_BQK1[0].softmax(-1)[:, 0] for p in range(3))
        own = alone._asked(0)
    assert made.looks == [0, 1] and min(float(fox[1]), float(snow[0]), *nobody.tolist()) > 0.99
    assert torch.allclose(made._asked(1).count_BQK1[:, 1], own.count_BQK1[:, 0]) and float(fox[0]) < 0.99
    assert torch.allclose(made._asked(1).camera_BC, own.camera_BC)


def test_who_got_lost_beside_another_is_planned_alone(bundle, monkeypatch):
    made, texts = stager(bundle, "a fox and snow"), []
    made.surely = {0, 1}
    sampled = Stager._sampled

    def without_snow(self, noise, pattern, weights, ring=None, **more):
        texts.append(more.get("texts"))
        drawn = sampled(self, noise, pattern, weights, ring, **more)
        drawn[:, -1, :, BODIES : 2 * BODIES] = 1 if more.get("texts") else -1
        return drawn

    monkeypatch.setattr(Stager, "_sampled", without_snow)
    there = (plan(made, [1.0] * 3).stances_1TS8[0, :, :, 7] >= 0).all(0)
    assert texts == [None, ["a snow in the snow, the weather is clear."]]
    assert there[:BODIES].any() and there[BODIES : 2 * BODIES].all()
    texts.clear()
    other = stager(bundle, "a fox", "snow")
    other.surely = {0, 1}
    with torch.inference_mode():
        other.window(torch.tensor([[1.0] * 3, [0.0] * 3]), torch.ones(1, 3, 1, 1), torch.zeros(1, 4, 3, *CELLS), 0, 2)
    assert texts == [None]  # nobody has spoken of snow yet
    begun = stager(bundle, "a fox and snow")
    begun.surely = {0, 1}
    plan(begun, [0.0, 1.0, 1.0])
    assert texts and all(text is None for text in texts)  # what is given says who is there


def plan_with(bundle, made, there, apart=0.5):
    """A scaled plan with the first body of either look, so far apart."""
    numbers = torch.zeros(1, 8, 3, 2 * BODIES + 1, 1)
    numbers[:, 2], numbers[:, 3], numbers[:, 4], numbers[:, -1] = math.log(0.3), 1, 1, 0
    for look, sign in enumerate((-1, 1)):
        numbers[:, 0, :, look * BODIES], numbers[:, -1, :, look * BODIES] = sign * apart / 2, there[look]
        numbers[:, 6, :, look * BODIES] = look / 2
    return scaled(numbers, bundle.staging)
