"""Which size is best for a compute by runs of equal compute, beside what the fitted surface says."""

from dataclasses import dataclass

import numpy as np

from scaling.analysis.claims.claim import Claim, Ends, Said, chance, led, whole
from scaling.analysis.claims.two_axes import Plane
from scaling.analysis.curves.crossover import CLAIMED, share
from scaling.analysis.curves.forms import Floats
from scaling.analysis.curves.isoflop import Profile, profiles
from scaling.analysis.curves.observed import LEVEL, Interval, interval
from scaling.analysis.curves.surface import Surface
from scaling.analysis.scores.resamples import FIT_RESAMPLES
from scaling.analysis.scores.words import place, plain, power, sized, two_digits, unit

_TINY = 1e-9  # a resampled error of 0 has no logarithm
_LEVEL = f"{100 * LEVEL:.0f} % interval"


@dataclass(frozen=True)
class Isoflop:
    """One arm: its profiles, by compute, and (r,) exponents with which the best size grows with compute; none where
    fewer than two profiles surely have theirs inside."""

    plane: Plane
    profiles: tuple[Profile, ...]
    covers: str
    exponents: Floats


def isoflops(found: list[Plane]) -> list[Isoflop]:
    """Of every arm whose runs' flops are known, of which three sizes or more share a compute."""
    told = []
    for one in found:
        noise = _resampled(one)
        if one.repeats or noise is None or not (np.isfinite(one.flops).all() and (one.flops > 0).all()):
            continue
        again, covers = noise
        those = tuple(profiles(one.N, one.flops, one.error, again))
        if those:
            told.append(Isoflop(one, those, covers, _exponents(those)))
    return told


def _resampled(one: Plane) -> tuple[Floats, str] | None:
    """Errors under other noise, and what that covers: seeds and test clips, or what is left around the surface."""
    if len(one.resampled):
        return np.maximum(one.resampled, _TINY), f"test clips and {one.n_seeds} seeds"
    if not isinstance(one.law, Surface) or not np.isfinite(one.residual):
        return None
    z = np.random.default_rng(0).standard_normal((FIT_RESAMPLES, one.error.size))
    return one.error * np.exp(one.residual * z), "what is left around the fitted surface"


def _exponents(those: tuple[Profile, ...]) -> Floats:
    """(r,) slopes of ln best size over ln compute."""
    inside = [one for one in those if one.surely_inside]
    if len(inside) < 2:
        return np.empty(0)
    x = np.log([one.compute for one in inside])
    y = np.log(np.stack([one.draws for one in inside], axis=1))
    x = x - x.mean()
    return np.asarray(y @ x / (x @ x))


def isoflop_claims(found: list[Isoflop]) -> list[Claim]:
    """A claim an arm and compute, and one of how the best size grows with compute."""
    claims = []
    for one in found:
        claims += [_optimum(one, profile) for profile in one.profiles]
        if one.exponents.size:
            claims.append(_growth(one))
    return claims


def _optimum(one: Isoflop, at: Profile) -> Claim:
    size, smallest, largest = one.plane.size, at.sizes[0], at.sizes[-1]
    edges = {"smallest": share(at.draws <= smallest), "largest": share(at.draws >= largest)}
    edge = max(edges, key=lambda name: edges[name])
    low, high = optimum_interval(at)
    ends: Ends = (low if low > smallest else None, high if high < largest else None)
    with_it = f"by runs of equal compute, {power(at.compute)} FLOPs"
    span = f"{plain(smallest) + ' or less' if ends[0] is None else two_digits(low)} to " + (
        f"{plain(largest)} or more" if ends[1] is None else two_digits(high)
    )
    status: Said = "said"
    if edges[edge] >= CLAIMED:
        status = "on the edge"
        at_edge = place(size, smallest if edge == "smallest" else largest)
        text = (
            f"{with_it}, the {edge} of {at.sizes.size} sizes, {at_edge}, errs least (probability "
            f"{chance(edges[edge])}): the best lies on the edge of these or beyond."
        )
    elif ends == (None, None) or not at.inside:
        status = "cannot be said"
        text = f"{with_it}, which of {at.sizes.size} sizes errs least cannot be said ({_LEVEL} {span})."
    else:
        text = (
            f"{with_it}, {sized(size, two_digits(at.optimum))} err least, the lowest point of a parabola through "
            f"{at.sizes.size} sizes ({_LEVEL} {span})."
        )
    return _claim(one, text, at.optimum if status == "said" else None, unit(size), ends, status, at.compute, edges)


def optimum_interval(at: Profile) -> Interval:
    """Of the best size, with the best size in it."""
    low, high = interval(at.draws)
    return min(low, at.optimum), max(high, at.optimum)


def _growth(one: Isoflop) -> Claim:
    number, (low, high) = float(np.median(one.exponents)), interval(one.exponents)
    grows = share(one.exponents > 0)
    said = low > 0 or high < 0
    text = (
        f"by runs of equal compute the best {one.plane.size.name} grows as compute to the power {number:.2f} ({_LEVEL} "
        f"{low:.2f} to {high:.2f}; it grows with probability {chance(grows)})"
        f"{'.' if said else ': too uncertain to say.'}"
    ).replace("-", "−")
    return _claim(
        one, text, number, "exponent", (low, high), "said" if said else "cannot be said", None, {}, probability=grows
    )


def _claim(
    one: Isoflop, text: str, number: float | None, of: str, ends: Ends, status: Said, at: float | None,
    chances: dict[str, float], probability: float | None = None,
) -> Claim:  # fmt: skip
    name = one.plane.arm.name if one.plane.arm.levels else ""
    return Claim(
        kind="isoflop", arm=name, at=None if at is None else whole(at), sentence=led(name, text), number=number,
        unit=of, interval=None if ends == (None, None) else ends, probability=probability, chances=chances,
        status=status, covers=one.covers, runs=one.plane.runs,
    )  # fmt: skip
