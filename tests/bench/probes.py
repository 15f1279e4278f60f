"""What probes cost: linear probes of many rows and classes, and every probe on the labelled clips of a prepared study.

    python tests/bench/probes.py [--rows 4000] [--width 256] [--classes 50] [--noise 6] [--exact]
    python tests/bench/probes.py --study DIR [--run NAME] [--probes all]

Rows are points around class means in a rotated basis; beside those that are trained on a fifth as many validate, and a
fifth test. `--exact` solves it in float32, as large ones are, and in float64, and says how far apart the two are.
VoxCeleb1's size is --rows 140000 --width 768 --classes 1251, VGGSound's --rows 183000 --width 768 --classes 309. Of a
study's run (by default the first with a checkpoint) the final encoder is scored again, each probe with its seconds.
"""

import argparse
import resource
import time
from pathlib import Path

import torch

from scaling.probes import linear, logistic
from scaling.probes.linear import LinearProbe, logistic_probe
from scaling.probes.options import named_probes
from scaling.runs.folder import StudyFolder
from scaling.runs.perform import perform
from scaling.training.attempt import Attempt
from scaling.training.checkpoint import latest_checkpoint


def points(rows: int, width: int, classes: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Float32 [rows, width] and int64 [rows]."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(classes, width, generator=generator)
    basis = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
    y = torch.randint(0, classes, (rows,), generator=generator)
    scale = 1 / torch.arange(1, width + 1) ** 0.5
    x = torch.empty(rows, width)
    for some, labels in zip(x.split(8192), y.split(8192), strict=True):
        around = noise * torch.randn(len(some), width, generator=generator)
        some.copy_(((means[labels] + around) * scale) @ basis)
    return x, y


def large(rows: int, width: int, classes: int, noise: float, exact: bool) -> None:
    """One linear probe of made rows; `rows` counts those of training."""
    x, y = points(rows * 7 // 5, width, classes, noise)
    splits = (
        x.split([rows, rows // 5, len(x) - rows - rows // 5]),
        y.split([rows, rows // 5, len(x) - rows - rows // 5]),
    )

    def solved() -> LinearProbe:
        began = time.monotonic()
        probe = logistic_probe(splits[0][0], splits[1][0], splits[0][1], splits[1][1], splits[0][2], classes)
        right = float((probe.answers == splits[1][2]).double().mean())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{rows:,} x {width} x {classes:,}: {time.monotonic() - began:.1f} s, accuracy {100 * right:.2f}, strength "
            f"{probe.l2:g}, {'converged' if probe.converged else 'not converged'}, at most {peak:.2f} GiB"
        )
        return probe

    if exact:
        linear.EXACT = logistic.EXACT = 0
    probe = solved()
    if exact:
        linear.EXACT = logistic.EXACT = 2**62
        other = solved()
        print(f"answers that differ: {100 * float((probe.answers != other.answers).double().mean()):.2f} %")


def of_study(place: Path, name: str, probes: tuple[str, ...]) -> None:
    """Score a run of a study again from its final weights; its result is written again, with these probes' scores."""
    folder = StudyFolder(place)
    runs = [one for one in folder.begun() if name in (one.path.name, "") and latest_checkpoint(one.path)]
    if not runs:
        raise SystemExit(f"no run {name} with a checkpoint in {place}")
    run = runs[0].cell().run
    attempt = Attempt(runs[0].path)
    attempt.claim()
    result = perform(run, folder, attempt, device=torch.device("cpu"), probes=probes)
    assert result is not None
    print(f"{run.name}: trained in {result.cost.wall_seconds:.1f} s, probed in {result.probe_seconds:.1f} s")
    for probe, seconds in result.probed.items():
        print(f"  {probe:16} {seconds:7.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--noise", type=float, default=6.0, help="deviation of rows around their class, whose own is 1")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--study", type=Path)
    parser.add_argument("--run", default="")
    parser.add_argument("--probes", nargs="+", default=["all"])
    options = parser.parse_args()
    if options.study:
        of_study(options.study, options.run, named_probes(options.probes))
    else:
        large(options.rows, options.width, options.classes, options.noise, options.exact)


if __name__ == "__main__":
    main()
