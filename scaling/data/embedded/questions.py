"""Questions about the labelled clips of the embedded corpus, by rule: what sounds, which is first, how many, higher or
lower. Every answer is in the clip, and words alone do not tell it.

The rules that make clips are elsewhere: questions change no clip.
"""

from collections.abc import Callable

from scaling.data.embedded.draws import Draw
from scaling.data.embedded.phrasing import PHRASES
from scaling.data.embedded.sounds import _plan

WORDS = {
    "who": ("Who is speaking?", "Whose voice is it?"),
    "what": ("What can be heard?", "What makes this sound?"),
    "instrument": ("Which instrument is playing?", "What is the music played on?"),
    "melody": ("Does the voice end higher or lower than it began?", "Where does the voice go, higher or lower?"),
    "register": ("Is the music played high or low?", "Are the notes high or low?"),
    "first": ("Which sound comes first?", "What is heard at first?"),
    "many": ("How many different events are heard?", "How many kinds of events happen?"),
}
"""Kind of question -> ways to ask it."""
KINDS = {"speech": ("who", "melody"), "music": ("instrument", "register"), "environment": ("what", "first", "many")}
"""Of each domain the kinds that a test clip may be asked, the first of which every clip can answer."""
CHOICES = 4
"""Of what has more values."""

Asked = tuple[str, str, tuple[str, ...], str]
"""Kind, question, choices and the right one."""


def asked(index: int, *, seed: int, split: str) -> list[Asked]:
    """All questions that a clip can answer, in the order of `WORDS`; a pure function of (index, seed, split)."""
    _, domain, plan = _plan(Draw("plan", seed, split, index), index, split)
    facts = plan.facts()
    draw = Draw("questions", seed, split, index)
    found = []
    for kind, ways in WORDS.items():
        if answered := _ANSWERS[kind](domain, facts, draw):
            right, wrong = answered
            words, choices = draw.pick(ways), [right, *wrong]
            for place in range(len(choices) - 1, 0, -1):
                other = draw.whole(0, place)
                choices[place], choices[other] = choices[other], choices[place]
            found.append((kind, words, tuple(choices), right))
    return found


def drawn(index: int, *, seed: int, split: str) -> Asked:
    """One of a clip's questions: of a kind that is drawn before anybody looks at what the clip can answer, or else the
    first. (Which of its own questions is asked would tell what is in it.)"""
    found = asked(index, seed=seed, split=split)
    _, domain, _ = _plan(Draw("plan", seed, split, index), index, split)
    kind = Draw("question", seed, split, index).pick(KINDS[domain])
    return next((one for one in found if one[0] == kind), found[0])


Answered = tuple[str, list[str]] | None
"""The right answer and wrong ones; None where a clip cannot tell."""
Rule = Callable[[str, dict[str, str], Draw], Answered]


def _valued(attribute: str, but: tuple[str, ...] = ()) -> Rule:
    """Which value an attribute has; `but` are attributes whose values would be right too."""

    def rule(domain: str, facts: dict[str, str], draw: Draw) -> Answered:
        if attribute not in facts:
            return None
        others = [value for value in PHRASES[attribute] if value not in {facts.get(one) for one in (attribute, *but)}]
        while len(others) > CHOICES - 1:
            others.pop(draw.whole(0, len(others) - 1))
        return PHRASES[attribute][facts[attribute]][0], [PHRASES[attribute][value][0] for value in others]

    return rule


def _either(attribute: str, values: dict[str, str]) -> Rule:
    """Which of two words fits a value of an attribute."""

    def rule(domain: str, facts: dict[str, str], draw: Draw) -> Answered:
        right = values.get(facts.get(attribute, ""))
        return (right, [word for word in values.values() if word != right]) if right else None

    return rule


def _first(domain: str, facts: dict[str, str], draw: Draw) -> Answered:
    if "second" not in facts:
        return None
    return PHRASES["event"][facts["event"]][0], [PHRASES["event"][facts["second"]][0]]


def _many(domain: str, facts: dict[str, str], draw: Draw) -> Answered:
    if domain != "environment":
        return None
    return ("two", ["one"]) if "second" in facts else ("one", ["two"])


_ANSWERS = {
    "who": _valued("voice"),
    "what": _valued("event", ("second",)),
    "instrument": _valued("instrument"),
    "melody": _either("intonation", {"rising": "higher", "falling": "lower"}),
    "register": _either("register", {"high": "high", "low": "low"}),
    "first": _first,
    "many": _many,
}
