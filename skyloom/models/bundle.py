"""A trained model as it travels: config.json, vocabulary.json, vae.safetensors, dit.safetensors, and staging.safetensors,
tempo.safetensors, verifier.safetensors, air.safetensors and loops.safetensors of those that stage their films, let it rain and
know how things move, in one folder."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..base.checkpoint import load_weights, save_weights
from ..base.files import write_atomic
from ..config import (
    AirConfig,
    Config,
    DiTConfig,
    StagingConfig,
    TempoConfig,
    TextConfig,
    VAEConfig,
    VerifierConfig,
    from_json,
    to_json,
)
from .air import KINDS, Air, Swarm
from .dit import DiT
from .loops import Loops
from .overlay import Overlay
from .shipped import find_model
from .staging import Staging
from .tempo import Tempo
from .vae import VAE
from .verifier import Verifier
from .vocabulary import Vocabulary

BFLOAT16 = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "arm_bf16")  # what CPUs call it
LATER = 2  # added to the seed of a tiny model's tempo and verifier: what comes before them may change
STAGING, TEMPO, VERIFIER, AIR, LOOPS = (f"{part}.safetensors" for part in ("staging", "tempo", "verifier", "air", "loops"))
T = TypeVar("T", bound=nn.Module)


@dataclass
class Bundle:
    """Everything that turns a prompt into latents and latents into frames."""

    config: Config
    vae: VAE
    dit: DiT
    vocabulary: Vocabulary
    staging: Staging | None = None
    air: Air | None = None
    loops: Loops | None = None
    tempo: Tempo | None = None  # where there is a staging, as is the next
    verifier: Verifier | None = None

    @functools.cached_property
    def overlay(self) -> Overlay:
        return Overlay(self.vae)

    @property
    def draws(self) -> bool:
        """Whether bodies are drawn when a film is done, not laid over what takes shape: by models that are shown layouts."""
        return self.config.dit.layout and self.config.laid_above < 1

    def read(self, prompts: list[str]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Prompts -> text_BLE, mask_BM, seen_BPASK, pictures_BQ4SS on the model's device: what DiT.read makes of them."""
        device = next(self.dit.parameters()).device
        ids, mask, looks = (x.to(device) for x in self.vocabulary.batch(prompts, self.config.text.max_tokens))
        with autocast(device):
            return self.dit.read(ids, mask, looks)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 matrix products with float32 weights: the way every model of Skyloom is trained and run.

    float32 ones on CPUs that would have to emulate bfloat16, which there takes five times as long.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or cpu_dtype() is torch.bfloat16)


@functools.cache
def cpu_dtype() -> torch.dtype:
    """What this CPU multiplies fastest of the two: bfloat16 where it has instructions for it."""
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if any(able.get(name) for name in BFLOAT16) else torch.float32


