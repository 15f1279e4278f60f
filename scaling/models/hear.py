"""Encoders by the contract of the HEAR benchmark (Turian et al. 2022): a Python module, as a file or as a package, with
`load_model(path="")`, `get_timestamp_embeddings(audio, model)` and `get_scene_embeddings(audio, model)`.

Its code is run, as that of nothing else is: who names a module trusts it.
"""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from torch import nn

from scaling.errors import StudyError
from scaling.models.encoder import Encoder
from scaling.models.formats import FRAMES_A_SECOND, Waveform

NEEDED = ("load_model", "get_timestamp_embeddings", "get_scene_embeddings")
ATTRIBUTES = ("sample_rate", "timestamp_embedding_size", "scene_embedding_size")
MODULE, PACKAGE = "hear_module.py", "__init__.py"
"""What a folder is a module by: the file that `scaling export` writes, or a package's."""


class HearEncoder(Encoder):
    """A module's embeddings over time as frames.

    The contract knows no lengths: clips of one length are heard together, without padding, so that what a clip becomes
    does not depend on the others of its batch. Samples of a rate that 10 ms are no whole number of (22,050 Hz) are held
    at a multiple of it, and resampled here.
    """

    def __init__(self, name: str, module: Any, model: Any) -> None:
        self.rate = int(model.sample_rate)
        super().__init__(Waveform(_held(self.rate)))
        self.name, self.width = name, int(model.timestamp_embedding_size)
        self.model = model
        self._embed: Callable[..., Any] = module.get_timestamp_embeddings
        # How many samples a frame stands for is the module's own affair.
        self.stride = 1

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found: list[torch.Tensor] = [features] * len(features)
        for length in sorted(set(lengths.tolist())):
            rows = (lengths == length).nonzero().flatten().tolist()
            for row, frames in zip(rows, self._frames(features[rows, :length]), strict=True):
                found[row] = frames
        counts = torch.tensor([len(frames) for frames in found], device=features.device)
        return nn.utils.rnn.pad_sequence(found, batch_first=True), counts

    def _frames(self, audio: torch.Tensor) -> torch.Tensor:
        """Float32 [n, time, width] of samples [n, samples]."""
        if self.hears.rate != self.rate:
            rows = [soxr.resample(one, self.hears.rate, self.rate, quality="HQ") for one in audio.cpu().numpy()]
            audio = torch.from_numpy(np.stack(rows)).to(audio)
        seconds = audio.shape[1] / self.rate
        answer = _called(self.name, f"get_timestamp_embeddings of {seconds:.3g} s", self._embed, audio, self.model)
        frames = answer[0] if isinstance(answer, tuple) and len(answer) == 2 else None
        if not isinstance(frames, torch.Tensor) or frames.ndim != 3 or not frames.is_floating_point():
            raise StudyError(f"{self.name}: get_timestamp_embeddings gives no embeddings [n, time, size] and times")
        wanted = (len(audio), max(frames.shape[1], 1), self.width)
        if tuple(frames.shape) != wanted:
            raise StudyError(
                f"{self.name}: get_timestamp_embeddings of {len(audio)} clips of {seconds:.3g} s gives embeddings of "
                f"shape {list(frames.shape)}, and its timestamp_embedding_size is {self.width}"
            )
        return frames.float()


@dataclass(frozen=True)
class HearFile:
    """Where a module lies: its file, and the folder of the package that it is, if it is one."""

    file: Path
    package: Path | None = None


def hear_file(name: str) -> HearFile | None:
    """The module that a path names: a .py file, or a folder that is a package or holds a `hear_module.py`; None for
    what is none, as a folder with a config.json, which is another kind of encoder."""
    try:
        path = Path(name).expanduser().absolute()
        if path.suffix == ".py":
            return HearFile(path)
        if not path.is_dir() or (path / "config.json").exists():
            return None
        if (path / PACKAGE).is_file():
            return HearFile(path / PACKAGE, path)
        return HearFile(path / MODULE) if (path / MODULE).is_file() else None
    # A user that is not there, a name that is too long or none.
    except (RuntimeError, OSError, ValueError):
        return None


def hear_encoder(name: str, weights: str = "") -> HearEncoder:
    """The encoder that the module of this name (`hear_file`) loads from `weights` ("": its own).

    Raises `StudyError` for what is no such module, and for one whose model is not as the contract says.
    """
    place = hear_file(name)
    if place is None or not place.file.is_file():
        raise StudyError(f"no module of HEAR's contract at {name}")
    module = _called(name, "importing it", _imported, place)
    if missing := [one for one in NEEDED if not callable(getattr(module, one, None))]:
        raise StudyError(
            f"{name} is no module of HEAR's contract: it has no {', no '.join(missing)} (it needs {', '.join(NEEDED)})"
        )
    given = (weights,) if weights else ()
    model = _called(name, "load_model", module.load_model, *given)
    if not isinstance(model, nn.Module):
        raise StudyError(f"{name}: load_model gives {type(model).__name__}, and no torch.nn.Module")
    for attribute in ATTRIBUTES:
        value = getattr(model, attribute, None)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise StudyError(f"{name}: its model has no whole number above 0 as {attribute}")
    try:
        return HearEncoder(name, module, model)
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from None


def _held(rate: int) -> int:
    """The least multiple of a rate of which 10 ms are a whole number."""
    return rate * next((n for n in range(1, FRAMES_A_SECOND) if rate * n % FRAMES_A_SECOND == 0), FRAMES_A_SECOND)


def _imported(place: HearFile) -> Any:
    # Files beside it may be imported by it, as if it were run; they hide nobody's.
    beside = str((place.package or place.file).parent)
    if beside not in sys.path:
        sys.path.append(beside)
    name = f"_hear_{(place.package or place.file).stem}_{abs(hash(place.file)):x}"
    inside = None if place.package is None else [str(place.package)]
    spec = importlib.util.spec_from_file_location(name, place.file, submodule_search_locations=inside)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # What a package imports of itself is found under its name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _called(name: str, what: str, call: Callable[..., Any], *given: Any) -> Any:
    """Raises `StudyError` for whatever a module raises."""
    try:
        return call(*given)
    except StudyError as error:
        raise StudyError(f"{name}: {what}: {error}") from None
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:200]
        raise StudyError(f"{name}: {what} raises {type(error).__name__}{f': {said}' if said else ''}") from None
