"""Claims that rest on arms' curves, and so reach beyond the sizes measured; see `replicate` for what they suppose."""

import numpy as np

from scaling.analysis.arms import ONE_SEED, Arm, Arms
from scaling.analysis.claim import Claim, Ends, Said, chance, points, status
from scaling.analysis.crossover import CLAIMED, FAR, NEAR, crossover, overtaken, share, sought
from scaling.analysis.differences import Pair, better
from scaling.analysis.forms import Floats
from scaling.analysis.observed import LEVEL, interval
from scaling.analysis.scores import thousands

OBJECTIVE = "Which objective?"
CROSSES = "Do the curves cross?"
STEEPER = "Does one objective gain more from data?"
DATA = "How much data?"
PAYS = "Does initialization pay?"
SHRINKS = "Does the benefit of initialization shrink with data?"
WORTH = "What is the advantage worth in clips?"
QUESTIONS = [OBJECTIVE, CROSSES, STEEPER, DATA, PAYS, SHRINKS, WORTH]
ALL = "all tasks"

LEAST = 0.01  # a benefit of initialization below one point of error is taken for none
_LEVEL = f"{100 * LEVEL:.0f} % interval"
_AHEAD = (2.0, 4.0, NEAR)  # times the largest size, at which a benefit is foretold


def prospects(found: Arms, pairs: list[Pair]) -> list[Claim]:
    """Crossovers, exponents, multipliers and vanishing benefits of all pairs, and what the next doubling buys."""
    claims = doublings(found)
    for pair in pairs:
        two = Two(found, pair)
        if pair.contrast == "objective":
            claims += [two.crosses(), *two.steeper()]
        else:
            claims.append(two.vanishes())
        claims += two.worth()
    return claims


