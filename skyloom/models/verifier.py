"""Whether a plan shows what a prompt asks for: of several that are drawn from noise, the film is made of the best.

A sampler that draws once hopes; one that draws some and has a network look at each chooses (random search with a verifier,
arXiv 2501.09732). Pictures are dear to draw, plans (models/staging) cost next to nothing. The verifier reads both sides into
the same claims: from the words what everybody is asked to do, how many there are and how the camera goes; from the plan what
they do in it. The score is the logarithm of the likelihood that both say the same. Where the words leave something open, its
likelihoods are even, and every plan scores alike in it.

Dimension key: B batch, T latent frames, Q looks of a prompt, K bodies of each, S = Q K + 1 rows of a plan, bodies and then the
camera, F numbers of a row, L tokens, E text width, D model width, A actions, C cameras.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..config import TextConfig, VerifierConfig
from .bodies import BODIES
from .layers import wave
from .staging import NUMBERS, with_paces
from .text import Names
from .vocabulary import MOST_LOOKS

WHEN = 64  # numbers that say which latent frame, or token, it is
CORE, POINTS, HIDES = 0.8, 5, 1.1  # of a body's box what is looked at, at so many points a side, and what of it hides others
SURE = 9.0  # logit
DOUBT = 0.02  # likelihood that a claim, however sure, is read wrong: none outweighs all others


class Claims(NamedTuple):
    """Logits of what is said of each look, and of the camera. `count` of a plan is what it is: none but one is likely."""

    action_BQA: Tensor
    second_BQA1: Tensor  # what it does afterwards; 0: the same
    heading_BQ2: Tensor  # left, right
    count_BQK1: Tensor
    camera_BC: Tensor


def of_some(claims: Claims, looks: list[int], count: int) -> Claims:
    """What is said of the first of the claims' looks, said of these among `count`: of the others there is nobody, for sure."""

    def among(part: Tensor) -> Tensor:
        full = part.new_zeros(len(part), count, *part.shape[2:])
        full[:, looks] = part[:, : len(looks)]
        return full

    action, second, heading, counts = (among(part) for part in claims[:-1])
    counts[:, [look for look in range(count) if look not in looks], 0] = SURE
    return Claims(action, second, heading, counts, claims.camera_BC)


