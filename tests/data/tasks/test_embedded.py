"""The tasks of the embedded corpus."""

from task_files import counts

from scaling.data.corpus import embedded_clips
from scaling.data.embedded import sounds as synthetic
from scaling.data.tasks.embedded import embedded_tasks


def test_the_embedded_tasks():
    labelled = embedded_tasks(0)
    sizes = {split: size for split, size in synthetic.SPLIT_SIZES.items() if split != "tagged"}
    for task in labelled.probes:
        if task.kind == "questions":
            # About training clips all that can be asked.
            assert counts(labelled, task.name) == {"train": 2213, "test": sizes["test"] // 2}
            continue
        # Every clip has a caption, so retrieval too has all clips of its domain.
        assert counts(labelled, task.name) == {split: size // 3 for split, size in sizes.items()}
    assert counts(labelled, "tags") == {"train": synthetic.SPLIT_SIZES["tagged"]}
    assert [task.name for task in labelled.supervised] == ["tags"]
    assert {task.domain for task in labelled.probes if task.kind == "recall"} == set(synthetic.DOMAINS)
    pretraining = {clip.audio for clip, _ in zip(embedded_clips(), range(100), strict=False)}
    assert not pretraining & {clip.audio for clip in labelled.clips}
