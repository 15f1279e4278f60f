"""What one more run costs, as those done so far tell it."""

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Cost:
    """Attributes:
    cells: one row an arm and size: arm (its name), x, samples (clips seen in training by a run), flops; null where
        the scores do not say.
    """

    cells: pl.DataFrame

    def samples(self, arm: str, size: float) -> float:
        """Clips seen by a run of this arm and size, or by the others' of this size; NaN where the scores do not say."""
        return _mean(self._like(arm, size)["samples"])

    def weight(self, arm: str, size: float) -> float:
        """What a clip seen costs in such a run, in units of what it costs on average over arms and sizes; 1 where flops
        are unknown."""
        own, every = (_mean(cells.select(_A_CLIP).to_series()) for cells in (self._like(arm, size), self.cells))
        return own / every if 0 < own < np.inf and 0 < every < np.inf else 1.0

    def hours(self, arm: str, size: float, per_million: float, per_run: float, samples: float = 0.0) -> float:
        """GPU-hours of such a run; NaN where nothing tells how many clips it sees.

        Args:
            per_million: GPU-hours for a million clips seen, on average over arms and sizes.
            per_run: GPU-hours of a run besides.
            samples: clips seen by it, if that is not to be as so far.
        """
        seen = samples or self.samples(arm, size)
        return seen * per_million / 1e6 * self.weight(arm, size) + per_run

    def _like(self, arm: str, size: float) -> pl.DataFrame:
        same = self.cells.filter(pl.col("x") == size)
        own = same.filter(pl.col("arm") == arm)
        return same if own.is_empty() else own


_A_CLIP = pl.col("flops") / pl.col("samples")


def _mean(values: pl.Series) -> float:
    known = values.drop_nulls().drop_nans().to_numpy()
    return float(known.mean()) if known.size else float("nan")
