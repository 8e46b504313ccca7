"""Run as a program on one file: decode it under limits of memory and time, and print what it holds, as JSON."""

import json
import resource
import sys

MEMORY, SECONDS = 3 * 2**30, 60


def main(path: str, budget: int) -> dict[str, object]:
    """Decode at most `budget` pixels times frames."""
    from ..base.video import read_video  # loads the codecs under the limits

    frame, _ = read_video(path, max_frames=1)
    height, width = frame.shape[1:3]
    most = budget // (height * width)
    if not most:
        return {"error": f"is too large: {width}x{height} pixels."}
    frames, fps = read_video(path, max_frames=most + 1)
    if len(frames) > most:
        return {"error": f"is too long: more than {most} frames of {width}x{height}."}
    return {"width": width, "height": height, "frames": len(frames), "seconds": len(frames) / fps}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to no file
    try:
        report = main(sys.argv[1], int(sys.argv[2]))
    except MemoryError:
        report = {"error": "takes more memory than this server spends on a file."}
    except (ValueError, OSError):
        report = {"error": "cannot be decoded. Is the file whole?"}
    print(json.dumps(report))
