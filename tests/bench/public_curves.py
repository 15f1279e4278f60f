"""The public learning curves of ../shared/extrapolation as benches and tests read them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FOLDER = Path(__file__).parents[3] / "shared" / "extrapolation"


@dataclass(frozen=True)
class Public:
    """One curve: what may be fitted and what is only predicted."""

    name: str
    domain: str
    x: Floats
    y: Floats
    held_x: Floats
    held_y: Floats

    def sparse5(self) -> "Public":
        """Five sizes, as the README of the curves says."""
        return Public(self.name, self.domain, *thin(self.x, self.y, 5), self.held_x, self.held_y)

    def rmsle(self, predicted: Floats) -> float:
        return float(np.sqrt(np.mean((np.log(predicted) - np.log(self.held_y)) ** 2)))


def thin(x: Floats, y: Floats, n: int) -> tuple[Floats, Floats]:
    """About n sizes, evenly spaced in ln(size), rows of equal size averaged."""
    sizes, place = np.unique(x, return_inverse=True)
    mean = np.bincount(place, weights=y) / np.bincount(place)
    targets = np.geomspace(sizes[0], sizes[-1], n)
    chosen = sorted({int(np.abs(np.log(sizes / t)).argmin()) for t in targets})
    return sizes[chosen], mean[chosen]


def public_curves() -> list[Public]:
    table = pl.read_csv(FOLDER / "curves.csv")
    found = []
    for rows in table.partition_by("curve", maintain_order=True):
        fitted, held = (rows.filter(pl.col("held_out") == flag).sort("examples") for flag in (0, 1))
        columns = [part[name].to_numpy() for part in (fitted, held) for name in ("examples", "loss")]
        found.append(Public(rows["curve"][0], rows["domain"][0], *columns))
    return found


def cases(curve: Public) -> Iterator[Public]:
    """What intervals are calibrated on: fewer sizes, and the data ending earlier with the rest to be predicted."""
    x, y = np.concatenate([curve.x, curve.held_x]), np.concatenate([curve.y, curve.held_y])
    for cut in (1, 4):
        end = curve.x[-1] / cut
        inside = x <= end * 1.0001
        if np.unique(x[inside]).size < 3 or x[inside].max() < 4 * x[inside].min():
            continue
        seen = set()
        for n in (3, 4, 5, 8, None):
            sizes = thin(x[inside], y[inside], n) if n else (x[inside], y[inside])
            key = (np.unique(sizes[0]).size, len(sizes[0]))
            if key[0] >= 3 and key not in seen:
                seen.add(key)
                yield Public(curve.name, curve.domain, *sizes, x[~inside], y[~inside])
