"""Every setting of the data engine. `override(DataConfig(), "score.most_blur", "0.6")` changes one, as for models."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class IngestConfig:
    """Which files may come in."""

    licences: tuple[str, ...] = ()  # those that may be used; empty is all, and files without one
    need_consent: bool = False  # whether the sidecar must say `consent: yes`
    hdr: bool = False  # whether to take films in PQ or HLG, whose colours come out dull
    seconds_to_read: float = 60.0  # that one file may take before it is given up
    memory_mb: int = 2048  # that reading one file may take


@dataclass(frozen=True)
class ShotConfig:
    """How films fall into shots."""

    min_seconds: float = 0.8
    max_seconds: float = 10.0  # longer shots are cut into even pieces
    cut_ratio: float = 3.0  # a cut changes the picture so many times more than the pictures around it
    cut_change: float = 15.0  # and at least so much, in levels of hue, saturation and value
    transnet: str = ""  # TransNetV2 as ONNX: it says where shots end, instead of the two above; see docs/data.md
    transnet_sure: float = 0.5  # probability from which on it is believed


@dataclass(frozen=True)
class DetectConfig:
    """What looks at shots beside our own measures: files that the user brings; see docs/data.md. "" leaves one out."""

    nsfw: str = ""  # an ONNX classifier
    faces: str = ""  # YuNet as ONNX
    read: str = ""  # languages in which the program tesseract shall read text: "eng", "eng+deu"


@dataclass(frozen=True)
class ScoreConfig:
    """What a shot must be, to be kept. Each bound has its reason in `score.py`; 0 switches a lower bound off."""

    least_drift: float = 2.5  # levels of grey that the liveliest sixteenth changes by in half a second: below it is a slide
    least_motion: float = 0.0  # of camera and objects, shares of the long side a second
    most_motion: float = 1.5  # above it is a whip pan or noise
    most_frozen: float = 0.8  # seconds in a row without any change
    most_border: float = 0.03  # share of the picture under black or white bars
    most_blur: float = 0.54  # 0 sharp .. 1 without detail
    most_blocks: float = 0.21  # how much more pixels vary across the borders of 8 x 8 blocks than inside, a logarithm
    most_quantiser: float = 35.0  # of H.264, 0..51; x264 at crf 28 stays below it, at crf 36 seldom
    least_bits: float = 0.0  # a pixel, of the file; a hint of compression that depends on the codec
    most_dark: float = 0.75  # share of black pixels
    most_bright: float = 0.6
    least_contrast: float = 0.08
    most_letters: float = 0.01  # share of the picture under text that stays
    least_looks: float = 0.0
    least_side: int = 64  # pixels
    most_corrupt: float = 0.1  # share of the file's pictures that came out damaged
    adapters: tuple[str, ...] = ()  # "package.module:function" each; see docs/data.md
    most_adapter: float = 0.5  # of each number that an adapter returns
    most_nsfw: float = 0.5  # probability, where detect.nsfw is set
    most_words: int = 3  # that can be read in one picture, where detect.read is set
    most_faces: float = 1.0  # share of the picture under faces, where detect.faces is set; 0 drops every face that is found


@dataclass(frozen=True)
class DedupConfig:
    """When two shots are the same."""

    most_bits: int = 14  # of the 64 slowest that two perceptual hashes may differ in, to be compared at all
    most_fine_bits: int = 96  # of the 192 others
    least_alike: float = 0.8  # correlation of those 64 waves
    least_likely: float = 0.85  # correlation of the two at a third of their size, to be laid over each other in full
    least_match: float = 0.92  # correlation of the two pictures, laid over each other


@dataclass(frozen=True)
class CaptionConfig:
    """Where words come from. Sidecar text is always taken."""

    probe: str = ""  # a probe that reads clips of its world back: "storybook" or a folder
    endpoint: str = ""  # of an OpenAI-compatible server: http://127.0.0.1:8000/v1
    model: str = "default"  # that the endpoint shall use
    key_variable: str = "SKYLOOM_CAPTION_KEY"  # the environment variable that holds the endpoint's key
    per_minute: float = 60.0  # requests
    at_once: int = 4  # that wait for their answers
    tries: int = 5
    timeout: float = 60.0  # seconds for one answer
    pictures: int = 4  # of each shot that the endpoint sees
    long_side: int = 512  # pixels of each
    price_in: float = 0.0  # dollars for a million tokens that go in, and that come out: for the estimate
    price_out: float = 0.0
    most_cost: float = 0.0  # dollars that the estimate may reach; 0 is no bound


@dataclass(frozen=True)
class EncodeConfig:
    """How kept shots become latents."""

    fps: float = 12.0
    most_pixels: int = 256 * 448  # of a picture: larger ones are scaled down, their shape kept
    most_frames: int = 121  # ten seconds: a shot as long as shots may be
    clips: int = 64  # a shard
    held_out: float = 0.1  # share of the sources
    seed: int = 0


@dataclass(frozen=True)
class DataConfig:
    """A whole data set."""

    ingest: IngestConfig = field(default_factory=IngestConfig)
    shots: ShotConfig = field(default_factory=ShotConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)
    dedup: DedupConfig = field(default_factory=DedupConfig)
    caption: CaptionConfig = field(default_factory=CaptionConfig)
    encode: EncodeConfig = field(default_factory=EncodeConfig)
