"""All claims of a study: this is where a further kind of claim is added."""

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.compute import gained
from scaling.analysis.claims.decisions import decided
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.isoflops import isoflop_claims
from scaling.analysis.claims.measured import measured
from scaling.analysis.claims.optimum import optima
from scaling.analysis.claims.prospects import prospects
from scaling.analysis.claims.questions import order
from scaling.analysis.claims.signals import signal_claims
from scaling.analysis.claims.stages import staged_claims
from scaling.analysis.claims.surfaces import surfaces
from scaling.analysis.claims.trade import mixtures, trades


def claims(known: Evidence) -> list[Claim]:
    """Every claim, in the order of the questions (`questions.order`)."""
    ahead = prospects(known)
    # What curves tell of the worth, they tell better than lines between sizes.
    told = {claim.pair for claim in ahead if claim.kind == "worth"}
    within = [claim for claim in measured(known) if claim.kind != "worth" or claim.pair not in told]
    best = [*surfaces(known.planes), *optima(known.values, known.design.x)]
    further = [
        *gained(known.gains, known.design), *decided(known.decisions, known.design),
        *signal_claims(known.signals, known.weighed, known.design), *staged_claims(known.stages, known.design),
        *isoflop_claims(known.isoflops), *mixtures(trades(known.draws, known.design), known.design),
    ]  # fmt: skip
    return sorted([*best, *within, *ahead, *further], key=lambda claim: order(claim, known.design))
