"""What a film will take on a model and on this machine, before it is begun: sizes, memory, time.

Dimension key: P prompts at once (with the negative one), tokens of one window.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base import sizes
from ..base.sizes import Ruler
from .request import Request, pull_of
from .takes import Script, latents_of

if TYPE_CHECKING:
    from torch import nn

    from ..models.bundle import Bundle

DECODED_AT_ONCE = 3  # latent frames: bounds the decoder's memory, whatever the length
PROCESS_BYTES = 330_000_000  # Python, torch and the codecs before any weight is loaded
SCORE_BYTES = 4  # of one attention score, before and after the softmax
TOKEN_BYTES = 60  # of one channel of one token inside a block
PANORAMA_BYTES = 80  # of a pixel of all frames of a window, while their background is laid out
PIXEL_BYTES = 160  # of the decoder's widest activations, for one pixel of the frames drawn at once


@dataclass(frozen=True)
class Plan:
    """What a request will take on a model, before it is begun."""

    frames: int  # as the model makes them: cut to what was asked afterwards
    height: int
    width: int
    tokens: int  # in all
    bytes: int  # peak memory, without the finished film
    film: int  # bytes that a finished film takes while it is held as a whole
    window: int = 0  # tokens that are sampled at once; longer films are sampled window after window
    passes: int = 2  # of the transformer over a window, a step: prompts at once, and one for guidance


def ruler_of(bundle: "Bundle") -> Ruler:
    config = bundle.config
    return Ruler(config.vae.time_stride, config.vae.stride, (1, config.dit.patch, config.dit.patch))


def window_of(bundle: "Bundle") -> int:
    """Latent frames that the model was trained to see at once."""
    return 1 + (max(bucket.frames for bucket in bundle.config.model.buckets) - 1) // bundle.config.vae.time_stride


def measure(script: Script, request: Request, bundle: "Bundle", fps: float = 0.0) -> Plan:
    """Sizes and peak memory of a script's takes, of which a film of `fps` is made [the request's]."""
    config, ruler, window = bundle.config, ruler_of(bundle), window_of(bundle)
    per_frame = ruler.tokens(1, script.height, script.width)
    latents = [latents_of(take.frames) for take in script.takes]
    seen = max((min(count, window) for count in latents), default=0) * per_frame
    prompts = max((take.prompts_at_once(window) for take in script.takes), default=1)
    passes = prompts + (pull_of(request, config.model.guidance) != 1)
    weights = sum(4 * p.numel() for module in (bundle.vae, bundle.dit) for p in module.parameters())
    context = seen + config.text.max_tokens
    thinking = passes * seen * (config.dit.heads * context * SCORE_BYTES + config.dit.width * TOKEN_BYTES)
    pixels = script.height * script.width
    drawn = min(max((take.frames for take in script.takes), default=1), DECODED_AT_ONCE * config.vae.time_stride)
    drawing = PIXEL_BYTES * drawn * pixels + 2 * script.given_bytes
    passed = (
        PANORAMA_BYTES * pixels * config.vae.time_stride * min(max(latents, default=0), window) * bool(config.staging.depth)
    )
    frames = sum(take.frames for take in script.takes)
    tokens = sum(latents) * per_frame
    peak = PROCESS_BYTES + weights + max(thinking, drawing, passed)
    held = round(6 * script.frames * pixels * (fps or request.fps) / request.fps)
    return Plan(frames, script.height, script.width, tokens, peak, held, seen, passes)


def check_memory(planned: Plan, held: bool = True) -> None:
    """MemoryError where the machine has less free memory than the film takes, `held` as a whole or written as it comes."""
    free, wanted = sizes.free_memory(), planned.bytes + (planned.film if held else 0)
    if free and wanted - PROCESS_BYTES > free:
        raise MemoryError(
            f"{planned.frames} frames at {planned.width}x{planned.height} take {sizes.human_bytes(wanted)} of memory, "
            f"but {sizes.human_bytes(free)} are free. Try a smaller size or fewer seconds."
        )


def seconds_of(planned: Plan, request: Request, bundle: "Bundle") -> float:
    """Rough wall time of a planned film on this machine, from its FLOPs and a short trial of the CPU."""
    import torch

    c = bundle.config
    seen = max(planned.window, 1)
    step = sizes.transformer_flops(seen, c.dit.width, c.dit.depth, mlp_width=c.dit.hidden, text_tokens=c.text.max_tokens)
    step += sizes.local_flops(seen * c.dit.patch**2, c.vae.channels, c.dit.local_width, c.dit.local_depth)
    steps = (request.steps or 0) * planned.passes * planned.tokens / seen
    with torch.inference_mode():
        cells = torch.zeros(1, c.vae.channels, 1, c.dit.patch, c.dit.patch)
        decode = conv_flops(bundle.vae, lambda: bundle.vae.decode(cells)) * planned.tokens
    return (steps * step + decode) / (0.4 * machine_rate())  # large products reach the trial's rate, the rest does not


def conv_flops(module: "nn.Module", use: Callable[[], object]) -> int:
    """Operations of the module's convolutions and linear maps while `use` runs; no data is looked at, so "meta" will do."""
    from torch import nn

    from ..models.layers import Conv

    counts = []
    count = lambda layer, _, out: counts.append(2 * out.numel() * layer.weight[0].numel())  # noqa: E731
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.Linear, Conv))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        use()
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)


@functools.cache
def machine_rate() -> float:
    """FLOPs a second of a matrix product, in the type that is faster, on this machine's CPU."""
    import torch

    from ..models.bundle import cpu_dtype

    a = torch.ones(512, 512, dtype=cpu_dtype())
    times = []
    for _ in range(3):
        began = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - began)
    return 2 * 512**3 / min(times)
