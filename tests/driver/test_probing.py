"""An encoder of a folder, from its files to a table of scores."""

import json
from pathlib import Path

import polars as pl
import pytest
import soundfile
from corpora import tone
from mlflow.tracking import MlflowClient
from pretrained.made import folder
from safetensors.torch import save_file
from task_files import ENTRY, write_tasks

from scaling.driver.display import Display
from scaling.driver.export import HEAR, HEAR_MODULE
from scaling.driver.probing import probe_alone
from scaling.errors import StudyError
from scaling.models.hub import HubEncoder
from scaling.models.options import HubOptions
from scaling.record.encoders import EXPERIMENT
from scaling.record.outage import UnreachableError
from scaling.storage.tables import read_parquet

WHISPER = {
    "model_type": "whisper",
    "d_model": 16,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "num_mel_bins": 80,
    "max_source_positions": 50,
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database for all: one of its own takes MLflow seconds to make."""
    return f"sqlite:///{tmp_path_factory.mktemp('record') / 'mlflow.db'}"


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny-whisper"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(WHISPER))
    made = HubEncoder(HubOptions(json.dumps(WHISPER)))
    save_file({key: value.contiguous() for key, value in made.model.state_dict().items()}, folder / "model.safetensors")
    return folder


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Low and high tones."""
    rows = []
    (tmp_path / "tasks" / "sounds").mkdir(parents=True)
    for index in range(24):
        soundfile.write(tmp_path / "tasks" / "sounds" / f"{index}.flac", tone(9 * index), 16_000)
        split = ("train", "train", "test")[index % 3]
        rows.append(
            {"file": f"{index}.flac", "split": split, "bird": "low" if index < 12 else "high", "caption": f"a {index}"}
        )
    return write_tasks(tmp_path / "tasks", {**ENTRY, "clips": "clips.csv"}, rows=rows)


def test_a_folder_is_scored_and_leaves_a_table_of_a_reference(encoder: Path, tasks: Path, record: str, tmp_path: Path):
    out = tmp_path / "out"
    probe_alone(str(encoder), str(tasks), out, ("logistic",), Display(), tracking_uri=record)
    scores = read_parquet(out / "scores.parquet")
    assert scores.select("reference", "task", "pooling", "metric").rows() == [
        ("tiny-whisper", "birds", "mean", "accuracy")
    ]
    assert 0 <= scores["value"][0] <= 1
    told = json.loads((out / "result.json").read_text())
    assert told["rank_me"] >= 1
    assert "logistic" in told["probed"]
    # Again it prepares nothing, and says the same.
    probe_alone(str(encoder), str(tasks), out, ("logistic",), Display(), tracking_uri=record)
    assert read_parquet(out / "scores.parquet").equals(scores)
    assert read_parquet(out / "predictions.parquet").filter(pl.col("task") == "birds").height == 8


def hear_folder(folder: Path, events: bool) -> None:
    """Tones, of which the high ones are labelled: whole clips, or from when to when."""
    kind = {"embedding_type": "event" if events else "scene", "prediction_type": "multilabel"}
    (folder / "16000").mkdir(parents=True)
    (folder / "task_metadata.json").write_text(json.dumps(kind))
    (folder / "labelvocabulary.csv").write_text("idx,label\n0,low\n1,high\n")
    for first, split in enumerate(("train", "valid", "test")):
        (folder / "16000" / split).mkdir()
        listed = {}
        for index in range(first, 36, 3):
            soundfile.write(folder / "16000" / split / f"{index}.wav", tone(9 * index + 3 * events), 16_000)
            label = "low" if index < 18 else "high"
            listed[f"{index}.wav"] = [{"label": label, "start": 100, "end": 700}] if events else [label]
        (folder / f"{split}.json").write_text(json.dumps(listed))


def test_folders_of_hears_form_go_all_the_way(encoder: Path, record: str, tmp_path: Path):
    for name, events in (("tagged", False), ("timed", True)):
        hear_folder(tmp_path / name, events)
    tasks = tmp_path / "tasks.toml"
    entries = [
        f'[[task]]\nset = "hear"\nfolder = "{name}"\nname = "{name}"\ndomain = "music"\n'
        for name in ("tagged", "timed")
    ]
    tasks.write_text("\n".join(entries))
    out = tmp_path / "out"
    probe_alone(str(encoder), str(tasks), out, ("logistic", "events"), Display(), tracking_uri=record)
    scores = read_parquet(out / "scores.parquet").select("task", "pooling", "metric", "note").rows()
    assert [row[:3] for row in scores] == [
        ("tagged", "mean", "map"),
        ("tagged", "mean", "roc_auc"),
        ("timed", "frames", "psds1"),
        ("timed", "frames", "psds1_macro"),
    ]
    assert all(note.endswith("the folder's split") for *_, note in scores)
    # A recording that is there and cannot be decoded is lost as one that is missing is.
    (tmp_path / "tagged" / "16000" / "test" / "2.wav").write_bytes(b"RIFF")
    with pytest.raises(StudyError, match=r"of its 36 clips 0 are missing and 1 cannot be used .*, and 1.0% may be"):
        probe_alone(str(encoder), str(tasks), tmp_path / "again", ("logistic",), Display(), tracking_uri=record)


def test_what_is_not_there_or_does_not_fit_is_one_line(encoder: Path, tasks: Path, record: str, tmp_path: Path):
    probe_alone(str(encoder), str(tasks), tmp_path / "out", ("logistic",), Display(), tracking_uri=record)
    tasks.write_text(tasks.read_text().replace('"birds"', '"others"'))
    with pytest.raises(StudyError, match="made from other tasks"):
        probe_alone(str(encoder), str(tasks), tmp_path / "out", ("logistic",), Display(), tracking_uri=record)
    (encoder / "model.safetensors").unlink()
    with pytest.raises(StudyError, match="no weights of the encoder"):
        probe_alone(str(encoder), str(tasks), tmp_path / "out", ("logistic",), Display(), tracking_uri=record)


HEARING = """
import torch

class Model(torch.nn.Module):
    sample_rate, timestamp_embedding_size, scene_embedding_size = 16_000, 8, 8

def load_model(path=""):
    return Model()

def get_timestamp_embeddings(audio, model):
    frames = audio.unfold(1, 256, 256)
    # How much there is in each of eight bands.
    bands = torch.fft.rfft(frames).abs()[..., :128].unflatten(2, (8, 16)).sum(3).log1p()
    return bands, 16.0 * torch.arange(bands.shape[1]).expand(len(audio), -1)

def get_scene_embeddings(audio, model):
    return get_timestamp_embeddings(audio, model)[0].mean(1)
"""


def test_a_module_of_hears_contract_is_scored_and_recorded_once(tasks: Path, tmp_path: Path):
    (tmp_path / "bands.py").write_text(HEARING)
    out = tmp_path / "out"
    for _ in range(2):
        probe_alone(str(tmp_path / "bands.py"), str(tasks), out, ("logistic",), Display())
    scores = read_parquet(out / "scores.parquet")
    assert scores.select("reference", "task").rows() == [("bands", "birds")]
    # High and low tones lie in other bands.
    assert scores["value"][0] > 0.7
    client = MlflowClient(tracking_uri=f"sqlite:///{out / 'mlflow.db'}")
    [run] = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert run.info.run_id == scores["mlflow_run_id"][0]
    assert run.data.metrics["birds/mean/accuracy"] == scores["value"][0]
    assert run.data.tags["hears"] == "audio (16 kHz)"
    assert str(tmp_path) not in str(run.data)
    (tmp_path / "bands.py").write_text(HEARING.replace("def load_model", "def load"))
    with pytest.raises(StudyError, match="is no module of HEAR's contract: it has no load_model"):
        probe_alone(str(tmp_path / "bands.py"), str(tasks), tmp_path / "other", ("logistic",), Display())
    assert not (tmp_path / "other").exists()


def test_what_was_exported_is_scored_as_a_folder_and_as_its_module_alike(tasks: Path, record: str, tmp_path: Path):
    place = folder(tmp_path / "mine")
    (place / HEAR).write_text(HEAR_MODULE)
    found = []
    for name, out in ((place, "a"), (place / HEAR, "b")):
        probe_alone(str(name), str(tasks), tmp_path / out, ("logistic",), Display(), tracking_uri=record)
        scores = read_parquet(tmp_path / out / "scores.parquet")
        assert scores["reference"].to_list() == ["mine"]
        found.append((scores["value"][0], json.loads((tmp_path / out / "result.json").read_text())["rank_me"]))
    assert found[0] == pytest.approx(found[1], rel=0.02)
    with pytest.raises(StudyError, match="--weights is what the load_model"):
        probe_alone(str(place), str(tasks), tmp_path / "c", ("logistic",), Display(), weights="x.pt")


def test_an_mlflow_that_does_not_take_it_costs_no_score(
    encoder: Path,
    tasks: Path,
    record: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def away(*given: object) -> str:
        raise UnreachableError("nobody there")

    monkeypatch.setattr("scaling.driver.probing.record_encoder", away)
    probe_alone(str(encoder), str(tasks), tmp_path / "out", ("logistic",), Display(), tracking_uri=record)
    assert read_parquet(tmp_path / "out" / "scores.parquet")["mlflow_run_id"].to_list() == [""]
    assert "MLflow does not answer (nobody there): the same command records it once it does" in capsys.readouterr().out
