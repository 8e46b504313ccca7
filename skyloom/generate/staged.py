"""Who stands where in a take: its plan, drawn window after window before the pictures are (models/staging).

Bodies of a window go on as they did in the one before; those that given frames show are read from these by the model itself.
Of a clip that is edited the whole plan is read. There is none, and the model settles everything alone, where nobody is planned
and where given frames that are not the first do not show who the plan says is there; whom the first do not show comes into the
picture. Who is new in an edited clip goes the way of whom it replaces. Where regions are painted, see room.py; see coming.py
for who is there for a part only.

Dimension key: P prompts, N plans of which one is taken, T latent frames of a window, U looks that any prompt names, S F rows of
a plan and their numbers (models/staging), R bodies.
"""

import dataclasses
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..diffusion import patterns, sampler
from ..models.bodies import BODIES, ordered
from ..models.layout import layout_of, pictures_laid
from ..models.places import surely, truth
from ..models.staging import CAMERA, NUMBERS, among_none, calmed, plan_of, scaled, stances_of
from ..models.vae import FOLD
from ..models.verifier import DOUBT, Claims, in_view, of_some
from .backdrop import wording
from .coming import SOON, Comings, entering, runs
from .naming import joined, recast, scenery
from .noise import Noise, origin_of
from .plans import Plan
from .request import Request
from .room import Box, moved_into, only, unseen_in

if TYPE_CHECKING:
    from ..models.bundle import Bundle

STEPS, SHIFT = 10, 3.0  # of sampling, and of its times towards noise
PULL, FIRST_PULL, FIRST = 1.3, 3.0, 0.7  # of guidance, and above a noise level, where it is settled which way one goes
GUIDED = 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0  # which of NUMBERS are: sizes and turns would be overdone
AROUND = 3  # latent frames of a ring that its ends are paced with
ENOUGH = 0.3  # of a body, over its frames, that is to be seen
TAKES = 8  # plans that are drawn of a film's beginning, of which it has the best
ONCE = 0.1  # likelihood of more than one of a kind below which a plan has no room for them
SALT = 1_000_003  # added to seeds: plans have noise of their own
KNOWN = 0.05  # noise level at which a plan hears of known bodies, which nobody knows exactly
READ_AT = 0.02  # noise level at which given frames are read
STANDING = "", "still"  # what prompts say of cameras that stand: of most nobody speaks
DEPTHS = 0.18, 0.46  # of what stands with its feet at a share of the height: depth is the one by that and the other (measured)


