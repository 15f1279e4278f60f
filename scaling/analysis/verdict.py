"""The study's answer in a few sentences, put together from its claims."""

from scaling.analysis.claim import Claim, chance
from scaling.analysis.claims import ALL, DATA, OBJECTIVE, PAYS, SHRINKS, WORTH
from scaling.analysis.scores import thousands

Answer = tuple[str, str, str]


def verdict(found: list[Claim]) -> list[Answer]:
    """(question, answer in a few words, its numbers) for objective, data and initialization.

    Numbers are points of average error, with interval and probability in brackets.
    """
    overall = [claim for claim in found if claim.evidence["scope"] == ALL]
    answers = (_objective(overall), _data(overall), _initialization(overall))
    return [(q, short[0].upper() + short[1:], numbers) for q, short, numbers in filter(None, answers)]


def _numbers(claim: Claim) -> str:
    text = f"{claim.number:+.1f} (noise unknown)"
    if claim.interval is not None and claim.probability is not None:
        low, high = claim.interval
        text = f"{claim.number:+.1f} ({low:+.1f} to {high:+.1f}, probability {chance(claim.probability)})"
    return text.replace("-", "−")


def _worth(found: list[Claim], claims: list[Claim]) -> str:
    """What these advantages are worth in clips, where that can be said."""
    pairs = {claim.about for claim in claims}
    said = [claim for claim in found if claim.question == WORTH and claim.status == "said"]
    return "".join(f" {claim.sentence}" for claim in said if claim.about in pairs)


def _objective(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == OBJECTIVE]
    if not claims:
        return None
    winners = [_ahead(claim) for claim in claims]
    held = [str(claim.evidence["held"]) for claim in claims]
    if set(winners) == {None}:
        short = "too close to call."
    elif len(set(winners)) == 1:
        short = f"{winners[0]}."
    else:
        parts = [
            f"{name or 'too close to call'} when {_trained(when)}" for name, when in zip(winners, held, strict=True)
        ]
        short = f"{'; '.join(parts)}."
    size = thousands(float(claims[0].evidence["clips"]))
    numbers = [
        f"{when} {claim.evidence['arm']} over {claim.evidence['other']} {_numbers(claim)}"
        for claim, when in zip(claims, held, strict=True)
    ]
    gained = f"Points of error gained at {size} clips: {'; '.join(numbers)}."
    return OBJECTIVE, short, gained + _worth(found, claims)


def _trained(held: str) -> str:
    return held.replace("from scratch", "trained from scratch")


def _ahead(claim: Claim) -> str | None:
    if claim.status != "said":
        return None
    return str(claim.evidence["arm" if claim.number > 0 else "other"])


def _data(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == DATA]
    if not claims:
        return None
    paying = [claim for claim in claims if claim.status == "said" and claim.number > 0]
    if len(paying) == len(claims):
        short = "all there is: the last step still paid for every arm."
    elif paying:
        short = f"the last step still paid for {len(paying)} of {len(claims)} arms."
    else:
        short = "the last step brought nothing that stands out from the noise."
    numbers = [f"{claim.evidence['arm']} {_numbers(claim)}" for claim in claims]
    size = thousands(float(claims[0].evidence["clips"]))
    return DATA, short, f"Points gained by the last step, to {size} clips: {'; '.join(numbers)}."


def _initialization(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == PAYS]
    if not claims:
        return None
    sizes = sorted({int(claim.evidence["clips"]) for claim in claims})
    words, numbers = [], []
    for size in sizes:
        here = [claim for claim in claims if claim.evidence["clips"] == size]
        words.append(f"{_payment(here)} at {thousands(size)} clips")
        each = [f"{claim.evidence['held']} {_numbers(claim)}" for claim in here]
        numbers.append(f"at {thousands(size)} clips: {'; '.join(each)}")
    shrinks = [claim for claim in found if claim.question == SHRINKS]
    more = ""
    if shrinks and all(claim.status == "said" and claim.number > 0 for claim in shrinks):
        more = " The benefit shrinks with data."
    elif shrinks and not any(claim.status == "said" for claim in shrinks):
        more = " Whether the benefit changes with data is too close to call."
    return PAYS, f"{', '.join(words)}.", f"Points gained {'; '.join(numbers)}.{more}{_worth(found, claims)}"


def _payment(claims: list[Claim]) -> str:
    pays = [str(claim.evidence["held"]) for claim in claims if claim.status == "said" and claim.number > 0]
    hurts = [str(claim.evidence["held"]) for claim in claims if claim.status == "said" and claim.number < 0]
    if len(pays) == len(claims):
        return "yes"
    if len(hurts) == len(claims):
        return "no, it hurts"
    if not pays and not hurts:
        return "too close to call"
    parts = [f"{way} {' and '.join(names)}" for way, names in (("yes for", pays), ("it hurts", hurts)) if names]
    return ", ".join(parts)
