"""Resampled errors: what the scores would have been on other test clips and, where there are several, seeds."""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scaling.analysis.curves.fit import Curve, Floats, fit_batch
from scaling.analysis.curves.forms import MAGNITUDES
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.rows import by_size, keys, trained
from scaling.analysis.scores.words import Value, unit

RESAMPLES = 1000  # differences and averages
FIT_RESAMPLES = 200  # curves: a fit for each, and an interval's end needs no third digit
_MATCH = 1e-6
_LEAST = float(np.log(MAGNITUDES[0]))


@dataclass(frozen=True)
class Draws:
    """Resampled errors of every curve and size.

    Attributes:
        cells: one row a curve and size, as `rows.by_size` gives them, plus `raw` (mean error without the rule
            for zero errors), `seeds` and their errors `by_seed`, `runs` (sorted) and `row` (the place in `errors`).
        errors: (cells, RESAMPLES) mean errors over seeds; NaN where predictions are missing. One draw uses
            the same test clips and the same seeds for all arms, so differences between rows are paired.
        clips_only: the same under resampled test clips alone, with the seeds as they were.
        unmatched: (run, task, reason) of every score that has no interval over test clips, sorted.
        paired: whether test clips are resampled, the same for all arms. If not, a score's own standard error is its
            noise, drawn apart for every score: differences spread more than paired ones do.
    """

    cells: pl.DataFrame
    errors: Floats
    clips_only: Floats
    unmatched: list[tuple[str, str, str]]
    paired: bool = True


def draw(scores: pl.DataFrame, predictions: pl.DataFrame | None, design: Design) -> Draws:
    """Resample test clips (with replacement, the same ones for all arms) and seeds.

    Args:
        scores: as from `read_scores`.
        predictions: as from `read_predictions`; several rows of one clip (captions of a clip as queries) are
            resampled together. None: nobody has them, and standard errors stand in for them.

    Raises:
        StudyError: one curve would mix protocols.
    """
    cells, by = by_size(scores, design), [*keys(design), "x"]
    rows = trained(scores, design).with_row_index("score")
    per_score, unmatched = _resample_clips(rows, predictions) if predictions is not None else _resample_stderr(rows, by)
    grouped = rows.group_by(by).agg(
        pl.col("score").sort_by("seed"),
        pl.col("seed").sort().alias("seeds"),
        pl.col("error").sort_by("seed").alias("by_seed"),
        pl.col("run").unique().sort().alias("runs"),
        (1 - pl.col("value")).mean().alias("raw"),
    )
    cells = cells.join(grouped, on=by, how="left", nulls_equal=True, maintain_order="left")
    weights = _SeedWeights()
    errors, clips_only = np.empty((2, cells.height, RESAMPLES))
    for i, (x, seeds, members) in enumerate(cells.select("x", "seeds", "score").iter_rows()):
        errors[i] = (weights(x, tuple(seeds)) * per_score[members]).sum(axis=0)
        clips_only[i] = per_score[members].mean(axis=0)
    cells = cells.drop("score").with_row_index("row")
    return Draws(cells, errors, clips_only, unmatched, predictions is not None)


def fit_curves(draws: Draws, design: Design) -> list[tuple[dict[str, str | int], Curve, Curve | None]]:
    """Fit every curve: its `keys` with n_seeds, the curve and the curve of all sizes but the largest (None for a single
    size), in the order of the cells. Along a nominal axis there are none."""
    if design.x.scale == "nominal":
        return []
    groups: dict[tuple[float, ...], list[tuple[int, dict[str, str | int], list[int]]]] = {}
    cells, by = draws.cells, keys(design)
    for place, group in enumerate(cells.partition_by(by, maintain_order=True)):
        described = {**group.select(by).row(0, named=True), "n_seeds": int(group["n_seeds"].to_numpy().min())}
        groups.setdefault(tuple(group["x"]), []).append((place, described, group["row"].to_list()))
    error, n_test = cells["error"].to_numpy(), cells["n_test"].to_numpy()
    fitted: list[tuple[int, dict[str, str | int], Curve, Curve | None]] = []
    for sizes, members in groups.items():
        rows = np.array([row for _, _, row in members])  # (c, n)
        # The rule for zero errors holds for a resample too, where the number of test clips is known.
        floor = np.nan_to_num(0.5 / (n_test[rows] + 1.0))
        resampled = np.maximum(draws.errors[rows][..., :FIT_RESAMPLES], floor[..., None]).swapaxes(1, 2)
        runs = cells["n_seeds"].to_numpy()[rows].astype(np.float64)
        x = np.array(sizes, dtype=np.float64)
        curves = fit_batch(x, error[rows], resampled, runs, FIT_RESAMPLES, unit(design.x))
        fewer: list[Curve] | list[None] = [None] * len(members)
        if len(sizes) > 1:
            smaller = error[rows][:, :-1], resampled[..., :-1], runs[:, :-1]
            fewer = fit_batch(x[:-1], *smaller, FIT_RESAMPLES, unit(design.x))
        fitted += [(at, told, one, less) for (at, told, _), one, less in zip(members, curves, fewer, strict=True)]
    return [(told, one, less) for _, told, one, less in sorted(fitted, key=lambda entry: entry[0])]


