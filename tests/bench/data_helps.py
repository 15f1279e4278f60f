"""Whether the embedded corpus is hard enough that data helps.

    python studies/data_scale.py --seeds 0 1 2 --out DIR
    python tests/bench/data_helps.py DIR

For every task (its primary metric), the error at the smallest size less that at the largest, from scratch, averaged
over seeds and objectives, with a standard error over paired test clips and seeds: each clip's difference is averaged
over objectives and seeds first, and the spread of the seeds' means is added.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    scores = pl.read_parquet(folder / "report" / "scores.parquet")
    primary = pl.col("metric").is_in(["accuracy", "t2a_recall_at_10"]) & (pl.col("pooling") == "mean")
    arms = pl.col("objective").is_in(["contrastive", "captioning"]) & (pl.col("initialization") == "from scratch")
    scores = scores.filter(primary & arms & ~pl.col("excluded"))
    sizes = scores["clips"].unique().sort()
    ends = {sizes[0]: -1.0, sizes[-1]: 1.0}
    runs = scores.filter(pl.col("clips").is_in(list(ends))).select("run", "clips", "seed", "objective").unique()
    tables = [
        pl.read_parquet(folder / "runs" / run / "predictions.parquet")
        .filter(primary)
        .with_columns(seed=pl.lit(seed), gain=pl.col("correct") * ends[clips], objective=pl.lit(objective))
        for run, clips, seed, objective in runs.iter_rows()
    ]
    gains = pl.concat(tables).group_by("task", "seed", "objective", "clip").agg(pl.col("gain").sum())
    print(f"| task | error at {sizes[0]:,} - at {sizes[-1]:,} | standard error | helps | contrastive | captioning |")
    print("|---|---:|---:|---|---:|---:|")
    helped = 0
    tasks = gains["task"].unique().sort().to_list()
    for task in tasks:
        mine = gains.filter(pl.col("task") == task)
        by_clip = mine.group_by("clip").agg(pl.col("gain").mean())["gain"].to_numpy()
        by_seed = mine.group_by("seed").agg(pl.col("gain").mean())["gain"].to_numpy()
        over_seeds = by_seed.std(ddof=1) / np.sqrt(len(by_seed)) if len(by_seed) > 1 else 0.0
        error = float(np.hypot(by_clip.std(ddof=1) / np.sqrt(len(by_clip)), over_seeds))
        gain = float(by_clip.mean())
        helped += gain > 2 * error
        each = [mine.filter(pl.col("objective") == name)["gain"].mean() for name in ("contrastive", "captioning")]
        alone = " | ".join(f"{value:+.3f}" for value in each)
        print(f"| {task} | {gain:+.3f} | {error:.3f} | {'yes' if gain > 2 * error else 'no'} | {alone} |")
    print(f"\n{helped} of {len(tasks)} tasks by more than 2 standard errors, {scores['seed'].n_unique()} seeds")


if __name__ == "__main__":
    main()
