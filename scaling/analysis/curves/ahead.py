"""How arms go on beyond their data: replicates that do as real curves were seen to do.

Two laws say where curves cross if both are followed for ever, and real curves do not follow theirs. So replicates of
two arms go on from what was seen at the largest size that both have: together as their pools predict, and apart by a
share of what these predict, with a deviation of Student's t whose scale grows with the distance. It is the root mean
square of how steep the curves were and how steep their difference was, each times the log-distance, and of how far the
pooled laws lie from each other there. Five numbers, learned by the log score of who leads, on pairs of 20 learners on
38 data sets: `tests/bench/pairs.py` prints them, and what probabilities from them were worth out of sample.

Likewise one arm over the next doubling (`doubled`), and the exponents of two arms, that of more data being the law
fitted up to 32 times the largest size (`exponents_apart`): `tests/bench/stated.py`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from scaling.analysis.curves.bands import parts
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.pool import Pool, steepness


@dataclass(frozen=True)
class Deviation:
    """Weights of the curves' steepness, of the spread of their laws and of their difference's steepness, how much of
    the predicted change of the difference is believed, and degrees of freedom of Student's t."""

    steep: float
    spread: float
    apart: float
    share: float
    freedom: float

    def scale(self, lengths: Floats) -> Floats:
        """(3, n) as `lengths` -> (n,)."""
        return np.asarray(np.sqrt(np.array([self.steep, self.spread, self.apart]) ** 2 @ lengths**2))


_IQR = 1.349  # the middle half of a standard normal
_WIDEST = 300.0  # ln error, beyond which nothing is told apart
LEARNED = Deviation(steep=0.123, spread=0.684, apart=0.394, share=0.6, freedom=2.3)


def lengths(pools: tuple[Pool, Pool], last: float, x: Floats) -> Floats:
    """(3, n) what the scale is made of at ln sizes x beyond the ln size `last`: the curves' steepness and their
    difference's, each times the distance, with the spread of their laws in between."""
    first = max(pool.first for pool in pools)
    beyond = np.maximum(x - last, 0)
    steep = np.hypot(pools[0].steep, pools[1].steep)
    spread = np.hypot(parts(pools[0], x)[1], parts(pools[1], x)[1])

    def apart(at: Floats) -> Floats:
        return np.asarray(np.diff([np.interp(at, pool.sizes, pool.errors) for pool in pools], axis=0)[0])

    return np.stack([steep * beyond, spread, steepness(apart, first, last) * beyond])


def ahead(
    ln: Floats, x: Floats, last: float, seen: Floats, pools: tuple[Pool, Pool], known: Deviation = LEARNED
) -> Floats:
    """(2, r, n) replicates of ln error of two arms at (n,) ln sizes, beyond the data as this module says.

    Args:
        ln: (2, r, n) what the arms' laws say there, kept up to `last`.
        last: the largest ln size that both arms have.
        seen: (2, r) resampled ln mean errors there.
        pools: the arms'.
    """
    far = x > last + 1e-9
    if not far.any():
        return ln
    at = x[far]
    gone = np.stack([pool.log_error(at) - pool.log_error(np.array([last])) for pool in pools])
    together, parted = gone.mean(axis=0), known.share * (gone[1] - gone[0])
    student = _student(known.freedom, seen.shape[1])
    moved = 0.5 * (parted + known.scale(lengths(pools, last, at)) * student[:, None])
    found = ln.copy()
    gone_on = seen[..., None] + together + np.stack([-moved, moved])
    found[:, :, far] = np.clip(gone_on, -_WIDEST, _WIDEST)
    return found


@dataclass(frozen=True)
class Doubling:
    """What a mean ln error does over the next doubling: the predicted change, plus a share of how far the largest size
    lies above the laws, with a deviation of Student's t. Weights of the curve's steepness, of the spread of its laws,
    of how far the largest size lies from them and of the noise of its mean, and degrees of freedom."""

    back: float
    steep: float
    spread: float
    apart: float
    noise: float
    freedom: float


@dataclass(frozen=True)
class Exponents:
    """How far the exponents of two arms lie apart once there are more data: a share of the median difference, with a
    deviation of Student's t. Weights of the spread of the refits and of the exponents, and degrees of freedom."""

    share: float
    spread: float
    size: float
    freedom: float


DOUBLING = Doubling(back=0.362, steep=0.132, spread=0.647, apart=0.511, noise=0.239, freedom=1.43)
EXPONENTS = Exponents(share=0.738, spread=0.541, size=0.24, freedom=1.86)


def doubled(pool: Pool, seen: Floats, known: Doubling = DOUBLING) -> Floats:
    """(r,) replicates of ln mean error at twice the largest size.

    Args:
        seen: (r,) resampled ln mean errors at the largest size.
    """
    x = np.array([pool.last, pool.last + np.log(2)])
    now, then = pool.log_error(x)
    made_of = parts(pool, x[1:])[:, 0]
    noise = pool.own / np.sqrt(pool.runs[-1])
    weights = np.array([known.spread, known.apart, known.steep, known.noise])
    scale = float(np.sqrt(weights**2 @ np.append(made_of[1:], noise) ** 2))
    change = then - now + known.back * (pool.errors[-1] - now) + scale * _student(known.freedom, len(seen))
    return np.asarray(np.clip(seen + change, -_WIDEST, _WIDEST))


def exponents_apart(exponents: Floats, known: Exponents = EXPONENTS) -> Floats:
    """(2, r) refitted exponents of two arms -> (r,) how far apart they are with more data, the second minus the first.

    Laws fitted to four sizes follow the noise, and the bends of real curves: refits alone are too sure.
    """
    apart = exponents[1] - exponents[0]
    if apart.size == 0 or not np.isfinite(apart).all():
        return np.full(apart.shape, np.nan)
    low, middle, high = np.quantile(apart, [0.25, 0.5, 0.75])
    size = float(np.hypot(*np.median(exponents, axis=1)))
    scale = np.hypot(known.spread * (high - low) / _IQR, known.size * size)
    return np.asarray(known.share * middle + scale * _student(known.freedom, apart.size))


def _student(freedom: float, r: int) -> Floats:
    """(r,) quantiles of Student's t in an order by chance, the same in each call."""
    return np.asarray(stdtrit(freedom, (np.random.default_rng(0).permutation(r) + 0.5) / r))
