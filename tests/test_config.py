import pytest

from skyloom.config import Config, from_json, override, to_json
from skyloom.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_whole_and_travel_as_json(name):
    config = PRESETS[name]
    assert from_json(to_json(config)) == config
    assert config.name == name
    assert config.dit.width % config.dit.head_dim == 0
    assert config.text.width % config.text.heads == 0
    for _, shares in config.model.phases:
        assert len(shares) == len(config.model.buckets) and sum(shares) == pytest.approx(1)
    for bucket in config.model.buckets:
        assert (bucket.frames - 1) % 4 == 0
        assert bucket.height % (config.vae.stride * config.dit.patch) == 0
        assert bucket.width % (config.vae.stride * config.dit.patch) == 0


def test_an_override_changes_one_field_and_keeps_its_type():
    config = override(Config(), "model.lr", "3e-4")
    assert config.model.lr == 3e-4 and config.vae == Config().vae
    assert override(Config(), "dit.depth", "4").dit.depth == 4
    assert override(Config(), "tokenizer.noise", "0.5").tokenizer.noise == 0.5
    assert override(Config(), "vae.decoder_widths", "[8, 16]").vae.decoder_widths == (8, 16)
    assert override(Config(), "name", "mine").name == "mine"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("modle.lr", "1", "Did you mean 'model'"),
        ("model.lrr", "1", "Did you mean 'lr'"),
        ("model.steps", "1.5", "wanted int"),
        ("model.steps", "many", "wanted int"),
        ("fps.x", "1", "no settings of its own"),
    ],
)
def test_a_wrong_override_says_what_was_wanted(path, text, message):
    with pytest.raises(ValueError, match=message):
        override(Config(), path, text)


def test_unknown_fields_in_json_are_refused():
    with pytest.raises(ValueError, match="no setting 'colour'"):
        from_json('{"vae": {"colour": 3}}')
