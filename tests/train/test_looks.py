import pytest
import torch

from skyloom.config import VAEConfig
from skyloom.models.dit import LOOK
from skyloom.models.places import SIDE
from skyloom.models.vae import VAE
from skyloom.train.looks import known_nouns, memory_of, names_of


def test_pictures_are_those_of_the_sprites():
    torch.manual_seed(0)
    vae = VAE(VAEConfig(8, (8, 8, 16), (1, 1, 1)))
    torch.nn.init.orthogonal_(vae.basis)
    looks, pictures = memory_of(known_nouns(6), vae.eval())
    assert looks.shape == (6, 8 + 1, LOOK, LOOK)
    assert pictures.shape == (6, 4, SIDE, SIDE) and pictures.dtype == torch.uint8
    z, cover = looks[:, :-1], looks[:, -1]
    distances = torch.cdist(z.flatten(1), z.flatten(1)) + torch.eye(6) * 1e3
    assert distances.min() > 1
    assert cover.min() == 0 and 0.9 < cover.max() <= 1


def test_names_are_those_of_both_languages():
    assert {"fox", "foxes", "狐狸"} <= set(names_of(known_nouns(6))[2])


def test_more_looks_than_nouns_are_refused():
    with pytest.raises(ValueError, match=r"text.looks=100000: the cast has \d+ nouns"):
        known_nouns(100_000)
