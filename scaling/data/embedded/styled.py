"""The embedded corpus once more, each clip with captions of every style: what differs between two styles is then the
captions alone. The clips and their sounds are those of the split for pretraining.
"""

from scaling.data.embedded import phrasing
from scaling.data.embedded.draws import Draw
from scaling.data.embedded.sounds import PRETRAIN, _plan

CAPTIONS = (("human", 2), ("rewritten", 1), ("attribute", 1))
"""Styles in the order of a clip's captions, and how many it has of each: people say the same in several ways."""
_WRITTEN = {"human": "plain", "rewritten": "verbose"}


def styled_captions(index: int, *, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The captions of a clip of the split for pretraining, and the style of each."""
    _, domain, plan = _plan(Draw("plan", seed, PRETRAIN, index), index, PRETRAIN)
    facts = plan.facts()
    captions, styles = [], []
    for style, several in CAPTIONS:
        written = _WRITTEN.get(style, "attributes" if domain == "speech" else "tags")
        for number in range(several):
            captions.append(phrasing.caption(Draw("styled", seed, style, index, number), domain, facts, written))
            styles.append(style)
    return tuple(captions), tuple(styles)
