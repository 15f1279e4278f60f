"""The study's answer in a few sentences, put together from its claims."""

from collections.abc import Sequence
from itertools import groupby

from scaling.analysis.claims.claim import ALL_TASKS, Claim, behind, chance, points
from scaling.analysis.claims.questions import KINDS, OF_TWO, question
from scaling.analysis.scores.design import Design
from scaling.analysis.scores.words import capital, factor_name, place

Answer = tuple[str, str, str]
_CLOSE = "too close to call"
# Of more claims of a kind than these the verdict gives ranges, and of more pairs only the crossings found: the
# sentences stand below it.
_FEW, _PAIR = 4, 2


def verdict(found: list[Claim], design: Design, tasks: Sequence[str] = ()) -> list[Answer]:
    """(question, answer in a few words, its numbers): what a second or a nominal axis was made to ask; of each factor
    which level is better and whether curves cross; and how far along the axis to go.

    Numbers are points of average error, with interval and probability in brackets. `tasks` names the scopes that are
    single tasks: a factor with a baseline is also asked what each of them gains or loses.
    """
    overall = [claim for claim in found if claim.scope == ALL_TASKS]
    answers: list[Answer | None] = [*_others(overall, design)]
    for factor, claims in groupby(overall, key=lambda claim: claim.factor):
        those = list(claims) if factor else []
        alone = [claim for claim in found if factor and claim.factor == factor and claim.scope in tasks]
        answers += [_better(those, design), _by_task(alone, design), _crosses(those, design)]
    answers.append(_gain(overall, design))
    told = [answer for answer in answers if answer is not None]
    # What cannot be said of any factor, for one reason, is said once.
    same = {text for _, text, numbers in told if text.startswith("cannot be said: ") and not numbers}
    crossings = [answer for answer in told if answer[1] in same]
    if len(crossings) > 1 and len(same) == 1:
        told = [answer for answer in told if answer not in crossings[1:]]
        told[told.index(crossings[0])] = ("Do the curves cross?", *crossings[0][1:])
    return [(asked, capital(short), numbers) for asked, short, numbers in told]


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


def _gained(claim: Claim) -> str:
    """What the better of two arms gains over the other."""
    names = [claim.arm, claim.other]
    turned = claim.number is not None and behind(claim.number, claim.probability)
    of = f"{claim.held}, " if claim.held else ""
    return f"{of}{' over '.join(names[::-1] if turned else names)} {_numbers(claim, turned)}"


def _better(found: list[Claim], design: Design) -> Answer | None:
    """Which level is better: of equals at the largest size, beside a baseline at the smallest too, of a nominal axis at
    each place."""
    claims = [claim for claim in found if claim.kind == "better"]
    if not claims:
        return None
    baseline = _baseline(claims[0].factor, design)
    every = list(dict.fromkeys(claim.at for claim in claims if claim.at is not None))
    if design.x.scale == "log":
        ends = sorted({min(every), max(every)}, key=float)
        every = list(ends if baseline else ends[-1:])
    words, numbers = [], []
    for at in every:
        here = [claim for claim in claims if claim.at == at]
        beside = baseline and len({claim.arm for claim in here}) > 1
        words.append(_beside(here) if beside else _winners(here))
        numbers.append(f"at {place(design.x, at)}: {'; '.join(_ranges(here))}")
    short = words[0]
    if len(set(words)) > 1:
        short = "; ".join(f"at {place(design.x, at)} {word}" for word, at in zip(words, every, strict=True))
    trend = _trend(found) if baseline else ""
    text = f"Points of error gained {'; '.join(numbers)}.{trend}{_worth(found)}"
    return question(claims[0], design), f"{short}.", text


def _by_task(claims: list[Claim], design: Design) -> Answer | None:
    """On which tasks a level differs from its baseline, of several levels: one level's tasks stand in a figure."""
    claims = [claim for claim in claims if claim.kind == "better"]
    if not claims or not _baseline(claims[0].factor, design) or len({claim.arm for claim in claims}) < _FEW:
        return None
    sure = [claim for claim in claims if claim.status == "said"]
    by_chance = (1 - claims[0].level) * len(claims)
    reckoned = (
        f"{len(claims)} differences are looked at, of which about {by_chance:.0f} would stand out by chance alone"
    )
    told = [f"{claim.scope}: {_gained(claim)}" for claim in sure]
    short = f"{len(sure)} of {len(claims)} differences stand out" if sure else "on no task does a difference stand out"
    return f"{capital(factor_name(claims[0].factor))}: on which tasks?", f"{short}.", " ".join([f"{reckoned}.", *told])


def _ranges(claims: list[Claim]) -> list[str]:
    """What each pair gains; of many pairs, what any two levels do, without intervals."""
    if len(claims) <= _FEW:
        return [_gained(claim) for claim in claims]
    by_levels: dict[str, list[float]] = {}
    for claim in claims:
        if claim.number is not None:
            by_levels.setdefault(f"{claim.arm} over {claim.other}", []).append(claim.number / 100)
    return [f"{name} {_span(gains)}" for name, gains in by_levels.items()]


def _span(shares: list[float]) -> str:
    ends = list(dict.fromkeys(points(end) for end in (min(shares), max(shares))))
    return " to ".join(ends)


