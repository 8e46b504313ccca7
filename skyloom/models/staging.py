"""Who stands where, before anything is painted: a small transformer stages a film, its plan guides the large one.

How much moves, and who there is, a video model has to settle in its first steps, from noise in which nobody can be seen; small
ones then let everybody stand. Here that is a film of its own, of few numbers: the stance of every body in every latent frame,
and the camera. It is drawn from noise by the same flow, patterns and sampler as pictures are, so bodies of given frames are
given to it, and films go on as they began. Plans of boxes before pictures are known from layouts by language models (LVD,
arXiv 2309.17444) and from generated boxes (Boximator, arXiv 2402.01566, is told them by people); this one learns from
the records of scenes.

Dimension key: B batch, T latent frames, Q looks of a prompt, K bodies of one look, R = Q K bodies, S = R + 1 rows of a plan,
bodies and then the camera, F numbers of a row, L tokens, E text width, D model width. A plan is a film whose F numbers are its
channels and whose rows are S x 1 cells: plan_BFTS1.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import DiTConfig, StagingConfig, TextConfig
from .bodies import BODIES
from .dit import DiTBlock, modulate
from .layers import rms, rope_table, wave
from .text import TextBlock, hide_padding

NUMBERS = 8  # F: middle right and down, log height, width by height (negative: mirrored), cosine, sine, depth, there or not
LENGTHS = 64  # numbers that say how long the film is, how wide and how high
STILL = 0.02  # short sides, or logarithm of zoom: less of a camera's way in a window is chance
CAMERA = 5  # of NUMBERS, what is said of the camera: x, y, log zoom, pivot, horizon (worlds.storybook.cameras)


class Staging(nn.Module):
    """v(plan, t, prompt): the velocity of every number of a plan. Its numbers are those of `numbers_of`, of mean 0 and
    deviation 1 by `centre_SF` and `scale_SF`, whose first row is of bodies, the second of the camera."""

    centre: Tensor
    scale: Tensor

    def __init__(self, config: StagingConfig, text: TextConfig):
        super().__init__()
        self.settings, self.text = config, text
        self.config = DiTConfig(width=config.width, depth=config.depth, head_dim=config.head_dim)
        self.looks, width = text.looks, config.width
        self.register_buffer("centre", torch.zeros(2, NUMBERS))
        self.register_buffer("scale", torch.ones(2, NUMBERS))
        self.text_blocks = nn.ModuleList(TextBlock(text) for _ in range(config.text_depth))
        self.enter = nn.Linear(NUMBERS, width)
        self.whose = nn.Embedding(text.looks + 2, width)  # a look, a stranger, the camera
        self.number = nn.Embedding(BODIES, width)  # of a body among its kind, from left to right
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.pooled = nn.Linear(text.width, width)
        self.extent = nn.Linear(3 * LENGTHS, width)
        self.modulation = nn.Linear(width, width * 6)
        self.blocks = nn.ModuleList(DiTBlock(self.config, text.width) for _ in range(config.depth))
        self.final = nn.Linear(width, width * 2)
        self.leave = nn.Linear(width, NUMBERS)
        for layer in (self.modulation, self.final, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        for table in (self.whose, self.number):
            nn.init.normal_(table.weight, std=0.5)

    def read(self, text_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        """The prompt as the large model's encoder reads it -> as this one does."""
        for block in self.text_blocks:
            text_BLE = block(text_BLE, hide_padding(mask_BL))
        return rms(text_BLE) * mask_BL[..., None]

    def forward(
        self,
        plan_BFTS1: Tensor,
        t_BTHW: Tensor,
        text_BLE: Tensor,
        mask_BL: Tensor,
        looks_BQ: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """A noisy plan, noise levels of its frames, the prompt from `read`, the looks that it names (-1: none that is known),
        rows and columns of latent cells -> velocity, like plan_BFTS1."""
        frames, rows = plan_BFTS1.shape[2:4]
        x = self.enter(rearrange(plan_BFTS1[..., 0], "B F T S -> B (T S) F"))
        x = x + self.who(looks_BQ, (rows - 1) // max(1, looks_BQ.shape[1])).repeat(1, frames, 1)
        c_BTD = F.silu(self._condition(t_BTHW, frames, size, text_BLE, mask_BL))
        modulation = self.modulation(c_BTD)[:, :, None]
        frame = torch.arange(frames, device=x.device).float().repeat_interleave(rows)
        rope = rope_table(frame[:, None], (self.config.head_dim,))
        bias, first_v = F.pad(hide_padding(mask_BL), (x.shape[1], 0)), None
        for block in self.blocks:
            x, own = block(x, text_BLE, modulation + block.table, rope, bias, first_v, None)
            first_v = own[1] if first_v is None else first_v
        shift, scale = self.final(c_BTD)[:, :, None].chunk(2, -1)
        drawn = self.leave(modulate(x, shift, scale)).float()
        return rearrange(drawn, "B (T S) F -> B F T S 1", T=frames)

    def who(self, looks_BQ: Tensor, each: int) -> Tensor:
        """What each row of a plan is of: B S D."""
        looks = torch.where(looks_BQ < 0, self.looks, looks_BQ.clamp(max=self.looks))
        bodies = self.whose(looks)[:, :, None] + self.number.weight[:each]
        camera = self.whose.weight[self.looks + 1].expand(len(looks_BQ), 1, -1)
        return torch.cat([bodies.flatten(1, 2), camera], 1)

    def _condition(self, t_BTHW: Tensor, frames: int, size: tuple[int, int], text_BLE: Tensor, mask_BL: Tensor) -> Tensor:
        pooled = text_BLE.sum(1) / mask_BL.sum(1, keepdim=True)
        unit = min(size)
        extent = torch.tensor([frames / 64, size[0] / unit / 4, size[1] / unit / 4], device=text_BLE.device)
        levels = t_BTHW.flatten(1).expand(-1, frames)
        return self.time(wave(levels, 256)) + (self.pooled(pooled) + self.extent(wave(extent, LENGTHS).flatten()))[:, None]


def plan_of(stances_BTR8: Tensor, cameras_BT5: Tensor, size: tuple[int, int]) -> Tensor:
    """Bodies and camera -> plan_BFTS1, not yet scaled."""
    camera = F.pad(cameras_BT5, (0, NUMBERS - CAMERA))[:, :, None]
    return rearrange(torch.cat([numbers_of(stances_BTR8, size), camera], 2), "B T S F -> B F T S 1")


def among_none(plan_BFTS1: Tensor) -> Tensor:
    """A scaled plan with one row for each look -> with BODIES, of which only the first may be there."""
    rows = BODIES * (plan_BFTS1.shape[3] - 1) + 1
    full = plan_BFTS1.new_zeros(*plan_BFTS1.shape[:3], rows, 1)
    full[:, -1] = -1
    full[..., ::BODIES, :] = plan_BFTS1
    return full


def calmed(camera_1T5: Tensor, least: float = STILL) -> Tensor:
    """A plan is drawn, and no camera stands still in it to the pixel: what goes less than so far does not go at all."""
    way, goes = camera_1T5[..., :3], camera_1T5[..., :3].amax(1, keepdim=True) - camera_1T5[..., :3].amin(1, keepdim=True)
    return torch.cat([torch.where(goes < least, way.mean(1, keepdim=True), way), camera_1T5[..., 3:]], 2)


def numbers_of(stances_BTR8: Tensor, size: tuple[int, int]) -> Tensor:
    """Stances in cells, as models/bodies has them -> B T R F, lengths in short sides of the picture, from its middle. Where a
    body is not there it is said to be where it was, or is to be; one that never is, in the middle."""
    rows, columns = size
    unit = min(size)
    a, b, c, d, e, f, depth, whose = stances_BTR8.unbind(-1)
    there = (whose >= 0) & ((a * e - b * d).abs() > 1e-6)
    x, y = c + (a + b) / 2 - columns / 2, f + (d + e) / 2 - rows / 2
    tall = torch.hypot(b, e).clamp(min=1e-3)
    cos, sin = e / tall, -b / tall
    wide = (a * cos + d * sin) / tall
    numbers = torch.stack([x / unit, y / unit, (tall / unit).log(), wide, cos, sin, depth, there.float()], -1)
    frames = stances_BTR8.shape[1]
    frame = torch.arange(frames, device=a.device)
    far = (frame[:, None] - frame).abs() + (~there)[:, None].float().permute(0, 3, 1, 2) * 2 * frames  # B R T T
    nearest = numbers.gather(1, far.argmin(-1).transpose(1, 2)[..., None].expand(numbers.shape))
    held = nearest * there.any(1, keepdim=True)[..., None]
    return torch.cat([held[..., :-1], numbers[..., -1:]], -1)


def stances_of(numbers_BTRF: Tensor, size: tuple[int, int]) -> Tensor:
    """The way back: stances_BTR8, their last number the look's, -1 where a body is not there."""
    rows, columns = size
    unit = min(size)
    x, y, tall, wide, cos, sin, depth, there = numbers_BTRF.unbind(-1)
    cos, sin = F.normalize(torch.stack([cos, sin]), dim=0)
    tall = tall.clamp(max=1.0).exp() * unit
    wide = wide.clamp(-1.3, 1.3) * tall
    a, b, d, e = cos * wide, -sin * tall, sin * wide, cos * tall
    look = torch.arange(there.shape[2], device=x.device) // BODIES
    whose = torch.where(there > 0.5, look.float(), -1.0)
    x, y = x * unit + columns / 2, y * unit + rows / 2
    return torch.stack([a, b, x - (a + b) / 2, d, e, y - (d + e) / 2, depth, whose], -1)


def with_paces(numbers_BRFT: Tensor, opens: bool) -> Tensor:
    """B R T 3F + 1: numbers, how they changed since the frame before and will until the next, and a mark on the first latent
    frame where it `opens` a film, as one frame of its own."""
    rows, frames = numbers_BRFT.shape[1], numbers_BRFT.shape[3]
    padded = F.pad(numbers_BRFT.flatten(1, 2), (1, 1), mode="replicate").unflatten(1, (rows, -1))
    paces = padded.diff(dim=-1)  # B R F T + 1
    told = torch.cat([padded[..., 1:-1], paces[..., :-1], paces[..., 1:]], 2).movedim(-1, 2)
    first = F.pad(told.new_full((*told.shape[:2], 1, 1), float(opens)), (0, 0, 0, frames - 1))
    return torch.cat([told, first], -1)


def scaled(plan_BFTS1: Tensor, model: Staging, *, back: bool = False) -> Tensor:
    """Numbers of mean 0 and deviation 1, or back. Bodies that are never there have the mean of all."""
    bodies = plan_BFTS1.shape[3] - 1
    centre, scale = (
        torch.cat([rows[:1].expand(bodies, -1), rows[1:]]).T[:, None, :, None] for rows in (model.centre, model.scale)
    )
    if back:
        return plan_BFTS1 * scale + centre
    counts = plan_BFTS1[:, -1:].amax(2, keepdim=True) > 0.5
    counts[..., -1, :] = True  # the camera
    plan = (plan_BFTS1 - centre) / scale
    return torch.cat([plan[:, :-1] * counts, plan[:, -1:]], 1)
