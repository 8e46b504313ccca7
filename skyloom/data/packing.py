"""Clips of a mixture in their own shapes and lengths, packed into steps of about as many tokens: nothing cropped or padded.

Clips are drawn as the mixture draws them, a block at a time, and each goes into the first open pack with room for it. A pack is
a pure function of the seed and the step.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from . import shards
from .caption import pick
from .encode import decode_int8
from .mixture import Mixture, shuffled

DRAWN = 512  # clips that are packed at once
OPEN = 16  # packs that wait for clips which fit


@dataclass(frozen=True)
class Pack:
    """Clips of a step, and a caption each."""

    clips: list[Tensor]  # latents C T H W
    captions: list[str]

    @property
    def kind(self) -> str:
        """Names its loss in the diary."""
        return "packed"


class Packs:
    """`batch(step)` of a mixture's clips, `tokens` at most in each; a clip that alone has more is a pack of its own."""

    def __init__(self, mixture: Mixture, tokens: int, longest: int):
        self.mixture, self.tokens, self.longest = mixture, tokens, mixture.ruler.latent_frames(longest)
        drawn = np.array([share * bucket.batch for share, bucket in zip(mixture.shares, mixture.buckets, strict=True)])
        self.shares = drawn / drawn.sum()  # of clips, where those of the mixture are of steps
        self._taken = [np.zeros(len(self.shares), np.int64)]  # clips that each group gave before each block
        self._plans: list[list[list[tuple[int, int]]]] = []
        self._first = [0]  # step at which each block begins

    def frames_of(self, group: int, row: dict) -> int:
        """Latent frames that a clip of the group gives: all of its own, or one of a still."""
        if self.mixture.buckets[group].frames == 1:
            return 1
        return min(self.longest, self.mixture.ruler.latent_frames(row["frames"]))

    def batch(self, step: int) -> Pack:
        """The global pack of a step."""
        while self._first[-1] <= step:
            self._plan()
        block = int(np.searchsorted(self._first, step, "right")) - 1
        rng = np.random.default_rng((self.mixture.seed, 31, step))
        clips, captions = [], []
        for group, place in self._plans[block][step - self._first[block]]:
            row = self._row(group, place)
            z, record = shards.read_clip(self.mixture.groups[group].folder, row)
            clips.append(decode_int8(z[None, :, : self.frames_of(group, row)], self.mixture.gain_C)[0])
            silent = rng.random() < self.mixture.drop_text
            captions.append("" if silent else pick(record["captions"], rng, self.mixture.dense))
        return Pack(clips, captions)

    def tokens_of(self, group: int, row: dict) -> int:
        per_frame = self.mixture.ruler.tokens(1, row["height"], row["width"])
        return per_frame * self.frames_of(group, row)

    def _row(self, group: int, place: int) -> dict:
        rows = self.mixture.groups[group].rows
        epoch, at = divmod(place, len(rows))
        return rows[int(shuffled(self.mixture.seed, group, epoch, len(rows))[at])]

    def _plan(self) -> None:
        """Draws and packs the next block."""
        block, taken = len(self._plans), self._taken[-1].copy()
        rng = np.random.default_rng((self.mixture.seed, 29, block))
        packs: list[list[tuple[int, int]]] = []
        open_packs: list[tuple[int, list[tuple[int, int]]]] = []  # room left, clips
        for group in rng.choice(len(self.shares), DRAWN, p=self.shares).tolist():
            clip = group, int(taken[group])
            taken[group] += 1
            size = self.tokens_of(group, self._row(*clip))
            for i, (room, pack) in enumerate(open_packs):
                if size <= room:
                    pack.append(clip)
                    open_packs[i] = room - size, pack
                    break
            else:
                open_packs.append((self.tokens - size, [clip]))
            if len(open_packs) > OPEN:  # the fullest leaves
                packs.append(open_packs.pop(min(range(len(open_packs)), key=lambda i: open_packs[i][0]))[1])
        packs += [pack for _, pack in open_packs]
        order = rng.permutation(len(packs))
        self._plans.append([packs[i] for i in order])
        self._taken.append(taken)
        self._first.append(self._first[-1] + len(packs))
