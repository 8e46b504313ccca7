"""No seam where given frames end: what is drawn next to them goes on from what they show.

The camera goes on from where it is. A body goes on from where it is to the pixel, in its size and its pose (matching.py).
And what a given frame shows otherwise than it would have been drawn, a light, a shadow, the grain of the ground, stays for a
while: that difference goes on with what it is of, on the ground as the camera goes and on a body as that goes, and fades.

Dimension key: F frames, H W pixels; rest_HW3 is a difference of pictures from -1 to 1.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.foreground import filled
from ..models.layers import exact
from ..models.panorama import margins, seen_from, views
from ..models.vae import FOLD, to_frames
from .cutouts import Cutout, as_loop, cover_of, matrix_of
from .matching import Match, followed, matched, turn_of
from .staged import runs
from .surveying import without_specks

LINGERS = 10  # frames after which nothing of a given one is left
OUTLINE = 2  # pixels around a body that go with it
HALF = 0.5  # of a body that is to be seen for it to be one
ABOUT = 24  # pixels around a body that is not found in which it may be
FLAT = 0.15  # width over height: what is seen so much from the side is no picture to turn into another
SPINS = 0.8  # the same of what spins, at times
TURNS_BACK = 8  # frames in which a body that spins is where its plan has it
MELTS, OWN = 8, 0.5  # frames to each side that a frame of a bridge is a mean of, and its share of that in the middle


def camera_going_on(camera_1T5: Tensor, given: list[bool]) -> Tensor:
    """The camera where frames at one end are given: nobody knows where in its way it is there, but it goes on with no jump."""
    fresh = [i for i, so in enumerate(given) if not so]
    if not fresh or given[0] == given[-1] or fresh != list(range(fresh[0], fresh[-1] + 1)):
        return camera_1T5
    way = camera_1T5.clone()
    mine, its, inner = (fresh[0], fresh[0] - 1, 1) if given[0] else (fresh[-1], fresh[-1] + 1, -1)
    pace = camera_1T5[:, mine + inner] - camera_1T5[:, mine] if len(fresh) > 1 else 0 * camera_1T5[:, mine]
    jump = camera_1T5[:, mine] - camera_1T5[:, its] - pace
    way[:, fresh, :3] -= jump[:, None, :3]
    way[..., 3:] = camera_1T5[:, fresh, 3:].mean(1, keepdim=True)
    return way


def going_on_as(body: Cutout, film_13Fhw: Tensor, known: Sequence[bool], stride: int, follow: bool = False) -> Cutout:
    """A body whose place, size and pose go on from what known frames, of which the film may be all that there is, show of it
    next to new ones; with `follow` it is where they show it in all of them."""
    loop, poses = as_loop(body), body.pose_F
    plan = [matrix_of(body, i, stride) for i in range(len(known))]
    there = [i for i in range(len(known)) if float(body.stances_1F8[0, i, 7]) >= 0]
    turns = np.array([turn_of(plan[i]) if i in there else np.nan for i in range(len(known))])
    spins = bool(there) and float(np.nanmin(np.abs(turns))) < SPINS * float(np.nanmax(np.abs(turns)))
    found: dict[int, Match] = {}
    edges = []
    for edge, inner in _edges(known):
        if edge not in there or (match := matched(picture_of(film_13Fhw, edge), loop, plan[edge], spins)) is None:
            continue
        edges.append(edge)
        found[edge] = match
        near = list(itertools.takewhile(set(there).difference(found).__contains__, inner)) if follow else []
        ahead = [int(poses[i] - poses[edge]) if poses is not None else 0 for i in near]
        steps = followed([picture_of(film_13Fhw, i) for i in near], loop, [plan[i] for i in near], ahead, match)
        found |= {i: step for i, step in zip(near, steps, strict=True) if step is not None}
    if not found:
        return body
    at = np.array(sorted(found))
    off = np.array([[np.log(found[i].size), found[i].right, found[i].down] for i in at])
    off_F3 = np.stack([np.interp(np.arange(len(known)), at, column) for column in off.T], 1)  # straight from one to the next
    stances = body.stances_1F8.clone()
    for i in there:
        turn = _turned(turns, found, edges, i) if spins else None
        pose = Match(0, float(np.exp(off_F3[i, 0])), float(off_F3[i, 1]), float(off_F3[i, 2]), turn)
        stances[0, i, :6] = torch.from_numpy(pose.onto(plan[i]).reshape(6) / stride).to(stances)
    if poses is not None:
        poses = _posed(poses, {edge: found[edge].pose for edge in edges}, len(loop))
    return dataclasses.replace(body, stances_1F8=stances, pose_F=poses, found=frozenset(edges))


def _edges(known: Sequence[bool]) -> Iterator[tuple[int, range]]:
    """The known frames that are next to new ones, and the other known ones from there on."""
    for first, last in runs(list(known)):
        if last < len(known):
            yield last - 1, range(last - 2, first - 1, -1)
        if first > 0:
            yield first, range(first + 1, last)


def _posed(poses_F: np.ndarray, seen: dict[int, int], count: int) -> np.ndarray:
    """Which picture of a loop of so many each frame shows, as it is `seen` in some: between two of them a little faster or
    slower than it goes, and beyond as it goes."""
    whole = np.unwrap(poses_F.astype(float), period=count)
    at, off = sorted(seen), [0.0]
    off[0] = seen[at[0]] - whole[at[0]]
    for edge in at[1:]:
        apart = seen[edge] - whole[edge] - off[-1]
        off.append(off[-1] + apart - count * round(apart / count))
    return (whole + np.interp(np.arange(len(whole)), at, off)).round().astype(int) % count


def _turned(turns_F: np.ndarray, found: dict[int, Match], edges: list[int], frame: int) -> float:
    """How far what spins has turned in a frame: as it is seen to, and near that not far from it."""
    if frame in found:
        return float(found[frame].turn or turns_F[frame])
    nearest = min(edges, key=lambda edge: abs(edge - frame))
    share = max(0.0, 1 - abs(frame - nearest) / TURNS_BACK)
    return float(np.clip(turns_F[frame] + share * ((found[nearest].turn or turns_F[nearest]) - turns_F[nearest]), -1, 1))


def picture_of(film_13Fhw: Tensor, frame: int) -> np.ndarray:
    """A frame as uint8, H W 3."""
    return np.ascontiguousarray(to_frames(film_13Fhw[:, :, frame : frame + 1])[0])


Carried = Callable[[np.ndarray, int, Sequence[int]], list[np.ndarray]]


def carried_by(way_1F5: Tensor | None) -> Carried:
    """What shows a picture of one frame's ground, H W C, as a camera on its way sees it in others; None of one that stands."""

    def carried(picture_HWC: np.ndarray, edge: int, frames: Sequence[int]) -> list[np.ndarray]:
        if way_1F5 is None or bool((way_1F5[..., :3] == way_1F5[:, :1, :3]).all()):
            return [picture_HWC] * len(frames)
        size = picture_HWC.shape[0], picture_HWC.shape[1]
        camera = seen_from(way_1F5, edge, *size)[:, list(frames)]
        margin = margins(camera, *size, least=0.0)
        picture = torch.from_numpy(picture_HWC).to(way_1F5.device).permute(2, 0, 1)[None]
        seen = views(F.pad(picture, (margin[1], margin[1], margin[0], margin[0])), camera, size, margin)
        return list(seen[0].permute(1, 2, 3, 0).cpu().numpy())

    return carried