def _beside(claims: list[Claim]) -> str:
    """Which of several levels are better than their baseline and which worse."""
    told: dict[str, dict[str, list[str]]] = {}
    for claim in claims:
        word = _CLOSE if claim.status != "said" else "better" if _up(claim) else "worse"
        told.setdefault(word, {}).setdefault(claim.arm, []).append(claim.held)
    if set(told) == {_CLOSE}:
        return _CLOSE
    every = {claim.held for claim in claims}
    parts = []
    for word in ("better", "worse", _CLOSE):
        levels = told.get(word, {})
        names = [level if set(held) == every else f"{level} ({'; '.join(held)})" for level, held in levels.items()]
        than = f" than {claims[0].other}" if word != _CLOSE else ""
        if names:
            parts.append(f"{word}{than}: {', '.join(names)}")
    return "; ".join(parts)


def _baseline(factor: str, design: Design) -> bool:
    """Whether a factor's levels are compared with one of them; a second axis's are."""
    return all(one.baseline is not None for one in design.factors if one.name == factor)


def _winners(claims: list[Claim]) -> str:
    """The best level at one size; apart for what the arms share, where that decides."""
    by_held = {held: _winner([claim for claim in claims if claim.held == held]) for held in
               dict.fromkeys(claim.held for claim in claims)}  # fmt: skip
    if len(set(by_held.values())) == 1:
        return next(iter(by_held.values()))
    groups: dict[str, list[str]] = {}
    for held, word in by_held.items():
        groups.setdefault(word, []).append(held)
    return "; ".join(f"{word} ({'; '.join(held)})" for word, held in groups.items())


def _winner(claims: list[Claim]) -> str:
    """The level that is said to be better than each it is compared with; else those that none is said to beat."""
    levels = list(dict.fromkeys(level for claim in claims for level in (claim.arm, claim.other)))
    beaten = {claim.other if _up(claim) else claim.arm for claim in claims if claim.status == "said"}
    left = [level for level in levels if level not in beaten]
    if not beaten or not left:
        return _CLOSE
    return left[0] if len(left) == 1 else f"{' or '.join(left)} ({_CLOSE})"


def _trend(found: list[Claim]) -> str:
    """Whether the advantages of the levels shrink along the axis."""
    shrinks = [claim for claim in found if claim.kind == "shrinks" and claim.unit == "points"]
    if not shrinks:
        return ""
    if all(_up(claim) for claim in shrinks):
        return " The advantage shrinks."
    if all(claim.status == "said" and not _up(claim) for claim in shrinks):
        return " The advantage grows."
    return "" if any(claim.status == "said" for claim in shrinks) else f" Whether the advantage changes is {_CLOSE}."


def _worth(found: list[Claim]) -> str:
    """What the advantages are worth along the axis, where that can be said."""
    said = [claim.sentence for claim in found if claim.kind == "worth" and claim.status == "said"]
    return "".join(f" {sentence}" for sentence in said) if len(said) <= _FEW else ""


def _crosses(found: list[Claim], design: Design) -> Answer | None:
    claims = [claim for claim in found if claim.kind == "crossover"]
    if not claims:
        return None
    asked = question(claims[0], design)
    reasons = {claim.sentence.partition("cannot be said: ")[2] for claim in claims if not claim.chances}
    if len(reasons) == 1 and not any(claim.chances for claim in claims):
        return asked, f"cannot be said: {reasons.pop()}", ""
    answers = [
        "cannot be said"
        if claim.status != "said"
        else "not within 10 times the largest size"
        if claim.number is None
        else "yes"
        for claim in claims
    ]
    short = answers[0]
    if len(set(answers)) > 1 and len(claims) > _FEW:
        counts = {answer: answers.count(answer) for answer in dict.fromkeys(answers)}
        short = "; ".join(f"{answer} for {n} of {len(claims)} pairs" for answer, n in counts.items())
    elif len(set(answers)) > 1:
        each = [f"{claim.arm} v {claim.other}{f' ({claim.held})' if claim.held else ''}" for claim in claims]
        short = "; ".join(f"{answer}: {name}" for answer, name in zip(answers, each, strict=True))
    if len(claims) > _PAIR:
        # What is open, and what stays as it is, is told below the verdict.
        claims = [claim for claim, answer in zip(claims, answers, strict=True) if answer == "yes"][:_FEW]
    return asked, f"{short}.", " ".join(claim.sentence for claim in claims)


def _gain(found: list[Claim], design: Design) -> Answer | None:
    """How far the axis pays."""
    claims = [claim for claim in found if claim.kind == "gain"]
    if not claims:
        return None
    paying = [claim for claim in claims if _up(claim)]
    if len(paying) == len(claims):
        short = "as many as there are: the last step still paid for every arm."
    elif paying:
        short = f"the last step still paid for {len(paying)} of {len(claims)} arms."
    else:
        short = "the last step brought nothing that stands out from the noise."
    at = claims[0].at
    size = place(design.x, at) if at is not None else "the largest size"
    gained = f"Points gained by the last step, to {size}: {_arms(claims)}."
    following = [claim for claim in found if claim.kind == "doubling" and claim.number is not None]
    if following:
        gained += f" The next doubling would buy {_arms(following)}."
    return question(claims[0], design), short, gained


def _arms(claims: list[Claim]) -> str:
    """What each arm gains; of many arms, the range."""
    if len(claims) <= _FEW:
        return "; ".join(f"{claim.arm} {_numbers(claim)}" for claim in claims)
    return f"{_span([claim.number / 100 for claim in claims if claim.number is not None])} over {len(claims)} arms"


def _others(found: list[Claim], design: Design) -> list[Answer]:
    """What is asked of no factor and no single arm, in the claims' own sentences."""
    by_question: dict[str, list[str]] = {}
    for claim in found:
        if claim.kind not in KINDS or (claim.kind in OF_TWO and not claim.factor):
            by_question.setdefault(question(claim, design), []).append(claim.sentence)
    return [(asked, sentences[0], " ".join(sentences[1:])) for asked, sentences in by_question.items()]
