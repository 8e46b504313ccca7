import dataclasses
import json

import pytest
import torch

from skyloom.base.checkpoint import save_weights
from skyloom.models.bundle import load_bundle, save_bundle, tiny_bundle
from skyloom.train.export import export_run


@pytest.fixture
def run(tmp_path):
    save_bundle(tiny_bundle(), tmp_path / "model" / "export")
    return tmp_path


def test_the_card_says_what_the_model_learned_from(run):
    bundle = tiny_bundle()
    bundle.config = dataclasses.replace(bundle.config, trained=8205)
    save_bundle(bundle, run / "model" / "export")
    card = (export_run(run, run / "world") / "README.md").read_text()
    assert "No footage" in card and "for 8205 steps" in card and "license: apache-2.0" in card and "base_model" not in card
    sets = [{"name": "sea", "weight": 1.0, "clips": 3, "held_out": 1, "seconds": 4.5, "licences": {"CC0": 2, "not stated": 1}}]
    (run / "model" / "data.json").write_text(json.dumps({"base": "storybook", "sets": sets}))
    (run / "model" / "metrics.jsonl").write_text('{"step": 0, "val17x64x64": 0.9}\n{"step": 40, "val17x64x64": 0.25}\n')
    (run / "model" / "samples").mkdir()
    (run / "model" / "samples" / "000040.png").write_bytes(b"picture")
    folder = export_run(run, run / "mine")
    card = (folder / "README.md").read_text()
    assert "No footage" not in card and "base_model: storybook" in card and "license: other" in card
    assert "| sea | 1 | 3 (1 held out) | 4.5 | CC0 (2), not stated (1) |" in card
    assert "| 17x64x64 | 0.9 | 0.25 |" in card and "for 40 steps" in card and "samples.png" in card
    assert (folder / "samples.png").read_bytes() == b"picture" and json.loads((folder / "data.json").read_text())[
        "sets"
    ] == sets
    sets[0]["licences"] = {"CC0": 3}
    (run / "model" / "data.json").write_text(json.dumps({"base": "storybook", "sets": sets}))
    assert "license: apache-2.0" in (export_run(run, run / "mine") / "README.md").read_text()


def test_a_decoder_that_learned_on_ships(run):
    vae = load_bundle(run / "model").vae
    torch.nn.init.constant_(vae.head.bias, 0.25)
    save_weights(run / "tokenizer" / "export" / "vae.safetensors", vae.state_dict(), torch.bfloat16)
    shipped = load_bundle(export_run(run, run / "out"))
    assert torch.all(shipped.vae.head.bias == 0.25)


def test_a_tokenizer_with_other_latents_is_refused(run):
    vae = load_bundle(run / "model").vae
    vae.gain_C.mul_(2)
    save_weights(run / "tokenizer" / "export" / "vae.safetensors", vae.state_dict(), torch.bfloat16)
    with pytest.raises(ValueError, match="gain_C"):
        export_run(run, run / "out")