class Two:
    """Two arms and what can be said of them."""

    def __init__(self, found: Arms, pair: Pair) -> None:
        self.found, self.pair = found, pair
        self.arm, self.other = found.by_arm[pair.arm], found.by_arm[pair.other]
        self.why = next((one.why for one in (self.arm, self.other) if one.why), "")
        # Where both were measured: an arm may lack a size.
        sizes = sorted(set(self.arm.sizes) & set(self.other.sizes))
        if not self.why and len(sizes) < 2:
            self.why = "the arms share less than two sizes"
        if not self.why and np.array_equal(self.arm.error, self.other.error):
            self.why = "both arms score the same"
        if self.why:
            return
        self.sizes, self.largest = np.array(sizes), float(sizes[-1])
        self.x = sought(float(sizes[0]), self.largest)
        self.ln = [found.log_error(one, self.x) for one in (self.arm, self.other)]

    def crosses(self) -> Claim:
        """Where one objective overtakes the other."""
        names, held = self.pair.labels, self.pair.held
        if self.why:
            return self._open(CROSSES, "clips", f"whether {names[0]} and {names[1]} cross")
        at = crossover(self.x, self.largest, self.ln[1] - self.ln[0])
        ahead, behind = names[at.ahead], names[1 - at.ahead]
        far, near = thousands(FAR * self.largest), thousands(NEAR * self.largest)
        said: Said = "said"
        if at.claimed:
            where = f"{self._about(at.clips)} ({self._range(at.low, at.high)})"
            sentence = f"{held.capitalize()}, {behind} overtakes {ahead} {where}."
        elif at.none_near >= CLAIMED:
            reach = (
                f"{FAR:.0f} times the data ({far}" if at.none_far >= CLAIMED else f"{NEAR:.0f} times the data ({near}"
            )
            none = at.none_far if at.none_far >= CLAIMED else at.none_near
            sentence = (
                f"{held.capitalize()}, {ahead} stays ahead of {behind} up to {reach}; probability {chance(none)})."
            )
        else:
            said = "cannot be said"
            sentence = (
                f"{held.capitalize()}, whether {behind} overtakes {ahead} cannot be said: probability "
                f"{chance(at.none_near)} that they do not cross within {NEAR:.0f} times the data, "
                f"{chance(at.none_far)} within {FAR:.0f} times ({self._range(at.low, at.high)})."
            )
        number = at.clips if at.claimed and 0 < at.clips < np.inf else None
        chances = {
            "a crossover": at.probability, f"none within {NEAR:.0f} times the data": at.none_near,
            f"none within {FAR:.0f} times the data": at.none_far,
        }  # fmt: skip
        return self._claim(
            CROSSES,
            sentence,
            number,
            "clips",
            _ends(at.low, at.high, FAR * self.largest),
            at.probability,
            said,
            chances,
        )

    def steeper(self) -> list[Claim]:
        """The difference of exponents; what one seed cannot tell is said of the steepness within the data."""
        if self.why == ONE_SEED:
            return []
        names = self.pair.labels
        if self.why:
            return [self._open(STEEPER, "exponent", f"whether the exponents of {names[0]} and {names[1]} differ")]
        drawn = self.found.exponents(self.other) - self.found.exponents(self.arm)
        number, (low, high) = round(float(np.median(drawn)), 3) + 0.0, interval(drawn)
        said = status(low, high)
        if said == "said":
            verb = "larger" if number > 0 else "smaller"
            text = f"the exponent of {names[1]} is {verb} than that of {names[0]} by {abs(number):.2f}"
        else:
            text = f"which exponent is larger cannot be said: {names[1]}’s minus {names[0]}’s is {number:+.2f}"
        sentence = f"{self.pair.held.capitalize()}, {text} ({_LEVEL} {low:+.2f} to {high:+.2f})."
        sentence = sentence.replace("-", "−")
        return [self._claim(STEEPER, sentence, number, "exponent", (low, high), better(drawn), said)]

    def worth(self) -> list[Claim]:
        """The effective-data multiplier at the largest size: how many times the clips the worse arm needs."""
        if self.why == ONE_SEED:
            return []  # told within the sizes, without a law
        names = self.pair.labels if self.pair.contrast == "objective" else tuple(map(_training, self.pair.labels))
        if self.why:
            return [self._open(WORTH, "times the clips", f"what the advantage of {names[0]} or {names[1]} is worth")]
        goal = [np.array([np.interp(np.log(self.largest), np.log(self.x), row) for row in ln]) for ln in self.ln]
        worse = int(np.median(goal[1] - goal[0]) > 0)
        times = overtaken(self.x, self.ln[worse] - goal[1 - worse][:, None]) / self.largest
        low, number, high = _quantiles(times)
        least = self.x[0] / self.largest
        said: Said = "said" if low > 1 else "cannot be said"
        of = {0: "as few as the smallest size holds", np.inf: f"over {FAR:.0f}"}
        words = [of.get(value, f"{value:.2g}") for value in (low, number, high)]
        need = f"over {FAR:.0f} times" if number == np.inf else f"{words[1]} times"
        sentence = (
            f"{self.pair.held.capitalize()}, {names[worse]} needs {need} the clips that {names[1 - worse]} has with "
            f"{thousands(self.largest)} for the same average error ({_LEVEL} {words[0]} to {words[2]})"
            f"{'.' if said == 'said' else ': too uncertain to say which needs more.'}"
        )
        finite = number if least <= number < np.inf else None
        return [self._claim(WORTH, sentence, finite, "times the clips", _ends(low, high, FAR), share(times > 1), said)]

    def vanishes(self) -> Claim:
        """Where the benefit of initialization falls below `LEAST`, and the benefit as a function of size."""
        held, least = self.pair.held, f"{100 * LEAST:.0f} point"
        if self.why:
            return self._open(SHRINKS, "clips", f"where the benefit of initialization falls below {least}")
        gain = np.exp(self.ln[1]) - np.exp(self.ln[0])
        fell = overtaken(self.x, gain - LEAST)
        low, number, high = _quantiles(fell)
        falls, stays = share(np.isfinite(fell)), share(fell > NEAR * self.largest)
        said: Said = "said" if max(falls, stays) >= CLAIMED else "cannot be said"
        if falls >= CLAIMED:
            text = f"falls below {least} {self._about(number)} ({self._range(low, high)})"
        elif stays >= CLAIMED:
            text = (
                f"stays above {least} up to {NEAR:.0f} times the data ({thousands(NEAR * self.largest)}; "
                f"probability {chance(stays)})"
            )
        else:
            text = (
                f"may fall below {least}: where cannot be said (within {FAR:.0f} times the data with probability "
                f"{chance(falls)}; {self._range(low, high)})"
            )
        asked = np.concatenate([self.sizes, self.largest * np.array(_AHEAD)])
        arm, other = (np.exp(self.found.log_error(one, asked)) for one in (self.arm, self.other))
        along = tuple(
            (float(x), float(np.median(row)), *interval(row))
            for x, row in zip(asked, 100 * (other - arm).T, strict=True)
        )
        ahead = along[-len(_AHEAD)]
        sentence = (
            f"For {held} the benefit of initialization {text}; at {thousands(ahead[0])} clips it would be "
            f"{points(ahead[1] / 100)} points ({_LEVEL} {points(ahead[2] / 100)} to {points(ahead[3] / 100)})."
        )
        chances = {f"below {least} within {FAR:.0f} times the data": falls,
                   f"above {least} up to {NEAR:.0f} times the data": stays}  # fmt: skip
        where = number if falls >= CLAIMED and 0 < number < np.inf else None
        return self._claim(
            SHRINKS, sentence, where, "clips", _ends(low, high, FAR * self.largest), falls, said, chances, along
        )

    def _about(self, clips: float) -> str:
        if clips == 0:
            return f"at {thousands(self.sizes[0])} clips or fewer"
        beyond = f", {clips / self.largest:.1f} times the data" if clips > self.largest * 1.05 else ""
        return f"at about {_clips(clips)} clips{beyond}"

    def _range(self, low: float, high: float) -> str:
        """An interval of sizes that is open where nothing is excluded."""
        if low == np.inf:
            return f"{_LEVEL}: beyond {_clips(FAR * self.largest)} clips"
        start = f"{thousands(self.sizes[0])} or less" if low == 0 else _clips(low)
        return (
            f"{_LEVEL} {start} to {_clips(high)}" if high < np.inf else f"{_LEVEL}: from {start}, without an upper end"
        )

    def _open(self, question: str, unit: str, what: str) -> Claim:
        sentence = f"{self.pair.held.capitalize()}, {what} cannot be said: {self.why}."
        return self._claim(question, sentence, None, unit, None, None, "cannot be said")

    def _claim(
        self, question: str, sentence: str, number: float | None, unit: str, ends: Ends | None,
        probability: float | None, said: Said, chances: dict[str, float] | None = None,
        along: tuple[tuple[float, float, float, float], ...] = (),
    ) -> Claim:  # fmt: skip
        arm, other = self.pair.labels
        shared = set(self.arm.sizes) & set(self.other.sizes)
        evidence: dict[str, str | int] = {
            "arm": arm, "other": other, "held": self.pair.held, "scope": ALL, "clips": int(max(shared, default=0)),
            "scores": f"primary metrics of {self.found.tasks} tasks, averaged",
            "runs": " ".join(sorted({*self.arm.runs.split(), *self.other.runs.split()})),
        }  # fmt: skip
        covers = self.found.covers if not self.why else "nothing"
        about = f"{arm} v {other}; {self.pair.held}; {ALL}"
        return Claim(
            question, about, sentence, number, unit, ends, LEVEL, probability, covers, evidence, said, chances or {},
            along,
        )  # fmt: skip


