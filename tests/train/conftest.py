"""A tiny world drawn and encoded once for all training tests: procedural sprites, no art."""

import dataclasses

import pytest

from skyloom.data import encode
from skyloom.presets import TINY
from skyloom.train import tokenizer


@pytest.fixture(scope="session")
def tiny():
    return TINY


@pytest.fixture(scope="session")
def tokenizer_run(tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("tokenizer")
    config = dataclasses.replace(tiny, tokenizer=dataclasses.replace(tiny.tokenizer, steps=4))
    tokenizer.main(config, run)
    return run


@pytest.fixture(scope="session")
def encoded(tiny, tokenizer_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("latents")
    encode.main(tiny, tokenizer_run / "export" / "vae.safetensors", folder, processes=1, held_out=4)
    return folder
