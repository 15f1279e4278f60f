"""Captions: what they claim is true, but for the noise that is wanted."""

from collections import Counter

import pytest

from scaling.data.embedded import sounds
from scaling.data.embedded.draws import Draw
from scaling.data.embedded.phrasing import GENERIC, PHRASES, STYLES, TYPO, WRONG, caption, claims
from scaling.data.embedded.sounds import PRETRAIN

NAMED = tuple(name for name in PHRASES if name != "second")
ATTRIBUTES = {
    "speech": ("voice", "texture", "pitch", "pace", "intonation", "noise"),
    "music": ("instrument", "family", "articulation", "mode", "tempo", "register", "noise"),
    "environment": ("event", "place"),
}


def facts_of(index: int) -> tuple[str, dict[str, str]]:
    _, domain, plan = sounds._plan(Draw("plan", 0, PRETRAIN, index), index, PRETRAIN)
    return domain, plan.facts()


def contradictions(text: str, domain: str, facts: dict[str, str]) -> set[str]:
    """The attributes of which a caption claims what the clip is not."""
    wrong = set()
    for name in ATTRIBUTES[domain]:
        true = {facts[key] for key in (name, "second" if name == "event" else name) if key in facts}
        if claims(text, name) - true:
            wrong.add(name)
    return wrong


@pytest.mark.parametrize("attribute", NAMED)
def test_phrases_name_one_value(attribute: str) -> None:
    """The longest match wins, so "a glass smashes" is not also something shorter inside it."""
    for value, phrases in PHRASES[attribute].items():
        assert len(phrases) >= 2
        for phrase in phrases:
            assert claims(phrase, attribute) == {value}, phrase


@pytest.mark.parametrize("style", STYLES)
def test_careful_captions_contradict_nothing(style: str) -> None:
    for index in range(600):
        domain, facts = facts_of(index)
        text = caption(Draw("careful", style, index), domain, facts, style, noisy=False)
        assert not contradictions(text, domain, facts), (text, facts)


def test_noise_is_what_it_says() -> None:
    wrong = generic = 0
    count = 6000
    for index in range(count):
        domain, facts = facts_of(index)
        style = STYLES[index % len(STYLES)]
        text = caption(Draw("noise", index), domain, facts, style)
        wrong += bool(contradictions(text, domain, facts))
        generic += not any(claims(text, name) for name in ATTRIBUTES[domain])
    assert 0.7 * WRONG < wrong / count < 1.2 * WRONG
    assert GENERIC * 0.7 < generic / count < (GENERIC + TYPO) * 1.2  # a misspelt word may be the only one


def test_captions_tell_a_part() -> None:
    """No caption names all, nearly all name something, and every attribute is named by many."""
    named: Counter[str] = Counter()
    count, full = 3000, 0
    for index in range(count):
        domain, facts = facts_of(index)
        style = STYLES[index % len(STYLES)]
        text = caption(Draw("part", index), domain, facts, style, noisy=False)
        said = {name for name in facts if name in ATTRIBUTES[domain] and claims(text, name)}
        assert said
        full += len(said) == len(facts)
        named.update(said)
    assert full < 0.25 * count
    assert min(named[name] for name in NAMED) > 0.02 * count, named
