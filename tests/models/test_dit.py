import pytest
import torch

from skyloom.config import DiTConfig, TextConfig
from skyloom.models.bundle import load_bundle, save_bundle, tiny_bundle
from skyloom.models.dit import LOOK, DiT, LocalBlock, precondition
from skyloom.models.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("float32")


def run(bundle, z, t, prompts):
    with torch.no_grad():
        return bundle.dit(z, t, *bundle.read(prompts))


def test_velocity_has_the_shape_of_the_latents():
    bundle = tiny_bundle()
    z = torch.randn(2, 4, 3, 4, 6)
    assert run(bundle, z, torch.rand(2, 1, 1, 1), ["a fox", "snow"]).shape == z.shape


def test_levels_may_be_given_per_clip_per_frame_or_per_cell():
    bundle, rng = tiny_bundle(), torch.Generator().manual_seed(0)
    z, t = torch.randn(1, 4, 3, 4, 4, generator=rng), torch.full((1, 1, 1, 1), 0.4)
    whole = run(bundle, z, t, ["a fox"])
    assert torch.allclose(whole, run(bundle, z, t.expand(1, 3, 1, 1).contiguous(), ["a fox"]), atol=1e-4)
    assert torch.allclose(whole, run(bundle, z, t.expand(1, 3, 4, 4).contiguous(), ["a fox"]), atol=1e-4)
    other = t.expand(1, 3, 1, 1).clone()
    other[:, 0] = 0
    assert not torch.allclose(whole, run(bundle, z, other, ["a fox"]), atol=1e-3)


def test_the_prompt_and_its_padding():
    bundle = tiny_bundle()
    z, t = torch.randn(1, 4, 2, 4, 4), torch.full((1, 1, 1, 1), 0.7)
    fox, snow = run(bundle, z, t, ["a fox"]), run(bundle, z, t, ["snow"])
    assert not torch.allclose(fox, snow, atol=1e-3)
    both = run(bundle, z.expand(2, -1, -1, -1, -1), t.expand(2, -1, -1, -1), ["a fox", "a red fox runs in the snow"])
    assert torch.allclose(both[0], fox[0], atol=1e-4)


def test_looks_are_seen_by_the_prompts_that_name_them():
    bundle, prompts = tiny_bundle(), ["a red fox runs", "a fox in the snow", "snow", "a red", "snow, a fox"]
    z, t = torch.randn(1, 4, 2, 4, 4).expand(5, -1, -1, -1, -1), torch.full((5, 1, 1, 1), 0.7)
    text, mask, seen, _ = bundle.read(prompts)
    tokens = (LOOK // 2) ** 2
    assert seen.shape == (5, 2 * 2, 2, 2 * tokens, 16)
    assert mask[:, text.shape[1] :].sum(1).tolist() == [tokens, 2 * tokens, tokens, 0, 2 * tokens]
    before = run(bundle, z, t, prompts)
    for prompt, together in zip(prompts, before, strict=True):
        assert torch.allclose(run(bundle, z[:1], t[:1], [prompt])[0], together, atol=1e-4)
    bundle.dit.looks[0] += 1
    after = run(bundle, z, t, prompts)
    assert [torch.allclose(a, b, atol=1e-5) for a, b in zip(before, after, strict=True)] == [False, False, True, True, False]


def test_how_much_of_a_look_is_covered_matters():
    bundle, z, t = tiny_bundle(), torch.randn(1, 4, 1, 4, 4), torch.full((1, 1, 1, 1), 0.7)
    before = run(bundle, z, t, ["a fox"])
    bundle.dit.looks[0, -1] += 1
    assert not torch.allclose(run(bundle, z, t, ["a fox"]), before, atol=1e-4)


def test_a_bundle_travels(tmp_path):
    bundle = tiny_bundle()
    save_bundle(bundle, tmp_path)
    again = load_bundle(tmp_path)
    assert again.config == bundle.config
    assert again.vocabulary.words == bundle.vocabulary.words and again.vocabulary.names == bundle.vocabulary.names
    z, t = torch.randn(1, 4, 2, 4, 4), torch.rand(1, 1, 1, 1)
    assert torch.allclose(run(bundle, z, t, ["a fox"]), run(again, z, t, ["a fox"]), atol=0.05)  # bfloat16 on disk


def test_preconditioning_is_the_best_linear_guess_and_what_it_misses():
    gain, rng = torch.tensor([3.0, 0.2]).view(2, 1), torch.Generator().manual_seed(0)
    data, noise = torch.randn(2, 200_000, generator=rng) * gain, torch.randn(2, 200_000, generator=rng)
    for t in (0.1, 0.5, 1.0):
        z, v = (1 - t) * data + t * noise, noise - data
        scale_in, skip, scale_out = precondition(torch.tensor(t), gain)
        slope = (z * v).mean(1, keepdim=True) / z.square().mean(1, keepdim=True)
        assert torch.allclose(skip, slope, atol=0.03)
        assert torch.allclose((z * scale_in).std(1), torch.ones(2), rtol=0.02)
        assert torch.allclose(((v - skip * z) / scale_out).std(1), torch.ones(2), rtol=0.02)


def test_an_untrained_model_guesses_linearly():
    torch.manual_seed(0)
    model = DiT(DiTConfig(32, 1, 16, local_width=16, local_depth=1), TextConfig(16, 1, 2, 32), 4, 300)
    model.gain_C.copy_(torch.tensor([2.0, 1.0, 0.5, 0.1]))
    z, t = torch.randn(2, 4, 2, 4, 4), torch.rand(2, 2, 1, 1)
    words = model.read(*Vocabulary(["fox"]).batch(["fox fox fox", "fox fox fox"], 8))
    _, skip, _ = precondition(t[:, None], model.gain_C.view(1, -1, 1, 1, 1))
    assert torch.allclose(model(z, t, *words), skip * z, atol=1e-5)


def test_a_cell_hears_its_neighbours_in_time_and_no_further():
    block = LocalBlock(4)
    for layer in (block.conv2, block.before, block.after):
        torch.nn.init.normal_(layer.weight, std=0.3)
    x = torch.randn(2 * 5, 4, 3, 3, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)
    other = x.clone()
    other[2] += 1  # the third frame of the first of two films of five
    zero = torch.zeros(1, 4, 1, 1)
    pairs = zip(block(x, zero, zero, 5), block(other, zero, zero, 5), strict=True)
    changed = [bool((a - b).abs().max() > 1e-4) for a, b in pairs]
    assert changed == [False, True, True, True, False] + [False] * 5
    alone = block(x, zero, zero, 1)
    assert torch.allclose(alone[0], block(x[:1], zero, zero, 1)[0], atol=1e-5)
    films = block(x, zero, zero, 5)
    assert not torch.allclose(alone, films)