def lingered(
    made_13FHW: Tensor, film_13FHW: Tensor, known: Sequence[bool], cutouts: Sequence[Cutout], stride: int, carried: Carried
) -> Tensor:
    """What was made, of known frames too, with no jump next to those: `film` has these as they are. `cutouts` are the bodies
    that are drawn in it. What is in the air does not stay."""
    made = made_13FHW.clone()
    for first, last in runs([not so for so in known]):
        for edge, fresh in ((first - 1, range(first, last)), (last, range(last - 1, first - 1, -1))):
            if 0 <= edge < len(known):
                _linger(made, film_13FHW, edge, fresh[: LINGERS - 1], cutouts, stride, carried)
    return made


def _linger(
    made: Tensor, film: Tensor, edge: int, fresh: Sequence[int], cutouts: Sequence[Cutout], stride: int, carried: Carried
) -> None:
    """The same next to one known frame, for the frames `fresh` from it on, in place."""
    rest_HW3 = (film[0, :, edge] - made[0, :, edge]).permute(1, 2, 0).float().cpu().numpy()
    size = rest_HW3.shape[0], rest_HW3.shape[1]
    seen = [one for one in cutouts if float(one.stances_1F8[0, edge, 7]) >= 0 and float(one.count_F[edge]) > HALF]
    seen.sort(key=lambda one: float(one.stances_1F8[0, edge, 6]), reverse=True)  # the nearest first
    clear, parts = np.ones(size, np.float32), []
    for one in seen:
        cover = _outlined(one, edge, size, stride)
        if edge in one.found:
            parts.append((one, cover, rest_HW3 * (cover * clear)[..., None]))
        else:  # it is somewhere there, otherwise: nothing that goes on
            cover = cv2.dilate(cover, np.ones((2 * ABOUT + 1, 2 * ABOUT + 1)))
        clear = clear * (1 - cover)
    grounds = carried(without_specks(rest_HW3 * clear[..., None]), edge, fresh)
    for away, (frame, ground) in enumerate(zip(fresh, grounds, strict=True), 1):
        shown = ground
        for one, cover, part in reversed(parts):
            if (way := _way(one, edge, frame, stride)) is None:
                continue
            share, here = float(one.count_F[frame]), _outlined(one, frame, size, stride)[..., None]
            there = here * cv2.warpAffine(cover, way, size[::-1], flags=cv2.INTER_LINEAR)[..., None]
            shown = shown * (1 - share * there) + share * here * cv2.warpAffine(part, way, size[::-1], flags=cv2.INTER_LINEAR)
        left = (1 + np.cos(np.pi * away / LINGERS)) / 2
        made[0, :, frame] += torch.from_numpy(np.ascontiguousarray(shown * left)).to(made).permute(2, 0, 1)
    made.clamp_(-1, 1)


