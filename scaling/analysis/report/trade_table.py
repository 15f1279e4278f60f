"""What equals trade, as the report's page shows it."""

from typing import Any

import numpy as np

from scaling.analysis.claims.claim import chance, points
from scaling.analysis.claims.differences import better
from scaling.analysis.claims.trade import Scope, Trade
from scaling.analysis.curves.fit import interval
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.words import factor_name, place

Row = dict[str, Any]


def trade_tables(found: list[Trade], design: Design) -> list[Row]:
    """One table a trade: a row a kind of task with the best level, what it leads by, and every level's error with its
    interval; and the levels that no other one beats at both kinds."""
    return [
        {
            "name": factor_name(one.factor.name),
            "held": one.held,
            "at": place(design.x, one.at),
            "levels": one.names,
            "rows": [_row(one, scope) for scope in one.scopes],
            "front": [
                {"name": one.names[arm], "on": on, "probability": _chance(probability)}
                for arm, on, probability in one.front()
            ],
        }
        for one in found
    ]


def _row(one: Trade, scope: Scope) -> Row:
    best = scope.best
    others = np.delete(np.arange(len(one.arms)), best)
    second = int(others[np.argmin(scope.error[others])])
    ahead = scope.draws[second] - scope.draws[best]
    low, high = interval(ahead)
    known = bool(np.isfinite(low))
    lead = f"{points(float(scope.error[second] - scope.error[best]))}"
    return {
        "scope": scope.name,
        "tasks": scope.tasks,
        "best": one.names[best],
        "second": one.names[second],
        "lead": f"{lead} ({points(low)} to {points(high)})" if known else lead,
        "probability": _chance(better(ahead)),
        "sure": known and low > 0,
        "errors": [_error(scope, arm) for arm in range(len(one.arms))],
    }


def _chance(probability: float) -> str:
    return chance(probability) if np.isfinite(probability) else "unknown"


def _error(scope: Scope, arm: int) -> str:
    low, high = scope.interval(arm)
    error = f"{100 * scope.error[arm]:.1f}"
    return f"{error} ({100 * low:.1f} to {100 * high:.1f})" if np.isfinite(low) else error