class Verifier(nn.Module):
    """How well plans show what a prompt asks for. Prompts are as the large model's encoder has read them, and of each word it
    is known which of the looks it names, and of which it speaks."""

    def __init__(self, config: VerifierConfig, text: TextConfig):
        super().__init__()
        width = config.width
        self.looks = text.looks
        self.enter = nn.Linear(3 * NUMBERS + 1, width)
        self.whose = nn.Embedding(text.looks + 2, width)  # a look, a stranger, the camera
        self.names = Names(width)
        self.called = nn.Embedding(MOST_LOOKS, width)  # the look of this place in the list
        self.when = nn.Linear(WHEN, width)
        sizes = width, config.heads, 2 * width, 0.0, "gelu"
        look = nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=True)
        self.look = nn.TransformerEncoder(look, config.depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.hear = nn.Linear(text.width, width)
        understand = nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=True)
        self.understand = nn.TransformerEncoder(understand, config.text_depth, nn.LayerNorm(width), enable_nested_tensor=False)
        listen = nn.TransformerDecoderLayer(*sizes, batch_first=True, norm_first=True)
        self.listen = nn.TransformerDecoder(listen, 1, nn.LayerNorm(width))
        each = config.actions, config.actions + 1, 2
        self.seen = nn.ModuleList(nn.Linear(width, n) for n in (*each, config.cameras))
        self.said = nn.ModuleList(nn.Linear(width, n) for n in (*each, BODIES + 1, config.cameras))

    def forward(self, plan_BFTS1: Tensor, looks_BQ: Tensor, asked: Claims) -> Tensor:
        """Scaled plans that open a film, and what is `asked` of them -> scores B, logarithms of likelihoods."""
        total = torch.zeros(len(plan_BFTS1), device=plan_BFTS1.device)
        for seen, said in zip(self.shown(plan_BFTS1, looks_BQ), asked, strict=True):
            same = (seen.float().softmax(-1) * said.float().softmax(-1)).sum(-1)
            total = total + (DOUBT + (1 - DOUBT) * same).log().unsqueeze(1).flatten(1).sum(1)
        return total

    def shown(self, plan_BFTS1: Tensor, looks_BQ: Tensor) -> Claims:
        """What a scaled plan shows."""
        numbers = rearrange(plan_BFTS1[..., 0], "B F T S -> B S F T").float()
        frames, rows, looks = numbers.shape[-1], numbers.shape[1], looks_BQ.shape[1]
        each = (rows - 1) // max(1, looks)
        there_BST = numbers[:, :, -1] > 0
        there_BST[:, -1] = True  # the camera
        present_BS = there_BST.any(-1)
        marks = torch.where(there_BST, 1.0, -1.0)[:, :, None]
        numbers = torch.cat([numbers[:, :, :-1], marks], 2) * present_BS[..., None, None]
        at = wave(torch.arange(frames, device=numbers.device) / 16, WHEN)
        who = self._who(looks_BQ)
        who = torch.cat([who[:, :-1].repeat_interleave(each, 1), who[:, -1:]], 1)
        x = self.enter(with_paces(numbers, opens=True)) + self.when(at) + who[:, :, None]
        hidden = ~present_BS.repeat_interleave(frames, 1)
        x = self.look(x.flatten(1, 2), src_key_padding_mask=hidden).unflatten(1, (rows, frames)).mean(2)
        bodies, weight = (part[:, :-1].unflatten(1, (looks, each)) for part in (x, present_BS.float()))
        look = (bodies * weight[..., None]).sum(2) / weight.sum(2).clamp(min=1)[..., None]
        action, second, heading = (head(look) for head in self.seen[:3])
        count = F.one_hot(weight.sum(2).long(), BODIES + 1).float()
        return Claims(action, second, heading, (count - 1) * 30, self.seen[3](x[:, -1]))

    def asked(self, text_BLE: Tensor, mask_BL: Tensor, slots_BL: Tensor, looks_BQ: Tensor) -> Claims:
        """What a prompt asks for; `slots_BL`: which of the looks each token names, -1 for none."""
        silent, at = mask_BL == 0, torch.arange(mask_BL.shape[1], device=mask_BL.device)
        words = self.hear(text_BLE) + self.names(slots_BL) + self.when(wave(at / 16, WHEN))
        words = self.understand(words, src_key_padding_mask=silent)
        queries = self._who(looks_BQ)
        places = torch.arange(looks_BQ.shape[1], device=looks_BQ.device) % MOST_LOOKS
        queries = torch.cat([queries[:, :-1] + self.called(places), queries[:, -1:]], 1)
        x = self.listen(queries, words, memory_key_padding_mask=silent)
        look, camera = x[:, :-1], x[:, -1]
        action, second, heading, count = (head(look) for head in self.said[:4])
        return Claims(action, second, heading, count, self.said[4](camera))

    def _who(self, looks_BQ: Tensor) -> Tensor:
        """Whose each row is, B Q + 1 D: the camera's is the last."""
        looks = torch.where(looks_BQ < 0, self.looks, looks_BQ.clamp(max=self.looks))
        camera = looks.new_full((len(looks), 1), self.looks + 1)
        return self.whose(torch.cat([looks, camera], 1))


def in_view(numbers_BTRF: Tensor, size: tuple[int, int]) -> Tensor:
    """How much is seen of bodies (models/staging.numbers_of), B R: the mean over frames of the share of them that is inside the
    picture and not behind others that are nearer; 1 of those that are never there. `size`: rows and columns of the picture."""
    x, y, tall, wide, _, _, depth, there = numbers_BTRF.float().unbind(-1)
    half_y = CORE * tall.exp() / 2
    half_x, present = half_y * wide.abs(), there > 0.5
    steps = torch.linspace(-1, 1, POINTS, device=x.device)
    down, right = torch.cartesian_prod(steps, steps).unbind(1)
    round_ = down.square() + right.square() <= 1
    down, right = down[round_], right[round_]
    at_x, at_y = x[..., None] + half_x[..., None] * right, y[..., None] + half_y[..., None] * down  # B T R points
    inside = (at_x.abs() < size[1] / min(size) / 2) & (at_y.abs() < size[0] / min(size) / 2)
    off_x = (at_x[:, :, :, None] - x[:, :, None, :, None]) / half_x.clamp(min=1e-3)[:, :, None, :, None]
    off_y = (at_y[:, :, :, None] - y[:, :, None, :, None]) / half_y.clamp(min=1e-3)[:, :, None, :, None]
    nearer = (depth[:, :, None] > depth[:, :, :, None]) & present[:, :, None]  # B T R R: whether the second is before the first
    behind = ((off_x.square() + off_y.square() < HIDES) & nearer[..., None]).any(3)
    seen = ((inside & ~behind).float().mean(-1) * present).sum(1) / present.sum(1).clamp(min=1)
    return torch.where(present.any(1), seen, 1.0)
