"""Films in several threads that go through the model in one call: on a CPU, stills gain by it (docs/RESULTS.md, Serving).

Each thread makes its film by `generate` as ever, with a model of `Joint.of`. One runs at a time; where it asks for a velocity
it waits until all have asked, and the last one answers for all. So each film has its own steps, previews, recipe and errors.
What comes out differs from a film alone by rounding: sums over a larger batch are added up in another order.
"""

import contextlib
import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import same_weights

if TYPE_CHECKING:
    from ..models.bundle import Bundle

Answer = tuple[Tensor, Tensor | None]
Told = tuple[Tensor, Tensor] | None
Words = tuple[Tensor, Tensor, Tensor, Tensor]  # of prompts, as DiT.read has them


@dataclass
class Ask:
    """A call to the model, and what came of it."""

    words: Words
    z: Tensor
    t: Tensor
    told: Told = None
    layout: Tensor | None = None
    answer: Answer | BaseException | None = None

    @property
    def kind(self) -> tuple[Any, ...]:
        """Equal for calls that can be one."""
        named = self.words[3].shape[1] > 0  # where prompts name no looks the model has a part less
        return named, self.z.shape[1:], self.t.shape[1:]


class Joint:
    """What so many threads share. Each is inside `lane` while it makes its film."""

    def __init__(self, lanes: int):
        self.size = self.lanes = lanes  # at first, and still under way
        self.turn = threading.Condition()
        self.waiting: list[Ask] = []
        self.calls = 0  # to the model

    @contextlib.contextmanager
    def lane(self) -> Iterator[None]:
        """One of the threads; however it ends, the others go on without it."""
        with self.turn:
            try:
                yield
            finally:
                self.lanes -= 1
                self.turn.notify_all()

    def of(self, bundle: "Bundle") -> "Bundle":
        """The model as one thread is to see it."""
        seen = copy.copy(bundle)
        dit = copy.copy(bundle.dit)  # shares every weight

        def film(z: Tensor, t: Tensor, *words: Tensor, told: Told = None, layout: Tensor | None = None) -> Answer:
            text, mask, seen, pictures = words
            return self._ask(Ask((text, mask, seen, pictures), z, t, told, layout), bundle)

        dit.__dict__["film"], seen.__dict__["dit"] = film, dit
        same_weights(bundle, seen)
        return seen

    def _ask(self, ask: Ask, bundle: "Bundle") -> Answer:
        self.waiting.append(ask)
        while ask.answer is None:
            if len(self.waiting) == self.lanes:
                asks, self.waiting = self.waiting, []
                for kind in dict.fromkeys(each.kind for each in asks):
                    self._answer([each for each in asks if each.kind == kind], bundle)
                self.turn.notify_all()
            else:
                self.turn.wait()
        if isinstance(ask.answer, BaseException):
            raise ask.answer
        return ask.answer

    def _answer(self, asks: list[Ask], bundle: "Bundle") -> None:
        """All of them by one call; where that fails, each by its own."""
        self.calls += 1
        try:
            words = all_words([ask.words for ask in asks])
            z, t = torch.cat([ask.z for ask in asks]), torch.cat([ask.t for ask in asks])
            v, said = bundle.dit.film(z, t, *words, told=all_told(asks), layout=all_laid(asks))
        except Exception as error:  # whatever it is: the others wait for an answer
            if len(asks) == 1:
                asks[0].answer = error
            else:
                for ask in asks:
                    self._answer([ask], bundle)
            return
        at = 0
        for ask in asks:
            part = slice(at, at + len(ask.z))
            ask.answer = v[part], None if said is None else said[part]
            at = part.stop


def all_words(parts: list[Words]) -> Words:
    """The prompts of a call, one film after the other: shorter ones, and those of fewer looks, are filled up."""
    length, tokens, looks = (max(part[i].shape[dim] for part in parts) for i, dim in ((0, 1), (2, 3), (3, 1)))
    whole: list[Words] = []
    for text, mask, seen, pictures in parts:
        said = text.shape[1]
        mask = torch.cat([F.pad(mask[:, :said], (0, length - said)), F.pad(mask[:, said:], (0, tokens - seen.shape[3]))], 1)
        text, seen = F.pad(text, (0, 0, 0, length - said)), F.pad(seen, (0, 0, 0, tokens - seen.shape[3]))
        whole.append((text, mask, seen, F.pad(pictures, (0, 0) * 3 + (0, looks - pictures.shape[1]))))
    text, mask, seen, pictures = (torch.cat(column) for column in zip(*whole, strict=True))
    return text, mask, seen, pictures


def all_told(asks: list[Ask]) -> Told:
    """What a call tells the model, one film after the other; None where none of them tells anything."""
    like = next((ask.told[0] for ask in asks if ask.told is not None), None)
    if like is None:
        return None
    parts = []
    for ask in asks:
        many, nothing = len(ask.z), like.new_zeros(len(ask.z), *like.shape[1:])
        parts.append(ask.told or (nothing, torch.zeros(many, dtype=torch.bool, device=like.device)))
    return torch.cat([said for said, _ in parts]), torch.cat([heard for _, heard in parts])


def all_laid(asks: list[Ask]) -> Tensor | None:
    """The layouts of a call likewise: zeros of films that have none."""
    like = next((ask.layout for ask in asks if ask.layout is not None), None)
    if like is None:
        return None
    return torch.cat([like.new_zeros(len(ask.z), *like.shape[1:]) if ask.layout is None else ask.layout for ask in asks])
