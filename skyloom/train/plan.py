"""What a training run would take, before it is begun: parameters, tokens, FLOPs, memory and hours on this machine."""

import math

import torch
from torch import nn

from ..base.sizes import Ruler, human_bytes, human_seconds, local_flops, transformer_flops
from ..config import Bucket, Config, ModelTrain
from ..generate import conv_flops, machine_rate
from ..models.air import Air
from ..models.dit import DiT
from ..models.staging import Staging
from ..models.tempo import Tempo
from ..models.vae import VAE
from ..models.verifier import Verifier
from ..models.vocabulary import Vocabulary
from ..worlds.captions import all_words

STATE = 4 * 4  # bytes a weight: itself, its gradient, momentum, average; AdamW's second moment comes on top
REACHED = 0.3  # of the machine's matrix rate, by a training step


def training_plan(config: Config) -> dict[str, str]:
    """Rows of name and value. Nothing is allocated: the models are built without weights."""
    vocabulary = Vocabulary(sorted(all_words("en")) + sorted(all_words("zh")))
    with torch.device("meta"):
        vae = VAE(config.vae)
        dit = DiT(config.dit, config.text, config.vae.channels, len(vocabulary))
    rate = machine_rate() * REACHED
    tokenizer, model = tokenizer_flops(config, vae), model_flops(config)
    rows = {"machine": f"{rate / REACHED / 1e9:.0f} GFLOP/s in matrix products, of which {REACHED:.0%} are counted on"}
    rows["tokenizer: weights"] = f"{_count(vae) / 1e6:.2f} M, {human_bytes(2 * _count(vae))} in the package"
    rows["tokenizer: steps"] = f"{config.tokenizer.steps} of {config.tokenizer.batch} crops, {tokenizer / 1e9:.0f} GFLOPs each"
    rows["tokenizer: time"] = human_seconds(tokenizer * config.tokenizer.steps / rate)
    rows["model: weights"] = f"{_count(dit) / 1e6:.2f} M, {human_bytes(2 * _count(dit))} in the package"
    rows["model: state in memory"] = human_bytes((STATE + 4) * _count(dit))
    for bucket in config.model.buckets:
        shape = f"{bucket.frames}x{bucket.height}x{bucket.width}" + (", windows" if bucket.window else "")
        latents = _ruler(config).tokens(bucket.frames, bucket.height, bucket.width) * config.dit.patch**2 * config.vae.channels
        rows[f"model: clips of {shape}"] = (
            f"{bucket.clips}, {human_bytes(bucket.clips * latents)} encoded; a step of {bucket.batch}: "
            f"{step_flops(config, bucket) / 1e9:.0f} GFLOPs"
        )
    rows["model: steps"] = f"{config.model.steps}, {model / 1e15:.2f} PFLOPs in all"
    rows["model: time"] = human_seconds(model / rate)
    if config.staging.depth:
        with torch.device("meta"):
            staging = Staging(config.staging, config.text)
        rows["staging: weights"] = f"{_count(staging) / 1e6:.2f} M, {human_bytes(2 * _count(staging))} in the package"
        rows["staging: steps"] = f"{config.staging.steps} of {config.staging.batch} scenes"
    if config.tempo.depth:
        with torch.device("meta"):
            tempo = Tempo(config.tempo, config.staging, config.text)
        rows["tempo: weights"] = f"{_count(tempo) / 1e6:.2f} M, {human_bytes(2 * _count(tempo))} in the package"
        rows["tempo: steps"] = f"{config.tempo.steps} of {config.tempo.batch} scenes"
    if config.verifier.depth:
        with torch.device("meta"):
            verifier = Verifier(config.verifier, config.text)
        rows["verifier: weights"] = f"{_count(verifier) / 1e6:.2f} M, {human_bytes(2 * _count(verifier))} in the package"
        rows["verifier: steps"] = f"{config.verifier.steps} of {config.verifier.batch} scenes"
    if config.air.particles:
        kept = sum(part.numel() * part.element_size() for part in Air(config.air).buffers())
        rows["air: memory"] = f"{config.air.particles} particles of each kind, {human_bytes(kept)} in the package"
    return rows


def model_flops(config: Config) -> float:
    """FLOPs of the transformer's whole run, by the shares of the buckets in each phase."""
    each = [step_flops(config, bucket) for bucket in config.model.buckets]
    total = 0.0
    for (first, shares), last in zip(config.model.phases, _ends(config.model), strict=True):
        steps = max(0, min(last, config.model.steps) - first)
        total += steps * sum(share * flops for share, flops in zip(shares, each, strict=True)) / sum(shares)
    return total


def step_flops(config: Config, bucket: Bucket) -> float:
    """One step on a bucket, forward and backward (three forward passes' worth)."""
    side = bucket.window * config.vae.stride
    tokens = _ruler(config).tokens(bucket.frames, side or bucket.height, side or bucket.width)
    d = config.dit
    inner = transformer_flops(tokens, d.width, d.depth, mlp_width=d.hidden, text_tokens=config.text.max_tokens)
    return 3.0 * bucket.batch * (inner + local_flops(tokens * d.patch**2, config.vae.channels, d.local_width, d.local_depth))


def tokenizer_flops(config: Config, vae: VAE) -> float:
    """One step of the tokenizer, forward and backward, counted on a stand-in without weights."""
    c = config.tokenizer
    crop = torch.zeros(1, 3, c.frames, c.crop, c.crop, device="meta")
    return 3.0 * c.batch * conv_flops(vae, lambda: vae.decode(vae.encode(crop)))


def _ends(config: ModelTrain) -> list[float]:
    """Where each phase ends: at the next one's first step."""
    return [float(first) for first, _ in config.phases[1:]] + [math.inf]


def _ruler(config: Config) -> Ruler:
    return Ruler(config.vae.time_stride, config.vae.stride, (1, config.dit.patch, config.dit.patch))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
