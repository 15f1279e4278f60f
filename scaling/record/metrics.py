"""What MLflow holds of a run, how its page shows it, and the scores read back from it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Literal

import polars as pl

from scaling.runs.perform import mean_accuracy
from scaling.study.study import Run, Study

DOMAINS_TAG = "scaling.domains"
ACCURACY = "accuracy"
VIEW = "scores"
"""The key of the view that this project saves in every experiment, in the address of MLflow's page."""
SHOWN = ("accuracy", "t2a_recall_at_10")

SCORES = {
    "study": pl.String,
    "run": pl.String,
    "objective": pl.String,
    "encoder": pl.String,
    "audio_init": pl.String,
    "text_init": pl.String,
    "sources": pl.String,
    "protocol": pl.String,
    "clips": pl.Int64,
    "captions": pl.Int64,
    "hours": pl.Float64,
    "samples_seen": pl.Int64,
    "epochs": pl.Float64,
    "seed": pl.Int64,
    "task": pl.String,
    "domain": pl.String,
    "pooling": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "stderr": pl.Float64,
    "n_test": pl.Int64,
    "excluded": pl.Boolean,
    "reason": pl.String,
    "mlflow_run_id": pl.String,
}


def recorded_metrics(result: dict[str, Any]) -> dict[str, float]:
    """What MLflow holds of a finished run beside its learning curve.

    A run's page lists metrics in the order in which they came, the table of runs and the charts by name.
    """
    accuracy = mean_accuracy(result)
    # Nothing reads it back: it is rounded to fit its column.
    values: dict[str, float] = {} if accuracy is None else {ACCURACY: round(accuracy, 4)}
    values |= {key: result[key] for key in ("clips", "captions", "hours")}
    values |= {score_key(score): score["value"] for score in result["scores"]}
    values |= {f"cost/{key}": value for key, value in numbers(result["cost"]).items()}
    for of in ("stderr", "n_test"):
        values |= {beside(score_key(score), of): score[of] for score in result["scores"]}
    return values


def score_key(score: Mapping[str, Any]) -> str:
    """The metric that holds a score's value."""
    return f"{score['task']}/{score['pooling']}/{score['metric']}"


def beside(key: str, of: Literal["stderr", "n_test"]) -> str:
    """The metric that holds a score's standard error or number of test clips.

    Charts are grouped by what stands before the last slash: all standard errors are one group, and no score's.
    """
    return f"{of}/{key.replace('/', ' ')}"


def description(study: Study, experiment_id: str) -> str:
    """What the experiment's page says above its runs, in Markdown; a closed page shows the first line."""
    table = f"#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"
    return f"""{study.question}

[All scores in one table]({table}), once a run is done; the same table is behind *Views*. Numbers with intervals, and
the question answered, are in `report/report.html` of the study's folder.

- **arm**: objective and audio weights at the start; **clips**: unique clips trained on; **seed**
- **{ACCURACY}**: the mean over the classification tasks, of the frozen encoder
- **task/pooling/metric**: one score; its standard error and number of test clips are under **stderr/** and **n_test/**
- **train/** and **holdout/**: learning curves; **cost/**: time, clips seen, parameters, floating-point operations
"""


def view(result: dict[str, Any], stamp: int) -> str:
    """A view of the table of runs as MLflow's page saves one: arm, seed, clips, mean score, then the tasks.

    Without one the table has no column of a metric, parameter or tag, whatever their names.
    Columns of one kind stand together, or the table names the kind twice.
    """
    tasks = {score_key(score): score["task"] for score in result["scores"] if score["metric"] in SHOWN}
    columns = {"tags.`arm`": 170, "params.`seed`": 100, "metrics.`clips`": 80, f"metrics.`{ACCURACY}`": 90}
    columns |= {f"metrics.`{key}`": 60 + 8 * len(task) for key, task in tasks.items()}
    state = {
        "selectedColumns": list(columns),
        "columnOrder": ["attributes.`Run Name`", *columns, "runDateAndNestInfo", "duration"],
        "columnWidths": {"attributes.`Run Name`": 320, **columns},
        "orderByKey": f"metrics.`{ACCURACY}`",
        "orderByAsc": False,
    }
    return json.dumps({"name": "Scores", "createdAt": stamp, "updatedAt": stamp, "state": json.dumps(state)})


def recorded_tags(result: dict[str, Any]) -> dict[str, str]:
    """What MLflow holds of where a run was done, and by what source."""
    domains = {score["task"]: score["domain"] for score in result["scores"]}
    tags = {
        "store": result["store"],
        "weights": result["cost"].get("weights", ""),
        **result["machine"],
        "source_hash": result["source_hash"],
        "commit": result["commit"],
        DOMAINS_TAG: json.dumps(domains),
    }
    return {key: str(value) for key, value in tags.items()}


def score_rows(
    study: Study,
    name: str,
    run_id: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    wanted: bool,
) -> list[dict[str, Any]]:
    """The rows of `SCORES` that a run's record holds; excluded where it is not `wanted`."""
    domains = json.loads(tags[DOMAINS_TAG])
    common = {
        "study": study.name,
        "run": name,
        **{key: params[key] for key in ("objective", "encoder", "audio_init", "text_init", "protocol")},
        "sources": params["sources"] or "all",
        "clips": int(metrics["clips"]),
        "captions": int(metrics["captions"]),
        "hours": metrics["hours"],
        "samples_seen": int(metrics["cost/samples_seen"]),
        "epochs": metrics["cost/epochs"],
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
        }
        rows.append({**common, "task": task, "domain": domains[task], "pooling": pooling, "metric": metric, **numbers})
    return rows


def flat(run: Run) -> dict[str, str]:
    """A run's fields as MLflow parameters: nested ones joined by a dot, tuples by commas."""
    fields: dict[str, str] = {}
    for key, value in dataclasses.asdict(run).items():
        if isinstance(value, dict):
            fields |= {f"{key}.{inner}": str(number) for inner, number in value.items()}
        else:
            fields[key] = ",".join(value) if isinstance(value, (tuple, list)) else str(value)
    return fields


def numbers(cost: dict[str, Any]) -> dict[str, float]:
    """The numeric part of a run's cost."""
    return {key: float(value) for key, value in cost.items() if isinstance(value, (int, float))}
