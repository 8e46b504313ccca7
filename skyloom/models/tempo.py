"""How bodies go between the moments of a plan: temporal super-resolution (as in Imagen Video, arXiv 2210.02303) of stances.

A plan (models/staging) has a stance for every latent frame, three a second. Who hops, spins or bounces comes round in less
than that, and a smooth curve through three moments a second is none of a hop: its top is cut off, a spin becomes a sway. But
what somebody does, the prompt says, and how that goes, everything in the world shares: one gravity, one bounce. So a small
transformer is shown a body's plan and the prompt, and says of each frame how far it is from the straight line between moments.

Dimension key: B batch, T latent frames, Q looks of a prompt, K bodies of each, R = Q K bodies, F numbers of a stance
(models/staging), L tokens, E text width, D model width, N = FOLD T frames of the film.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import StagingConfig, TempoConfig, TextConfig
from .layers import wave
from .staging import NUMBERS, Staging, with_paces
from .vae import FOLD

MOVES = NUMBERS - 1  # all but whether a body is there
WHEN = 64  # numbers that say which latent frame it is


class Tempo(nn.Module):
    """numbers_BTRF, in units of deviations, of bodies in the middle of each latent frame -> numbers_BNRF of each frame.

    It reads the prompt as the staging does, and knows whose a row is from it: `forward` is given that staging.
    """

    def __init__(self, config: TempoConfig, staging: StagingConfig, text: TextConfig):
        super().__init__()
        width = config.width
        self.enter = nn.Linear(3 * NUMBERS + 1, width)
        self.whose = nn.Linear(staging.width, width)
        self.when = nn.Linear(WHEN, width)
        self.hear = nn.Linear(text.width, width)
        block = nn.TransformerDecoderLayer(width, config.heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerDecoder(block, config.depth, nn.LayerNorm(width))
        self.leave = nn.Linear(width, FOLD * MOVES)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(
        self, numbers_BTRF: Tensor, staging: Staging, text_BLE: Tensor, mask_BL: Tensor, looks_BQ: Tensor, opens: bool
    ) -> Tensor:
        """The prompt is what `staging.read` makes of it; `opens`: whether the first latent frame is one frame, FOLD times."""
        frames, rows = numbers_BTRF.shape[1:3]
        told = with_paces(numbers_BTRF.movedim(1, -1), opens)
        at = wave(torch.arange(frames, device=told.device) / 16, WHEN)
        who = staging.who(looks_BQ, rows // max(1, looks_BQ.shape[1]))[:, :rows]
        x = self.enter(told) + self.when(at) + self.whose(who)[:, :, None]
        heard = self.hear(text_BLE).repeat_interleave(rows, 0)
        silent = (mask_BL == 0).repeat_interleave(rows, 0)
        x = self.blocks(x.flatten(0, 1), heard, memory_key_padding_mask=silent)
        off = rearrange(self.leave(x).float(), "(B R) T (N F) -> B (T N) R F", R=rows, N=FOLD)
        if opens:
            off = torch.cat([torch.zeros_like(off[:, :FOLD]), off[:, FOLD:]], 1)  # a frame of its own is where the plan has it
        return straight(numbers_BTRF, opens) + F.pad(off, (0, 1))


def straight(values_BTX: Tensor, opens: bool) -> Tensor:
    """Anything in the middle of each latent frame, B T ... -> in each frame, B N ...: on a straight line from one to the next,
    so that what stands still does so to the last digit; on beyond the first and the last."""
    count = values_BTX.shape[1]
    middle = torch.arange(count, device=values_BTX.device) * FOLD + (FOLD - 1) / 2
    if opens:
        middle[0] = FOLD - 1  # the one frame that the first latent frame holds comes right before the second's
    if count == 1:
        return values_BTX.repeat_interleave(FOLD, 1)
    at = torch.arange(count * FOLD, device=middle.device, dtype=middle.dtype)
    after = torch.searchsorted(middle, at).clamp(1, count - 1)
    share = (at - middle[after - 1]) / (middle[after] - middle[after - 1])
    if opens:
        share[:FOLD] = 0
    before, next_ = values_BTX[:, after - 1], values_BTX[:, after]
    return before + share.view(-1, *(1,) * (values_BTX.ndim - 2)) * (next_ - before)
