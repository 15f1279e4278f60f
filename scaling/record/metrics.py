"""What MLflow holds of a run, how its page shows it, and the scores read back from it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

import polars as pl

from scaling.analysis.scores.design import design_from_json
from scaling.analysis.scores.schema import schema
from scaling.probes.score import Score
from scaling.runs.result import Result
from scaling.study.run import Run, flat_fields
from scaling.study.study import Cell, Study

DOMAINS_TAG, NOTES_TAG, REFERENCE_TAG = "scaling.domains", "scaling.notes", "scaling.reference"
"""What no number says of a run's scores: each task's domain, each probe's note, and which reference the run is."""
ACCURACY = "accuracy"
VIEW = "scores"
"""The key of the view that this project saves in every experiment, in the address of MLflow's page."""
SHOWN = ("accuracy", "map", "t2a_recall_at_10", "rouge_l_coco")


def recorded_metrics(result: Result) -> dict[str, float]:
    """What MLflow holds of a finished run beside its learning curve.

    A run's page lists metrics in the order in which they came, the table of runs and the charts by name.
    """
    accuracy = result.mean_accuracy
    # Nothing reads it back: it is rounded to fit its column.
    values: dict[str, float] = {} if accuracy is None else {ACCURACY: round(accuracy, 4)}
    values |= {"clips": result.clips, "captions": result.captions, "hours": result.hours}
    values |= {score_key(score): score.value for score in result.scores}
    values |= {f"cost/{key}": value for key, value in asdict(result.cost).items() if isinstance(value, int | float)}
    values |= probing_metrics(result.scores, result.probed, result.rank_me, result.probe_flops)
    return values


def probing_metrics(
    scores: Sequence[Score], probed: Mapping[str, float], rank_me: float | None, flops: Mapping[str, float]
) -> dict[str, float]:
    """What MLflow holds of the scores of an encoder, beside their values: what its probes took, its rank, and the
    standard error and number of test clips of each score."""
    values = {f"cost/seconds of probe {name}": seconds for name, seconds in probed.items()}
    values |= {f"cost/flops of probe {name}": spent for name, spent in flops.items()}
    values |= {} if rank_me is None else {"rank_me": rank_me}
    values |= {beside(score_key(score), "stderr"): score.stderr for score in scores}
    values |= {beside(score_key(score), "n_test"): score.n_test for score in scores}
    return values


def score_key(score: Score) -> str:
    """The metric that holds a score's value."""
    return f"{score.task}/{score.pooling}/{score.metric}"


def beside(key: str, of: Literal["stderr", "n_test"]) -> str:
    """The metric that holds a score's standard error or number of test clips.

    Charts are grouped by what stands before the last slash: all standard errors are one group, and no score's.
    """
    return f"{of}/{key.replace('/', ' ')}"


def description(question: str, experiment_id: str) -> str:
    """What the experiment's page says above its runs, in Markdown; a closed page shows the first line."""
    table = f"#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"
    return f"""{question}

[All scores in one table]({table}), once a run is done; the same table is behind *Views*. Numbers with intervals, and
the question answered, are in `report/report.html` of the study's folder.

- **arm**: the level of every factor; **clips**: unique clips trained on; **seed**
- **{ACCURACY}**: the mean over the classification tasks, of the frozen encoder
- **task/pooling/metric**: one score; its standard error and number of test clips are under **stderr/** and **n_test/**
- **train/** and **holdout/**: learning curves; **cost/**: time, clips seen, parameters, floating-point operations
"""


def view(result: Result, axes: Sequence[str], stamp: int) -> str:
    """A view of the table of runs: arm, seed, place on the axes (columns of the scores), mean score, then the tasks."""
    measured = {"clips": "clips", "parameters": "cost/encoder_parameters", "samples_seen": "cost/samples_seen"}
    columns = {"tags.`arm`": 170, "params.`seed`": 100}
    columns |= {f"params.`{axis}`": 100 for axis in axes if axis not in measured}
    columns |= {f"metrics.`{measured[axis]}`": 100 for axis in axes if axis in measured}
    columns[f"metrics.`{ACCURACY}`"] = 90
    return scores_view(columns, result.scores, f"metrics.`{ACCURACY}`", stamp)


def scores_view(columns: Mapping[str, int], scores: Sequence[Score], order: str, stamp: int) -> str:
    """A view of the table of runs as MLflow's page saves one: these columns with their widths, then the tasks.

    Without one the table has no column of a metric, parameter or tag, whatever their names.
    Columns of one kind stand together, or the table names the kind twice.
    """
    tasks = {score_key(score): score.task for score in scores if score.metric in SHOWN}
    columns = {**columns, **{f"metrics.`{key}`": 60 + 8 * len(task) for key, task in tasks.items()}}
    state = {
        "selectedColumns": list(columns),
        "columnOrder": ["attributes.`Run Name`", *columns, "runDateAndNestInfo", "duration"],
        "columnWidths": {"attributes.`Run Name`": 320, **columns},
        "orderByKey": order,
        "orderByAsc": False,
    }
    return json.dumps({"name": "Scores", "createdAt": stamp, "updatedAt": stamp, "state": json.dumps(state)})


