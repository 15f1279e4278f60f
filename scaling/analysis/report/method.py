"""How a report's numbers were made, in sentences."""

import polars as pl

from scaling.analysis.curves.fit import BEYOND, LEVEL
from scaling.analysis.scores.design import Axis
from scaling.analysis.scores.metrics import primary
from scaling.analysis.scores.resamples import FIT_RESAMPLES, RESAMPLES
from scaling.analysis.scores.words import unit


def method(n_seeds: int, curves: pl.DataFrame, paired: bool, axis: Axis) -> list[str]:
    """Six sentences, seven with several seeds, four along a nominal axis, where nothing is fitted.

    Args:
        n_seeds: the fewest at a size.
        curves: as `curves.parquet`.
        paired: as of `Draws`.
        axis: what curves run along.
    """
    scored = (
        "Every encoder is frozen, its frames are averaged, and each task is scored by the same simple rule for all arms"
        if paired
        else "The scores are somebody else’s: how encoders were trained and probed is not known here"
    )
    noise = (
        "resampling the test clips with replacement, the same clips for all arms"
        if paired
        else "drawing each score anew by its standard error in the table, as if every score had test clips of its own"
    )
    shared_clips = "" if paired else "; where arms share test clips, differences are surer than that"
    shared = "same subset, same test clips, same seeds" if paired else "same size, same task, same seeds"
    seeds = (
        "the seed is the same throughout, so seed noise is in no interval"
        if n_seeds == 1
        else f"the {n_seeds} seeds are weighted at random with the spread of Student’s t"
    )
    law = axis.scale == "log"
    fitted = f", {FIT_RESAMPLES} for curves" if law else ""
    told = [
        f"{scored}; error is 1 minus the metric (no error among n counts as ½/(n+1)).",
        f"For each arm, task and metric the parameters of error = E + A·{unit(axis)}^(−a) are fitted to the logarithm "
        "of the error with a Huber loss, from a grid over exponent and offset and one polish; predictions average that "
        "law and a saturating one over windows of sizes, with beliefs about exponents; one that rises is predicted "
        "to stay, and a flat one between its level and these laws; two sizes predict nothing.",
        f"Intervals ({100 * LEVEL:.0f} %) of differences{' and parameters' if law else ''} come from {noise} "
        f"({RESAMPLES:,} times{fitted}){shared_clips}; {seeds}.",
        _bands(curves, n_seeds),
        f"Differences are paired: {shared}; probabilities are shares of resamples, "
        "and averages weigh tasks equally and take these tasks as given.",
        *_beyond(n_seeds),
        "No interval knows of the probes’ training clips or of the retrieval pool, and only those of decisions and of "
        "two stages know of the choice of tasks.",
    ]
    if law:
        return told
    return [told[0], told[2], told[4], told[-1]]


def _beyond(n_seeds: int) -> list[str]:
    """What claims that reach beyond the data suppose; with one seed there are none."""
    if n_seeds == 1:
        return []
    return [
        "Crossings, exponents and multipliers suppose that law for the average error of each arm, on all "
        "sizes, and the same noise of ln error at each size, told by the residuals of all seeds together; in simulated "
        "studies of 4 sizes x 3 seeds 90 % intervals of a crossover inside the data held the true one in 89 to 97 %, "
        "the law broken or not. "
        "Beyond the largest size arms go on from what was seen there, and as far apart, as learners on public data "
        "sets did; differences of exponents are as unsure as theirs came to be with more data.",
    ]


def _bands(curves: pl.DataFrame, n_seeds: int) -> str:
    """What the shaded bands rest on, and how often such bands held."""
    noise = "its noise is taken from what is left around the laws" if n_seeds == 1 else "whose noise the seeds tell"
    start = f"The bands around curves are for a new run, {noise}, and are as wide as public learning curves taught"
    known = curves.filter(primary(), pl.col("covered").is_not_null()).sort("covered")
    if known.is_empty():
        return f"{start}; how often such bands hold is not known."
    covered, stderr = (100 * float(known[name][0]) for name in ("covered", "covered_stderr"))
    return (
        f"{start}: at {BEYOND} times the largest size such {100 * LEVEL:.0f} % bands held {covered:.0f} ± "
        f"{stderr:.0f} % of the new observations on public curves that they were not learned on."
    )
