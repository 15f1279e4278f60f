"""Links of losses to errors: planted ones are found, and their intervals hold."""

import numpy as np
import pytest

from scaling.analysis.curves.link import fit_link


def test_a_sigmoid_is_recovered() -> None:
    loss = np.array([3.2, 2.6, 2.2, 2.0])
    link = fit_link("sigmoid", loss, 0.75 / (1 + np.exp(-2.5 * (loss - 2.4))), chance=0.75)
    assert link.beta == pytest.approx(2.5)
    assert -link.alpha / link.beta == pytest.approx(2.4)
    assert link.error(1.5) == pytest.approx(0.75 / (1 + np.exp(-2.5 * (1.5 - 2.4))))
    assert link.error(50.0) <= 0.75


def test_a_power_is_recovered() -> None:
    loss = np.array([3.2, 2.6, 2.2, 2.0])
    link = fit_link("power", loss, 0.1 * loss**1.7)
    assert (np.exp(link.alpha), link.beta) == pytest.approx((0.1, 1.7))
    assert link.error(np.array([1.0, 1.5])) == pytest.approx(0.1 * np.array([1.0, 1.5**1.7]))


@pytest.mark.parametrize("form", ["sigmoid", "power"])
def test_intervals_hold_a_new_error_at_a_loss_that_is_itself_uncertain(form: str) -> None:
    rng = np.random.default_rng(0)
    loss, held = np.array([3.2, 2.6, 2.2, 2.0]), []
    for _ in range(400):
        true, sd = 1.7, 0.05
        z = {"sigmoid": lambda x: 2.0 * (x - 2.4), "power": lambda x: np.log(0.1) + 1.7 * np.log(x)}[form]
        back = {"sigmoid": lambda z: 1 / (1 + np.exp(-z)), "power": np.exp}[form]
        link = fit_link(form, loss, back(z(loss) + 0.1 * rng.standard_normal(4)))  # type: ignore[arg-type]
        seen = np.array([true + sd * rng.standard_normal()])
        low, high = link.interval(seen, seen - 1.645 * sd, seen + 1.645 * sd, 0.9)
        held.append(low[0] <= back(z(true) + 0.1 * rng.standard_normal()) <= high[0])
    assert 0.85 < np.mean(held) < 0.96


@pytest.mark.parametrize(
    ("loss", "error"),
    [([1.0, 2.0], [0.1, 0.2]), ([1.0, 1.0, 1.0], [0.1, 0.2, 0.3]), ([1.0, -2.0, 3.0], [0.1, 0.2, 0.3]),
     ([1.0, 2.0, 3.0], [0.1, 0.0, 0.3]), ([1.0, 2.0, np.nan], [0.1, 0.2, 0.3])],
)  # fmt: skip
def test_what_has_no_link_is_refused(loss: list[float], error: list[float]) -> None:
    with pytest.raises(ValueError, match=r"needed|vary|above 0"):
        fit_link("power", np.array(loss), np.array(error))
