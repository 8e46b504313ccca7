"""A pack says of each clip what the model says of it alone."""

import pytest
import torch

from skyloom.models.bundle import tiny_bundle
from skyloom.models.packing import packed_velocity

pytestmark = pytest.mark.usefixtures("float32")

SHAPES = [(3, 4, 6), (1, 2, 2), (2, 6, 4), (1, 4, 4)]  # T H W
PROMPTS = ["a fox", "", "a red fox runs in the snow", "snow"]


@pytest.fixture(scope="module")
def packed():
    bundle, rng = tiny_bundle(), torch.Generator().manual_seed(0)
    clips = [torch.randn(4, *shape, generator=rng) for shape in SHAPES]
    levels = [
        torch.rand(3, 1, 1, generator=rng),  # a level a frame
        torch.rand(1, 1, 1, generator=rng),
        torch.rand(2, 6, 4, generator=rng),  # a level a cell
        torch.rand(1, 1, 1, generator=rng),
    ]
    return bundle, clips, levels


def test_a_pack_says_of_each_clip_what_it_would_say_of_it_alone(packed):
    bundle, clips, levels = packed
    with torch.no_grad():
        together = packed_velocity(bundle.dit, clips, levels, *bundle.read(PROMPTS))
        for z, t, prompt, v in zip(clips, levels, PROMPTS, together, strict=True):
            alone = bundle.dit(z[None], t[None], *bundle.read([prompt]))[0]
            assert v.shape == z.shape and torch.allclose(v, alone, atol=1e-4)


def test_clips_of_a_pack_do_not_see_each_other(packed):
    bundle, clips, levels = packed
    other = [clips[0], clips[1] + 1, *clips[2:]]
    with torch.no_grad():
        text = bundle.read(PROMPTS)
        a, b = (packed_velocity(bundle.dit, some, levels, *text) for some in (clips, other))
    assert [torch.allclose(x, y, atol=1e-5) for x, y in zip(a, b, strict=True)] == [True, False, True, True]


def test_a_pack_gives_the_gradients_of_its_clips(packed):
    bundle, clips, levels = packed
    weight = bundle.dit.blocks[0].k.weight
    text = [part.detach() if part.is_floating_point() else part for part in bundle.read(PROMPTS)]
    sum(v.square().sum() for v in packed_velocity(bundle.dit, clips, levels, *text)).backward()
    together, weight.grad = weight.grad.clone(), None
    for i, (z, t) in enumerate(zip(clips, levels, strict=True)):
        bundle.dit(z[None], t[None], *(part[i : i + 1] for part in text)).square().sum().backward()
    assert torch.allclose(together, weight.grad, rtol=1e-3, atol=1e-3 * float(together.abs().max()))
