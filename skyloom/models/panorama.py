"""The ground and what stands behind it as one large picture that a camera passes over.

Each latent frame is drawn from noise of its own. However alike neighbours are made, fine texture stays in its place while the
camera goes, and that is where one sees that it goes. The plan of a film (models/staging) knows where the camera is at each
moment, and from that where each row of the picture has gone. So when a film is done, its background is laid out in one
panorama, one frame on top of the others, and every frame sees its part of it again. Bodies are left out on the way there, and
stay in front on the way back.

Rows above the horizon are far and move little; those of the ground move the more the nearer they are; what stands between is
taken to move with what is around it. Lengths are in short sides of the picture.

Dimension key: B batch (1), F frames, H W pixels, Y X pixels of the panorama, whose rows and columns are those of the frame on
top.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .foreground import filled
from .layers import exact

BACK, FAR, NEAR = 0.35, 0.6, 1.1  # parallax of what is behind the horizon, and of the ground at depths 0 and 1 (measured)
FEET_FAR, FEET_NEAR = 0.12, 0.92  # where these depths are between the horizon and the lower edge
BACK_ZOOM, BACK_TILT = 0.6, 0.7  # how far the back follows a zoom (a power) and a tilt
EYE = 0.6  # of the height: the row about which a camera zooms
LEAST, MOST = 0.1, 1.2  # short sides that the panorama holds beyond the frame, on every side
FEATHER = 16  # pixels over which a frame ends
VOICES, COARSE = 7, 16  # frames that say what the coarse form is, and pixels that it is coarser than
VIEWS, SEAM = 9, 4  # frames whose median is what a camera that stands sees, and pixels over which a part of it ends


def passed_over(
    film_B3FHW: Tensor,
    camera_BF5: Tensor,
    hidden_BFHW: Tensor,
    front_BFHW: Tensor | None,
    order: list[int],
    *,
    doubtful_BFHW: Tensor | None = None,
    common: bool = False,
    to_BF5: Tensor | None = None,
) -> Tensor:
    """The film with its background as one panorama, in which frames lie on each other in `order`, the uppermost first.

    `hidden` (0 to 1) is what of a frame is no part of the panorama, `front` where a frame stays as it is; with None nothing
    does, and what no frame shows is drawn on from around it. The camera is as worlds.storybook.cameras has it. What is
    `doubtful` of a frame (around bodies, more than is hidden) is taken where no frame shows better. With `common` no single
    frame says what is there, so that no smear of one is seen in all: where the camera stands that is the median of some
    frames, where it goes their median says the coarse form alone. The frames that are made are those of the film, or with
    front None those of the cameras `to`.
    """
    if common and doubtful_BFHW is not None and bool((camera_BF5[..., :3] == camera_BF5[:, :1, :3]).all()):
        plate, known = _plate(film_B3FHW, hidden_BFHW, doubtful_BFHW)
        if front_BFHW is None:
            many = (film_B3FHW if to_BF5 is None else to_BF5[:, None]).shape[2]
            return _whole(plate, known)[:, :, None].expand(-1, -1, many, -1, -1)
        take = (1 - front_BFHW)[:, None]
        return film_B3FHW * (1 - take * known[:, :, None]) + take * plate[:, :, None]
    height, width = film_B3FHW.shape[3:]
    camera = seen_from(camera_BF5, order[0], height, width)
    ways = camera if to_BF5 is None else seen_from(to_BF5, 0, height, width, rest_B5=camera_BF5[:, order[0]])
    margin = margins(torch.cat([camera, ways], 1), height, width)
    trust = (hidden_BFHW,) if doubtful_BFHW is None else (doubtful_BFHW, hidden_BFHW)
    again, shown = [], laid(film_B3FHW, camera, trust, order, margin)
    with exact(film_B3FHW.device):
        if common:
            shown = _agreed(shown, film_B3FHW, camera, hidden_BFHW, margin)
        if front_BFHW is None:
            shown = _whole(shown[:, :3], shown[:, 3:])
        for frame in range(ways.shape[1]):
            seen = F.grid_sample(shown, to_panorama(ways[:, frame], height, width, margin), align_corners=False)
            if front_BFHW is not None:
                take = (1 - front_BFHW[:, frame])[:, None]
                seen = film_B3FHW[:, :, frame] * (1 - take * seen[:, 3:]) + take * seen[:, :3]
            again.append(seen)
    return torch.stack(again, 2)


def laid(
    film_B3FHW: Tensor, camera_BF5: Tensor, trust: Sequence[Tensor], order: Sequence[int], margin: tuple[int, int]
) -> Tensor:
    """Frames on top of each other in the panorama, the uppermost first: B 4 Y X, premultiplied by how far each pixel is known.
    `trust` says what is left out of each frame, BFHW: at first, and of what then is still unknown. Frames end softly, but where
    they are all that there is."""
    height, width = film_B3FHW.shape[3:]
    feather = _feather(height, width, film_B3FHW.device) if any(margin) else torch.ones((), device=film_B3FHW.device)
    shown = torch.zeros(len(film_B3FHW), 4, height + 2 * margin[0], width + 2 * margin[1], device=film_B3FHW.device)
    with exact(film_B3FHW.device):
        for frame, left_out in itertools.chain(*(zip(order, itertools.repeat(out)) for out in trust)):
            if float((1 - shown[:, 3]).max()) < 1e-3:
                break
            sure = ((1 - left_out[:, frame]) * feather)[:, None]
            part = torch.cat([film_B3FHW[:, :, frame] * sure, sure], 1)
            seen = F.grid_sample(part, to_frame(camera_BF5[:, frame], height, width, margin), align_corners=False)
            shown = shown + (1 - shown[:, 3:]) * seen
    return shown


def views(picture_B3YX: Tensor, camera_BF5: Tensor, size: tuple[int, int], margin: tuple[int, int]) -> Tensor:
    """What a camera sees of the panorama on its way: B 3 F H W."""
    with exact(picture_B3YX.device):
        count = camera_BF5.shape[1]
        stands = bool((camera_BF5 == camera_BF5[:, :1]).all())
        grids = [to_panorama(camera_BF5[:, frame], *size, margin) for frame in range(1 if stands else count)]
        seen = [F.grid_sample(picture_B3YX, grid, padding_mode="border", align_corners=False) for grid in grids]
    return torch.stack(seen, 2).expand(-1, -1, count, -1, -1)


def _plate(film_B3FHW: Tensor, hidden_BFHW: Tensor, doubtful_BFHW: Tensor) -> tuple[Tensor, Tensor]:
    """What a camera that stands sees, B 3 H W: of each pixel the median of those frames that show it, if need be of doubtful
    ones; and how far it is known, B 1 H W, by which it is multiplied."""
    some = _some(film_B3FHW.shape[2], VIEWS)
    seen = film_B3FHW[:, :, some].float()
    plate, known = torch.zeros_like(seen[:, :, 0]), torch.zeros_like(seen[:, :1, 0])
    for left_out in (doubtful_BFHW, hidden_BFHW):
        if bool((known > 1 - 1e-3).all()):
            break
        shown = torch.where((left_out[:, some] < 0.5)[:, None], seen, torch.nan).nanmedian(2).values
        sure = F.avg_pool2d(1 - shown[:, :1].isnan().float(), 2 * SEAM + 1, 1, SEAM, count_include_pad=False)
        sure = torch.where(shown[:, :1].isnan(), 0.0, (2 * sure - 1).clamp(min=0))  # soft where it ends
        plate, known = plate + (1 - known) * sure * shown.nan_to_num(), known + (1 - known) * sure
    return plate, known


def _whole(picture_B3YX: Tensor, known_B1YX: Tensor) -> Tensor:
    """A picture, multiplied by how far it is known, with the rest drawn on."""
    picture = picture_B3YX / known_B1YX.clamp(min=1e-3)
    return filled(picture[:, :, None], 1 - known_B1YX)[:, :, 0]


def _some(frames: int, count: int) -> list[int]:
    """So many frames, evenly spread from first to last."""
    return sorted({round(i * (frames - 1) / (count - 1)) for i in range(count)})


def _agreed(shown_B4YX: Tensor, film_B3FHW: Tensor, camera_BF5: Tensor, hidden_BFHW: Tensor, margin: tuple[int, int]) -> Tensor:
    """The panorama with the median of some frames as its coarse form, where three and more of them show it (two bands, as in
    Burt & Adelson 1983)."""
    height, width = film_B3FHW.shape[3:]
    size = tuple(max(1, side // COARSE) for side in shown_B4YX.shape[2:])
    coarse = lambda picture: F.interpolate(picture, size, mode="area")  # noqa: E731
    seen = []
    for frame in _some(film_B3FHW.shape[2], VOICES):
        part = torch.cat([film_B3FHW[:, :, frame], 1 - hidden_BFHW[:, frame, None]], 1)
        found = coarse(F.grid_sample(part, to_frame(camera_BF5[:, frame], height, width, margin), align_corners=False))
        seen.append(torch.where(found[:, 3:] > 0.99, found[:, :3], torch.nan))
    voices = torch.stack(seen)
    heard = (~voices[:, :, :1].isnan()).sum(0) >= 3
    own = coarse(shown_B4YX)
    change = torch.where(heard & (own[:, 3:] > 0.99), voices.nanmedian(0).values - own[:, :3], 0.0)
    change = F.interpolate(change, shown_B4YX.shape[2:], mode="bilinear")
    return torch.cat([shown_B4YX[:, :3] + change * shown_B4YX[:, 3:], shown_B4YX[:, 3:]], 1)


def seen_from(camera_BF5: Tensor, frame: int, height: int, width: int, rest_B5: Tensor | None = None) -> Tensor:
    """The camera's way from where it is in one frame, which so is at rest; or from where it is at `rest`."""
    rest = camera_BF5[:, frame] if rest_B5 is None else rest_B5
    way = camera_BF5.float().clone()
    way[..., :3] -= rest[:, None, :3]
    tall = height / min(height, width)
    _, down, zoom, _, horizon = rest.float().unbind(-1)
    eye = EYE * tall
    moved = eye + (BACK_ZOOM * zoom).exp() * (horizon * tall - BACK_TILT * down - eye)
    way[..., 4] = (moved / tall)[:, None]
    return way


