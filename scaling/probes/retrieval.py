"""Retrieval between frozen clip embeddings and captions, with a text side that needs no training run.

The text side is fixed (TF-IDF), and one ridge regression, in closed form, maps embeddings onto it: what is
scored is how much of a caption can be read linearly from the audio. Both directions are then plain cosine
retrieval, with duplicate captions treated as what they are: the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from scaling.probes.logistic import Standardizer
from scaling.probes.measured import Measured

RECALL_AT: tuple[int, ...] = (1, 5, 10)
PRECISE_AT = 10
"""How many candidates average precision looks at."""
_ROWS = 1024
"""Queries that are sorted at once."""


def text_features(train_captions: list[str], captions: list[str]) -> tuple[Tensor, Tensor]:
    """Fixed features of both lists: TF-IDF over words and word pairs, float32 [n, f] with f at most 4096.

    Vocabulary and document frequencies come from train_captions alone; term counts enter as 1 + log(count).
    Rows have unit length, but for a caption without one known word, which is all zero and so similar to
    nothing. Raises ValueError when train_captions hold no word.
    """
    train, others = text_matrices(train_captions, captions)
    return torch.from_numpy(train.toarray()), torch.from_numpy(others.toarray())


def text_matrices(train_captions: list[str], captions: list[str]) -> tuple[Any, Any]:
    """The same as sparse matrices by rows (scipy's)."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=4096, dtype=np.float32)
    train = vectorizer.fit_transform(train_captions)
    return train, vectorizer.transform(captions)


@dataclass(frozen=True)
class RidgeMap:
    """A linear map from clip embeddings to centred text features.

    standardize: the embeddings' training statistics.
    weight: float64 [d, f].
    text_mean: float64 [f].
    l2: the chosen strength.
    on_edge: whether it is the least or greatest of the grid.
    """

    standardize: Standardizer
    weight: Tensor
    text_mean: Tensor
    l2: float
    on_edge: bool

    def __call__(self, x: Tensor) -> Tensor:
        """Predicted centred text features, float64 [n, f], of embeddings x [n, d]."""
        return self.standardize(x) @ self.weight

    def centre(self, y: Tensor) -> Tensor:
        """Text features y [n, f] in the space of the predictions: less the training mean, float64."""
        return y.double() - self.text_mean


def ridge_map(x: Tensor, y: Tensor, l2_grid: Sequence[float]) -> RidgeMap:
    """The ridge regression of centred y, float [n, f], on standardized x, float [n, d], on x's device.

    Minimizes |Y - XW|^2 / n + l2 |W|^2 (scikit-learn's alpha is n * l2) for the l2 of least leave-one-out
    error, ties to the stronger. Left-out residuals need no refits: each is e_i / (1 - h_i), with h_i the
    leverage (PRESS, Allen 1974), and one eigendecomposition of X'X serves all strengths, as in the fewshot
    ridge of big_vision. The intercept is refitted with each row left out, the scale of the features is not.

    Raises ValueError for an empty grid or a strength that is not above zero, fewer than two rows, values
    that are not finite, or x and y of different lengths.
    """
    if not l2_grid or min(l2_grid) <= 0:
        raise ValueError(f"strengths must be above zero: {list(l2_grid)}")
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 2:
        raise ValueError(f"no rows to pair: embeddings {tuple(x.shape)}, text features {tuple(y.shape)}")
    if not (x.isfinite().all() and y.isfinite().all()):
        raise ValueError("embeddings and text features must be finite")
    n = len(x)
    standardize = Standardizer.fit(x)
    text_mean = y.double().mean(0)
    design, target = standardize(x), y.double() - text_mean

    eigenvalues, v = torch.linalg.eigh(design.T @ design / n)
    eigenvalues = eigenvalues.clamp(min=0)
    rotated = design @ v
    projected = rotated.T @ target / n

    strengths = sorted(l2_grid, reverse=True)
    errors = []
    for l2 in strengths:
        inverse = 1 / (eigenvalues + l2)
        leverage = (1 + rotated**2 @ inverse) / n
        residual = torch.addmm(target, rotated, inverse[:, None] * projected, alpha=-1)
        left_out = torch.linalg.vector_norm(residual, dim=1) / (1 - leverage)
        errors.append(float(left_out.square().mean()))
    best = errors.index(min(errors))
    weight = v @ (projected / (eigenvalues[:, None] + strengths[best]))
    return RidgeMap(standardize, weight, text_mean, strengths[best], best in (0, len(strengths) - 1))


def ranks(similarity: Tensor, relevant: Tensor) -> Tensor:
    """The 1-based rank, int64 [q], of each query's best relevant candidate.

    similarity is float [q, c], relevant bool [q, c]. Any relevant candidate is a right answer. An
    irrelevant one of the same similarity stands before it, so that a constant similarity, a collapsed
    encoder's, earns nothing. Raises ValueError for NaN, which stands behind nothing and would earn rank 1,
    or a query without a right answer.
    """
    if similarity.isnan().any():
        raise ValueError("similarities contain NaN")
    if not relevant.any(1).all():
        raise ValueError("a query has no relevant candidate")
    best = similarity.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
    return 1 + ((similarity >= best) & ~relevant).sum(1)


def average_precisions(similarity: Tensor, relevant: Tensor) -> Tensor:
    """The average precision at `PRECISE_AT` of each query, float64 [q]: over its right candidates among the first so
    many, the share of right ones up to each, summed and divided by how many could have been there. 0 to 1.

    Arguments and ties as in `ranks`.
    """
    found = []
    for some, right in zip(torch.split(similarity, _ROWS), torch.split(relevant, _ROWS), strict=True):
        # Of equal similarities the wrong ones first: sorted by what is right, then, keeping that order, by similarity.
        wrong_first = right.to(torch.uint8).argsort(dim=1, stable=True)
        order = some.gather(1, wrong_first).argsort(dim=1, descending=True, stable=True)[:, :PRECISE_AT]
        hits = right.gather(1, wrong_first.gather(1, order)).double()
        precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1, device=hits.device)
        found.append((hits * precision).sum(1) / right.sum(1).clamp(max=PRECISE_AT))
    return torch.cat(found)


