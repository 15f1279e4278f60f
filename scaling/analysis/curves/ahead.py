"""How far apart two arms are beyond their data: replicates that go on as real curves were seen to go on.

Two laws say where curves cross if both are followed for ever, and real curves do not follow theirs. So replicates of
two arms go on from what was seen at the largest size that both have: together as their pools predict, and apart by a
share of what these predict, with a deviation of Student's t whose scale grows with the distance. It is the root mean
square of how steep the curves were and how steep their difference was, each times the log-distance, and of how far the
pooled laws lie from each other there. Five numbers, learned by the log score of who leads, on pairs of 20 learners on
38 data sets: `tests/bench/pairs.py` prints them, and what probabilities from them were worth out of sample.
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
    r = seen.shape[1]
    student = stdtrit(known.freedom, (np.random.default_rng(0).permutation(r) + 0.5) / r)
    moved = 0.5 * (parted + known.scale(lengths(pools, last, at)) * student[:, None])
    found = ln.copy()
    gone_on = seen[..., None] + together + np.stack([-moved, moved])
    found[:, :, far] = np.clip(gone_on, -_WIDEST, _WIDEST)
    return found
