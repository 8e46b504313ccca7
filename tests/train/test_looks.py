import pytest
import torch

from skyloom.config import VAEConfig
from skyloom.models.text import LOOK
from skyloom.models.vae import VAE
from skyloom.train.looks import first_looks, known_nouns, names_of


def test_first_looks_tell_nouns_apart():
    torch.manual_seed(0)
    vae = VAE(VAEConfig(8, (8, 8, 16), (1, 1, 1)))
    torch.nn.init.orthogonal_(vae.basis)
    nouns = known_nouns(6)
    looks = first_looks(nouns, vae.eval(), 32)
    assert looks.shape == (6, LOOK, 32)
    assert looks.square().mean().item() == pytest.approx(1, abs=1e-3)
    distances = torch.cdist(looks.flatten(1), looks.flatten(1)) + torch.eye(6) * 1e3
    assert distances.min() > 1


def test_names_are_those_of_both_languages():
    assert {"fox", "foxes", "狐狸"} <= set(names_of(known_nouns(6))[2])


def test_more_looks_than_nouns_are_refused():
    with pytest.raises(ValueError, match=r"text.looks=100000: the cast has \d+ nouns"):
        known_nouns(100_000)
