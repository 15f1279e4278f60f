"""How sizes, metrics and names are said."""

import numpy as np

from scaling.analysis.scores.design import Axis

Value = str | int | float

_NAMES = {
    "map": "mAP", "roc_auc": "ROC-AUC", "t2a_map_at_10": "mAP@10 text→audio", "rouge_l": "ROUGE-L",
    "rouge_l_coco": "ROUGE-L (COCO)", "cider_d": "CIDEr-D", "qa_accuracy": "accuracy of answers",
    "qa_gain": "gain over text alone", **{f"bleu_{n}": f"BLEU-{n}" for n in (1, 2, 3, 4)},
    "psds1": "PSDS1", "psds1_macro": "PSDS1 without its spread over classes",
}  # fmt: skip


def capital(text: str) -> str:
    """Text with a capital at its start, and names left as they are."""
    return text[:1].upper() + text[1:]


def thousands(number: float) -> str:
    """A number for an axis or a sentence: 0.003, 400, 1,000, 10,000, 9.3 M, 7 B, 2e18."""
    if number >= 1e12 or 0 < number < 1e-3:
        digits, _, power = f"{number:.3g}".partition("e")
        return f"{digits}e{int(power)}" if power else digits
    for unit, word in ((1e9, "B"), (1e6, "M")):
        if number >= unit:
            return f"{number / unit:.3g} {word}"
    return f"{number:.3g}" if number < 100 and number != int(number) else f"{int(np.round(number)):,}"


def two_digits(number: float) -> str:
    """A number with two digits: more would claim a precision that a curve does not have."""
    return thousands(float(f"{number:.2g}"))


def power(number: float) -> str:
    """A large number with two digits: 1.4e11."""
    digits, _, ten = f"{number:.1e}".partition("e")
    return f"{digits}e{int(ten)}"


def plain(value: Value) -> str:
    """A place on an axis without its unit: a number as `thousands` says it, a name as it is."""
    return value if isinstance(value, str) else thousands(value)


def unit(axis: Axis) -> str:
    """What a place on the axis counts: its unit, or its name where it has none."""
    return axis.unit or axis.name


def sized(axis: Axis, text: str) -> str:
    """A number in words with its unit: "about 400 clips"; without a unit the axis's name stands before it."""
    return f"{text} {axis.unit}" if axis.unit else f"{axis.name} {text}"


def place(axis: Axis, value: Value) -> str:
    """A place on an axis: "1,000 clips", "learning rate 0.001"."""
    return sized(axis, plain(value))


def tenfold(axis: Axis, times: float) -> str:
    """Further along the axis: "10 times the clips"."""
    return f"{times:.0f} times the {unit(axis)}"


def metric_name(metric: str) -> str:
    """A metric's name as people say it: `a2t_recall_at_1` is "recall@1 audio→text"."""
    way, _, k = metric.partition("_recall_at_")
    ways = {"a2t": "audio→text", "t2a": "text→audio"}
    return f"recall@{k} {ways[way]}" if way in ways else _NAMES.get(metric, metric.replace("_", " "))


def factor_name(name: str) -> str:
    """A factor's column as people say it: `audio_init` is "audio init"."""
    return name.replace("_", " ")
