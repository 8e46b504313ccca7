"""PRESETS: whole models by name. Each is headed by its command, hours and expected score, measured where it says so."""

import dataclasses

from .config import (
    AirConfig,
    Bucket,
    Config,
    DiTConfig,
    ModelTrain,
    ProbeConfig,
    StagingConfig,
    TempoConfig,
    TextConfig,
    TokenizerTrain,
    VAEConfig,
    VerifierConfig,
)

# storybook: the shipped model.  `make train-storybook`; scores and hours in docs/RESULTS.md
STORYBOOK = Config(
    text=TextConfig(depth=3, looks=279),
    dit=DiTConfig(width=256, depth=8, layout=True),
    staging=StagingConfig(depth=6),
    tempo=TempoConfig(depth=3),
    verifier=VerifierConfig(depth=2),
    air=AirConfig(particles=16),
    tokenizer=TokenizerTrain(steps=520, warmup=50, pool=2496, crop=128, square=4.0, noise=0.1, decay=0.5),
    model=ModelTrain(
        steps=5600,
        decay=0.14,
        shift=1.4,
        uniform=0.25,
        actor_weight=3.0,
        warmup=50,
        buckets=(
            Bucket(1, 256, 256, 16384, 128, window=8),
            Bucket(1, 256, 256, 16384, 64),
            Bucket(17, 256, 256, 11264, 12),
            Bucket(49, 256, 256, 1536, 4),
            Bucket(1, 256, 448, 1024, 36),
            Bucket(1, 448, 256, 1024, 36),
            Bucket(17, 256, 448, 512, 8),
            Bucket(17, 448, 256, 512, 8),
            Bucket(17, 256, 256, 11264, 48, window=8),
        ),
        phases=(
            (0, (0.7, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),  # looks are learned cheapest from windows of single frames
            (1700, (0.12, 0.23, 0.4, 0.14, 0.03, 0.02, 0.03, 0.03, 0.0)),
            (3600, (0.08, 0.12, 0.34, 0.14, 0.02, 0.02, 0.03, 0.03, 0.22)),
        ),
    ),
)

# storybook-gpu: storybook on from its weights, for an accelerator, from clips that are drawn meanwhile: `skyloom train model
# --preset storybook-gpu --init storybook --device cuda --draw 13 --minutes 9 --anneal`; staging, probe likewise
STORYBOOK_GPU = dataclasses.replace(
    STORYBOOK,
    name="storybook-gpu",
    model=dataclasses.replace(
        STORYBOOK.model,
        steps=100_000,
        lr=1.5e-3,
        decay=0.55,
        told=0.8,
        guidance=2.0,
        guided_after=0.8,
        keep_text=True,
        shift=2.2,
        uniform=0.4,
        actor_weight=1.0,
        buckets=(
            Bucket(1, 256, 256, 32768, 1152),
            Bucket(17, 256, 256, 24576, 384),
            Bucket(49, 256, 256, 8192, 144),
            Bucket(1, 256, 448, 8192, 576),
            Bucket(1, 448, 256, 8192, 576),
            Bucket(17, 256, 448, 4096, 192),
            Bucket(17, 448, 256, 4096, 192),
        ),
        phases=((0, (0.12, 0.42, 0.26, 0.03, 0.03, 0.07, 0.07)),),
        seed=11,
    ),
    staging=dataclasses.replace(STORYBOOK.staging, steps=100_000, batch=512, warmup=30, decay=0.75, seed=5),
    probe=dataclasses.replace(
        STORYBOOK.probe,
        steps=100_000,
        lr=3e-3,
        warmup=50,
        decay=0.7,
        buckets=(
            Bucket(1, 128, 128, 12000, 256),
            Bucket(17, 128, 128, 6000, 96),
            Bucket(49, 128, 128, 3000, 64),
            Bucket(17, 128, 224, 2000, 48),
            Bucket(17, 224, 128, 2000, 48),
        ),
        phases=((0, (0.15, 0.45, 0.28, 0.06, 0.06)),),
    ),
)

# tiny: for tests.  Seconds; it learns colours and places of procedural sprites, nothing more
TINY = Config(
    name="tiny",
    vae=VAEConfig(8, (16, 16, 32), (1, 1, 1)),
    text=TextConfig(32, 1, 2, 64, looks=12),
    dit=DiTConfig(width=64, depth=2, head_dim=32, local_width=32, local_depth=1, layout=True),
    staging=StagingConfig(depth=1, width=32, head_dim=16, steps=20, batch=8, warmup=5),
    tempo=TempoConfig(depth=1, width=32, heads=2, steps=20, batch=8, warmup=5),
    verifier=VerifierConfig(depth=1, width=32, heads=2, text_depth=1, steps=20, batch=8, warmup=5),
    air=AirConfig(particles=2, frames=10),
    tokenizer=TokenizerTrain(steps=20, batch=2, crop=64, frames=5, warmup=5, pool=28, pool_size=64),
    model=ModelTrain(
        steps=20,
        buckets=(Bucket(1, 64, 64, 64, 8, window=2), Bucket(1, 64, 64, 64, 8), Bucket(5, 64, 64, 64, 4)),
        phases=((0, (0.5, 0.5, 0.0)), (5, (0.1, 0.2, 0.7))),
        warmup=5,
    ),
    probe=ProbeConfig(
        width=16,
        size=64,
        steps=20,
        buckets=(Bucket(1, 64, 64, 64, 8), Bucket(5, 64, 64, 32, 4)),
        phases=((0, (1.0, 0.0)), (5, (0.3, 0.7))),
        warmup=5,
    ),
)

# small, base, large: the same code with a larger dial, for GPUs; not trained by us, sizes from `skyloom plan train`
SMALL = dataclasses.replace(
    STORYBOOK, name="small", text=TextConfig(looks=279), dit=DiTConfig(width=512, depth=12, local_width=256, layout=True)
)
BASE = dataclasses.replace(
    STORYBOOK,
    name="base",
    vae=VAEConfig(96, (160, 320, 512), (2, 3, 3)),
    text=TextConfig(512, 6, 4, 192, looks=279),
    dit=DiTConfig(width=1024, depth=20, local_width=384, layout=True),
)
LARGE = dataclasses.replace(
    BASE,
    name="large",
    text=TextConfig(768, 8, 6, 256, looks=279),
    dit=DiTConfig(width=2048, depth=28, local_width=512, layout=True),
)

PRESETS = {config.name: config for config in (STORYBOOK, STORYBOOK_GPU, TINY, SMALL, BASE, LARGE)}
