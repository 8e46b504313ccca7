"""The ruler: seconds <-> frames <-> latent cells <-> tokens, and what they cost in FLOPs, memory and time.

Pure arithmetic on plain numbers: nothing here loads torch. Pixel sizes are (height, width) everywhere inside the package;
only text that people type is "WxH".
"""

import difflib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

SIZES = {"square": (256, 256), "wide": (256, 448), "tall": (448, 256)}  # name -> (height, width), those trained on
SHORTEST, LONGEST = 32, 1024  # pixels of one side that may be asked for


@dataclass(frozen=True)
class Ruler:
    """The strides between pixels, latent cells and tokens. The defaults are the storybook model's."""

    time_stride: int = 4  # frames a latent frame, after the first, which stands alone
    space_stride: int = 16  # pixels a latent cell
    patch: tuple[int, int, int] = (1, 2, 2)  # latent cells a token: time, height, width

    @property
    def block(self) -> int:
        """Pixels a token's side: heights and widths inside the model are multiples of it."""
        return self.space_stride * self.patch[1]

    @property
    def frame_block(self) -> int:
        """Frames a token: clips inside the model have 1 + a multiple of it where a token is one latent frame deep."""
        return self.time_stride * self.patch[0]

    def latent_frames(self, frames: int) -> int:
        """T frames -> 1 + (T - 1) / time_stride latent frames. ValueError where that is not whole."""
        return latent_frames(frames, self.time_stride)

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Pixels -> latent rows and columns. ValueError where a side is no multiple of `block`."""
        for name, side in (("height", height), ("width", width)):
            if side <= 0 or side % self.block:
                low = max(1, side // self.block) * self.block
                raise ValueError(f"{name}={side}: need a multiple of {self.block}. Try {low} or {low + self.block}.")
        return height // self.space_stride, width // self.space_stride

    def tokens(self, frames: int, height: int, width: int) -> int:
        """Tokens of a clip whose sizes fit the strides."""
        rows, columns = self.latent_size(height, width)
        pt, ph, pw = self.patch
        return -(-self.latent_frames(frames) // pt) * (rows // ph) * (columns // pw)

    def cover(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """The smallest (frames, height, width) that fits the strides and holds the wanted clip."""
        up = lambda side: -(-side // self.block) * self.block  # noqa: E731
        return 1 + -(-(frames - 1) // self.time_stride) * self.time_stride, up(height), up(width)


def latent_frames(frames: int, stride: int) -> int:
    """The causal tokenizer keeps frame 1 alone, then packs every `stride` frames: T = 1 + k * stride -> 1 + k."""
    k, rest = divmod(frames - 1, stride)
    if frames < 1 or rest:
        low = 1 + max(0, k) * stride
        raise ValueError(f"frames={frames}: need 1 + a multiple of {stride}. Try {low} or {low + stride}.")
    return 1 + k


def frames_of(seconds: float, fps: float) -> int:
    """Seconds -> whole frames, at least one (0 seconds is a still)."""
    return max(1, round(seconds * fps))


def parse_size(text: str) -> tuple[int, int]:
    """'square', 'wide', 'tall' or 'WxH' in pixels -> (height, width). ValueError says what would do."""
    word = text.strip().lower()
    if word in SIZES:
        return SIZES[word]
    numbers = re.fullmatch(r"(\d{1,6})\s*[x×*]\s*(\d{1,6})", word)
    if not numbers:
        near = difflib.get_close_matches(word, SIZES, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Try 256x256."
        raise ValueError(f"size {text[:40]!r}: wanted {', '.join(SIZES)} or WIDTHxHEIGHT in pixels. {hint}")
    width, height = int(numbers[1]), int(numbers[2])
    for name, side in (("width", width), ("height", height)):
        if not SHORTEST <= side <= LONGEST:
            nearest = min(max(side, SHORTEST), LONGEST)
            raise ValueError(f"size {text[:40]!r}: {name} {side} is outside {SHORTEST}..{LONGEST} pixels. Try {nearest}.")
    return height, width


def size_text(height: int, width: int) -> str:
    """(height, width) -> 'WxH', which `parse_size` reads back."""
    return f"{width}x{height}"


def transformer_flops(tokens: int, width: int, depth: int, *, mlp_width: int = 0, text_tokens: int = 0) -> int:
    """Floating-point operations of one forward pass over one clip (a multiply-add counts as two).

    A block has four D x D matrices for attention and three D x mlp_width for its gated MLP (0 means 8/3 of D), all run on
    video and text tokens alike, and two N x N x D products; its full attention sees N = tokens + text_tokens.
    """
    n = tokens + text_tokens
    mlp_width = mlp_width or 8 * width // 3
    matrices = 4 * width * width + 3 * width * mlp_width
    return depth * (2 * n * matrices + 4 * n * n * width)


def local_flops(cells: int, channels: int, width: int, depth: int) -> int:
    """One forward pass of the convolutions around the transformer: 3x3 in, out, and `depth` pairs on either side, and between
    those of a pair two linear maps from the frames before and after."""
    return cells * (18 * (2 * channels * width + 4 * depth * width * width) + 8 * depth * width * width)


def free_memory() -> int:
    """Bytes that this process can still take: what the machine has free, and what a container allows. 0 where unknown."""
    limits = [free for free in (_machine_free(), _container_free()) if free is not None]
    return min(limits, default=0)


def human_bytes(count: float) -> str:
    """1_500_000_000 -> '1.5 GB'."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def human_seconds(seconds: float) -> str:
    """75 -> '1 min 15 s'; 4.2 -> '4.2 s'; 9000 -> '2 h 30 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _machine_free() -> int | None:
    if sys.platform.startswith("linux"):
        found = re.search(r"MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"))
        return int(found[1]) * 1024 if found else None
    try:  # elsewhere only the whole is known without a library; half of it is a fair guess
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError, AttributeError):
        return None


def _container_free() -> int | None:
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        most, now = _text(limit).strip(), _text(used).strip()
        if most.isdigit() and now.isdigit() and int(most) < 1 << 60:
            return max(0, int(most) - int(now))
    return None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