def recorded_tags(result: Result) -> dict[str, str]:
    """What MLflow holds of where a run was done, by what source, and of its scores in words."""
    tags = {
        "store": result.store,
        "weights": result.cost.weights,
        **asdict(result.machine),
        "source_hash": result.source_hash,
        "commit": result.commit,
        **score_tags(result.scores),
    }
    return {key: str(value) for key, value in tags.items()}


def score_tags(scores: Sequence[Score]) -> dict[str, str]:
    """What MLflow holds of scores in words."""
    domains = {score.task: score.domain for score in scores}
    notes = {f"{score.task}/{score.pooling}": score.note for score in scores if score.note}
    return {DOMAINS_TAG: json.dumps(domains), NOTES_TAG: json.dumps(notes)}


def level_tags(cell: Cell) -> dict[str, str]:
    """What MLflow holds of a run's place in its study."""
    return {
        "arm": cell.arm,
        REFERENCE_TAG: cell.reference,
        **{level_tag(name): cell.levels[name] for name in cell.levels},
    }


def level_tag(factor: str) -> str:
    """The tag that holds the level of a factor."""
    return f"factor.{factor}"


def parameters(run: Run) -> dict[str, str]:
    """A run's fields as MLflow parameters: their dotted names; tuples joined by commas."""
    return {
        key: ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        for key, value in flat_fields(run).items()
    }


Record = tuple[str, str, Mapping[str, str], Mapping[str, float], Mapping[str, str]]
"""A finished run's name, its id in MLflow ("" where it is read from its folder), parameters, metrics and tags."""


def scores_table(study: Study, records: Iterable[Record]) -> pl.DataFrame:
    """The scores that records hold, one row each (`analysis.scores.schema`), and behind them every field that varies
    between the runs under study. Runs that the study's grid does not contain are marked as excluded."""
    known = list(records)
    wanted = {cell.run.name for cell in study.cells}
    fields = varying([params for _, _, params, _, tags in known if not tags.get(REFERENCE_TAG)])
    columns = schema(design_from_json(study.design()))
    rows = []
    for record in known:
        _, _, params, _, _ = record
        more = {name: params.get(name, "") for name in fields if name not in columns}
        rows += [{**row, **more} for row in score_rows(study, record, record[0] in wanted)]
    shown = [name for name in fields if name not in columns]
    table = pl.DataFrame(rows, schema={**columns, **dict.fromkeys(shown, pl.String)})
    return table.sort("run", "task", "pooling", "metric")


def varying(runs: list[Mapping[str, str]]) -> list[str]:
    """The names of the fields that differ between runs, in the alphabet's order, whichever run was recorded first;
    without those that every table of scores has or that are no more than another run's name."""
    names = sorted({name for params in runs for name in params})
    apart = [name for name in names if len({params.get(name, "") for params in runs}) > 1]
    return [name for name in apart if name not in ("data.clips", "seed", "protocol", "initialization.parent")]


def score_rows(study: Study, record: Record, wanted: bool) -> list[dict[str, Any]]:
    """The rows of the table of scores that a run's record holds; excluded where it is not `wanted`."""
    name, run_id, params, metrics, tags = record
    domains, notes = json.loads(tags[DOMAINS_TAG]), json.loads(tags.get(NOTES_TAG, "{}"))
    common = {
        "study": study.name,
        "run": name,
        "reference": tags.get(REFERENCE_TAG, ""),
        **{factor.name: tags.get(level_tag(factor.name), "") for factor in study.factors},
        **{axis.column: _number_or_name(params.get(axis.field, ""), axis.scale) for axis in study.axes},
        "protocol": params["protocol"],
        "clips": int(metrics["clips"]),
        "captions": int(metrics["captions"]),
        "hours": metrics["hours"],
        "samples_seen": int(metrics["cost/samples_seen"]),
        "epochs": metrics["cost/epochs"],
        "parameters": int(metrics["cost/encoder_parameters"]),
        "flops": metrics["cost/flops"],
        "holdout_loss": metrics.get("cost/holdout_loss"),
        "seed": int(params["seed"]),
        "excluded": not wanted,
        "reason": "" if wanted else "not in the grid of the command that made this report",
        "mlflow_run_id": run_id,
    }
    scored = [key for key in metrics if key.count("/") == 2 and key.split("/")[0] in domains]
    rows = []
    for key in scored:
        task, pooling, metric = key.split("/")
        numbers = {
            "value": metrics[key],
            "stderr": metrics[beside(key, "stderr")],
            "n_test": int(metrics[beside(key, "n_test")]),
            "note": notes.get(f"{task}/{pooling}", ""),
        }
        rows.append({**common, "task": task, "domain": domains[task], "pooling": pooling, "metric": metric, **numbers})
    return rows


def _number_or_name(value: str, scale: str) -> float | str | None:
    """A field's value as its axis's column holds it; a measured column is set over it."""
    if scale == "nominal":
        return value
    try:
        return float(value)
    except ValueError:
        return None
