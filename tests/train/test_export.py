import pytest
import torch

from skyloom.base.checkpoint import save_weights
from skyloom.models.bundle import load_bundle, save_bundle, tiny_bundle
from skyloom.train.export import export_run


@pytest.fixture
def run(tmp_path):
    save_bundle(tiny_bundle(), tmp_path / "model" / "export")
    return tmp_path


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
