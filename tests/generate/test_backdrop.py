"""The place of a film is a still, painted once by what the prompt says of it; what was seen of it stays."""

import pytest
import torch

from skyloom.generate import Request, generate
from skyloom.generate.backdrop import GENTLY, KNOWN, MOST, SKETCHED, SKIES, Painter, pull_towards, smoothed, wording
from skyloom.generate.naming import scenery
from skyloom.models.bundle import tiny_bundle
from skyloom.models.panorama import laid, margins, seen_from, views
from skyloom.worlds.expand import read_facts
from skyloom.worlds.lexicon_en import PLACE_PHRASES
from skyloom.worlds.scene import LIGHTS


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle()


def painter(bundle, asked=None):
    def sample(prompt, noise, pattern):
        if asked is not None:
            asked.append((prompt, pattern))
        z = torch.zeros_like(noise) if pattern.given_BCTHW is None else pattern.given_BCTHW
        return torch.where(pattern.levels_BTHW[:, None] > KNOWN, noise, z)

    paint = Painter(Request("a fox", seed=3), bundle, (4, 4), sample)
    return torch.inference_mode()(lambda *asked, **how: paint(*asked, **how))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a fox runs in the forest at sunset", "in a forest at sunset, the weather is clear."),
        ("a fox in the rain on a city street", "on a city street, it is raining."),
        ("一只猫在夜晚的海滩上行走", "on the beach at night, the weather is clear."),
        ("stars twinkle over a lion in the desert", "in the desert, under a starry sky."),
        ("a fox runs", ""),
    ],
)
def test_a_backdrop_is_asked_for_by_place_light_and_sky(prompt, words):
    assert wording(scenery(prompt)) == words


def test_every_wording_says_what_it_is_to_say():
    for place in PLACE_PHRASES:
        for light in LIGHTS:
            facts = {f.kind: f.label for f in read_facts(wording({"place": place, "light": light, "weather": ""}), "en")}
            assert facts["place"] == place and facts["weather"] == "clear"
            assert facts.get("light", "day") == light
    for weather in SKIES:
        facts = [(f.kind, f.label) for f in read_facts(wording({"place": "desert", "light": "", "weather": weather}), "en")]
        assert facts == [("place", "desert"), ("weather", weather)]  # and nobody who would be painted


def test_a_grey_sky_is_asked_for_gently():
    asked = {
        weather: wording({"place": "desert", "light": "day", "weather": weather}) for weather in ("rain", "snow", "stars", "")
    }
    assert [pull_towards(asked[weather]) for weather in asked] == [GENTLY, GENTLY, 1, 1]
    dim = [wording({"place": "desert", "light": light, "weather": "rain"}) for light in ("night", "overcast")]
    assert [pull_towards(text) for text in dim] == [1, 1]  # no sun there


def test_a_still_has_the_size_that_is_asked_for_and_noise_of_its_own(bundle):
    asked = []
    paint = painter(bundle, asked)
    one, other = paint("in the snow", (70, 100)), paint("in the snow", (70, 100))
    assert one.shape == (1, 3, 70, 100) and not torch.allclose(one, other)
    assert torch.equal(painter(bundle)("in the snow", (70, 100)), one)
    assert [prompt for prompt, _ in asked] == ["in the snow"] * 2 and asked[0][1].given_BCTHW is None


def test_what_was_seen_stays_and_the_rest_is_painted(bundle):
    asked = []
    shown = torch.cat([torch.full((1, 3, 64, 96), 0.4), torch.ones(1, 1, 64, 96)], 1)
    shown[..., 48:] = 0
    made = painter(bundle, asked)("in the snow", (64, 96), shown)
    assert torch.equal(made[..., :48], shown[:, :3, :, :48]) and float(made[..., 64:].std()) > 0
    levels = asked[0][1].levels_BTHW
    assert float(levels[..., 0].max()) == pytest.approx(KNOWN) and float(levels[..., -1].min()) == 1
    shown[:, 3] = 1
    assert torch.allclose(painter(bundle, asked)("in the snow", (64, 96), shown), shown[:, :3]) and len(asked) == 1


def test_what_is_unknown_may_be_sketched_by_what_is_around_it(bundle):
    asked = []
    shown = torch.cat([torch.full((1, 3, 64, 384), 0.4), torch.ones(1, 1, 64, 384)], 1)
    shown[..., 64:96], shown[..., 192:] = 0, 0
    made = painter(bundle, asked)("in the snow", (64, 384), shown, sketched=True)
    pattern = asked[0][1]
    assert torch.equal(made[..., :64], shown[:, :3, :, :64]) and torch.equal(made[..., 96:192], shown[:, :3, :, 96:192])
    levels = pattern.levels_BTHW[0, 0].unflatten(1, (12, 2)).amax((0, 2))  # of patches of 32 pixels
    assert float(levels[0]) == pytest.approx(KNOWN) and SKETCHED < float(levels[2]) < 0.6
    assert (
        float(levels[2]) < float(levels[6]) < float(levels[7]) == float(levels.max()) == pytest.approx(MOST)
    )  # the farther, the less
    around = bundle.vae.encode(torch.full((1, 3, 1, 64, 384), 0.4))
    assert torch.allclose(pattern.given_BCTHW[..., 4:6], around[..., 4:6], atol=1e-3)


def test_grain_goes_and_edges_stay():
    picture = torch.cat([torch.full((1, 3, 32, 32), -0.6), torch.full((1, 3, 32, 32), 0.6)], 3)
    grain = picture + 0.04 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    smooth = smoothed(grain)
    assert float((smooth - picture).abs().mean()) < 0.6 * float((grain - picture).abs().mean())
    assert float((smooth[..., 30:34] - picture[..., 30:34]).abs().max()) < 0.15


def test_a_film_has_one_backdrop_where_its_place_is_known(bundle, monkeypatch):
    asked = []
    real = Painter.__call__

    def listening(self, prompt, size, *shown, **how):
        asked.append((prompt, size))
        return real(self, prompt, size, *shown, **how)

    monkeypatch.setattr(Painter, "__call__", listening)
    film = generate(Request("a fox runs in the snow, the camera is still", seconds=1.4, size="64x64", steps=1), bundle)
    assert asked == [("in the snow, the weather is clear.", (64, 64))] and film.frames.shape[1:] == (64, 64, 3)
    generate(Request("a fox runs", seconds=1.4, size="64x64", steps=1, expand="off"), bundle)
    assert len(asked) == 1


def test_a_camera_passes_over_the_picture_and_comes_back_to_it():
    camera = torch.zeros(1, 5, 5)
    camera[0, :, 0], camera[..., 4] = torch.linspace(-0.3, 0.3, 5), 0.5
    way = seen_from(camera, 2, 64, 64)
    margin = margins(way, 64, 64, least=0.0)
    assert margin[0] == 0 < margin[1] and margins(way[:, 2:3], 64, 64, least=0.0) == (0, 0)
    picture = torch.rand(1, 3, 64, 64 + 2 * margin[1], generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.avg_pool2d(picture, 9, 1, 4)
    seen = views(picture, way, (64, 64), margin)
    assert torch.allclose(seen[:, :, 2], picture[..., margin[1] : margin[1] + 64], atol=1e-4)
    again = laid(seen, way, (torch.zeros(1, 5, 64, 64),), [2, 1, 3, 0, 4], margin)
    known = again[:, 3:] > 0.99
    assert float(known.float().mean()) > 0.3
    assert float(((again[:, :3] / again[:, 3:].clamp(min=1e-3) - picture) * known).abs().max()) < 0.1