def chance_recall(relevant: Tensor, k: int) -> float:
    """The expected recall at k of a random order of candidates, for relevant bool [q, c].

    A query with m of n candidates relevant misses with probability C(n - m, k) / C(n, k), here as the
    product of (n - m - i) / (n - i) over the first k draws; the mean is over queries. Where k >= n every
    query hits.
    """
    n, m = relevant.shape[1], relevant.sum(1).double()
    miss = torch.ones_like(m)
    for i in range(min(k, n)):
        miss *= (n - m - i).clamp(min=0) / (n - i)
    return float(1 - miss.mean())


@dataclass(frozen=True)
class Pool:
    """Clips and their captions as one retrieval task: n clips, u unique captions.

    All captions of all clips are candidates and queries, as in WavCaps: a clip is as well found as the best of its
    captions, and every caption asks for its clip. A caption that several clips carry is one candidate and one query,
    right for each of them.

    clip_ids: n ids, each once.
    captions: the u captions, by first appearance.
    caption_ids: for each of these, the id of the first clip that carries it.
    relevant: bool [n, u], whether the clip carries the caption.
    """

    clip_ids: tuple[str, ...]
    captions: tuple[str, ...]
    caption_ids: tuple[str, ...]
    relevant: Tensor

    @classmethod
    def of(cls, clip_ids: Sequence[str], captions: Sequence[Sequence[str]]) -> "Pool":
        """The pool of clips with their normalised captions; captions count as equal if their text is.

        Raises ValueError if there is no clip, an id comes twice, the lengths differ, or a clip has no caption.
        """
        if not clip_ids or len(clip_ids) != len(captions) or len(set(clip_ids)) != len(clip_ids) or not all(captions):
            raise ValueError("a pool needs clips with ids of their own and a caption each")
        first: dict[str, str] = {}
        for clip_id, some in zip(clip_ids, captions, strict=True):
            for caption in some:
                first.setdefault(caption, clip_id)
        place = {caption: i for i, caption in enumerate(first)}
        relevant = torch.zeros(len(clip_ids), len(first), dtype=torch.bool)
        for row, some in enumerate(captions):
            relevant[row, [place[caption] for caption in some]] = True
        return cls(tuple(clip_ids), tuple(first), tuple(first.values()), relevant)


@dataclass(frozen=True)
class Retrieved:
    """One direction's outcome: for each query its id, the rank, int64 [q], of its best right answer, and its average
    precision, float64 [q]; of clips as queries their own (first) captions, and those that were found first."""

    direction: Literal["a2t", "t2a"]
    query_ids: tuple[str, ...]
    ranks: Tensor
    precisions: Tensor
    own: tuple[str, ...] = ()
    found: tuple[str, ...] = ()

    def measured(self) -> dict[str, Measured]:
        """Each metric by its name: the share of queries answered within the first k, for each k of `RECALL_AT`, and
        for captions as queries the mean of their average precisions."""
        ranks = self.ranks.cpu().numpy()
        found = {f"{self.direction}_recall_at_{k}": Measured.mean((ranks <= k).astype(float)) for k in RECALL_AT}
        if self.direction == "t2a":
            found[f"t2a_map_at_{PRECISE_AT}"] = Measured.mean(self.precisions.cpu().numpy())
        return found


def retrieve(pool: Pool, audio: Tensor, text: Tensor) -> tuple[Retrieved, Retrieved]:
    """Both directions by cosine, audio to text first: audio float [n, f] and text float [u, f], in pool's
    order.

    Audio to text: the queries are the clips, the candidates the unique captions. Text to audio: the queries
    are the unique captions, the candidates the clips, and every clip with the caption is right. An all-zero
    vector has cosine 0 with everything. Raises ValueError for shapes that do not fit the pool, or values
    that are not finite.
    """
    if audio.shape[:1] + text.shape[:1] != pool.relevant.shape or audio.shape[1:] != text.shape[1:]:
        shapes = [tuple(x.shape) for x in (audio, text, pool.relevant)]
        raise ValueError("vectors {} and {} do not fit a pool of {}".format(*shapes))
    if not (audio.isfinite().all() and text.isfinite().all()):
        raise ValueError("vectors must be finite")
    # Equal vectors must tie wherever a matrix product's blocking puts them: sums of another order differ in the last
    # bits, which near a cosine of 0 no shorter float drops.
    cosine = (_unit(audio) @ _unit(text).T).round(decimals=9)
    relevant = pool.relevant.to(cosine.device)
    # Of equal ones a wrong one, as `ranks` has it; the cosines' steps are wider than this.
    first = cosine - 1e-10 * relevant
    own, found = (tuple(pool.captions[k] for k in one.argmax(1).tolist()) for one in (pool.relevant.byte(), first))
    return (
        Retrieved("a2t", pool.clip_ids, ranks(cosine, relevant), average_precisions(cosine, relevant), own, found),
        Retrieved("t2a", pool.caption_ids, ranks(cosine.T, relevant.T), average_precisions(cosine.T, relevant.T)),
    )


def _unit(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x.double(), dim=1, keepdim=True)
    return x.double() / norm.masked_fill(norm == 0, 1.0)
