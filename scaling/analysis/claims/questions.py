"""The questions that are asked of every study, and how a report heads their answers."""

from scaling.analysis.claims.claim import Claim
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.words import capital, factor_name, unit

# Of two levels of a factor, in the order of a report.
OF_TWO = ("better", "weighed", "crossover", "steeper", "worth", "compute_gain", "shrinks")
OF_ONE = ("gain", "doubling")  # of one arm
FURTHER = {
    "isoflop": "Which size is best at equal compute?",
    "decision": "How small may runs be that decide as the largest?",
    "signal": "Which tasks tell the arms apart?",
    "two_stages": "Does the loss on the holdout predict the error?",
    "forecast": "Does the loss on the holdout predict the error?",
}
"""What else is asked of a study, and how a report heads the answer: in tables of their own, beside the verdict."""
KINDS = (*OF_TWO, *OF_ONE, *FURTHER)


def order(claim: Claim, design: Design) -> tuple[int, int]:
    """Where a claim stands: first what a second or a nominal axis was made to ask (of no factor), then by factor, then
    by question; then what is said of one arm, then all else."""
    if not claim.factor and claim.kind in ("optimum", "worth"):
        return -1, 0
    factors = [*(factor.name for factor in design.factors), *(axis.column for axis in design.axes[1:])]
    place = factors.index(claim.factor) if claim.factor in factors and claim.kind in OF_TWO else len(factors)
    return place, KINDS.index(claim.kind) if claim.kind in KINDS else len(KINDS)


def question(claim: Claim, design: Design) -> str:
    """What a claim answers, as a heading: "Which objective?", "Objective: do the curves cross?"."""
    along = unit(design.x)
    if claim.kind in FURTHER:
        return FURTHER[claim.kind]
    if claim.kind in OF_ONE:
        return f"How many {along}?" if design.x.unit else f"How far along {along}?"
    if claim.kind == "worth" and not claim.factor:
        return "How many passes is a clip worth?"
    if claim.kind == "optimum" and len(design.axes) > 1:
        return "Which size is best for a compute?"
    if claim.kind == "optimum":
        return f"Which {factor_name(claim.factor) or design.x.name} is best?"
    second = next((axis for axis in design.axes[1:] if axis.column == claim.factor), None)
    if claim.kind == "better":
        return f"How many {second.unit}?" if second and second.unit else f"Which {factor_name(claim.factor)}?"
    asked = {
        "crossover": "do the curves cross?",
        "steeper": "which curve is steeper?",
        "worth": f"what is the advantage worth in {along}?",
        "compute_gain": "what is the advantage worth in compute?",
        "weighed": "and with tasks weighed by what they tell?",
        "shrinks": f"does the advantage shrink with more {along}?",
    }.get(claim.kind, f"{claim.kind.replace('_', ' ')}?")
    name = second.name if second else factor_name(claim.factor)
    return f"{capital(name)}: {asked}" if name else capital(asked)
