"""All claims of a study: this is where a further kind of claim is added."""

from scaling.analysis.claims.claim import Claim
from scaling.analysis.claims.evidence import Evidence
from scaling.analysis.claims.measured import measured
from scaling.analysis.claims.optimum import optima
from scaling.analysis.claims.prospects import prospects
from scaling.analysis.claims.questions import order
from scaling.analysis.claims.surfaces import surfaces


def claims(known: Evidence) -> list[Claim]:
    """Every claim, in the order of the questions (`questions.order`)."""
    ahead = prospects(known)
    # What curves tell of the worth, they tell better than lines between sizes.
    told = {claim.pair for claim in ahead if claim.kind == "worth"}
    within = [claim for claim in measured(known) if claim.kind != "worth" or claim.pair not in told]
    best = [*surfaces(known.planes), *optima(known.values, known.design.x)]
    return sorted([*best, *within, *ahead], key=lambda claim: order(claim, known.design))
