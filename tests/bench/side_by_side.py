"""Two studies on one cluster: neither changes the other's numbers.

    python tests/bench/side_by_side.py

Starts a head and two nodes of one CPU each on this machine and does a small study alone. Then two more of them start at
once, a lane each; then two that each want all lanes, of which the second says what it waits for. Fails where one of
them does not end with the numbers of the study that was alone.
"""

import sys
import tempfile
import time
from pathlib import Path

from soak import new_cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from started import SMALL, Started, check_equal
from study_corpus import write_corpus


def main() -> None:
    scratch, cluster = Path(tempfile.mkdtemp()), new_cluster()
    # Long enough that the first is at work when the second comes.
    arguments = [*({"30": "1000"}.get(word, word) for word in SMALL), *write_corpus(scratch / "corpus")]

    def start(name: str, *more: str) -> Started:
        return Started(scratch / name, *arguments, *more, address=cluster.address)

    def ended(*studies: Started) -> float:
        began = time.monotonic()
        for study in studies:
            assert study.process.wait() == 0, study.log.read_text()
            check_equal(study, alone)
        return time.monotonic() - began

    print("| what | seconds |\n|---|---:|")
    began = time.monotonic()
    alone = start("alone")
    ended(alone)
    print(f"| one study alone | {time.monotonic() - began:.0f} |", flush=True)
    took = ended(start("left", "--lanes", "1"), start("right", "--lanes", "1"))
    print(f"| two at once, one lane each | {took:.0f} |", flush=True)
    first = start("first")
    first.until(first.training)
    second = start("second")
    took = ended(first, second)
    print(f"| a second one that starts while the first has all lanes, until both are done | {took:.0f} |")
    waiting = [line for line in second.log.read_text().splitlines() if "waiting for" in line]
    assert waiting, second.log.read_text()
    print(f"\nThe second one said: {waiting[0]}")
    cluster.shutdown()


if __name__ == "__main__":
    main()
