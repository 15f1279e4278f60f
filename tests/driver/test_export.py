"""An encoder leaves its study: what was probed is what leaves, and it works where there is next to nothing."""

import json
import shutil
import subprocess
import sys
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from corpora import labelled_tones, tone
from tiny import tiny_run, tiny_store

from scaling.cli import main
from scaling.data.labelled import LabelledStore
from scaling.driver.export import export
from scaling.errors import StudyError
from scaling.pretrained import from_pretrained
from scaling.probes.embed import embed
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.study.run import Run
from scaling.study.study import Cell
from scaling.training.attempt import Attempt
from scaling.training.checkpoint import WEIGHTS, latest_checkpoint

RUN = tiny_run(steps=4)
REFERENCE = replace(RUN, objective=None)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study with one finished run, one that is not, and a reference."""
    root = tmp_path_factory.mktemp("export")
    folder = StudyFolder(root / "study")
    tiny_store(folder.store)
    shutil.copytree(labelled_tones(root / "tones").store.folder, folder.store / "labelled")
    for run in (RUN, REFERENCE, tiny_run(seed=1)):
        folder.run(run.name).begin(Cell(run, {}, run.reference))
    for run in (RUN, REFERENCE):
        attempt = Attempt(folder.run(run.name).path)
        attempt.claim()
        assert perform(run, folder, attempt, device=torch.device("cpu")) is not None
    return folder


@pytest.fixture(scope="module")
def exported(study: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = export(study.run(RUN.name).path, tmp_path_factory.mktemp("out") / "encoder")
    assert isinstance(out, Path)
    return out


def refused(run: Path, out: Path) -> str:
    with pytest.raises(StudyError) as error:
        export(run, out)
    assert "\n" not in str(error.value)
    return str(error.value)


def folder_of(study: StudyFolder, run: Run) -> Path:
    path = study.run(run.name).path
    assert isinstance(path, Path)
    return path


def test_what_leaves_is_what_was_probed(study: StudyFolder, exported: Path) -> None:
    """From a labelled clip's samples to the vector that it was probed by; the store's log-mels are float16, of FLAC."""
    labelled, encoder = LabelledStore(study.store / "labelled"), from_pretrained(exported)
    probed = embed(labelled.store, labelled.probed, encoder.encoder, RUN.data.crop_seconds, torch.device("cpu"))
    for place, name in enumerate(labelled.store.clips(["id"])["id"]):
        index = int(name.rpartition("/")[2])
        if (seconds := 0.2 + 0.023 * index) < RUN.data.crop_seconds:
            _, vector = encoder.encode(tone(index, seconds), 16_000)
            torch.testing.assert_close(vector, probed[place], atol=5e-3, rtol=0)


ALONE = """
import importlib.metadata, re, sys

def needed(name, seen):
    '''What torch, safetensors and numpy need themselves.'''
    if name not in seen:
        seen.add(name)
        for line in importlib.metadata.requires(name) or []:
            if "extra ==" not in line:
                try:
                    needed(re.match("[A-Za-z0-9_.-]+", line)[0].lower().replace("-", "_"), seen)
                except importlib.metadata.PackageNotFoundError:
                    pass
    return seen

names = set()
for name in ("torch", "safetensors", "numpy"):
    needed(name, names)
own = {"torchgen", "functorch", "scaling", "hear_module", "xares_encoder", "nvidia", "triton"}
allowed = names | own | set(sys.stdlib_module_names)

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].lower() not in allowed:
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, Blocked())
for gone in ("ray", "mlflow", "pydantic", "polars", "transformers", "soundfile", "torchaudio"):
    try:
        __import__(gone)
        raise SystemExit(f"{gone} could be imported")
    except ImportError:
        pass
folder, wav = sys.argv[1:]

from scaling.pretrained import from_pretrained
encoder = from_pretrained(folder)
frames, vector = encoder.encode_file(wav)

sys.path.insert(0, folder)
import torch
import hear_module, xares_encoder
audio = torch.from_numpy(__import__("scaling.pretrained.audio", fromlist=["x"]).read_audio(wav)[0])[None]
scene = hear_module.get_scene_embeddings(audio, hear_module.load_model())
assert torch.allclose(scene[0], vector, atol=1e-5)
assert torch.allclose(xares_encoder.ScalingEncoder()(audio)[0], frames, atol=1e-5)
print(len(frames), *vector.tolist())
"""


def test_in_a_fresh_process_with_torch_safetensors_and_numpy_alone(exported: Path, tmp_path: Path) -> None:
    samples = (8000 * np.sin(np.arange(30_000) ** 1.3 / 40)).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(exported), str(tmp_path / "a.wav")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    count, *vector = map(float, done.stdout.split())
    frames, here = from_pretrained(exported).encode(samples.astype(np.float32) / 2**15, 16_000)
    assert count == len(frames)
    torch.testing.assert_close(torch.tensor(vector), here, atol=1e-5, rtol=0)


def test_what_is_written_again_is_the_same_and_nothing_else_is_touched(study: StudyFolder, exported: Path) -> None:
    there = {path.name: path.read_bytes() for path in exported.iterdir()}
    wanted = {"README.md", "config.json", "model.safetensors", "hear_module.py", "xares_encoder.py", ".written.json"}
    assert set(there) == wanted
    assert json.loads(there["config.json"])["run"] == RUN.name
    export(folder_of(study, RUN), exported)
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == there
    (exported / "README.md").write_text("mine")
    assert "README.md was changed since it was written" in refused(folder_of(study, RUN), exported)
    assert (exported / "README.md").read_text() == "mine"
    (exported / "README.md").write_bytes(there["README.md"])


def test_what_cannot_leave_is_told_in_a_line(study: StudyFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "is a reference, in which nothing was trained" in refused(folder_of(study, REFERENCE), out)
    assert "is not done: start its study again" in refused(folder_of(study, tiny_run(seed=1)), out)
    assert "is no run: give a folder in runs/ of a study" in refused(tmp_path, out)
    copy = tmp_path / "runs" / RUN.name
    shutil.copytree(folder_of(study, RUN), copy)
    checkpoint = latest_checkpoint(copy)
    assert checkpoint is not None
    (checkpoint / WEIGHTS).write_bytes(b"other")
    assert "its bytes are not those that were written" in refused(copy, out)
    shutil.rmtree(copy / "checkpoint")
    assert "has left no weights" in refused(copy, out)
    assert not out.exists()


def test_the_command(
    study: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder_of(study, RUN)
    for folder, code in ((run, 0), (run.with_name("none"), 2)):
        monkeypatch.setattr(sys, "argv", ["scaling", "export", str(folder), "--out", str(tmp_path / "out")])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
    assert "error: " in capsys.readouterr().err
    assert (tmp_path / "out" / "model.safetensors").exists()