def _resample_clips(rows: pl.DataFrame, predictions: pl.DataFrame) -> tuple[Floats, list[tuple[str, str, str]]]:
    """(scores, RESAMPLES) errors of each score under resampled test clips, and the scores without."""
    errors = np.full((rows.height, RESAMPLES), np.nan)
    unmatched: dict[tuple[str, str], str] = {}
    measure = ["task", "pooling", "metric"]
    answers, names = _by_clip(predictions)
    counts: dict[bytes, Floats] = {}
    for which, group in sorted(rows.partition_by(measure, as_dict=True).items()):
        scores = group.sort("score").select("score", "run", "task", "value").rows()
        mine = {run: answers[*which, run] for _, run, _, _ in scores if (*which, run) in answers}
        sets = [clips.tobytes() for clips, _ in mine.values()]
        common = max(sorted(set(sets)), key=sets.count, default=b"")
        matched = {}
        for score, run, task, value in scores:
            if run not in mine:
                unmatched[run, task] = "no predictions"
                continue
            clips, totals = mine[run]
            if clips.tobytes() != common:
                unmatched[run, task] = "other test clips than in the other runs"
            elif not abs(totals[:, 0].sum() / totals[:, 1].sum() - value) <= _MATCH:
                unmatched[run, task] = "predictions do not add up to the score"
            else:
                matched[score] = totals
        if matched:
            stacked = np.stack(list(matched.values()))  # (scores, clips, 2)
            if common not in counts:
                clip_set = names[np.frombuffer(common, dtype=np.int64)].to_list()
                counts[common] = _counts("\n".join(clip_set), stacked.shape[1])
            correct, n = counts[common] @ stacked[..., 0].T, counts[common] @ stacked[..., 1].T
            # Influences may carry a metric that is no mean over clips a little beyond its range.
            errors[list(matched)] = np.clip(1 - correct / n, 0, 1).T
    return errors, sorted((run, task, reason) for (run, task), reason in unmatched.items())


def _resample_stderr(rows: pl.DataFrame, by: list[str]) -> tuple[Floats, list[tuple[str, str, str]]]:
    """As `_resample_clips`, from standard errors: log-normal, so that an error stays above 0, and no share above 1.

    A score without a standard error stays as it is where other seeds of its size tell the noise; alone it is unknown.
    """
    alone = pl.len().over(by) == 1
    errors = np.empty((rows.height, RESAMPLES))
    unmatched = set()
    columns = rows.select("run", "task", "metric", "pooling", "error", "stderr", alone.alias("alone"))
    for i, (run, task, metric, pooling, error, stderr, lonely) in enumerate(columns.iter_rows()):
        if stderr is None and lonely:
            errors[i] = np.nan
            unmatched.add((run, task, "one run and no stderr"))
            continue
        z = _generator(f"{run} {task} {metric} {pooling}").standard_normal(RESAMPLES)
        errors[i] = np.exp(np.clip(np.log(error) + (stderr or 0.0) / error * z, _LEAST, 0))
    return errors, sorted(unmatched)


def _by_clip(
    predictions: pl.DataFrame,
) -> tuple[dict[tuple[str, ...], tuple[NDArray[np.int64], Floats]], pl.Series]:
    """(task, pooling, metric, run) -> clips as ascending places in the names, and (clips, 2) correct and asked.

    Also returns the names, sorted. Strings become numbers once: sorting half a million of them takes seconds.
    """
    keys = ["task", "pooling", "metric", "run"]
    groups = predictions.select(keys).unique().sort(keys).with_row_index("group")
    names = predictions.select("clip").unique().sort("clip").with_row_index("place")
    table = (
        predictions.join(groups, on=keys)
        .join(names, on="clip")
        .group_by("group", "place")
        .agg(pl.col("correct").sum(), pl.len().alias("asked"))
        .sort("group", "place")
    )
    starts = np.searchsorted(table["group"].to_numpy(), np.arange(1, groups.height))
    places = np.split(table["place"].cast(pl.Int64).to_numpy(), starts)
    totals = np.split(table.select(pl.col("correct", "asked").cast(pl.Float64)).to_numpy(), starts)
    members = groups.select(keys).rows()
    return dict(zip(members, zip(places, totals, strict=True), strict=True)) if members else {}, names["clip"]


def _generator(name: str) -> np.random.Generator:
    """Random numbers as a function of what they are for, so that results do not hang on the order of rows."""
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()))


def _counts(clip_set: str, n: int) -> Floats:
    """(RESAMPLES, n) how often each clip is drawn. Tasks over the same clips share it: their noise is one."""
    return _generator(clip_set).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)


class _SeedWeights:
    """Random weights over the seeds of one size, (seeds, RESAMPLES), the same for every arm and task.

    Two or three seeds resampled with replacement give intervals far too narrow. These weights are
    1/k + (z_i - mean z) / sqrt(k(k-1)) * sqrt((k-1)/chi2_(k-1)) with z normal: a weighted mean of k values then
    spreads as Student's t with k-1 degrees of freedom around their mean, the textbook interval.
    """

    def __init__(self) -> None:
        self._normal: dict[tuple[Value, int], Floats] = {}
        self._scale: dict[tuple[Value, int], Floats] = {}

    def __call__(self, x: Value, seeds: tuple[int, ...]) -> Floats:
        k = len(seeds)
        if k == 1:
            return np.ones((1, RESAMPLES))
        for seed in seeds:
            if (x, seed) not in self._normal:
                self._normal[x, seed] = _generator(f"seed {x} {seed}").standard_normal(RESAMPLES)
        if (x, k) not in self._scale:
            squares = _generator(f"scale {x} {k}").chisquare(k - 1, RESAMPLES)
            self._scale[x, k] = np.sqrt((k - 1) / squares)
        z = np.stack([self._normal[x, seed] for seed in seeds])
        weights: Floats = 1 / k + (z - z.mean(axis=0)) / np.sqrt(k * (k - 1)) * self._scale[x, k]
        return weights