def margins(camera_BF5: Tensor, height: int, width: int, least: float = LEAST) -> tuple[int, int]:
    """Pixels of the panorama above and below, left and right of the frame that is at rest."""
    across, down, zoom = camera_BF5[..., :3].abs().amax((0, 1)).tolist()
    unit = min(height, width)
    shifts = zoom * height / 2 / unit + down, zoom * width / 2 / unit + across * (NEAR + float(camera_BF5[..., 3].abs().max()))
    return tuple(round(unit * min(max(shift, least), MOST)) for shift in shifts)  # type: ignore[return-value]


def _feather(height: int, width: int, device: torch.device) -> Tensor:
    """How much a pixel of a frame counts, H W: less towards the border, so that no seam shows where another frame goes on."""
    rows, columns = (
        (torch.minimum(at + 0.5, n - at - 0.5) / FEATHER).clamp(max=1)
        for n in (height, width)
        for at in (torch.arange(n, device=device),)
    )
    return torch.minimum(rows[:, None], columns)


def to_frame(camera_B5: Tensor, height: int, width: int, margin: tuple[int, int]) -> Tensor:
    """Where every pixel of the panorama is in a frame: a grid for grid_sample, B Y X 2."""
    x, y, zoom, pivot, horizon = camera_B5[..., None, None].unbind(1)
    unit = min(height, width)
    rows = ((torch.arange(height + 2 * margin[0], device=x.device) + 0.5 - margin[0]) / unit)[:, None]
    columns = (torch.arange(width + 2 * margin[1], device=x.device) + 0.5 - margin[1] - width / 2) / unit
    tall, eye = height / unit, EYE * height / unit
    behind, parallax = _depth(rows, horizon * tall, tall)
    zoom, y = torch.where(behind, BACK_ZOOM * zoom, zoom).exp(), torch.where(behind, BACK_TILT * y, y)
    across = zoom * (columns - x * (parallax - pivot)) * (2 * unit / width)
    down = (eye + zoom * (rows - y - eye)) * (2 * unit / height) - 1
    return torch.stack(torch.broadcast_tensors(across, down), -1)


