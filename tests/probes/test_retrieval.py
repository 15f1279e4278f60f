"""Retrieval against brute force, ridge against refits, chance against simulation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]
from torch import Tensor

from scaling.probes.retrieval import (
    RECALL_AT,
    Pool,
    average_precisions,
    chance_recall,
    ranks,
    retrieve,
    ridge_map,
    text_features,
)

GRID = [10.0**e for e in range(-4, 4)]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Text features


def test_text_features_are_unit_rows_fitted_on_training_captions_only() -> None:
    train, other = text_features(["A dog barks", "a Dog barks loudly", "rain"], ["dog", "zither", "RAIN RAIN"])
    assert train.dtype == other.dtype == torch.float32
    assert train.shape[1] == other.shape[1] == 6  # dog, barks, loudly, rain, "dog barks", "barks loudly"
    torch.testing.assert_close(train.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(other.norm(dim=1), torch.tensor([1.0, 0.0, 1.0]))
    torch.testing.assert_close(other[2], train[2])


def test_text_features_have_a_bounded_width() -> None:
    train, _ = text_features([f"word{i} word{i + 1}" for i in range(5000)], ["word1"])
    assert train.shape == (5000, 4096)


# Ridge


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 30)])
def test_ridge_is_scikit_learns_and_its_strength_that_of_explicit_leave_one_out(n: int, d: int) -> None:
    x = normal(n, d) * torch.arange(1, d + 1) + 5
    y = x @ normal(d, 3, seed=1) + 20 * normal(n, 3, seed=2) + 1
    ridge = ridge_map(x, y, GRID)
    design = ridge.standardize(x).numpy()

    def left_out_error(l2: float) -> float:
        total = 0.0
        for i in range(n):
            rest = [j for j in range(n) if j != i]
            # Leaving a row out leaves the penalty on the sum as it was.
            model = Ridge(alpha=n * l2).fit(design[rest], y[rest].numpy())
            total += float(((model.predict(design[[i]]) - y[[i]].numpy()) ** 2).sum())
        return total

    assert ridge.l2 == min(GRID, key=left_out_error)
    assert not ridge.on_edge
    reference = Ridge(alpha=n * ridge.l2, solver="svd").fit(design, y.double().numpy())
    unseen = normal(40, d, seed=3) * 4
    expected = torch.from_numpy(reference.predict(ridge.standardize(unseen).numpy()))
    torch.testing.assert_close(ridge(unseen) + ridge.text_mean, expected)
    torch.testing.assert_close(ridge.centre(y).mean(0), torch.zeros(3, dtype=torch.float64))


def test_ridge_without_signal_takes_the_strongest_and_says_it_is_on_the_edge() -> None:
    ridge = ridge_map(normal(80, 40), normal(80, 5, seed=1), [1e-4, 1e-2, 1.0])
    assert ridge.l2 == 1.0
    assert ridge.on_edge


def test_ridge_does_not_care_for_order_scale_or_shift() -> None:
    x, order = normal(50, 6), torch.randperm(50, generator=torch.Generator().manual_seed(1))
    y = x @ normal(6, 4, seed=2) + normal(50, 4, seed=3)
    plain, moved = ridge_map(x, y, GRID), ridge_map(x[order].double() * 1e3 - 7, y[order], GRID[::-1])
    assert plain.l2 == moved.l2
    torch.testing.assert_close(plain(x), moved(x.double() * 1e3 - 7))


def test_ridge_survives_collapsed_embeddings() -> None:
    ridge = ridge_map(torch.ones(10, 3), normal(10, 2), GRID)
    assert torch.equal(ridge(normal(5, 3)), torch.zeros(5, 2, dtype=torch.float64))


def test_ridge_refuses_what_it_cannot_use() -> None:
    x, y = normal(10, 3), normal(10, 2)
    for grid in ([], [0.0, 1.0]):
        with pytest.raises(ValueError, match="above zero"):
            ridge_map(x, y, grid)
    with pytest.raises(ValueError, match="no rows to pair"):
        ridge_map(x, y[:9], GRID)
    with pytest.raises(ValueError, match="finite"):
        ridge_map(x / 0, y, GRID)


# Ranks and chance


def rank_by_hand(similarity: list[float], relevant: list[bool]) -> int:
    """Go down the list, wrong before right among equals, to the first right one."""
    order = sorted(range(len(similarity)), key=lambda j: (-similarity[j], relevant[j]))
    return 1 + next(place for place, j in enumerate(order) if relevant[j])


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[list[float]], list[list[bool]]]:
    """Similarities of few values, so that most of them tie, and at least one right answer a query."""
    queries, candidates = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    value, right = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 1.0]), st.booleans()
    row = st.lists(value, min_size=candidates, max_size=candidates)
    some = st.lists(right, min_size=candidates, max_size=candidates).filter(any)
    both = st.tuples(
        st.lists(row, min_size=queries, max_size=queries), st.lists(some, min_size=queries, max_size=queries)
    )
    return draw(both)


@given(judged())
def test_ranks_are_those_counted_by_hand(case: tuple[list[list[float]], list[list[bool]]]) -> None:
    similarity, relevant = case
    expected = [rank_by_hand(s, r) for s, r in zip(similarity, relevant, strict=True)]
    found = ranks(torch.tensor(similarity), torch.tensor(relevant))
    assert found.tolist() == expected
    assert found.dtype == torch.int64


def test_a_constant_similarity_ranks_behind_all_that_is_wrong() -> None:
    relevant = torch.tensor([[True, False, False, False], [True, True, False, False]])
    assert ranks(torch.zeros(2, 4), relevant).tolist() == [4, 3]


def test_ranks_refuse_nan_and_queries_without_an_answer() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ranks(torch.tensor([[math.nan, 1.0]]), torch.tensor([[True, False]]))
    with pytest.raises(ValueError, match="no relevant"):
        ranks(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool))


@pytest.mark.parametrize("k", [1, 3, 10])
def test_chance_is_the_mean_over_random_orders(k: int) -> None:
    relevant = torch.zeros(3, 20, dtype=torch.bool)
    relevant[0, 4] = relevant[1, :7] = relevant[2, ::2] = True
    similarity = torch.rand(4000, 3, 20, generator=torch.Generator().manual_seed(0))
    found = torch.stack([ranks(s, relevant) for s in similarity]) <= k
    assert chance_recall(relevant, k) == pytest.approx(float(found.double().mean()), abs=0.012)


@given(st.integers(1, 30), st.data())
def test_chance_is_the_ratio_of_binomials(n: int, data: st.DataObject) -> None:
    m, k = data.draw(st.integers(1, n)), data.draw(st.integers(1, 40))
    relevant = (torch.arange(n) < m)[None]
    k_drawn = min(k, n)
    expected = 1 - math.comb(n - m, k_drawn) / math.comb(n, k_drawn)
    assert chance_recall(relevant, k) == pytest.approx(expected, abs=1e-12)


# Pool


@st.composite
def pools(draw: st.DrawFn) -> tuple[list[str], list[list[str]], Tensor, Tensor]:
    """Few captions over many clips, one to three each, and vectors of few values."""
    some = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=3, unique=True)
    captions = draw(st.lists(some, min_size=1, max_size=25))
    coordinate = st.sampled_from([-1.0, 0.0, 1.0, 2.0])

    def vectors(n: int) -> Tensor:
        rows = st.lists(st.lists(coordinate, min_size=3, max_size=3), min_size=n, max_size=n)
        return torch.tensor(draw(rows))

    ids = [f"clip-{i}" for i in range(len(captions))]
    return ids, captions, vectors(len(captions)), vectors(len(set().union(*captions)))


def precision_by_hand(similarity: list[float], relevant: list[bool]) -> float:
    """At 10, wrong ones first among equals."""
    order = sorted(zip(similarity, relevant, strict=True), key=lambda each: (-each[0], each[1]))[:10]
    hits = [right for _, right in order]
    shares = [sum(hits[: place + 1]) / (place + 1) for place, right in enumerate(hits) if right]
    return sum(shares) / min(sum(relevant), 10)


@settings(deadline=None)
@given(pools())
def test_metrics_are_those_counted_by_hand(case: tuple[list[str], list[list[str]], Tensor, Tensor]) -> None:
    ids, captions, audio, text = case
    unique = list(dict.fromkeys(caption for some in captions for caption in some))

    def cosine(i: int, j: int) -> float:
        a, t = audio[i].tolist(), text[j].tolist()
        length = math.hypot(*a) * math.hypot(*t)
        return round(math.fsum(p * q for p, q in zip(a, t, strict=True)) / length, 6) if length else 0.0

    clips = range(len(ids))
    a2t = [([cosine(i, j) for j in range(len(unique))], [c in captions[i] for c in unique]) for i in clips]
    t2a = [([cosine(i, j) for i in clips], [c in captions[i] for i in clips]) for j, c in enumerate(unique)]
    both = retrieve(Pool.of(ids, captions), audio, text)
    assert both[0].query_ids == tuple(ids)
    for found, direction, queries in zip(both, ("a2t", "t2a"), (a2t, t2a), strict=True):
        expected = [rank_by_hand(*query) for query in queries]
        assert found.ranks.tolist() == expected
        assert found.precisions.tolist() == pytest.approx([precision_by_hand(*query) for query in queries])
        for k in RECALL_AT:
            n, hits = len(expected), sum(rank <= k for rank in expected)
            score = found.measured()[f"{direction}_recall_at_{k}"]
            assert score.value == pytest.approx(hits / n)
            assert score.stderr == pytest.approx(math.sqrt(hits * (n - hits) / n**3))


def test_average_precision_counts_from_the_best_and_never_exceeds_one() -> None:
    # The simulated case of a public toolkit that forgot to sort ranks: five right ones among the first ten.
    relevant = torch.zeros(1, 50, dtype=torch.bool)
    relevant[0, [9, 0, 4, 30, 2]] = True
    similarity = -torch.arange(50.0)[None]
    expected = (1 / 1 + 2 / 3 + 3 / 5 + 4 / 10) / 5
    assert average_precisions(similarity, relevant).tolist() == pytest.approx([expected])
    assert average_precisions(relevant.double(), relevant).tolist() == [1.0]
    # Queries without a hit count as well: one of four finds its clip, at the third place.
    eye = torch.eye(4, 20, dtype=torch.bool)
    places = torch.full((4, 20), 0.0)
    places[0, :3] = torch.tensor([1.0, 3.0, 2.0])
    places[1:, 4:] = 1.0
    assert average_precisions(places, eye).mean() == pytest.approx(1 / 3 / 4)


def test_the_metrics_have_the_names_that_scores_are_kept_under() -> None:
    both = retrieve(Pool.of(["x", "y"], [["a"], ["b"]]), torch.eye(2), torch.eye(2))
    assert [metric for found in both for metric in found.measured()] == [
        "a2t_recall_at_1",
        "a2t_recall_at_5",
        "a2t_recall_at_10",
        "t2a_recall_at_1",
        "t2a_recall_at_5",
        "t2a_recall_at_10",
        "t2a_map_at_10",
    ]


def test_a_pool_knows_which_clips_share_a_caption() -> None:
    pool = Pool.of(["x", "y", "z"], [["rain", "storm"], ["dog"], ["rain"]])
    assert pool.captions == ("rain", "storm", "dog")
    assert pool.caption_ids == ("x", "x", "y")
    assert pool.relevant.tolist() == [[True, True, False], [False, False, True], [True, False, False]]


def test_a_collapsed_encoder_earns_nothing() -> None:
    """Equal vectors tie although float sums of different blocks differ in their last bits."""
    pool = Pool.of([str(i) for i in range(301)], [[f"caption {i}"] for i in range(301)])
    point = normal(1, 257)
    a2t, t2a = retrieve(pool, point.expand(301, -1), normal(301, 257, seed=1))
    assert t2a.ranks.tolist() == [301] * 301
    a2t, t2a = retrieve(pool, point.expand(301, -1), point.expand(301, -1))
    assert a2t.ranks.tolist() == t2a.ranks.tolist() == [301] * 301


def test_the_length_of_vectors_and_the_order_of_clips_do_not_matter() -> None:
    ids, captions = [str(i) for i in range(40)], [f"caption {i % 15}" for i in range(40)]
    audio, text = normal(40, 8), normal(15, 8, seed=1)
    pool = Pool.of(ids, [[c] for c in captions])
    plain = retrieve(pool, audio, text)
    longer = retrieve(pool, audio * torch.arange(1, 41)[:, None], text * 1e-6)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2)).tolist()
    other = Pool.of([ids[i] for i in order], [[captions[i]] for i in order])
    moved = retrieve(other, audio[order], text[[pool.captions.index(c) for c in other.captions]])
    for a, b, c in zip(plain, longer, moved, strict=True):
        assert torch.equal(a.ranks, b.ranks)
        for metric, score in a.measured().items():
            assert score.value == pytest.approx(b.measured()[metric].value)
            assert score.value == pytest.approx(c.measured()[metric].value)


def test_a_pool_refuses_what_does_not_fit() -> None:
    for ids, captions in (([], []), (["x"], [["a"], ["b"]]), (["x", "x"], [["a"], ["b"]]), (["x"], [[]])):
        with pytest.raises(ValueError, match="ids of their own"):
            Pool.of(ids, captions)
    pool = Pool.of(["x", "y"], [["a"], ["a"]])
    with pytest.raises(ValueError, match="do not fit"):
        retrieve(pool, torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(ValueError, match="finite"):
        retrieve(pool, torch.full((2, 3), math.nan), torch.ones(1, 3))
