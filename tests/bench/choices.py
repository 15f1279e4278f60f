"""What the choices made by looking at the public curves are worth: error of extrapolation with each of them changed.

    python tests/bench/choices.py

Each row changes one constant of `scaling/analysis/curves/pool.py`. The last table chooses among all of these rows on
three domains and shows the error on the fourth, which the choice never saw: the price of having chosen.
"""

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
from public_curves import Floats, Public, public_curves

from scaling.analysis.curves import pool
from scaling.analysis.curves.fit import fit_curves
from scaling.analysis.curves.forms import OFFSET, POWER, SATURATING

DOMAINS = ("IC", "NMT", "LM", "BB")
CHOICES: list[tuple[str, dict[str, object]]] = [
    ("as shipped", {}),
    *((f"exponent about {m}", {"EXPONENT": (np.log(m), pool.EXPONENT[1])}) for m in (0.3, 0.4, 0.7)),
    *((f"exponent within e^{s}", {"EXPONENT": (pool.EXPONENT[0], s)}) for s in (0.2, 0.6, 1.0, 3.0)),
    *((f"bend within e^{s} of the smallest size", {"BEND": s}) for s in (0.5, 2.0)),
    *((f"noise about {s}", {"NOISE": s}) for s in (0.003, 0.03)),
    *((f"{n} windows", {"WINDOWS": tuple(np.arange(n) / n)}) for n in (1, 2, 3, 6)),
    ("4 sizes a window", {"FEWEST": 4}),
    ("default law only", {"FORMS": (OFFSET,)}),
    ("with the power law", {"FORMS": (POWER, OFFSET, SATURATING)}),
]


def errors(curves: Sequence[Public], changed: dict[str, object]) -> Floats:
    """(curves,) RMSLE."""
    with patch.multiple(pool, **changed) if changed else patch.object(pool, "FEWEST", pool.FEWEST):
        fitted = fit_curves([(c.x, c.y) for c in curves], draws=0)
    return np.array([c.rmsle(f.predict(c.held_x)) for c, f in zip(curves, fitted, strict=True)])


def main() -> None:
    curves = public_curves()
    domain = np.array([c.domain for c in curves])
    found = []
    print(f"| | all sizes | sparse5 | {' | '.join(DOMAINS)} |\n|---|---:|---:|{'---:|' * len(DOMAINS)}")
    for name, changed in CHOICES:
        full, sparse = errors(curves, changed), errors([c.sparse5() for c in curves], changed)
        found.append(np.stack([full, sparse]))
        cells = " | ".join(f"{full[domain == d].mean():.4f}" for d in DOMAINS)
        print(f"| {name} | {np.nanmean(full):.4f} | {np.nanmean(sparse):.4f} | {cells} |", flush=True)
    print("\n| left out | chosen on the others | all sizes: chosen, shipped | sparse5: chosen, shipped |")
    print("|---|---|---:|---:|")
    every = np.stack(found)  # (choices, 2, curves)
    total = np.zeros((2, 2))
    for d in DOMAINS:
        out = domain == d
        best = int(np.nanmean(every[:, :, ~out], axis=(1, 2)).argmin())
        pair = np.nanmean(every[[best, 0]][:, :, out], axis=2)  # (chosen or shipped, variant)
        total += pair * out.sum()
        print(f"| {d} | {CHOICES[best][0]} | {pair[0, 0]:.4f}, {pair[1, 0]:.4f} | {pair[0, 1]:.4f}, {pair[1, 1]:.4f} |")
    total /= len(curves)
    print(f"| mean over curves | | {total[0, 0]:.4f}, {total[1, 0]:.4f} | {total[0, 1]:.4f}, {total[1, 1]:.4f} |")


if __name__ == "__main__":
    main()