def doublings(found: Arms) -> list[Claim]:
    """What twice the largest size buys each arm; one claim for all arms that share a reason why it cannot be said."""
    claims = []
    reasons: dict[str, list[Arm]] = {}
    for one in found.by_arm.values():
        if one.why:
            reasons.setdefault(one.why, []).append(one)
            continue
        largest = float(one.sizes[-1])
        now, then = np.exp(found.log_error(one, np.array([largest, 2 * largest]))).T
        drawn = now - then
        number, (low, high) = float(np.median(drawn)), interval(drawn)
        sentence = (
            f"{one.name.capitalize()}: the next doubling, to {thousands(2 * largest)} clips, would buy "
            f"{points(number)} points ({_LEVEL} {points(low)} to {points(high)})."
        )
        claims.append(
            Claim(
                DATA, f"{one.name}; the next doubling; {ALL}", sentence, 100 * number, "points",
                (100 * low, 100 * high), LEVEL, better(drawn), found.covers, _of([one], found), status(low, high),
            )
        )  # fmt: skip
    for why, those in reasons.items():
        names = "; ".join(one.name for one in those)
        sentence = f"What the next doubling buys {names} cannot be said: {why}."
        claims.append(
            Claim(DATA, f"{names}; the next doubling; {ALL}", sentence, None, "points", None, LEVEL, None, "nothing",
                  _of(those, found), "cannot be said")
        )  # fmt: skip
    return claims


def _of(those: list[Arm], found: Arms) -> dict[str, str | int]:
    largest = max((float(size) for one in those for size in one.sizes), default=0.0)
    return {
        "arm": "; ".join(one.name for one in those), "scope": ALL, "clips": int(largest),
        "scores": f"primary metrics of {found.tasks} tasks, averaged", "step": "next",
        "runs": " ".join(sorted({run for one in those for run in one.runs.split()})),
    }  # fmt: skip


def _quantiles(values: Floats) -> tuple[float, float, float]:
    """Low end, median and high end of numbers of which some are inf."""
    at = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    low, middle, high = np.quantile(values, at, method="inverted_cdf").tolist()
    return low, middle, high


def _ends(low: float, high: float, reach: float) -> Ends:
    """An interval with None where it is open; beyond `reach` nothing is told apart."""
    return (min(low, reach) if low > 0 else None, high if high < np.inf else None)


def _clips(clips: float) -> str:
    """A number of clips with two digits: more would claim a precision that a curve does not have."""
    return thousands(float(f"{clips:.2g}"))


def _training(label: str) -> str:
    return "training from scratch" if label == "from scratch" else f"the {label} encoder"
