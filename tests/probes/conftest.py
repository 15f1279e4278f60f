import pytest
import torch
from corpora import labelled_tones

from scaling.data.labelled import LabelledStore
from scaling.data.tokenizer import normalized
from scaling.probes.answers import Head, Subject


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