def _outlined(one: Cutout, frame: int, size: tuple[int, int], stride: int) -> np.ndarray:
    """What a body covers, and its outline."""
    side = 2 * OUTLINE + 1
    return cv2.blur(cv2.dilate(cover_of(one, frame, size, stride), np.ones((side, side))), (3, 3))


def _way(one: Cutout, edge: int, frame: int, stride: int) -> np.ndarray | None:
    """How a body's pixels go from one frame to another, 2 3; None where it is not there, or is seen from the side."""
    before, after = matrix_of(one, edge, stride), matrix_of(one, frame, stride)
    if float(one.stances_1F8[0, frame, 7]) < 0 or min(abs(turn_of(before)), abs(turn_of(after))) < FLAT:
        return None
    square = np.linalg.inv(np.vstack([before, [0, 0, 1]]))
    return after @ square


def melted(film_13Fhw: Tensor, known: Sequence[bool], bodies_1Fhw: Tensor) -> Tensor:
    """A bridge between two pictures, which goes from latent frame to latent frame, as one that melts: every new frame is a
    share of the known ones at both ends, without their bodies, and in the middle as much of the bridge's own, in means
    over time."""
    frames = film_13Fhw.shape[2]
    width = torch.arange(1 - MELTS, MELTS, device=film_13Fhw.device)
    kernel = (1 - width.abs() / MELTS).to(film_13Fhw) / MELTS
    where = (torch.arange(frames, device=width.device)[:, None] + width).clamp(0, frames - 1)
    share_FF = torch.zeros(frames, frames, device=width.device).scatter_add_(1, where, kernel.expand(frames, -1))
    with exact(film_13Fhw.device):
        new = torch.einsum("tf,bcfhw->bcthw", share_FF, film_13Fhw.float())
    for first, last in runs([not so for so in known]):
        ends = [i for i in (first - 1, last) if 0 <= i < frames]
        clear = {i: filled(film_13Fhw[:, :, i : i + 1], bodies_1Fhw[:, i : i + 1])[:, :, 0] for i in ends}
        for i, ground in clear.items():  # as it is for the new frames next to it
            new[:, :, i] = ground
        for i in range(first, last):
            if len(ends) == 2:
                at = (i - first + 1) / (last - first + 1)
                own, given = 4 * OWN * at * (1 - at), torch.lerp(clear[ends[0]], clear[ends[1]], at)
            elif ends:
                away = i - first + 1 if ends[0] < first else last - i
                own, given = min(away / (FOLD + 1), 1.0), clear[ends[0]]
            else:
                continue
            new[:, :, i] = torch.lerp(given, new[:, :, i], own)
    return new
