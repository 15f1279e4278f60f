"""The study's answer in a few sentences, put together from its claims."""

from scaling.analysis.claims.beyond import ALL, CROSSES, DATA, OBJECTIVE, PAYS, SHRINKS, WORTH
from scaling.analysis.claims.claim import Claim, behind, chance, points
from scaling.analysis.scores.scores import capital, thousands

Answer = tuple[str, str, str]


def verdict(found: list[Claim]) -> list[Answer]:
    """(question, answer in a few words, its numbers) for objective, crossing, data and initialization.

    Numbers are points of average error, with interval and probability in brackets.
    """
    overall = [claim for claim in found if claim.evidence["scope"] == ALL]
    answers = (_objective(overall), _crosses(overall), _data(overall), _initialization(overall))
    return [(q, capital(short), numbers) for q, short, numbers in filter(None, answers)]


def _numbers(claim: Claim, turned: bool = False) -> str:
    """A claim's number of points with interval and probability; `turned` where words name its pair the other way."""
    if claim.number is None:
        return "unknown"
    sign = -1 if turned else 1
    if claim.interval is None or claim.probability is None:
        return f"{points(sign * claim.number / 100)} (noise unknown)"
    ends = " to ".join("open" if end is None else points(sign * end / 100) for end in claim.interval[::sign])
    probability = 1 - claim.probability if turned else claim.probability
    return f"{points(sign * claim.number / 100)} ({ends}, probability {chance(probability)})"


def _up(claim: Claim) -> bool:
    """Whether the claim is made, with a number above 0."""
    return claim.status == "said" and claim.number is not None and claim.number > 0


def _worth(found: list[Claim], claims: list[Claim]) -> str:
    """What these advantages are worth in clips, where that can be said."""
    pairs = {claim.about for claim in claims}
    said = [claim for claim in found if claim.question == WORTH and claim.status == "said"]
    return "".join(f" {claim.sentence}" for claim in said if claim.about in pairs)


def _objective(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == OBJECTIVE]
    if not claims:
        return None
    largest = max(int(claim.evidence["clips"]) for claim in claims)
    claims = [claim for claim in claims if claim.evidence["clips"] == largest]
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
    size = thousands(float(largest))
    numbers = [f"{when} {_gain(claim)}" for claim, when in zip(claims, held, strict=True)]
    gained = f"Points of error gained at {size} clips: {'; '.join(numbers)}."
    return OBJECTIVE, short, gained + _worth(found, claims)


def _gain(claim: Claim) -> str:
    """What the better of two arms gains over the other."""
    names = [str(claim.evidence[name]) for name in ("arm", "other")]
    turned = claim.number is not None and behind(claim.number, claim.probability)
    return f"{' over '.join(names[::-1] if turned else names)} {_numbers(claim, turned)}"


def _trained(held: str) -> str:
    return held.replace("from scratch", "trained from scratch")


def _ahead(claim: Claim) -> str | None:
    if claim.status != "said":
        return None
    return str(claim.evidence["arm" if _up(claim) else "other"])


def _crosses(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == CROSSES]
    if not claims:
        return None
    answers = [
        "cannot be said"
        if claim.status != "said"
        else "not within 10 times the data"
        if claim.number is None
        else "yes"
        for claim in claims
    ]
    reasons = {claim.sentence.partition("cannot be said: ")[2] for claim in claims if not claim.chances}
    if len(reasons) == 1 and set(answers) == {"cannot be said"} and not any(claim.chances for claim in claims):
        return CROSSES, f"cannot be said: {reasons.pop()}", ""
    short = answers[0]
    if len(set(answers)) > 1:
        each = zip(answers, claims, strict=True)
        short = "; ".join(f"{answer} when {_trained(str(claim.evidence['held']))}" for answer, claim in each)
    return CROSSES, f"{short}.", " ".join(claim.sentence for claim in claims)


def _data(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == DATA and "step" not in claim.evidence]
    if not claims:
        return None
    paying = [claim for claim in claims if _up(claim)]
    if len(paying) == len(claims):
        short = "all there is: the last step still paid for every arm."
    elif paying:
        short = f"the last step still paid for {len(paying)} of {len(claims)} arms."
    else:
        short = "the last step brought nothing that stands out from the noise."
    numbers = [f"{claim.evidence['arm']} {_numbers(claim)}" for claim in claims]
    size = thousands(float(claims[0].evidence["clips"]))
    gained = f"Points gained by the last step, to {size} clips: {'; '.join(numbers)}."
    following = [claim for claim in found if claim.question == DATA and "step" in claim.evidence]
    foretold = [f"{claim.evidence['arm']} {_numbers(claim)}" for claim in following if claim.number is not None]
    if foretold:
        gained += f" The next doubling would buy {'; '.join(foretold)}."
    return DATA, short, gained


def _initialization(found: list[Claim]) -> Answer | None:
    claims = [claim for claim in found if claim.question == PAYS]
    if not claims:
        return None
    every = {int(claim.evidence["clips"]) for claim in claims}
    sizes = sorted({min(every), max(every)})
    words, numbers = [], []
    for size in sizes:
        here = [claim for claim in claims if claim.evidence["clips"] == size]
        words.append(f"{_payment(here)} at {thousands(size)} clips")
        each = [f"{claim.evidence['held']} {_numbers(claim)}" for claim in here]
        numbers.append(f"at {thousands(size)} clips: {'; '.join(each)}")
    shrinks = [claim for claim in found if claim.question == SHRINKS and claim.unit == "points"]
    more = ""
    if shrinks and all(_up(claim) for claim in shrinks):
        more = " The benefit shrinks with data."
    elif shrinks and not any(claim.status == "said" for claim in shrinks):
        more = " Whether the benefit changes with data is too close to call."
    return PAYS, f"{', '.join(words)}.", f"Points gained {'; '.join(numbers)}.{more}{_worth(found, claims)}"


def _payment(claims: list[Claim]) -> str:
    pays = [str(claim.evidence["held"]) for claim in claims if _up(claim)]
    hurts = [str(claim.evidence["held"]) for claim in claims if claim.status == "said" and not _up(claim)]
    if len(pays) == len(claims):
        return "yes"
    if len(hurts) == len(claims):
        return "no, it hurts"
    if not pays and not hurts:
        return "too close to call"
    parts = [f"{way} {' and '.join(names)}" for way, names in (("yes for", pays), ("it hurts", hurts)) if names]
    return ", ".join(parts)
