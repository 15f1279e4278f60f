"""Which rates are tried: first over the range, then about the best, the same ones whenever a loss comes."""

import math
import random
from collections.abc import Callable

import pytest
from tiny import tiny_run

from scaling.errors import StudyError
from scaling.runs.rate_search import Asked, RateSearch, Space
from scaling.study.run import with_fields
from scaling.study.study import Cell

SPACE = Space(1e-4, 1e-2, 7)
Loss = Callable[[float], float]


def cells(sizes: tuple[int, ...] = (10, 20), seeds: tuple[int, ...] = (0,)) -> list[Cell]:
    runs = [with_fields(tiny_run(), {"data.clips": clips, "seed": seed}) for clips in sizes for seed in seeds]
    return [Cell(run, {"objective": "contrastive"}) for run in runs]


def searched(search: RateSearch, loss: Loss, at_once: int = 1, order: random.Random | None = None) -> list[Asked]:
    """Play a search to its end with so many trials at once, which end in any order."""
    out: list[Asked] = []
    every: list[Asked] = []
    while True:
        asked = search.ask()
        if isinstance(asked, Asked):
            out.append(asked)
            every.append(asked)
        if out and (asked in ("wait", "none") or len(out) >= at_once):
            ended = out.pop(order.randrange(len(out)) if order else 0)
            search.tell(ended, loss(ended.rate))
        elif asked == "none":
            return every


def bowl(best: float) -> Loss:
    return lambda rate: 1 + math.log(rate / best) ** 2


@pytest.mark.parametrize("best", [2.2e-4, 1e-3, 4e-3])
def test_the_best_rate_is_found_to_half_a_step(best: float) -> None:
    search = RateSearch(cells(), SPACE)
    tried = searched(search, bowl(best))
    assert len(tried) == search.total == 14
    for place in search.places:
        found = search.found(place)
        assert found is not None
        assert (found.tried, found.diverged, found.edge) == (7, 0, "")
        # Five rates over two tenfolds are a factor of 3.2 apart; halved about the best.
        assert abs(math.log(found.learning_rate / best)) <= math.log(100) / 4 / 4 * 1.1
        assert len({asked.rate for asked in tried}) <= 14


def test_what_is_tried_depends_on_the_losses_alone() -> None:
    def rates(at_once: int, seed: int) -> set[tuple[str, float]]:
        search = RateSearch(cells(seeds=(0, 1)), SPACE)
        tried = searched(search, bowl(7e-4), at_once, random.Random(seed))
        return {(asked.trial.run.name, asked.rate) for asked in tried}

    one = rates(1, 0)
    assert len(one) == 28
    assert all(rates(at_once, seed) == one for at_once, seed in ((2, 1), (5, 2), (40, 3)))


def test_an_optimum_on_an_edge_is_said_to_be_one() -> None:
    for loss, edge in ((lambda rate: rate, "lowest"), (lambda rate: -rate, "highest")):
        search = RateSearch(cells((10,)), SPACE)
        searched(search, loss)
        found = search.found(search.places[0])
        assert found is not None
        assert found.edge == edge


def test_a_rate_that_diverges_is_the_worst_and_a_place_where_all_do_has_none() -> None:
    search = RateSearch(cells((10,)), SPACE)
    searched(search, lambda rate: math.nan if rate > 1e-3 else -rate)
    found = search.found(search.places[0])
    assert found is not None
    assert found.learning_rate == 1e-3
    assert found.diverged > 0
    search = RateSearch(cells((10,)), SPACE)
    searched(search, lambda rate: math.inf)
    assert search.found(search.places[0]) is None


def test_the_mean_over_seeds_decides_and_one_that_diverges_spoils_it() -> None:
    search = RateSearch(cells((10,), seeds=(0, 1)), Space(1e-3, 1e-2, 2))
    losses = {(1e-3, 0): 3.0, (1e-3, 1): 2.0, (1e-2, 0): 1.0, (1e-2, 1): math.inf}
    while isinstance(asked := search.ask(), Asked):
        search.tell(asked, losses[asked.rate, asked.cell.run.seed])
    found = search.found(search.places[0])
    assert found is not None
    assert (found.learning_rate, found.holdout_loss, found.diverged) == (1e-3, 2.5, 1)


def test_of_a_place_where_a_trial_failed_nothing_more_is_tried() -> None:
    search = RateSearch(cells(), SPACE)
    asked = search.ask()
    assert isinstance(asked, Asked)
    search.fail(asked, "no such file")
    rest = searched(search, bowl(1e-3))
    assert {one.place for one in rest} == {1 - asked.place}
    assert list(search.failed.values()) == ["no such file"]


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (Space(1e-2, 1e-3, 7), "an empty range"),
        (Space(1e-3, 1e-3, 7), "an empty range"),
        (Space(0.0, 1e-3, 7), "an empty range"),
        (Space(1e-4, math.inf, 7), "an empty range"),
        (Space(1e-4, 1e-2, 1), "one rate is no search"),
        (Space(1e-3, 1.1e-3, 7), "no room for 7 rates"),
    ],
)
def test_a_search_that_is_none_is_refused(space: Space, said: str) -> None:
    SPACE.check()
    with pytest.raises(StudyError, match=said) as refused:
        space.check()
    assert "\n" not in str(refused.value)
