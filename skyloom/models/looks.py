"""Pictures that a model remembers, and a cast of one's own in their place.

Dimension key: K looks, C latent channels, S pixels a side; a look is LOOK x LOOK cells.
"""

import copy
import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .bundle import Bundle, autocast
from .dit import LOOK
from .places import SIDE
from .vae import VAE, to_video
from .vocabulary import Vocabulary

GREY = 128  # what a picture stands before


@torch.no_grad()
def remembered(sprites_KHW4: np.ndarray, vae: VAE) -> tuple[Tensor, Tensor]:
    """Sprites, uint8 premultiplied RGBA in a square, standing on its lower edge -> the two buffers of a DiT that hold them:

    looks K C+1 LOOK LOOK, latents and how much of each cell is covered, and pictures K 4 S S, uint8.
    """
    sprites = torch.from_numpy(np.array(sprites_KHW4, np.float32)).permute(0, 3, 1, 2)
    pictures = F.interpolate(sprites, size=(SIDE, SIDE), mode="area").round().byte()
    seen = F.interpolate(sprites, size=(LOOK * vae.config.stride,) * 2, mode="area")
    cover = seen[:, 3:] / 255
    frames = (seen[:, :3] + GREY * (1 - cover)).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    device = vae.gain_C.device
    with autocast(device):
        z = torch.cat([vae.encode(to_video(frame[None]).to(device)).float()[:, :, 0] for frame in frames])
    return torch.cat([z, F.avg_pool2d(cover, vae.config.stride).to(device)], 1), pictures.to(device)


def with_cast(bundle: Bundle, cast: Sequence[tuple[str, np.ndarray]]) -> Bundle:
    """The model with a sprite for each name: in place of the one that it remembers, or beside them where the name is new.

    The model that was given stays as it is. ValueError where it has no memory for pictures.
    """
    if not bundle.config.text.looks:
        raise ValueError(f"cast: the model {bundle.config.name!r} remembers no pictures. Try one that does, such as storybook.")
    vocabulary = bundle.vocabulary.with_names(name for name, _ in cast)
    return with_looks(
        bundle, {look: sprite for name, sprite in cast if (look := vocabulary.look(name)) is not None}, vocabulary
    )


def with_looks(bundle: Bundle, sprites: dict[int, np.ndarray], vocabulary: Vocabulary) -> Bundle:
    """The model with other pictures, which do not move in themselves, for some of the looks of `vocabulary`, which may have
    more than its own."""
    dit = bundle.dit
    looks, pictures = (F.pad(part, (0, 0) * 3 + (0, len(vocabulary.names) - len(part))) for part in (dit.looks, dit.pictures))
    at = list(sprites)
    looks[at], pictures[at] = remembered(np.stack([sprites[look] for look in at]), bundle.vae)
    changed = copy.copy(dit)  # shares every weight
    changed.__dict__["_buffers"] = {**dit.__dict__["_buffers"], "looks": looks, "pictures": pictures}
    loops = bundle.loops and bundle.loops.altered([vocabulary.names[look][0] for look in sprites], None)
    return dataclasses.replace(bundle, dit=changed, vocabulary=vocabulary, loops=loops)
