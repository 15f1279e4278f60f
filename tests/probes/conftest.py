from dataclasses import replace

import numpy as np
import pytest
import torch
from corpora import labelled_tones

from scaling.data.labelled import LabelledStore
from scaling.data.tokenizer import normalized
from scaling.probes import text_captioning, text_retrieval
from scaling.probes.answers import Head, Subject
from scaling.probes.frames import FramesFile


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledStore:
    """30 tones, labelled as high or low; read only."""
    return labelled_tones(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def knowing(labelled: LabelledStore) -> Subject:
    """An encoder that hears which clip it is, whose joint space holds a clip and its caption at one place."""
    places = torch.eye(len(labelled.store))
    captions = {normalized(some[0]): place for place, some in enumerate(labelled.store.clips(["captions"])["captions"])}

    def embed_captions(given: list[str]) -> torch.Tensor:
        return places[[captions[caption] for caption in given]]

    return Subject(labelled, places, Head(places, embed_captions), torch.device("cpu"))


@pytest.fixture
def hearing(knowing: Subject, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """Frames that say which clip they are of."""
    for module in (text_retrieval, text_captioning):
        monkeypatch.setattr(module, "BUDGET", replace(module.BUDGET, batch=64, passes=1, fewest=12))
    clips = len(knowing.labelled.store)
    kept = FramesFile(clips)
    for clip in range(clips):
        kept.add(np.array([clip]), np.zeros(1, np.int64), torch.eye(clips)[clip].expand(1, 3, -1), torch.tensor([3]))
    return replace(knowing, frames=kept.frames(clips))
