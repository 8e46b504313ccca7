"""Skyloom's films as ComfyUI nodes. Copy this folder into ComfyUI/custom_nodes; a Skyloom server must run (`skyloom serve`).

The nodes call its HTTP API with Python's own library. Frames are ComfyUI's IMAGE: (frames, height, width, 3), 0 to 1.
"""

import base64
import io
import json
import time
import urllib.error
import urllib.request

import av
import torch
from PIL import Image

SERVER = "http://127.0.0.1:8440"
LARGEST_SEED = 2**63 - 1


class Film:
    """What the nodes share: where the server is, how a job becomes frames."""

    RETURN_TYPES = ("IMAGE", "FLOAT", "STRING")
    RETURN_NAMES = ("frames", "fps", "id")
    FUNCTION = "film"
    CATEGORY = "Skyloom"

    @classmethod
    def INPUT_TYPES(cls):
        where = {"server": ("STRING", {"default": SERVER}), "api_key": ("STRING", {"default": ""})}
        return {"required": cls.inputs(), "optional": cls.optional() | where}

    @classmethod
    def optional(cls):
        return {}

    @staticmethod
    def of_a_film():
        return {"id": ("STRING", {"forceInput": True}), "prompt": ("STRING", {"multiline": True})}

    def follow(self, server, key, path, body):
        """Put a job in the queue and wait for it -> (frames, fps, id). RuntimeError with the server's words."""
        job = json.loads(_call(server, key, "POST", path, body))
        while job["status"] in ("queued", "in_progress"):
            time.sleep(0.5)
            _stop_if_asked(server, key, job["id"])
            job = json.loads(_call(server, key, "GET", f"/videos/{job['id']}"))
        if job["status"] == "failed":
            raise RuntimeError(f"Skyloom: {job['error']['message']}")
        frames, fps = _frames(_call(server, key, "GET", f"/videos/{job['id']}/content"))
        return frames, fps, job["id"]


class SkyloomFilm(Film):
    """A sentence, and perhaps a first frame, becomes a film."""

    @classmethod
    def inputs(cls):
        return {
            "prompt": ("STRING", {"multiline": True, "default": "a red fox runs in the snow"}),
            "seconds": ("FLOAT", {"default": 4.0, "min": 0.1, "max": 20.0, "step": 0.1}),
            "width": ("INT", {"default": 1280, "min": 64, "max": 2048, "step": 2}),
            "height": ("INT", {"default": 720, "min": 64, "max": 2048, "step": 2}),
            "seed": ("INT", {"default": 0, "min": 0, "max": LARGEST_SEED}),
            "quality": (["good", "fast", "best"],),
        }

    @classmethod
    def optional(cls):
        return {"first_frame": ("IMAGE",), "loop": ("BOOLEAN", {"default": False})}

    def film(self, prompt, seconds, width, height, seed, quality, first_frame=None, loop=False, server=SERVER, api_key=""):
        body = {"prompt": prompt, "seconds": f"{seconds:g}", "size": f"{width}x{height}", "seed": seed, "quality": quality}
        body |= {"loop": True} if loop else {}
        body |= {} if first_frame is None else {"input_reference": {"image_url": _data_url(first_frame[0])}}
        return self.follow(server, api_key, "/videos", body)


class SkyloomRemix(Film):
    """A film of the server again with other words."""

    @classmethod
    def inputs(cls):
        strength = {"default": 0.6, "min": 0.0, "max": 1.0, "step": 0.05}
        return {
            "id": ("STRING", {"forceInput": True}),
            "prompt": ("STRING", {"multiline": True}),
            "strength": ("FLOAT", strength),
        }

    def film(self, id, prompt, strength, server=SERVER, api_key=""):
        return self.follow(server, api_key, f"/videos/{id}/remix", {"prompt": prompt, "strength": strength})


class SkyloomExtend(Film):
    """A film of the server, and what happens after it."""

    @classmethod
    def inputs(cls):
        seconds = {"default": 4.0, "min": 0.1, "max": 20.0, "step": 0.1}
        return {
            "id": ("STRING", {"forceInput": True}),
            "prompt": ("STRING", {"multiline": True}),
            "seconds": ("FLOAT", seconds),
        }

    def film(self, id, prompt, seconds, server=SERVER, api_key=""):
        body = {"video": {"id": id}, "prompt": prompt, "seconds": f"{seconds:g}"}
        return self.follow(server, api_key, "/videos/extensions", body)


def _call(server, key, method, path, body=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    url = server.rstrip("/").removesuffix("/v1") + "/v1" + path
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        with error:
            said = error.read()
        try:
            message = json.loads(said)["error"]["message"]
        except (ValueError, KeyError, TypeError):
            message = f"{error.code} {error.reason}"
        raise RuntimeError(f"Skyloom: {message}") from None
    except OSError as error:
        raise RuntimeError(f"Skyloom: no server at {server} ({error}). Start one: skyloom serve") from None


def _stop_if_asked(server, key, id):
    """Where the person pressed ComfyUI's cancel: stop the film too."""
    try:
        from comfy.model_management import InterruptProcessingException, throw_exception_if_processing_interrupted
    except ImportError:  # outside ComfyUI
        return
    try:
        throw_exception_if_processing_interrupted()
    except InterruptProcessingException:
        _call(server, key, "POST", f"/videos/{id}/cancel", {})
        raise


def _frames(data):
    """The bytes of an mp4 -> (frames, height, width, 3) from 0 to 1, frames per second."""
    with av.open(io.BytesIO(data)) as film:
        fps = float(film.streams.video[0].average_rate)
        frames = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in film.decode(video=0)]
    return torch.stack(frames).float() / 255, fps


def _data_url(image):
    """(height, width, 3) from 0 to 1 -> a data: URL of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray((image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


NODE_CLASS_MAPPINGS = {"SkyloomFilm": SkyloomFilm, "SkyloomRemix": SkyloomRemix, "SkyloomExtend": SkyloomExtend}
NODE_DISPLAY_NAME_MAPPINGS = {
    "SkyloomFilm": "Skyloom: film",
    "SkyloomRemix": "Skyloom: remix",
    "SkyloomExtend": "Skyloom: extend",
}