def load_bundle(model: str | Path = "storybook", device: str = "cpu") -> Bundle:
    """The shipped model of that name, or the folder (or run) at that path; a run's tuned decoder comes along.

    Raises FileNotFoundError when neither exists, ValueError when files do not belong together.
    """
    folder = find_model(model)
    config = from_json((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    vae = VAE(config.vae)
    dit = DiT(config.dit, config.text, config.vae.channels, len(vocabulary))
    load_weights(vae, folder / "vae.safetensors")
    load_weights(dit, folder / "dit.safetensors")
    staging = load_part(Staging(config.staging, config.text), STAGING, folder) if config.staging.depth else None
    air = load_part(Air(config.air), AIR, folder) if config.air.particles else None
    paced = staging is not None and config.tempo.depth > 0
    tempo = load_part(Tempo(config.tempo, config.staging, config.text), TEMPO, folder) if paced else None
    verified = staging is not None and config.verifier.depth > 0
    verifier = load_part(Verifier(config.verifier, config.text), VERIFIER, folder) if verified else None
    for part in filter(None, (staging, tempo, verifier, air)):
        part.to(device)
    kept = find_part(LOOPS, folder) if config.text.looks else None
    loops = None if kept is None else Loops.load(kept)
    bundle = Bundle(config, vae.to(device).eval(), dit.to(device).eval(), vocabulary, staging, air, loops, tempo, verifier)
    if folder == Path(model) / "model" / "export":
        take_decoder(bundle, Path(model) / "tokenizer" / "export" / "vae.safetensors")
    return bundle


def load_part(part: T, file: str, folder: Path) -> T | None:
    """A part that helps the transformer, where a model has it."""
    path = find_part(file, folder)
    if path is None:
        return None
    load_weights(part, path)
    return part.eval()


def find_part(file: str, folder: Path) -> Path | None:
    """Where it is: beside the weights, or in a run, a stage of its own."""
    beside = [folder / file, folder.parent.parent / Path(file).stem / "export" / file]
    return next((path for path in beside if path.is_file()), None)


def take_decoder(bundle: Bundle, weights: Path) -> None:
    """Put a tokenizer's decoder into the bundle, where there is one: it may have learned on since the transformer began.

    ValueError where its latents are other ones than those that the transformer learned.
    """
    if not weights.is_file():
        return
    latest = VAE(bundle.config.vae)
    load_weights(latest, weights)
    for name, old in bundle.vae.named_buffers():
        if not torch.equal(old.cpu(), latest.get_buffer(name)):
            raise ValueError(f"{weights}: its latents ({name}) are not those that the transformer was trained on.")
    bundle.vae = latest.to(next(bundle.vae.parameters()).device).eval()


def save_bundle(bundle: Bundle, folder: Path) -> None:
    """Writes the four files, and what stages films, draws rain and holds loops where the model has them.

    Weights are in bfloat16, norms and statistics in float32.
    """
    save_weights(folder / "vae.safetensors", bundle.vae.state_dict(), torch.bfloat16)
    save_weights(folder / "dit.safetensors", bundle.dit.state_dict(), torch.bfloat16)
    if bundle.staging is not None:
        save_weights(folder / STAGING, bundle.staging.state_dict(), torch.bfloat16)
    if bundle.tempo is not None:
        save_weights(folder / TEMPO, bundle.tempo.state_dict(), torch.bfloat16)
    if bundle.verifier is not None:
        save_weights(folder / VERIFIER, bundle.verifier.state_dict(), torch.bfloat16)
    if bundle.air is not None:
        save_weights(folder / AIR, bundle.air.state_dict(), torch.bfloat16)
    if bundle.loops is not None:
        bundle.loops.save(folder / LOOPS)
    write_atomic(folder / "vocabulary.json", bundle.vocabulary.to_json())
    write_atomic(folder / "config.json", to_json(bundle.config))


def tiny_bundle(seed: int = 0, words: tuple[str, ...] = ("a", "red", "fox", "runs", "in", "the", "snow")) -> Bundle:
    """An untrained model of a few thousand weights, with every part of the real one: for tests. It remembers two looks."""
    vae = VAEConfig(4, (8, 8, 16), (1, 1, 1))
    config = Config(
        name="tiny",
        vae=vae,
        text=TextConfig(16, 1, 2, 32, looks=2),
        dit=DiTConfig(width=32, depth=2, head_dim=16, local_width=16, local_depth=1, layout=True),
        staging=StagingConfig(depth=1, width=32, head_dim=16),
        air=AirConfig(particles=2, frames=10),
        tempo=TempoConfig(depth=1, width=32, heads=2),
        verifier=VerifierConfig(depth=1, width=32, heads=2),
    )
    torch.manual_seed(seed)
    vocabulary = Vocabulary(words, [["fox", "foxes"], ["snow"]])
    model = DiT(config.dit, config.text, vae.channels, len(vocabulary))
    tokenizer = VAE(vae)
    torch.nn.init.orthogonal_(tokenizer.basis)
    for p in (model.cells_out.weight, model.modulation.weight, tokenizer.head.weight, model.places.cell_in.weight):
        torch.nn.init.normal_(p, std=0.2)  # zero at birth, which would make every film the same
    model.looks.normal_()
    model.pictures.copy_(torch.tensor([[200, 40, 20, 255], [90, 90, 120, 128]], dtype=torch.uint8)[..., None, None])
    torch.nn.init.normal_(model.layout_in.weight, std=0.2)
    staging = Staging(config.staging, config.text)
    for p in (staging.leave.weight, staging.modulation.weight):
        torch.nn.init.normal_(p, std=0.2)
    air = Air(config.air)
    for kind in range(2 * len(KINDS)):
        drop = air.swarm(kind)
        air.keep(kind, Swarm(drop.alpha_NLST + 200, drop.ink_N3 + 230, drop.step_N2 + 0.05, drop.sway_NF2, 20))
    torch.manual_seed(seed + LATER)
    tempo = Tempo(config.tempo, config.staging, config.text)
    torch.nn.init.normal_(tempo.leave.weight, std=0.02)
    verifier = Verifier(config.verifier, config.text)
    for part in (tokenizer, model, staging, air, tempo, verifier):
        part.eval()
    return Bundle(config, tokenizer, model, vocabulary, staging, air, None, tempo, verifier)
