"""What curves are read against: chance in closed form, and plain statistics of log-mels."""

import numpy as np
import pytest
import torch

from scaling.data.labelled import LabelledStore
from scaling.probes.references import log_mel_statistics, score_chance, score_log_mel

CPU = torch.device("cpu")


def test_log_mel_statistics(labelled: LabelledStore):
    store = labelled.store
    statistics = log_mel_statistics(store).numpy()
    assert statistics.shape == (len(store), 160)
    for place in (0, len(store) - 1):
        frames = store.log_mel(place).astype(np.float64)
        np.testing.assert_allclose(statistics[place, :80], frames.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(
            statistics[place, 80:], np.sqrt(((frames - frames.mean(axis=0)) ** 2).mean(axis=0)), atol=1e-4
        )


def test_chance_is_the_commonest_label_and_a_random_order(labelled: LabelledStore):
    scores, predictions = score_chance(labelled, CPU)
    by_metric = {score.metric: score for score in scores}
    train, test = labelled.split("pitch", "train"), labelled.split("pitch", "test")
    commonest = max(sorted(set(train.labels)), key=train.labels.count)
    assert by_metric["accuracy"].value == pytest.approx(test.labels.count(commonest) / len(test.labels))
    # Every clip has a caption of its own: the right one is among the first k of n with probability k / n.
    for k in (1, 5):
        for direction in ("a2t", "t2a"):
            assert by_metric[f"{direction}_recall_at_{k}"].value == pytest.approx(k / len(test.ids))
    assert set(predictions["answer"]) == {commonest}


def test_log_mels_alone_tell_a_high_tone_from_a_low_one(labelled: LabelledStore):
    scores, _ = score_log_mel(labelled, CPU)
    # In no encoder's place there is no joint space of its own.
    assert {score.pooling for score in scores} == {"mean"}
    [accuracy] = [score.value for score in scores if score.metric == "accuracy"]
    assert accuracy > score_chance(labelled, CPU)[0][0].value
