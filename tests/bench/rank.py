"""Reading, cleaning and ranking manifests, beside Lhotse's lazy reader over the same files, in one run.

    python tests/bench/rank.py [--lines 2000000] [--folder DIR]

Eight manifests are made by rule, in the form of CaptionStew's and about in the proportions of its sources. Every line
is a cut of its own; one in a thousand has no caption, one in a thousand an id that was there before.
"""

import argparse
import gzip
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

SHARES = {
    "audiocaps": 0.01,
    "clotho": 0.005,
    "musiccaps": 0.005,
    "wavcaps": 0.03,
    "audiosetcaps": 0.35,
    "fusionaudio": 0.15,
    "jamendomaxcaps": 0.2,
    "paraspeechcaps": 0.25,
}
WORDS = re.findall(
    r"\w+",
    "a the of while water flows birds sing man woman speaks loudly softly engine hums distant thunder dog barks rain "
    "falls piano plays gentle melody drums guitar crowd cheers footsteps door closes wind blows car passes by music",
)


def write(place: Path, source: str, lines: int) -> Path:
    """One manifest of so many lines."""
    draw = random.Random(source)
    with gzip.open(place, "wt", compresslevel=6) as file:
        for number in range(lines):
            name = f"{source}_{number - (number % 1000 == 999):09d}"
            seconds = round(draw.uniform(2.0, 30.0), 3)
            captions = [" ".join(draw.choices(WORDS, k=draw.randint(8, 30))) for _ in range(1 + (number % 7 == 0))]
            cut = {
                "id": name,
                "start": 0.0,
                "duration": seconds,
                "channel": 0,
                "supervisions": [
                    {
                        "id": name,
                        "recording_id": name,
                        "start": 0.0,
                        "duration": seconds,
                        "channel": 0,
                        "custom": {"caption": captions if number % 1000 else []},
                    }
                ],
                "recording": {
                    "id": name,
                    "sources": [{"type": "file", "channels": [0], "source": f"{source}/{name[:-4]}/{name}.flac"}],
                    "sampling_rate": 16000,
                    "num_samples": round(seconds * 16000),
                    "duration": seconds,
                    "channel_ids": [0],
                },
                "type": "MonoCut",
            }
            file.write(json.dumps(cut) + "\n")
    return place


def processor_seconds() -> float:
    """What processes that have ended have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def lhotse_seconds(files: list[Path]) -> float:
    """Lhotse's lazy reader over all files, one after the other, as it reads them."""
    code = (
        "import sys; from lhotse import CutSet; print(sum(1 for file in sys.argv[1:] "
        "for _ in CutSet.from_jsonl_lazy(file)))"
    )
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code, *map(str, files)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


RANK = """
import resource, sys, threading, time
from pathlib import Path
import psutil
most, done = [0], threading.Event()
def watch():
    me = psutil.Process()
    while not done.wait(1.0):
        total = 0
        for one in (me, *me.children(recursive=True)):
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                pass
        most[0] = max(most[0], total)
threading.Thread(target=watch, daemon=True).start()
from scaling.cli import main
try:
    main()
finally:
    done.set()
    print(f"memory {most[0]}", file=sys.stderr)
"""


def rank_seconds(files: list[Path], store: Path) -> tuple[float, int, str]:
    """`scaling rank`: seconds, bytes of memory of all its processes together at their most, and what it says."""
    began = time.monotonic()
    asked = ["rank", "--manifests", *map(str, files), "--store", str(store)]
    done = subprocess.run([sys.executable, "-c", RANK, *asked], check=True, capture_output=True, text=True)
    return time.monotonic() - began, int(done.stderr.rsplit("memory ", 1)[1]), done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[500_000, 2_000_000])
    parser.add_argument("--folder")
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} processors")
    for lines in options.lines:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            counts = {source: round(share * lines) for source, share in SHARES.items()}
            with ProcessPoolExecutor() as several:
                places = [Path(folder) / f"{source}.train.jsonl.gz" for source in counts]
                files = list(several.map(write, places, counts, counts.values()))
            start = processor_seconds()
            seconds, memory, said = rank_seconds(files, Path(folder) / "store")
            between = processor_seconds()
            theirs = lhotse_seconds(files)
            ours, lhotses = between - start, processor_seconds() - between
            print("".join(line + "\n" for line in said.splitlines()[-2:]), end="")
            print(
                f"{lines:,} lines: {seconds:.1f} s ({seconds / lines * 1e6:.1f} us a line), {memory / 2**30:.2f} GiB; "
                f"Lhotse's lazy reader {theirs:.1f} s ({theirs / lines * 1e6:.1f} us a line), "
                f"{theirs / seconds:.1f} times as long; of the processor {ours:.1f} s and {lhotses:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
