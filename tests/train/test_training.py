"""What makes a training run trustworthy: it resumes exactly, it needs no particular number of processes, it learns."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skyloom.base import checkpoint
from skyloom.config import to_json
from skyloom.data import encode
from skyloom.data.loader import Loader
from skyloom.models.bundle import load_bundle
from skyloom.models.vae import VAE, fit, to_video
from skyloom.train import model, tokenizer
from skyloom.train.optim import PowerEMA, schedule

RUN = """
import sys, torch
from pathlib import Path
from skyloom.config import from_json
from skyloom.train import {page} as page
if __name__ == "__main__":
    torch.set_num_threads(1)
    page.main(from_json(Path(sys.argv[1]).read_text()), *[Path(p) for p in sys.argv[2:]], {options})
"""
MODEL_OPTIONS = "save_minutes=0, look_minutes=1e9, check_every=10"


def losses(run: Path, key: str) -> dict[int, float]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row[key] for row in rows if key in row}


def start(tmp_path: Path, page: str, options: str, config, *paths: Path, processes: int = 1) -> subprocess.Popen:
    script, settings = tmp_path / f"{page}.py", tmp_path / "settings.json"
    script.write_text(RUN.format(page=page, options=options))
    settings.write_text(to_json(config))
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    arguments = [*launcher, str(script), str(settings), *map(str, paths)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    with (tmp_path / "output.txt").open("wb") as output:
        return subprocess.Popen(arguments, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=tmp_path)


def finish(process: subprocess.Popen, tmp_path: Path) -> None:
    assert process.wait(timeout=240) == 0, (tmp_path / "output.txt").read_text()[-2000:]


@pytest.fixture(scope="module")
def straight(tiny, encoded, tokenizer_run, tmp_path_factory):
    """A run of the transformer that nothing disturbs."""
    folder = tmp_path_factory.mktemp("straight")
    finish(
        start(folder, "model", MODEL_OPTIONS, tiny, folder / "run", encoded, tokenizer_run / "export" / "vae.safetensors"),
        folder,
    )
    return folder / "run"


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "export" / "dit.safetensors")


def newest(run: Path) -> int:
    """The step of the last checkpoint; 0 before there is one."""
    return max((int(path.stem) for path in (run / "checkpoints").glob("0*.pt")), default=0)


def kill_after(step: int, steps_later: float, process: subprocess.Popen, run: Path) -> None:
    """Kill -9 a run, so many of its steps after it has saved one: wherever it is then, but before its end."""
    first, since, deadline = newest(run), time.time(), time.time() + 120
    while (last := newest(run)) < step:
        assert process.poll() is None and time.time() < deadline
        if last == first:
            since = time.time()
        time.sleep(0.005)
    time.sleep(steps_later * (time.time() - since) / (step - first))
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_a_killed_run_continues_to_the_same_bits(tiny, encoded, tokenizer_run, straight, tmp_path):
    paths, rng = (tmp_path / "run", encoded, tokenizer_run / "export" / "vae.safetensors"), random.Random(0)
    for earliest in (3, 9):
        process = start(tmp_path, "model", MODEL_OPTIONS, tiny, *paths)
        kill_after(rng.randrange(earliest, earliest + 3), rng.uniform(0, 2), process, tmp_path / "run")
        assert newest(tmp_path / "run") < tiny.model.steps
    finish(start(tmp_path, "model", MODEL_OPTIONS, tiny, *paths), tmp_path)
    a, b = weights(straight), weights(tmp_path / "run")
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_two_processes_see_the_losses_of_one(tiny, encoded, tokenizer_run, straight, tmp_path):
    paths = (tmp_path / "run", encoded, tokenizer_run / "export" / "vae.safetensors")
    finish(start(tmp_path, "model", MODEL_OPTIONS, tiny, *paths, processes=2), tmp_path)
    one, two = losses(straight, "val1x64x64"), losses(tmp_path / "run", "val1x64x64")
    assert one.keys() == two.keys() and len(one) == 2
    assert all(two[step] == pytest.approx(one[step], rel=2e-3) for step in one)


def test_the_tokenizer_resumes_to_the_same_bits(tiny, tmp_path):
    tokenizer.main(tiny, tmp_path / "straight", check_every=10**9, save_every=10)
    half = tmp_path / "half"
    tokenizer.main(tiny, half, check_every=10**9, save_every=10)
    (half / "checkpoints" / "00000020.pt").unlink()  # as if killed after step 10
    tokenizer.main(tiny, half, check_every=10**9, save_every=10)
    a, b = (load_file(run / "export" / "vae.safetensors") for run in (tmp_path / "straight", half))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_tokenizer_starts_linear_and_learns_more(tiny, tmp_path):
    config = dataclasses.replace(tiny, tokenizer=dataclasses.replace(tiny.tokenizer, steps=120, lr=3e-3))
    weights_path = tokenizer.main(config, tmp_path, check_every=10**9, save_every=10**9)
    pool = tokenizer.load_pool(config, tmp_path / "pool")
    linear, trained = VAE(tiny.vae).eval(), VAE(tiny.vae).eval()
    fit(linear, *tokenizer.sample_cells(pool, config.tokenizer, config.vae.stride))
    checkpoint.load_weights(trained, weights_path)

    def error(vae):
        with torch.no_grad():
            clips = [to_video(clip[..., :3]) for clip in pool[tokenizer.HELD_OUT :]]
            return float(torch.stack([(vae.decode(vae.encode(clip)) - clip).abs().mean() for clip in clips]).mean())

    assert error(linear) < 0.15
    assert error(trained) < error(linear)
    assert torch.allclose(trained.gain_C, linear.gain_C, rtol=0.01)  # descent moves the decoder alone


def test_the_export_is_a_model(straight, tiny):
    bundle = load_bundle(straight)
    assert bundle.config == dataclasses.replace(tiny, trained=20)
    assert (straight / "samples").exists() and (straight / "config.json").exists()
    kept = sorted(path.name for path in (straight / "checkpoints").iterdir())
    assert kept == ["00000019.pt", "00000020.pt", "best.pt"]


def test_steps_are_counted_from_random_weights_on(straight, tiny, encoded, tokenizer_run, tmp_path):
    def one_step(**begun):
        weights = tokenizer_run / "export" / "vae.safetensors"
        return load_bundle(model.main(tiny, tmp_path, encoded, weights, minutes=0, **begun)).config.trained

    assert one_step(init=straight) == 21
    assert one_step() == 22  # what the run began from stays known


def test_a_run_refuses_other_settings(straight, tiny, encoded, tokenizer_run):
    other = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, lr=5e-4))
    with pytest.raises(ValueError, match=r"model\.lr"):
        model.main(other, straight, encoded, tokenizer_run / "export" / "vae.safetensors")


def test_batches_depend_on_the_step_alone(tiny, encoded):
    a, b = Loader(encoded, tiny.model, torch.ones(8)).batch(7), Loader(encoded, tiny.model, torch.ones(8)).batch(7)
    assert torch.equal(a.z_BCTHW, b.z_BCTHW) and a.captions == b.captions
    assert not torch.equal(a.z_BCTHW, Loader(encoded, tiny.model, torch.ones(8)).batch(8).z_BCTHW[: len(a.z_BCTHW)])
    assert 0 <= float(a.coverage_BTHW.min()) and float(a.coverage_BTHW.max()) <= 1


def test_missing_latents_say_what_to_run(tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match="train encode"):
        Loader(tmp_path, tiny.model, torch.ones(8)).batch(0)


def test_a_half_written_checkpoint_is_passed_over(tmp_path, capsys):
    checkpoint.save(tmp_path, 1, {"x": torch.ones(2)})
    checkpoint.save(tmp_path, 2, {"x": torch.zeros(2)})
    newest = tmp_path / "checkpoints" / "00000002.pt"
    newest.write_bytes(newest.read_bytes()[:50])
    state = checkpoint.load_latest(tmp_path)
    assert state is not None and state["step"] == 1
    assert "skipped" in capsys.readouterr().out


def test_the_schedule_warms_holds_and_falls_to_nothing():
    factors = [schedule(step, 100, 10, 0.2) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and max(factors) == 1 and factors[50] == 1
    assert factors[-1] == pytest.approx(0.05) and np.all(np.diff(factors[80:]) < 0)


def test_an_average_of_a_still_model_is_that_model():
    layer = torch.nn.Linear(3, 3)
    ema = PowerEMA(layer, 6.94)
    for step in range(1, 5):
        ema.update(layer, step)
    assert torch.allclose(ema.average["weight"], layer.weight)


def test_parts_of_an_older_version_are_encoded_again(tiny, encoded, tokenizer_run, tmp_path):
    folder = shutil.copytree(encoded, tmp_path / "latents")
    lacking = sorted(folder.glob("train/*/*.s.npy"))[0]
    before = np.load(lacking)
    lacking.unlink()
    gain = torch.ones(tiny.vae.channels)
    with pytest.raises(FileNotFoundError, match="encoded by an older version"):
        Loader(folder, tiny.model, gain)
    encode.main(tiny, tokenizer_run / "export" / "vae.safetensors", folder, processes=1, held_out=4)
    assert np.array_equal(np.load(lacking), before)
    Loader(folder, tiny.model, gain)


def test_the_rate_decays_by_the_clock_where_time_runs_out_first():
    factors = [schedule(step, 10_000, 10, 0.5, gone=step / 100) for step in range(101)]
    assert max(factors) == 1 and factors[50] == 1 and factors[75] == pytest.approx(0.5) and factors[100] == 0
    assert schedule(9_999, 10_000, 10, 0.5, gone=0.1) < 0.01  # the steps end first