def to_panorama(camera_B5: Tensor, height: int, width: int, margin: tuple[int, int]) -> Tensor:
    """Where every pixel of a frame is in the panorama: B H W 2."""
    x, y, zoom, pivot, horizon = camera_B5[..., None, None].unbind(1)
    unit = min(height, width)
    tall, eye = height / unit, EYE * height / unit
    at = ((torch.arange(height, device=x.device) + 0.5) / unit)[:, None]
    columns = (torch.arange(width, device=x.device) + 0.5 - width / 2) / unit
    far = (at - eye) / (BACK_ZOOM * zoom).exp() + eye + BACK_TILT * y
    near = (at - eye) / zoom.exp() + eye + y
    rows = torch.where(near < horizon * tall, torch.minimum(far, horizon * tall), near)
    behind, parallax = _depth(rows, horizon * tall, tall)
    zoom = torch.where(behind, BACK_ZOOM * zoom, zoom).exp()
    across = (columns / zoom + x * (parallax - pivot)) * (2 * unit / (width + 2 * margin[1]))
    down = (rows * unit + margin[0]) * (2 / (height + 2 * margin[0])) - 1
    return torch.stack(torch.broadcast_tensors(across, down), -1)


def _depth(rows: Tensor, horizon: Tensor, tall: float) -> tuple[Tensor, Tensor]:
    """Which rows are behind the horizon, and the parallax of all."""
    behind = rows < horizon
    depth = ((rows - horizon) / (tall - horizon).clamp(min=0.05) - FEET_FAR) / (FEET_NEAR - FEET_FAR)
    return behind, torch.where(behind, BACK, FAR + (NEAR - FAR) * depth)
