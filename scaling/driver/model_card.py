"""The model card of an encoder that leaves its study."""

from collections.abc import Iterator, Mapping
from typing import Any

from scaling.pretrained.encoder import PretrainedEncoder
from scaling.runs.result import Result
from scaling.study.run import Run

NORMAL_90 = 1.645
"""Standard errors to both sides within which nine in ten lie."""


def card(result: Result, study: Mapping[str, Any], encoder: PretrainedEncoder) -> str:
    """Markdown: what an encoder is, how it is used, what it was trained on, its scores with intervals, its study;
    `study` is what study.json says."""
    return "\n".join([*_lines(result, study, encoder), ""])


def _lines(result: Result, study: Mapping[str, Any], encoder: PretrainedEncoder) -> Iterator[str]:
    run, cost = result.run, result.cost
    yield from (f"# {run.name}", "")
    yield (
        f"A frozen audio encoder ({run.encoder_name}, {cost.encoder_parameters:,} parameters) pretrained by "
        f"{run.objective_name}: {encoder.sample_rate:,} Hz mono audio in, {encoder.width} numbers every "
        f"{1000 * encoder.hop_seconds:g} ms out. Audio of any length; it is heard in windows of "
        f"{encoder.windows.frames * encoder.unit_seconds:g} s, about as long as the clips that it was trained on."
    )
    yield from ("", "```python", "from scaling.pretrained import from_pretrained", "")
    yield from ('encoder = from_pretrained("<this folder>")', 'frames, vector = encoder.encode_file("dog.wav")', "```")
    yield from ("", "`hear_module.py` follows HEAR's contract and `xares_encoder.py` that of X-ARES.", "")
    yield from ("## Training", "", *_training(result), "")
    yield from ("## Scores", "")
    yield (
        "Of probes on the frozen encoder; intervals are for another draw of test clips (90 %, normal), not for another "
        "seed."
    )
    yield from (
        "",
        "| task | pooling | metric | value | 90 % interval | test items | note |",
        "|---|---|---|---|---|---|---|",
    )
    for score in result.scores:
        low, high = (score.value + side * NORMAL_90 * score.stderr for side in (-1, 1))
        row = (
            score.task, score.pooling, score.metric, f"{score.value:.4f}",
            f"{max(low, 0.0):.4f} to {min(high, 1.0):.4f}", f"{score.n_test:,}", score.note,
        )  # fmt: skip
        yield f"| {' | '.join(str(value).replace('|', '/') for value in row)} |"
    yield ""
    yield from ("## Study", "", *_study(study, result))


def _training(result: Result) -> Iterator[str]:
    run, cost = result.run, result.cost
    if result.clips and run.objective.targets == "captions":
        yield f"- Clips: {result.clips:,} unique ones with {result.captions:,} captions, {result.hours:,.1f} hours."
    else:
        yield f"- Clips: {result.clips:,} labelled ones, {result.hours:,.1f} hours."
    if run.data.without:
        yield f"- Without the sources {', '.join(run.data.without)}."
    yield f"- Steps: {run.steps:,}, which saw {cost.samples_seen:,} clips ({cost.epochs:.1f} passes)."
    yield f"- Started from: {_started(run)}."
    yield f"- Peak learning rate: {run.optimization.learning_rate:g} ({run.optimization.optimizer}). Seed: {run.seed}."
    yield "- The rights to the audio and the captions that it was trained on are their owners'."


def _started(run: Run) -> str:
    start = run.initialization
    audio = {"scratch": "random audio weights", "supervised": f"the encoder of {start.parent}"}
    text = {"scratch": "a random text side"}
    return (
        f"{audio.get(start.audio, f'the audio weights {start.audio}')} and "
        f"{text.get(start.text, f'the text weights {start.text}')}"
    )


def _study(study: Mapping[str, Any], result: Result) -> Iterator[str]:
    if study:
        yield f"- {study['study']}, {study['preset']}: {study['design']['question']}"
        yield f"- Corpus: digest {study['corpus']}; the store's fingerprint: {result.store}."
    yield f"- Source: {result.source_hash}" + (f", commit {result.commit}" if result.commit else "") + "."
