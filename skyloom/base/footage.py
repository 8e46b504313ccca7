"""Footage that others made -> what it is (`probe`) and its pictures one by one (`pictures`), in one decode and little memory.

Dimension key: T frames, H W pixels. Films come through FFmpeg, stills, GIF and WebP through Pillow. Pictures stand upright, in
square pixels, deinterlaced, and transparent ones lie on white. A picture's number counts what the decoder gave, so it holds for
variable rates too; its time is the file's own. A file can name no other file: playlists, captures and links inside a container
are no formats of ours.
"""

import collections
import contextlib
import functools
import itertools
import struct
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

IMAGES = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
CONTAINERS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,mxf,mxf_opatom,nut,dv,rm,wtv,swf,ivf,obu,av1,h264,hevc,"
    "vvc,m4v,h263,vc1,mjpeg,yuv4mpegpipe,mp3,wav,flac,aac,aiff,amr,w64,caf,gif,apng,bink,smk,film_cpk,roq,vmd,4xm,nsv,ipmovie"
)
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
HDR = {16: "pq", 18: "hlg"}  # transfer curves of ITU-R BT.2100
MOST_PIXELS = 8192 * 8192  # of one picture
FEW = 48  # pictures of a film whose first one tells enough
PLACES = 4  # of a film, evenly, whose pictures tell whether it is interlaced
UNEVEN = 0.25  # a rate is variable where gaps between frames differ by more than this share of the usual gap
MISSING, SHARE_MISSING = 0.2, 0.05  # seconds, and share of all, that headers are off by in whole files
LOST = 4  # of the last pictures of a torn film, as many may be there before others that come between: coders look ahead
UNREADABLE = (  # what Pillow raises for pictures that are broken
    OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error,
    Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip
_SCALE = av.video.reformatter.Interpolation
_HOW = {
    "fast": _SCALE.AREA,  # where much is scaled down
    "plain": _SCALE.BICUBIC,  # colours of two pixels each, a level or two off: a tenth of the time where nothing is scaled
    "fine": _SCALE.BICUBIC | _SCALE.ACCURATE_RND | _SCALE.FULL_CHR_H_INT,
}


@dataclass(frozen=True)
class Footage:
    """What a file holds, before its pictures are looked at."""

    kind: str  # "film" or "still"
    width: int  # pixels, upright and square
    height: int
    frames: int  # as the container tells; 0 where it does not
    fps: float  # frames a second on average; 0 for a still
    seconds: float  # that its pictures last; 0 where unknown
    codec: str
    bits: int = 8  # of one colour sample
    rotation: int = 0  # degrees that the file asks for
    variable: bool = False  # frames come at uneven times
    interlaced: bool = False
    hdr: str = ""  # "pq" or "hlg"
    alpha: bool = False
    audio: bool = False
    promised: float = 0.0  # seconds that its header tells of; more than `seconds` where the end is missing

    @property
    def torn(self) -> bool:
        """Whether the end is missing."""
        return self.promised - self.seconds > max(MISSING, SHARE_MISSING * self.promised)

    def row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Picture:
    """One picture, converted only when asked. Use it before the next one is drawn from the iterator."""

    number: int
    seconds: float
    height: int
    width: int
    convert: Callable[[int, int, str], np.ndarray]  # to height and width; how: one of _HOW, or "grey" at native size
    corrupt: bool = False
    strength: Callable[[], float] = lambda: 0.0

    def quantiser(self) -> float:
        """How coarsely an H.264 encoder rounded the picture, 0..51; 0 where the codec does not tell."""
        return self.strength()

    def rgb(self, long_side: int | None = None) -> np.ndarray:
        """uint8 (H, W, 3); with `long_side` scaled down so that the longer side has at most so many pixels."""
        size = self.fitted(long_side)
        return self.convert(*size, "fine" if size == (self.height, self.width) else "fast")

    def grey(self) -> np.ndarray:
        """uint8 (H, W) luma at native size, not scaled: what compression did to the grid of blocks stays visible."""
        return self.convert(self.height, self.width, "grey")

    def cover(self, height: int, width: int, how: str = "fine") -> np.ndarray:
        """uint8 (height, width, 3): scaled to cover the size, the rest cut off on both sides evenly; how: one of _HOW."""
        scale = max(height / self.height, width / self.width)
        tall, wide = max(height, round(self.height * scale)), max(width, round(self.width * scale))
        top, left = (tall - height) // 2, (wide - width) // 2
        return self.convert(tall, wide, how)[top : top + height, left : left + width]

    def fitted(self, long_side: int | None) -> tuple[int, int]:
        scale = min(1.0, (long_side or 1 << 30) / max(self.height, self.width))
        return max(2, round(self.height * scale)), max(2, round(self.width * scale))


def probe(path: str | Path) -> Footage:
    """What the file is. ValueError with a reason to show where it holds no picture that can be decoded."""
    with _image(path) as image:
        if image is not None:
            return _probe_image(image)
    with _container(path) as container:
        stream = container.streams.video[0]
        stamps = [None if p.pts is None else float(p.pts * p.time_base) for p in _demuxed(container, stream) if p.size]
    with _container(path) as container:
        stream = container.streams.video[0]
        first = next(iter(_decoded(container, stream)), None)
        if first is None:
            raise ValueError("no picture can be decoded")
        interlaced = bool(first.interlaced_frame) or (len(stamps) > FEW and _woven(container, stream))
        return _described(container, stream, first, stamps, interlaced)


def pictures(path: str | Path, *, interlaced: bool = False) -> Iterator[Picture]:
    """All pictures in order of showing. A film that breaks midway ends with ValueError after what could be read."""
    with _image(path) as image:
        if image is not None:
            yield from _image_pictures(image)
            return
    with _container(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # many files are read at once, each by one core
        stream.codec_context.options = {"export_side_data": "venc_params"}
        frames = _decoded(container, stream)
        scalers: dict[tuple[int, int, str], Any] = collections.defaultdict(av.video.reformatter.VideoReformatter)
        start = None
        for number, frame in enumerate(_deinterlaced(stream, frames) if interlaced else frames):
            seconds = frame.time if frame.time is not None else number / float(stream.average_rate or 25)
            start = seconds if start is None else start
            height, width = _upright_size(frame)
            convert = functools.partial(_convert, frame, scalers)
            yield Picture(number, seconds - start, height, width, convert, bool(frame.is_corrupt), _strength(frame))


def compress(path: Path, frames: Iterable[np.ndarray], fps: float, *, crf: int = 18, codec: str = "libx264") -> None:
    """frames_HWC one after another -> a file as others make them, to test filters on; `crf` is 0 at best, 51 at worst."""
    rows = iter(frames)
    first = next(rows)
    height, width = (side - side % 2 for side in first.shape[:2])
    options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in itertools.chain([first], rows):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


@contextlib.contextmanager
def _image(path: str | Path) -> Iterator[Image.Image | None]:
    """The file as a still or an animation of Pillow's, or None where it is neither."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        try:
            image: Image.Image | None = Image.open(path, formats=IMAGES)
        except UnidentifiedImageError:
            image = None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise ValueError(f"has more than {Image.MAX_IMAGE_PIXELS} pixels") from None
        except UNREADABLE as error:
            raise ValueError(f"a picture that cannot be read ({_reason(error)})") from error
        with image or contextlib.nullcontext():
            yield image


def _probe_image(image: Image.Image) -> Footage:
    try:
        frames = getattr(image, "n_frames", 1)
        ends = list(itertools.accumulate(_duration(frame) for frame in ImageSequence.Iterator(image)))
        image.seek(0)
        height, width = np.asarray(ImageOps.exif_transpose(image)).shape[:2]
    except UNREADABLE as error:
        raise ValueError(f"a picture that cannot be read ({_reason(error)})") from error
    alpha, codec = image.has_transparency_data, (image.format or "image").lower()
    if frames == 1:
        return Footage("still", width, height, 1, 0.0, 0.0, codec, alpha=alpha)
    gaps = np.diff([0.0, *ends])
    return Footage("film", width, height, frames, frames / ends[-1], ends[-1], codec, variable=_uneven(gaps), alpha=alpha)


def _duration(frame: Image.Image) -> float:
    """Seconds that a frame of an animation stands; readers show those without a time for a tenth of one."""
    frame.load()  # WebP tells only then
    return (frame.info.get("duration") or 100) / 1000


def _image_pictures(image: Image.Image) -> Iterator[Picture]:
    seconds = 0.0
    try:
        for number, frame in enumerate(ImageSequence.Iterator(image)):
            step = _duration(frame)
            upright = _eight_bits(ImageOps.exif_transpose(frame)).convert("RGBA")
            ground = Image.new("RGBA", upright.size, "white")
            flat = Image.alpha_composite(ground, upright).convert("RGB")
            yield Picture(number, seconds, flat.height, flat.width, _image_converter(flat))
            seconds += step
    except UNREADABLE as error:
        raise ValueError(f"breaks off ({_reason(error)})") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits or more as one of 8, which Pillow would cut off at white."""
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    return Image.fromarray((levels.clip(0, 65535) // 257).astype(np.uint8))


def _image_converter(image: Image.Image) -> Callable[[int, int, str], np.ndarray]:
    def convert(height: int, width: int, how: str) -> np.ndarray:
        scaling = Image.Resampling.BOX if how == "fast" else Image.Resampling.LANCZOS
        shown = image if (height, width) == (image.height, image.width) else image.resize((width, height), scaling)
        return np.asarray(shown.convert("L" if how == "grey" else "RGB"))

    return convert


@contextlib.contextmanager
def _container(path: str | Path) -> Iterator[Any]:
    try:
        container = av.open(str(Path(path).absolute()), options=OPTIONS)
    except (av.FFmpegError, ValueError, UnicodeError) as error:
        raise ValueError(f"not footage ({_reason(error)})") from error
    with container:
        if not container.streams.video:
            raise ValueError("only sound, no picture" if container.streams.audio else "neither picture nor sound")
        yield container


def _demuxed(container: Any, stream: Any) -> Iterator[Any]:
    """Packets up to where the file breaks off, if it does."""
    packets = container.demux(stream)
    with contextlib.suppress(av.FFmpegError):
        yield from packets


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames, with the file's breaking off told as ValueError; single packets that cannot be decoded are passed over."""
    size = None
    for packet in _packets(container, stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.width * frame.height > MOST_PIXELS:
                raise ValueError(f"has more than {MOST_PIXELS} pixels")
            size = size or (frame.width, frame.height)
            if (frame.width, frame.height) != size:
                raise ValueError("changes its size midway")
            yield frame


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    try:
        yield from container.demux(stream)
    except av.FFmpegError as error:
        raise ValueError(f"breaks off ({_reason(error)})") from error


def _deinterlaced(stream: Any, frames: Iterator[Any]) -> Iterator[Any]:
    """As many frames as came in, those of two half pictures woven into one."""
    graph = av.filter.Graph()
    nodes = [graph.add_buffer(template=stream), graph.add("yadif", "mode=0:deint=1"), graph.add("buffersink")]
    for one, other in itertools.pairwise(nodes):
        one.link_to(other)
    graph.configure()
    for frame in itertools.chain(frames, [None]):
        graph.push(frame)
        while True:
            try:
                yield graph.pull()
            except (av.BlockingIOError, av.EOFError):
                break


def _woven(container: Any, stream: Any) -> bool:
    """Whether a film holds interlaced pictures further on: a look at PLACES of them, where it can be wound to."""
    length = stream.duration or (container.duration and int(container.duration / av.time_base / stream.time_base)) or 0
    for place in range(1, PLACES + 1):
        with contextlib.suppress(av.FFmpegError, ValueError):
            container.seek((stream.start_time or 0) + length * place // (PLACES + 1), stream=stream)
            if any(frame.interlaced_frame for frame in itertools.islice(_decoded(container, stream), 2)):
                return True
    return False


def _described(container: Any, stream: Any, first: Any, stamps: list[float | None], interlaced: bool) -> Footage:
    """`stamps`: a time for each packet; bare streams have none."""
    times = sorted(stamp for stamp in stamps if stamp is not None)
    gaps = np.diff(times)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    seconds = times[-1] - times[0] + usual if times else 0.0
    if not seconds and container.duration:
        seconds = container.duration / av.time_base
    frames = len(stamps) or stream.frames
    if not seconds and stream.average_rate:
        seconds = frames / float(stream.average_rate)
    fps = frames / seconds if seconds > 0 and frames > 1 else float(stream.average_rate or 0)
    height, width = _upright_size(first)
    parts = first.format.components
    about = Footage(
        kind="film" if frames != 1 else "still",
        width=width,
        height=height,
        frames=frames,
        fps=round(fps, 4),
        seconds=round(seconds, 4),
        codec=stream.codec_context.name,
        bits=max((part.bits for part in parts), default=8),
        rotation=int(first.rotation) % 360,
        variable=_uneven(gaps),
        interlaced=interlaced,
        hdr=HDR.get(int(stream.codec_context.color_trc or 0), ""),
        alpha=any(part.is_alpha for part in parts),
        audio=bool(container.streams.audio),
        promised=_promised(container, stream),
    )
    if not about.torn or not len(gaps) or _uneven(gaps[:-LOST]):
        return about
    return replace(about, fps=round(1 / float(np.quantile(gaps, 0.25)), 4))  # near a torn end pictures are missing


def _promised(container: Any, stream: Any) -> float:
    """Seconds of picture by the header; 0 where it does not tell, or tells of sound as well."""
    if stream.duration:
        return round(float(stream.duration * stream.time_base), 4)
    return round(container.duration / av.time_base, 4) if container.duration and not container.streams.audio else 0.0


def _uneven(gaps: np.ndarray) -> bool:
    if len(gaps) < 2:
        return False
    inner = gaps[:-1] if len(gaps) > 3 else gaps  # the last gap of a file is often short
    return bool(np.ptp(inner) > UNEVEN * max(float(np.median(inner)), 1e-6))


def _upright_size(frame: Any) -> tuple[int, int]:
    """Height and width that are shown: square pixels, turned as the file asks."""
    aspect = float(getattr(frame, "sample_aspect_ratio", None) or 1)
    width = max(2, round(frame.width * aspect)) if 0.2 < aspect < 5 else frame.width
    return (width, frame.height) if round(frame.rotation / 90) % 2 else (frame.height, width)


def _convert(frame: Any, scalers: dict[tuple[int, int, str], Any], height: int, width: int, how: str) -> np.ndarray:
    """As Picture.convert says. `scalers`: of the film; what they prepare for a size serves every frame."""
    turns = round(frame.rotation / 90)
    if how == "grey":
        grey = scalers[0, 0, how].reformat(frame, format="gray", threads=1).to_ndarray()
        return np.rot90(grey, turns) if turns % 4 else grey
    lying = (width, height) if turns % 2 else (height, width)
    matrix = {1: "ITU709", 5: "ITU601", 6: "ITU601"}.get(int(frame.colorspace))
    # FFmpeg has a quick way from a scaled picture to blue, green, red, and none to red, green, blue
    swapped = how != "fine" and lying != (frame.height, frame.width)
    rgb = scalers[*lying, how].reformat(
        frame, height=lying[0], width=lying[1], format="bgr24" if swapped else "rgb24", interpolation=_HOW[how], threads=1,
        src_colorspace=matrix or ("ITU709" if frame.height >= 720 else "ITU601"),
    ).to_ndarray()  # fmt: skip
    rgb = cv2.cvtColor(rgb, cv2.COLOR_BGR2RGB) if swapped else rgb
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns % 4 else rgb


def _strength(frame: Any) -> Callable[[], float]:
    """Reads the mean quantiser from FFmpeg's AVVideoEncParams: counts and offsets, then one record a macroblock."""

    def mean() -> float:
        for side in frame.side_data:
            if "ENC_PARAMS" not in str(side.type):
                continue
            data = bytes(side)
            (count,), (offset, size) = struct.unpack_from("I", data), struct.unpack_from("QQ", data, 8)
            kind, base = struct.unpack_from("ii", data, 24)
            if kind != 1:  # H.264
                continue
            records = np.frombuffer(data, np.uint8, count * size, offset).reshape(count, size)
            steps = np.ascontiguousarray(records[:, 16:20]).view(np.int32) if count and size >= 20 else np.zeros(1)
            return base + float(steps.mean())
        return 0.0

    return mean


def _reason(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return " ".join(text.split()).lower()[:160]
