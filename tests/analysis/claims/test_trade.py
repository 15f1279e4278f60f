"""What equals trade: who is best at what, the front, and mixtures beside their parents."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_study import CLASSIFY, CLIPS, RETRIEVE, Law, Run, make, read_tables

from scaling.analysis.claims.evidence import Evidence, gather
from scaling.analysis.claims.trade import KIND, Trade, mixtures, mixtures_said, trades
from scaling.analysis.report.look import Looks
from scaling.analysis.report.trade_figures import trade_figure
from scaling.analysis.report.write import write_report
from scaling.analysis.scores import Design, Factor
from scaling.analysis.scores.design import ArmRate

LEVELS = ("tells", "finds", "mixed", "worst")
OBJECTIVE = Factor("objective", LEVELS, parents={"mixed": ("tells", "finds")})
RATES = (
    ArmRate("tells", True, "0.002 at 400 clips"),
    *(ArmRate(one, False, "0.001, not searched") for one in LEVELS[1:]),
)
DESIGN = Design("Which objective?", "Which wins which task?", (CLIPS,), (OBJECTIVE,), RATES)
ERRORS = {"tells": (0.20, 0.50), "finds": (0.40, 0.30), "mixed": (0.24, 0.34), "worst": (0.45, 0.55)}
"""Of each level, of tasks to classify and of tasks to retrieve."""


def law(mixed: tuple[float, float]) -> Law:
    def error(run: Run, task: str, metric: str, pooling: str) -> float:
        pair = mixed if run["objective"] == "mixed" else ERRORS[run["objective"]]
        return pair[task in RETRIEVE] + 0.02 * (run["clips"] < 1000)

    return error


def evidence(folder: Path, mixed: tuple[float, float] = ERRORS["mixed"], seeds: int = 4) -> Evidence:
    path = make(folder, DESIGN, law(mixed), {"clips": (400, 1000)}, (*CLASSIFY, *RETRIEVE), seeds, 0.005)
    return gather(*read_tables(path))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return evidence(tmp_path_factory.mktemp("trade") / "study")


@pytest.fixture(scope="module")
def trade(known: Evidence) -> Trade:
    [found] = trades(known.draws, known.design)
    return found


def test_who_is_best_at_which_kind_of_task(trade: Trade) -> None:
    assert trade.at == 1000
    assert trade.names == LEVELS
    best = {scope.name: trade.names[scope.best] for scope in trade.scopes}
    assert best["all tasks"] == "mixed"
    assert (best["classification"], best["retrieval"]) == ("tells", "finds")
    assert [scope.tasks for scope in trade.scopes[:3]] == [9, 6, 3]
    classification = trade.scopes[1]
    for arm, name in enumerate(LEVELS):
        low, high = classification.interval(arm)
        assert low < classification.error[arm] < high
        assert classification.error[arm] == pytest.approx(ERRORS[name][0], abs=0.02)
    assert classification.chance_of_best(0) > 0.9
    assert sum(classification.chance_of_best(arm) for arm in range(4)) == pytest.approx(1, abs=0.01)


def test_on_the_front_is_what_nobody_beats_at_both(trade: Trade) -> None:
    front = {trade.names[arm]: (on, probability) for arm, on, probability in trade.front()}
    assert {name for name, (on, _) in front.items() if on} == {"tells", "finds", "mixed"}
    assert not front["worst"][0]
    assert front["worst"][1] < 0.05
    assert front["tells"][1] > 0.95
    assert front["mixed"][1] > 0.9


def test_what_is_not_of_both_kinds_has_no_front(trade: Trade) -> None:
    assert not replace(trade, scopes=trade.scopes[:1]).front()


def test_a_mixture_ahead_of_both_parents_is_said_to_be_with_its_probability(known: Evidence, tmp_path: Path) -> None:
    [claim] = mixtures(trades(known.draws, known.design), known.design)
    assert (claim.kind, claim.arm, claim.other, claim.status) == (KIND, "mixed", "tells; finds", "said")
    assert claim.number == pytest.approx(100 * (0.30 - (0.24 * 6 + 0.34 * 3) / 9), abs=1.5)
    assert claim.probability is not None
    assert claim.probability > 0.95
    assert "mixed is ahead of both tells and finds" in claim.sentence
    [(_, short, numbers)] = mixtures_said([claim])
    assert short == "Mixed."
    assert "probability" in numbers
    behind = evidence(tmp_path / "behind", (0.32, 0.45))
    [claim] = mixtures(trades(behind.draws, behind.design), behind.design)
    assert claim.number is not None
    assert claim.number < 0
    assert "is not ahead of both" in claim.sentence
    assert mixtures_said([claim])[0][1] == "None for sure."


def test_levels_beside_a_baseline_trade_as_equals_do(known: Evidence, trade: Trade) -> None:
    [other] = trades(known.draws, replace(DESIGN, factors=(replace(OBJECTIVE, baseline="tells"),)))
    assert [scope.error.tolist() for scope in other.scopes] == [scope.error.tolist() for scope in trade.scopes]


def test_its_figure_has_the_best_on_top_and_the_front_through_those_on_it(known: Evidence, trade: Trade) -> None:
    classification, _, both = trade_figure(trade, known.scores, Looks(known.draws.cells, known.design)).axes
    names = [label.get_text() for label in classification.get_yticklabels()]
    assert sorted(names, key=lambda name: trade.scopes[0].error[LEVELS.index(name)]) == names
    [line] = [line for line in both.lines if len(line.get_xdata()) == 3]
    assert line.get_xdata() == pytest.approx(
        [trade.scopes[1].error[LEVELS.index(n)] for n in ("tells", "mixed", "finds")]
    )


def test_two_levels_and_another_axis_trade_nothing(known: Evidence) -> None:
    assert not trades(known.draws, replace(DESIGN, factors=(replace(OBJECTIVE, levels=LEVELS[:2], parents={}),)))
    nominal = replace(CLIPS, scale="nominal")
    assert not trades(known.draws, replace(DESIGN, axes=(nominal,)))
    assert not mixtures([], DESIGN)


def test_what_cannot_be_resampled_has_no_intervals(trade: Trade) -> None:
    unknown = [replace(scope, draws=np.full_like(scope.draws, np.nan)) for scope in trade.scopes]
    [claim] = mixtures([replace(trade, scopes=tuple(unknown))], DESIGN)
    assert claim.probability is None
    assert claim.interval is None
    assert "interval unknown" in claim.sentence


def test_the_report_shows_the_trade_and_says_whether_rates_were_searched(tmp_path: Path) -> None:
    folder = make(tmp_path / "study", DESIGN, law(ERRORS["mixed"]), {"clips": (400, 1000)}, (*CLASSIFY, *RETRIEVE), 2)
    write_report(folder)
    page, text = ((folder / "report" / name).read_text() for name in ("report.html", "report.md"))
    for said in (page, text):
        assert "Which mixture is ahead of all its parents?" in said
        assert "on the front" in said
        assert "Learning rate of tells: 0.002 at 400 clips." in said
        assert "Learning rate of worst: 0.001, not searched." in said
        assert "may be behind for want of one" in said
    assert "| classification (6) | tells | mixed |" in text
    claims = json.loads((folder / "report" / "claims.json").read_text())
    assert [claim["arm"] for claim in claims if claim["kind"] == KIND] == ["mixed"]