class Stager:
    """The plan of a take, asked for window by window."""

    def __init__(
        self, prompts: tuple[str, ...], request: Request, bundle: "Bundle", cells: tuple[int, int], was: str = "", box: Box = ()
    ):
        """`was` is the prompt of what is given, where that is another and known: its bodies are read by their old names. `box`
        is the region that is painted, if there is one where somebody may come in."""
        self.prompts, self.bundle, self.cells, self.was, self.room = prompts, bundle, cells, was, box
        self.coming: list[int] | None = None  # which looks come into the room, once that is known
        named = [bundle.vocabulary.looks(prompt) for prompt in prompts]
        self.looks = list(dict.fromkeys(look for looks in named for look in looks))
        self.device = next(bundle.dit.parameters()).device
        self.claims: dict[int, Claims] = {}
        self.surely: set[int] = set()  # which looks are named in one breath with somebody who is meant
        self.meant = self._meant()
        said = [scenery(prompt)["camera"] for prompt in prompts]
        self.stands = all(camera in STANDING for camera in said) or all(camera == "shake" for camera in said)
        rows = len(self.looks) * BODIES + 1, 1
        takes = 1 if bundle.verifier is None or not self.looks else TAKES
        self.noises = [Noise(request, NUMBERS, rows, (1 + k) * SALT) for k in range(takes)]  # the first's goes on
        self.origins = [Noise(origin, NUMBERS, rows, (1 + k) * SALT) for k in range(takes) if (origin := origin_of(request))]
        self.anchor: Tensor | None = None  # the first latent frame's part of the plan, and that of the last ones
        self.past: Tensor | None = None
        self.ended: Tensor | None = None  # where bodies were in the last frame
        self.comings: Comings | None = None  # of those who are not there all the time
        self.first = 0  # the take's latent frame that comes next
        self.heard: set[int] = set()  # prompts that have counted

    def coming_and_going(self, weights_PN: Tensor) -> None:
        """Who is named for a part of the take only goes out of the picture, or comes into it. How much each prompt counts."""
        if self.looks:
            named_PU = [[float(u in self._named(p)) for u in range(len(self.looks))] for p in range(len(self.prompts))]
            self.comings = Comings(weights_PN.T @ torch.tensor(named_PU), self.cells)

    def _named(self, prompt: int) -> list[int]:
        """Which of the looks a prompt names."""
        return [self.looks.index(look) for look in self.bundle.vocabulary.looks(self.prompts[prompt])]

    def window(self, weights_PT: Tensor, levels_BTHW: Tensor, known_BCTHW: Tensor, held: int, kept: int) -> Plan | None:
        """The window's plan; None where there is none.

        Levels and latents as of the window, of which the first `held` are the anchor and the end of what was filmed before;
        of this one the last `kept` will be held in the next.
        """
        staging = self.bundle.staging
        able, whole = staging is not None and self.looks, levels_BTHW.shape[2] == levels_BTHW.shape[3] == 1
        at = [0, *range(self.first - held + 1, self.first + weights_PT.shape[1] - held)] if held else range(weights_PT.shape[1])
        plan = self._newcomers(weights_PT, known_BCTHW, held) if able and self.room and not whole else None
        if able and whole:
            plan = self._planned(weights_PT, levels_BTHW[0, :, 0, 0], known_BCTHW, held)
        self.first += weights_PT.shape[1] - held
        if plan is None or staging is None or not bool(self._there(plan).any()):
            self.anchor = self.past = self.ended = None
            return None
        free, plan = plan, plan if whole else moved_into(plan, staging, self.room, self.cells)
        plan = plan if self.comings is None else self.comings.bent(plan, staging, at)
        paced = self._going_on(self._paced(plan[:, :, 1 if held else 0 :], weights_PT, opens=not held), held)
        fresh = free[:, :, held:]
        self.anchor = fresh[:, :, :1] if self.anchor is None else self.anchor
        self.past = (fresh if self.past is None else torch.cat([self.past, fresh], 2))[:, :, -kept:] if kept else None
        unsure = bool((levels_BTHW[0, held:] < 1).any())
        return dataclasses.replace(self._shown(plan), seen=not unsure, paced_1NS8=paced)

    def ring(self, weights_PT: Tensor) -> Plan | None:
        """The plan of a ring of latent frames, which goes on from its last to its first; None where nobody is planned."""
        staging = self.bundle.staging
        if staging is None or not self.looks:
            return None
        noise = self.noises[0].draw(weights_PT.shape[1]).to(self.device)
        plan = self._sampled(noise, patterns.unknown(noise.shape), weights_PT, sampler.Ring(weights_PT.shape[1]))
        if not bool(self._there(plan).any()):
            return None
        count = plan.shape[2]
        around = torch.arange(-AROUND, count + AROUND, device=plan.device) % count
        paced = self._paced(plan[:, :, around], weights_PT[:, around.to(weights_PT.device)], opens=False)
        inner = None if paced is None else paced[:, FOLD * AROUND : -FOLD * AROUND]
        return dataclasses.replace(self._shown(plan), paced_1NS8=inner)

    def _paced(self, plan: Tensor, weights_PT: Tensor, *, opens: bool) -> Tensor | None:
        """Where bodies are in each frame, in the way of what the prompts say that they do."""
        tempo, staging = self.bundle.tempo, self.bundle.staging
        if tempo is None or staging is None or plan.shape[2] < 2:
            return None
        active = [i for i in range(len(self.prompts)) if float(weights_PT[i].max()) > 0]
        words, mask = self._words([self.prompts[i] for i in active])
        numbers = plan[..., :-1, 0].permute(0, 2, 3, 1).float()
        numbers = torch.cat([numbers[..., :-1], numbers[..., -1:].sign()], -1).expand(len(active), -1, -1, -1)
        looks = torch.tensor(self.looks, device=self.device).expand(len(active), -1)
        made = tempo(numbers, staging, words, mask, looks, opens)
        shares = weights_PT[active, weights_PT.shape[1] - plan.shape[2] :].to(made).repeat_interleave(FOLD, 1)
        made = (made * (shares / shares.sum(0).clamp(min=1e-6))[..., None, None]).sum(0, keepdim=True)
        return stances_of(made * staging.scale[0] + staging.centre[0], self.cells)

    def _going_on(self, paced: Tensor | None, held: int) -> Tensor | None:
        """The same with no jump where a window goes on from another, and with FOLD frames for its anchor, which nobody sees."""
        if paced is None:
            return None
        if held:
            last = FOLD * (held - 1) - 1
            if self.ended is not None:
                share = (1 - torch.arange(paced.shape[1] - last, device=paced.device) / (2 * FOLD)).clamp(min=0)
                off = (self.ended - paced[:, last])[..., :6] * ((paced[:, last, :, 7:] >= 0) & (self.ended[..., 7:] >= 0))
                paced[:, last:, :, :6] += share[None, :, None, None] * off[:, None]
            paced = torch.cat([paced[:, :1].expand(-1, FOLD, -1, -1), paced], 1)
        self.ended = paced[:, -1]
        return paced

    def _shown(self, plan: Tensor) -> Plan:
        assert self.bundle.staging is not None
        rows = scaled(plan, self.bundle.staging, back=True)[..., 0].permute(0, 2, 3, 1)
        camera = rows[:, :, -1, :CAMERA]
        return Plan(stances_of(rows[:, :, :-1], self.cells), calmed(camera, math.inf) if self.stands else camera)

    def _planned(self, weights_PT: Tensor, levels_T: Tensor, known_BCTHW: Tensor, held: int) -> Tensor | None:
        """The plan of a window, scaled; None where nobody knows how it would go on."""
        staging = self.bundle.staging
        assert staging is not None
        before = [part for part in (self.anchor, self.past) if part is not None] if held else []
        if sum(part.shape[2] for part in before) != held:
            return None  # there was no plan to go on from
        told, long = ({p for p, said in enumerate(weights_PT[:, held:]) if int((said > 0).sum()) > most} for most in (0, SOON))
        noises = self.noises[: 1 if told <= self.heard else None]  # how a film goes on is settled, until something else is told
        self.heard |= long
        noise = torch.cat([noise.draw(len(levels_T) - held) for noise in noises]).to(self.device)
        plan = torch.cat([*before, torch.zeros_like(noise[:1])], 2)
        known = torch.arange(len(levels_T), device=self.device) < held
        given = (levels_T < 1) & ~known
        for first, last in runs(given.tolist()):  # each on its own: two clips that are connected show two casts
            plan[:, :, first:last] = self._read(known_BCTHW[:, :, first:last], weights_PT[:, first:last])
        nobody = bool(given.any()) and not bool(self._there(plan[:, :, given]).any())
        known = known | given
        if bool(known.all()):
            return None if nobody else plan
        if held:
            rng = torch.Generator().manual_seed(SALT + held)
            past = torch.randn(plan[:, :, :held].shape, generator=rng).to(self.device)
            noise = torch.cat([past.expand(len(noise), -1, -1, -1, -1), noise], 2)
        missing: list[int] = []
        if bool(given.any()):
            tried = noise if nobody else noise[:1]
            free = self._sampled(tried, patterns.unknown(tried.shape), weights_PT)
            best = self._best(free, weights_PT)
            free = free[best : best + 1]
            missing = self._missing(free, plan[:, :, known])
            opening = not held and not bool(given[int(given.sum()) :].any())
            if (nobody and not missing) or (missing and not opening):
                return None
        level = torch.where(known, KNOWN, 1.0).view(1, -1, 1, 1)
        pattern = patterns.Pattern(level, plan, held=held)
        plans = judged = self._sampled(noise, pattern, weights_PT)
        if len(noise) > 1 and self.origins:  # a variation is one of the plan that was taken
            origin = torch.cat([source.draw(len(levels_T)) for source in self.origins]).to(self.device)
            judged = self._sampled(origin, pattern, weights_PT)
        best = self._best(judged, weights_PT)
        plan = plans[best : best + 1]
        if missing:
            return entering(plan, free, missing, int(known.sum()), staging, self.cells)
        plan = self._each_by_itself(plan, noise, weights_PT, held) if self.comings else plan
        return plan if bool(given.any()) else self._nobody_lost(plan, noise, weights_PT, held, told)

    def _each_by_itself(self, plan: Tensor, noise: Tensor, weights_PT: Tensor, held: int) -> Tensor:
        """The plan, in which those who are named for a part only and do not go on from before are as their prompt alone has
        them."""
        assert self.comings is not None
        left = self.comings.named_in_part(self.first, weights_PT.shape[1] - held)
        fresh, said = noise[:, :, held:], weights_PT[:, held:]
        for p in said.amax(1).nonzero()[:, 0].tolist():
            if looks := left.intersection(self._named(p)):
                only = torch.zeros_like(said)
                only[p] = 1
                drawn = self._sampled(fresh, patterns.unknown(fresh.shape), only)
                only[p] = said[p]
                best = self._best(drawn, only)
                rows = [look * BODIES + body for look in looks for body in range(BODIES)]
                plan[:, :, held:, rows] = drawn[best : best + 1, :, :, rows]
                left -= looks
        return plan

    def _nobody_lost(self, plan: Tensor, noise: Tensor, weights_PT: Tensor, held: int, told: set[int]) -> Tensor:
        """The plan with whoever the prompts that are `told` name in one breath with others and who got lost, as a prompt of his
        own has him."""
        for look in self.surely.intersection(look for p in told for look in self._named(p)):
            rows = slice(look * BODIES, (look + 1) * BODIES)
            if bool(self._there(plan)[:, rows].any()):
                continue
            fresh, said = noise[:, :, held:], weights_PT[:, held:]
            where = wording(scenery(self.prompts[int(said.sum(1).argmax())]))
            text = f"a {self.bundle.vocabulary.names[self.looks[look]][0]} {where}".strip()
            drawn = self._sampled(fresh, patterns.unknown(fresh.shape), torch.ones_like(said[:1]), texts=[text])
            tried = plan.repeat(len(drawn), 1, 1, 1, 1)
            tried[:, :, held:, rows] = drawn[..., rows, :]
            best = self._best(tried[:, :, held:], said)
            plan = tried[best : best + 1]
        return plan

    def _newcomers(self, weights_PT: Tensor, known_BCTHW: Tensor, held: int) -> Tensor | None:
        """The plan of a film of those alone who come into the room; None where nobody does."""
        if self.coming is None:
            assert self.bundle.staging is not None
            before = self.bundle.vocabulary.looks(self.was) if self.was else self.looks
            named, read = [look in before for look in self.looks], self._read(known_BCTHW, weights_PT)
            told = self.bundle.staging, self.room, self.cells, named, bool(self.was and before)
            self.coming = [look for look in unseen_in(read, *told) if self.meant[look]]
        unknown = torch.ones(weights_PT.shape[1], device=self.device)
        plan = self._planned(weights_PT, unknown, known_BCTHW, held) if self.coming else None
        return None if plan is None else only(plan, self.coming)

    def _best(self, plans_NFTS1: Tensor, weights_PT: Tensor) -> int:
        """Which of several plans shows best what the prompts ask for."""
        verifier = self.bundle.verifier
        if len(plans_NFTS1) == 1 or verifier is None:
            return 0
        looks = torch.tensor(self.looks, device=self.device).expand(len(plans_NFTS1), -1)
        scores = []
        for p, said in enumerate(weights_PT):
            own = plans_NFTS1[:, :, said >= 0.5] if 1 < int((said >= 0.5).sum()) < len(said) else plans_NFTS1
            scores += [float(said.mean()) * verifier(own, looks, self._asked(p))] if bool((said > 0).any()) else []
        return int((torch.stack(scores).sum(0) + self._seen(plans_NFTS1)).argmax())

    def _seen(self, plans_NFTS1: Tensor) -> Tensor:
        """Whether everybody is seen well enough, as logarithms of likelihoods: who hides behind another is not shown."""
        assert self.bundle.staging is not None
        rows = scaled(plans_NFTS1, self.bundle.staging, back=True)[..., :-1, 0].permute(0, 2, 3, 1)
        there = (rows[..., -1] > 0.5).any(1).unflatten(1, (len(self.looks), -1))  # N U, bodies of each look
        each = in_view(rows, self.cells).unflatten(1, (len(self.looks), -1)) * there
        seen = torch.where(there.any(2), each.sum(2) / there.sum(2).clamp(min=1), 1.0)  # in a crowd some may hide
        for look in self.surely:
            seen[:, look] *= there[:, look].any(1)
        return (DOUBT + (1 - DOUBT) * (seen / ENOUGH).clamp(max=1)).log().sum(1)

    def _asked(self, prompt: int) -> Claims:
        """What a prompt asks for."""
        verifier = self.bundle.verifier
        assert verifier is not None
        if prompt not in self.claims:
            text, limit = [self.prompts[prompt]], self.bundle.config.text.max_tokens
            named = sorted(self._named(prompt))  # who is asked about is taken to be spoken of
            own = [self.looks[look] for look in named or range(len(self.looks))]
            slots = self.bundle.vocabulary.slots(text, [own], limit).to(self.device)
            claims = verifier.asked(*self._heard(text), slots, torch.tensor([own], device=self.device))
            self.claims[prompt] = claims if len(named) == len(self.looks) else of_some(claims, named, len(self.looks))
        return self.claims[prompt]

    def _meant(self) -> list[bool]:
        """Of each look whether any prompt asks for somebody who has it: stars that twinkle are none that are there."""
        if self.bundle.verifier is None or not self.looks:
            return [True] * len(self.looks)
        nobody = torch.stack([self._asked(p).count_BQK1[0].softmax(-1)[:, 0] for p in range(len(self.prompts))])
        meant = (nobody.amin(0) < 1 - ONCE).tolist()
        for words in (pair for prompt in self.prompts for pair in joined(prompt)):
            pair = [self.looks.index(look) for word in words for look in self.bundle.vocabulary.looks(word)]
            if any(meant[look] for look in pair):
                self.surely.update(pair)
        return [so or look in self.surely for look, so in enumerate(meant)]

    def _alone(self, weights_PT: Tensor) -> bool:
        """Whether nobody is to be there twice: then there is no room for that, and fewer rows to draw."""
        if self.bundle.verifier is None:
            return False
        counts = [self._asked(p).count_BQK1[0].softmax(-1) for p, share in enumerate(weights_PT.amax(1).tolist()) if share]
        return bool((torch.stack(counts)[..., 2:].sum(-1) < ONCE).all())

    def told(self, plan: Plan, prompts: list[str], pictures_PQ4SS: Tensor) -> tuple[Tensor, Tensor]:
        """The plan as each prompt names it: stances_PTR8, and said_PTHWP for the model."""
        count = pictures_PQ4SS.shape[1]
        stances_1TS8 = plan.stances_1TS8
        nobody = torch.zeros_like(stances_1TS8[:, :, :1]).repeat(1, 1, count * BODIES, 1)
        nobody[..., 7] = -1
        rows = nobody.repeat(len(prompts), 1, 1, 1)
        for p, prompt in enumerate(prompts):
            for q, look in enumerate(self.bundle.vocabulary.looks(prompt)[:count]):
                u = self.looks.index(look) * BODIES
                mine = stances_1TS8[0, :, u : u + BODIES].clone()
                mine[..., 7] = torch.where(mine[..., 7] >= 0, float(q), -1.0)
                rows[p, :, q * BODIES : (q + 1) * BODIES] = mine
        whose = torch.arange(count, device=self.device).repeat_interleave(BODIES).expand(len(prompts), -1)
        return rows, surely(*truth(rows, whose, pictures_PQ4SS, self.cells))

    def layout(self, plan: Plan, stances_PTR8: Tensor, pictures_PQ4SS: Tensor) -> Tensor | None:
        """The plan as the model is shown it, for each prompt; None where it is shown none."""
        if not self.bundle.config.dit.layout:
            return None
        laid = pictures_laid(self.bundle.overlay, stances_PTR8, pictures_PQ4SS.repeat_interleave(BODIES, 1), self.cells)
        return layout_of(laid, calmed(plan.camera_1T5).expand(len(laid), -1, -1) if plan.seen else None)

    def _sampled(
        self,
        noise_NFTS1: Tensor,
        pattern: patterns.Pattern,
        weights_PT: Tensor,
        ring: sampler.Ring | None = None,
        texts: list[str] | None = None,
    ) -> Tensor:
        """A plan of each of N noises, by the prompts, or by other `texts`."""
        staging = self.bundle.staging
        assert staging is not None
        active = [i for i in range(len(weights_PT)) if float(weights_PT[i].max()) > 0]
        texts = [(texts or self.prompts)[i] for i in active]
        given = pattern.given_BCTHW
        each = BODIES if given is not None and bool(self._there(given).unflatten(1, (-1, BODIES))[..., 1:].any()) else 1
        each = each if self._alone(weights_PT) else BODIES
        noise_NFTS1 = noise_NFTS1[..., :: BODIES // each, :]
        given = None if given is None else given[..., :: BODIES // each, :]
        count, many = len(noise_NFTS1), len(texts) + 1
        words, mask = (part.repeat(count, *(1,) * (part.ndim - 1)) for part in self._words([*texts, ""]))
        looks = torch.tensor(self.looks, device=self.device).expand(count * many, -1)
        weights = weights_PT[active].to(self.device)
        guided = torch.tensor(GUIDED, device=self.device).view(1, -1, 1, 1, 1)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            pull = FIRST_PULL if float(t.max()) > FIRST else PULL
            levels = t.expand(count, -1, -1, -1).repeat_interleave(many, 0)
            v = staging(z.repeat_interleave(many, 0), levels, words, mask, looks, self.cells).unflatten(0, (count, many))
            v, without = torch.cat([sampler.mixed(one[:-1], weights) for one in v]), v[:, -1]
            return v + guided * (pull - 1) * (v - without)

        def around(z: Tensor, t: Tensor) -> Tensor:
            assert ring is not None
            ring.turn()
            return ring.closed(velocity(ring.opened(z), t))

        pattern = dataclasses.replace(pattern, given_BCTHW=given).to(self.device)
        *_, plan = sampler.sample(velocity if ring is None else around, noise_NFTS1, pattern, sampler.schedule(STEPS, SHIFT))
        plan = plan if each == BODIES else among_none(plan)
        for look, meant in enumerate(self.meant):
            if not meant:
                plan[:, -1, :, look * BODIES : (look + 1) * BODIES] = -1
        return plan

    def _words(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Prompts as the staging reads them, and where they are."""
        assert self.bundle.staging is not None
        words, mask = self._heard(texts)
        return self.bundle.staging.read(words, mask), mask

    def _heard(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Prompts as the large model's encoder reads them, and where they are."""
        ids, mask, _ = (x.to(self.device) for x in self.bundle.vocabulary.batch(texts, self.bundle.config.text.max_tokens))
        return self.bundle.dit.text(ids, mask), mask

    def _read(self, z_BCTHW: Tensor, weights_PT: Tensor) -> Tensor:
        """The plan, scaled, of frames that are given, as the model sees them."""
        staging = self.bundle.staging
        assert staging is not None
        rows = z_BCTHW.new_zeros(1, z_BCTHW.shape[2], len(self.looks) * BODIES, 8)
        rows[..., 7] = -1
        for p in weights_PT.max(1).values.nonzero()[:, 0].tolist():
            shown = self.was or self.prompts[p]
            words = self.bundle.read([shown])
            if not words[3].shape[1]:
                continue
            level = torch.full((1, z_BCTHW.shape[2], 1, 1), READ_AT, device=self.device)
            _, seen = self.bundle.dit.film(z_BCTHW, level, *words)
            assert seen is not None
            before, after = (self.bundle.vocabulary.looks(text) for text in (shown, self.prompts[p]))
            for q, look in enumerate(recast(before, after)):
                if look is None or not self.meant[self.looks.index(look)]:
                    continue
                u = self.looks.index(look) * BODIES
                if not bool((rows[:, :, u : u + BODIES, 7] >= 0).any()):
                    rows[:, :, u : u + BODIES] = ordered(seen[:, :, q * BODIES : (q + 1) * BODIES])
        feet = (rows[..., 5] + rows[..., 4].clamp(min=0) + rows[..., 3].clamp(min=0)) / self.cells[0]
        rows[..., 6] = DEPTHS[0] * feet + DEPTHS[1]
        cameras = rows.new_zeros(1, rows.shape[1], CAMERA)
        plan = scaled(plan_of(rows, cameras, self.cells), staging)
        plan[..., -1, :] = 0  # of the camera nothing is known but that most stand still
        return plan

    def _missing(self, free: Tensor, known: Tensor) -> list[int]:
        """Which looks somebody would have who would be there, were nothing given, and is not seen in what is."""
        wanted, found = (self._there(plan).unflatten(1, (-1, BODIES)).any(2) for plan in (free, known))
        return ((wanted.float().mean(0) > 0.5) & ~found.any(0)).nonzero()[:, 0].tolist()

    def _there(self, plan: Tensor) -> Tensor:
        """Which bodies are there in each latent frame, T R."""
        assert self.bundle.staging is not None
        return scaled(plan, self.bundle.staging, back=True)[0, -1, :, :-1, 0] > 0.5
