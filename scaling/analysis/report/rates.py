"""What the report says of learning rates: of each arm whether its own was searched."""

from scaling.analysis.scores.design import Design


def rates_said(design: Design) -> list[str]:
    """A sentence an arm, or one for all where it is the same; none of a table from elsewhere, which says nothing."""
    if not design.rates:
        return []
    said = {rate.said for rate in design.rates}
    if len(said) == 1 and len(design.rates) > 1:
        rate = design.rates[0]
        tuned = "was searched" if rate.tuned else "was not searched for any of them"
        return [f"Learning rate of all arms: {rate.said.removesuffix(', not searched')}; it {tuned}."]
    untuned = sum(not rate.tuned for rate in design.rates)
    lines = [f"Learning rate of {rate.arm}: {rate.said}." for rate in design.rates]
    return [*lines, *(["An arm whose rate was not searched may be behind for want of one."] if untuned else [])]
