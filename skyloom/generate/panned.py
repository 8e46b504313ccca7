"""A film that is done goes where its plan says: what lies behind its bodies is made one panorama (models/panorama), and they
are drawn in full in front of it (cutouts.py).

Where all of a film is made, in a place that is known, that is painted as a still of its own (backdrop.py). Of a window that
goes on from another, and of a film that begins with given frames, these lie on top, and what they do not show is painted: what
comes into sight, and what bodies hid. So the place stays the one that it was. The
background stays as it is where nobody knows how the camera goes, where one place becomes another, and where a film is given. A
camera that shakes is none that a plan of three moments a second can have: it stands, and then the whole picture shakes.

Dimension key: C latent channels, T latent frames of a window, H W cells, F frames (4 T; the first latent frame of a film holds
its first frame four times), h w dots and pixels.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.bodies import BODIES
from ..models.foreground import shaded
from ..models.overlay import BEATS, between, drawn_at
from ..models.panorama import laid, margins, passed_over, seen_from, views
from ..models.places import DOTS
from ..models.staging import calmed
from ..models.tempo import straight
from ..models.vae import FOLD, to_video
from ..worlds.storybook import shaking
from .backdrop import Painter, wording
from .coming import runs
from .continuing import camera_going_on, carried_by, going_on_as, lingered, melted
from .cutouts import Cutout, cover_of, drawn_over
from .naming import scenery
from .plans import Plan
from .request import Request
from .surveying import surveyed, without_air
from .takes import Take
from .twinkling import Starry

if TYPE_CHECKING:
    from ..models.bundle import Bundle

LANDS, RESTS = 0.12, 0.4  # what falls by so much of its height less than before, and by such a share of that, has landed
VIEWS = 5  # latent frames that show what lies behind, if all of it is made anew
AROUND, BESIDE = 10, 1  # dots around a body that are no part of the panorama, and those that stay as they are
ASIDE = 3  # dots to each side of a body that its shadow is wider
SMEARED = 2  # frames around a latent frame in which a body that it draws may be
WARY = 18  # dots around it that are a part of it only where no frame shows better
AROUND_RING = 2  # latent frames of a ring that its ends are drawn with
SOFT = 2  # dots over which one becomes the other


class Panner:
    """Makes the background of a take one and draws its bodies, window by window."""

    def __init__(self, take: Take, request: Request, bundle: "Bundle", looks: list[int], painter: Painter | None = None):
        self.take, self.bundle, self.looks, self.painter = take, bundle, looks, painter
        self.said = [scenery(prompt) for prompt in take.prompts]
        self.shakes = all(said["camera"] == "shake" for said in self.said)
        self.fps, self.seed = request.fps, request.seed
        self.starry = Starry(take.prompts, request, bundle)
        self.before: set[tuple[str, str]] = set()  # places, and their light, of the window before
        self.back: Tensor | None = None  # what lay behind, at its end

    def __call__(
        self,
        z_1CTHW: Tensor,
        ended_13Fhw: Tensor | None,
        weights_PT: Tensor,
        levels_BTHW: Tensor,
        plan: Plan | None,
        begin: int,
        decode: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """The latents of a window, of which the first is the take's latent frame `begin` -> their frames in front of one
        background. `ended` is the end of what was filmed before, and the rest is of both. What is given stays."""
        held = 0 if ended_13Fhw is None else ended_13Fhw.shape[2] // FOLD
        goes = self._goes(weights_PT, levels_BTHW, held)
        back, self.back = self.back, None
        if plan is None or not (goes or self.bundle.draws):
            return decode(z_1CTHW)
        given = (levels_BTHW.amax((0, 2, 3)) == 0).tolist()
        plan = dataclasses.replace(plan, camera_1T5=camera_going_on(plan.camera_1T5, given))
        if goes and self.bundle.draws and bool((levels_BTHW[:, held:] == 1).all()):
            return self._set(z_1CTHW, ended_13Fhw, back, weights_PT, plan, begin, shakes=self.shakes)
        film = self._as_given(decode(z_1CTHW), given[held:], begin)
        film = film if ended_13Fhw is None else torch.cat([ended_13Fhw, film], 2)
        levels = levels_BTHW.clone()
        levels[:, :held] = 0
        made = self._made(film, weights_PT, levels, plan, begin - held, goes=goes)
        fresh = (levels > 0).float().repeat_interleave(FOLD, 1)
        return torch.lerp(film, made, F.interpolate(fresh, film.shape[3:])[:, None])[:, :, held * FOLD :]

    def _as_given(self, film_13Fhw: Tensor, given: list[bool], begin: int) -> Tensor:
        """The film with the pixels of latent frames that are given: what goes on from them is as sharp as they are."""
        if self.take.given is None or not self.bundle.draws:
            return film_13Fhw
        film, at = film_13Fhw.clone(), moments(range(FOLD * len(given)), begin)
        for first, last in runs(given):
            frames = slice(FOLD * first, FOLD * last)
            film[:, :, frames] = to_video(self.take.given[at[frames]]).to(film)
        return film

    def ring(self, z_1CTHW: Tensor, weights_PT: Tensor, plan: Plan | None, decode: Callable[[Tensor], Tensor]) -> Tensor:
        """The same for a ring of latent frames, whose last is followed by its first. Its camera stands: one that goes away does
        not come back in time."""
        if plan is None:
            return decode(z_1CTHW)
        count = z_1CTHW.shape[2]
        round_ = torch.arange(-AROUND_RING, count + AROUND_RING, device=z_1CTHW.device) % count
        whole = plan.at(round_)
        inner = slice(AROUND_RING * FOLD, -AROUND_RING * FOLD)
        weights = weights_PT[:, round_.to(weights_PT.device)]
        if self.bundle.draws:
            return self._set(z_1CTHW[:, :, round_], None, None, weights, whole, 1, shakes=False)[:, :, inner]
        levels = torch.ones(1, len(round_), 1, 1, device=z_1CTHW.device)
        film = decode(z_1CTHW).unflatten(2, (count, FOLD))[:, :, round_].flatten(2, 3)
        return self._made(film, weights, levels, whole, 1, goes=True)[:, :, inner]

    def _goes(self, weights_PT: Tensor, levels_BTHW: Tensor, held: int) -> bool:
        """Whether the background is one: in one place and one light, where it is known how the camera goes."""
        heard = (weights_PT[:, held:].amax(1) > 0).nonzero()[:, 0].tolist()
        places = {(self.said[p]["place"], self.said[p]["light"]) for p in heard}
        one, self.before = len(places | self.before) == 1, places
        whole = levels_BTHW.shape[2:] == (1, 1)
        new = whole and bool((levels_BTHW[:, held:] == 1).any())  # of what is given nobody knows how the camera goes
        return one and new and self.take.steady and weights_PT.shape[1] > 1

    def _set(
        self,
        z: Tensor,
        ended: Tensor | None,
        back: Tensor | None,
        weights: Tensor,
        plan: Plan,
        begin: int,
        *,
        shakes: bool,
    ) -> Tensor:
        """All of the background is seen in some latent frames: only these are decoded. `back` is what lay behind everything in
        frames that `ended` before, where that is known."""
        held = 0 if ended is None else ended.shape[2]
        known = [i < held for i in range(held + FOLD * z.shape[2])]
        way = straight(calmed(plan.camera_1T5), opens=begin == 0 and not held)
        cover = covered(plan.stances_1TS8, self.looks, self.bundle, (z.shape[3], z.shape[4]))
        bare = back[:, :, back.shape[2] - held :] if held and back is not None and back.shape[2] >= held else None
        seen, asked = self.bundle.overlay.seen(z), self._asked(weights)
        if bare is not None and bool((way[..., :3] == way[:, :1, :3]).all()):  # as it was, to the last pixel
            self.back = bare[:, :, -1:].clone().expand(-1, -1, FOLD * z.shape[2], -1, -1)
        elif self.painter is not None and asked and (bare is not None or not held):
            self.back = self._painted(asked, bare, way, known, first=held)
        else:
            self.back, asked = self._behind(z, ended if bare is None else bare, bare is not None, way, cover, known, begin), ""
        cover = cover[:, held * BEATS // FOLD :]
        new = self._shaded(seen, cover, way[:, held:]) if asked else shaded(self.back, seen, beside(cover))
        at = moments(known, begin - held // FOLD)
        new = self.starry.over(new, way, weights, at, held, self.take.keep[1] - self.take.keep[0] if self.take.ring else 0)
        shown = None if shakes else ended  # what is drawn is shaken only when all of it is
        rows = self._bodies(new, weights, plan, at, shown, known)
        new = drawn_over(new, seen, rows, self.bundle.config.vae.stride)
        return self._shaken(new, begin, order(known)[:1] if held and bare is None else [], held) if shakes else new

    def _asked(self, weights_PT: Tensor) -> str:
        """What a backdrop is asked for by: the place and light of all prompts that count."""
        heard = (weights_PT.amax(1) > 0).nonzero()[:, 0].tolist()
        return wording(self.said[heard[0]])

    def _painted(
        self,
        asked: str,
        bare: Tensor | None,
        way: Tensor,
        known: list[bool],
        first: int = 0,
        left_out: tuple[Tensor, ...] = (),
    ) -> Tensor:
        """What lies behind in each frame from `first` on: parts of a still that goes on from what lay behind `bare` in known
        ones. Of these the bodies may be `left_out` (models/panorama.laid)."""
        assert self.painter is not None
        stride = self.bundle.config.vae.stride
        size = self.painter.cells[0] * stride, self.painter.cells[1] * stride
        camera = seen_from(way, order(known)[0], *size)
        margin = margins(camera, *size, least=0.0)
        whole = size[0] + 2 * margin[0], size[1] + 2 * margin[1]
        shown: Tensor | None = None
        if bare is not None:
            nothing = torch.zeros_like(bare[:, 0])
            shown = laid(bare, camera, left_out or (nothing,), [i for i in order(known) if known[i]][::FOLD], margin)
        return views(self.painter(asked, whole, shown, sketched=bool(left_out)), camera[:, first:], size, margin)

    def _shaded(self, seen: Tensor, cover: Tensor, way: Tensor) -> Tensor:
        """The backdrop with the shadows that the film has under its bodies: what there is darker than the film's own ground."""
        assert self.back is not None
        film, beats = 2 * seen - 1, way[:, FOLD // BEATS - 1 :: FOLD // BEATS]
        hidden = beside(cover)
        middle = sorted(range(film.shape[2]), key=lambda i: abs(i - film.shape[2] // 2))
        ground = passed_over(film, beats, hidden, None, middle)
        darker = shaded(ground, seen, hidden) - ground
        darker = F.interpolate(darker, (self.back.shape[2], *self.back.shape[3:]), mode="trilinear")
        return self.back + darker

    def _behind(
        self, z: Tensor, before: Tensor | None, bare: bool, way: Tensor, cover: Tensor, known: list[bool], begin: int
    ) -> Tensor:
        """What lies behind in each new frame, of some latent frames and of what was filmed `before`, which may be `bare`."""
        count, held, first = z.shape[2], sum(known), 1 if begin == 0 and z.shape[2] > 1 else 0
        views = sorted({round(first + i * (count - 1 - first) / (VIEWS - 1)) for i in range(VIEWS)})
        drawn = torch.cat([self.bundle.vae.draw(z[:, :, i : i + 1], {}, False).clamp(-1, 1) for i in views], 2)
        film = drawn if before is None else torch.cat([before, drawn], 2)
        at = [*range(held), *(held + FOLD * i + j for i in views for j in range(FOLD))]
        lies = [at.index(i) for i in order(known) if i in at]
        lies = [*lies[::FOLD], *lies[-2:]]  # those that see farthest come last
        doubtful, hidden = self._around(cover, (film.shape[3], film.shape[4]), at)
        if bare:
            doubtful[:, :held], hidden[:, :held] = 0, 0
        common = not held
        return passed_over(film, way[:, at], hidden, None, lies, doubtful_BFHW=doubtful, common=common, to_BF5=way[:, held:])

    def _made(self, film: Tensor, weights: Tensor, levels: Tensor, plan: Plan, first: int, *, goes: bool) -> Tensor:
        """`first` is the take's latent frame that the film begins with; 0 is the one that opens it."""
        known = (levels.amax((0, 2, 3)) == 0).repeat_interleave(FOLD).tolist()
        lies, new, size = order(known), film, (film.shape[3], film.shape[4])
        way: Tensor | None = None
        rows: list[Cutout] = []
        if self.bundle.draws:
            rows = self._bodies(film, weights, plan, moments(known, first), film if any(known) else None, known, follow=True)
        stride = self.bundle.config.vae.stride
        seen = F.avg_pool3d(film, (FOLD // BEATS, stride // DOTS, stride // DOTS)) / 2 + 0.5
        cover = covered(plan.stances_1TS8, self.looks, self.bundle, (size[0] // stride, size[1] // stride))
        cover = as_seen(cover, rows, known, size, stride)
        doubtful, hidden = self._around(cover, size, list(range(film.shape[2])))
        if goes:
            ground, way = film, straight(calmed(plan.camera_1T5), opens=first == 0)
            if self.bundle.draws and any(known):
                way, ground = surveyed(film, known, hidden, way), film.clone()
                falls = any(said["weather"] not in ("", "clear") for said in self.said)
                ground[:, :, lies[0]] = without_air(film, known, hidden, way, lies[0], falls)
            stays = None if self.bundle.draws else spread(cover, BESIDE, size).repeat_interleave(FOLD // BEATS, 1)
            if self.painter is not None and self.bundle.draws and any(known) and (asked := self._asked(weights)):
                there = [one for one in rows if float(one.stances_1F8[0, lies[0], 7]) >= 0 and float(one.count_F[lies[0]]) > 0]
                close = [self._close(cover, size, len(known))] if all(lies[0] in one.found for one in there) else []
                self.back = new = self._painted(asked, ground, way, known, left_out=(doubtful, hidden, *close))
            else:
                new = passed_over(ground, way, hidden, stays, lies, doubtful_BFHW=doubtful, common=not any(known))
            new = shaded(new, seen, beside(cover)) if self.bundle.draws else new
        elif self.bundle.draws and not self.take.steady:
            new = melted(film, known, hidden)
        if self.bundle.draws:
            new = lingered(drawn_over(new, seen, rows, stride), film, known, rows, stride, carried_by(way))
        return self._shaken(new, first, lies[:1] if any(known) else [], 0) if self.shakes else new

    def _around(self, cover_1fhw: Tensor, size: tuple[int, int], at: list[int]) -> tuple[Tensor, Tensor]:
        """What is doubtful and what is no part of the panorama, of some frames of a film."""
        latents = sorted({i // FOLD for i in at})
        whole = cover_1fhw.unflatten(1, (-1, BEATS)).amax(2)[:, latents]  # a latent frame is drawn as one
        doubtful, hidden = (spread(whole, by, size)[:, [latents.index(i // FOLD) for i in at]] for by in (WARY, AROUND))
        return doubtful, hidden

    def _close(self, cover_1fhw: Tensor, size: tuple[int, int], frames: int) -> Tensor:
        """What belongs to bodies that are seen to the pixel, and to the shadow under them, and nothing else around."""
        whole = cover_1fhw.unflatten(1, (-1, BEATS)).amax(2)
        under = F.max_pool2d(F.pad(whole, (ASIDE, ASIDE, AROUND, 0)), (AROUND + 1, 2 * ASIDE + 1), 1)
        return spread(under, BESIDE, size).repeat_interleave(FOLD, 1)[:, :frames]

    def _shaken(self, film: Tensor, first: int, known: list[int], held: int) -> Tensor:
        """The film as a hand holds the camera. What is `known`, counted from `held` frames before the first, is off already."""
        frames = (np.arange(-held, film.shape[2]) + first * FOLD).clip(min=FOLD - 1) - (FOLD - 1)
        off = np.stack(shaking(frames / self.fps, self.seed))
        off = off - off[:, known] if known else off
        return shifted(film, *off[:, held:])

    def _bodies(
        self,
        ground_13Fhw: Tensor,
        weights_PT: Tensor,
        plan: Plan,
        moments_F: np.ndarray,
        film_13Fhw: Tensor | None = None,
        known: Sequence[bool] = (),
        follow: bool = False,
    ) -> list[Cutout]:
        """Everybody in front of the ground whom the prompts of a frame name; its frames are the last of the plan, which are the
        take's `moments`. From frames of the film that are `known` they go on as these show them."""
        frames = ground_13Fhw.shape[2]
        vocabulary, count = self.bundle.vocabulary, len(self.looks)
        names = torch.tensor([[look in vocabulary.looks(prompt) for look in self.looks] for prompt in self.take.prompts])
        named_TQ = weights_PT.T @ names.float().to(weights_PT.device)
        steady_TQ = F.interpolate(named_TQ.clamp(max=1).T[None], scale_factor=FOLD, mode="linear")  # from one to the next
        counts_FQ = steady_TQ[0].T.to(ground_13Fhw.device)
        stances = smoothly(plan.stances_1TS8, opens=len(moments_F) >= FOLD and int(moments_F[FOLD - 1]) == 0)
        if plan.paced_1NS8 is not None:
            always = (plan.stances_1TS8[..., 7] >= 0).all(1)[:, None, :, None]
            paced = torch.where(always, plan.paced_1NS8[..., :7], stances[..., :7])
            stances = torch.cat([paced, stances[..., 7:]], -1)
        pictures = self.bundle.dit.remembered(torch.tensor([self.looks], device=ground_13Fhw.device))
        rows = []
        for r in range(count * BODIES):
            body = Cutout(stances[:, :, r], pictures[:, r // BODIES], counts_FQ[:, r // BODIES])
            body = self._moving(body, self.looks[r // BODIES], r, moments_F)
            if film_13Fhw is not None:
                body = going_on_as(body, film_13Fhw, known, self.bundle.config.vae.stride, follow)
            rows.append(body.last(frames))
        if (pieces := plan.pieces and plan.pieces.part(plan.stances_1TS8.shape[1] - frames // FOLD)) is not None:
            each = zip(pieces.stances_1FP8.unbind(2), pieces.pictures_1P4SS.unbind(1), pieces.counts_FP.unbind(1), strict=True)
            rows += [Cutout(*piece, lit=True) for piece in each]
        return rows

    def _moving(self, body: Cutout, look: int, row: int, moments_F: np.ndarray) -> Cutout:
        """A body with the loop of its noun, at a phase of its own; the loop goes round a whole number of times in a ring."""
        loops = self.bundle.loops
        loop = loops.pictures(self.bundle.vocabulary.names[look][0]) if loops is not None else None
        if loop is None or not bool((body.stances_1F8[..., 7] >= 0).any()):
            return body
        count, phase = len(loop), np.random.default_rng([self.seed, look, row]).random()
        if self.take.ring:
            once = self.take.keep[1] - self.take.keep[0]
            moments_F = moments_F * (max(1, round(once / count)) * count / once)
        return dataclasses.replace(body, loop=loop, pose_F=(moments_F + phase * count).astype(int) % count)


def shifted(film_B3FHW: Tensor, right_F: np.ndarray, down_F: np.ndarray) -> Tensor:
    """The film as a camera sees it that is off by so many short sides; its border is drawn out."""
    height, width = film_B3FHW.shape[3:]
    unit = min(height, width)
    still = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]], device=film_B3FHW.device).repeat(len(right_F), 1, 1)
    still[:, 0, 2] = torch.from_numpy(right_F).to(still) * 2 * unit / width
    still[:, 1, 2] = torch.from_numpy(down_F).to(still) * 2 * unit / height
    frames = film_B3FHW[0].transpose(0, 1)
    grid = F.affine_grid(still, list(frames.shape), align_corners=False)
    return F.grid_sample(frames, grid, padding_mode="border", align_corners=False).transpose(0, 1)[None]


def order(known: list[bool]) -> list[int]:
    """Which frame lies on which, the uppermost first: the known one that is nearest to an unknown one, the other known ones,
    the rest; if none is known, the middle."""
    fresh = [i for i, so in enumerate(known) if not so]
    near = [min((abs(i - j) for j in fresh), default=0) for i in range(len(known))]
    top = min((i for i, so in enumerate(known) if so), key=lambda i: near[i], default=len(known) // 2)
    return sorted(range(len(known)), key=lambda i: (not known[i], abs(i - top)))


def smoothly(stances_1TS8: Tensor, opens: bool) -> Tensor:
    """Stances in the middle of latent frames -> of every frame, 1 F S 8, on a curve through all of them whose slope in each is
    that between its neighbours (Catmull & Rom 1974): what falls goes on a parabola, up to where it lands. Who is not
    there all the time, or turns to the other side, goes straight from one to the next (models/overlay)."""
    frames = between(stances_1TS8, FOLD)
    count = stances_1TS8.shape[1]
    if count < 3:
        return frames
    knots = np.arange(count) * FOLD + (FOLD - 1) / 2
    knots[0] = FOLD - 1 if opens else knots[0]
    area = stances_1TS8[..., 0] * stances_1TS8[..., 4] - stances_1TS8[..., 1] * stances_1TS8[..., 3]
    able = (stances_1TS8[..., 7] >= 0).all(1) & ((area > 0).all(1) | (area < 0).all(1))
    if not bool(able.any()):
        return frames
    rows = able[0].nonzero()[:, 0]
    values = stances_1TS8[0][:, rows, :7].double().cpu().numpy()
    before, after = np.zeros_like(values), np.zeros_like(values)  # at the end of one stretch and at the beginning of the next
    for row in range(values.shape[1]):
        middle = values[:, row, 5] + (values[:, row, 3] + values[:, row, 4]) / 2
        goes, height = np.diff(middle), np.hypot(values[1:-1, row, 1], values[1:-1, row, 4])
        bent = (goes[:-1] - goes[1:] > LANDS * height) & (np.abs(goes[1:]) < RESTS * np.abs(goes[:-1]))
        for a, b in itertools.pairwise([0, *(np.flatnonzero(bent) + 1).tolist(), count - 1]):
            part = _slopes(values[a : b + 1, row], knots[a : b + 1])
            after[a:b, row], before[a + 1 : b + 1, row] = part[:-1], part[1:]
    at = np.arange(FOLD if opens else 0, FOLD * count)
    inside = at.clip(knots[0], knots[-1])
    k = np.searchsorted(knots, inside, side="right").clip(1, count - 1) - 1
    step = (knots[k + 1] - knots[k])[:, None, None]
    u = ((inside - knots[k])[:, None, None]) / step
    ends = values[k] * (1 + 2 * u) * (1 - u) ** 2 + values[k + 1] * u**2 * (3 - 2 * u)
    curve = ends + step * (after[k] * u * (1 - u) ** 2 - before[k + 1] * u**2 * (1 - u))
    past = (at - inside)[:, None, None]  # straight on before the first and behind the last
    curve = curve + past * np.where(past < 0, after[0], before[-1])
    frames[0][at[0] :, rows, :7] = torch.from_numpy(curve).to(frames)
    return frames


def _slopes(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Of a parabola through each knot and its neighbours; of two knots, the straight line's."""
    return np.gradient(values, knots, axis=0, edge_order=2 if len(knots) > 2 else 1)


def covered(stances_1TS8: Tensor, looks: list[int], bundle: "Bundle", cells: tuple[int, int]) -> Tensor:
    """What bodies cover in each beat, 1 F h w in dots."""
    stances = between(stances_1TS8)
    size = cells[0] * DOTS, cells[1] * DOTS
    cover = torch.zeros(1, stances.shape[1], *size, device=stances.device)
    alpha = bundle.dit.pictures[torch.tensor(looks, device=stances.device)][:, 3:].float() / 255
    each = stances.shape[2] // len(looks)
    for row in range(stances.shape[2]):
        if bool((stances[..., row, 7] >= 0).any()):
            body = drawn_at(stances[:, :, row], alpha[row // each][None], size)
            cover = torch.maximum(cover, body[:, 0])
    return cover


def as_seen(cover_1fhw: Tensor, rows: Sequence[Cutout], known: Sequence[bool], size: tuple[int, int], stride: int) -> Tensor:
    """What bodies cover where that is known to the pixel: in known latent frames as these show it, and not as the plan has it;
    in new ones, whose every body is a smear, of the frames next to it, too."""
    cover = cover_1fhw.clone()
    frames = [np.zeros(size, np.float32) for _ in known]
    for one, (i, seen) in itertools.product(rows, enumerate(frames)):
        if float(one.stances_1F8[0, i, 7]) >= 0 and float(one.count_F[i]) > 0:
            np.maximum(seen, cover_of(one, i, size, stride), out=seen)
    for first in range(0, len(known), FOLD):
        beyond = 0 if known[first] else SMEARED
        seen = np.maximum.reduce(frames[max(0, first - beyond) : first + FOLD + beyond])
        small = F.adaptive_avg_pool2d(torch.from_numpy(seen)[None], (cover.shape[2], cover.shape[3])).to(cover)
        beats = slice(first * BEATS // FOLD, first * BEATS // FOLD + BEATS)
        cover[0, beats] = small if known[first] else torch.maximum(cover[0, beats], small)
    return cover


def spread(cover_1fhw: Tensor, dots: int, size: tuple[int, int]) -> Tensor:
    """What is covered and so many dots around it, softly; in pixels."""
    side = 2 * dots + 1
    wide = F.max_pool2d(F.max_pool2d(cover_1fhw, (1, side), 1, (0, dots)), (side, 1), 1, (dots, 0))
    soft = F.avg_pool2d(F.pad(wide, (SOFT,) * 4, mode="replicate"), 2 * SOFT + 1, 1)
    return F.interpolate(soft, size, mode="bilinear")


def beside(cover_1fhw: Tensor) -> Tensor:
    """What is covered and what lies right beside it, in dots."""
    return F.max_pool2d(cover_1fhw, 2 * BESIDE + 1, 1, BESIDE)


def moments(film: Sequence[object], first: int) -> np.ndarray:
    """Which of the take's frames a film has that begins with latent frame `first`; the take's first is there FOLD times."""
    return (np.arange(len(film)) + first * FOLD - (FOLD - 1)).clip(0)
