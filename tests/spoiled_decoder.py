"""The decoding process with faults in it, by what a file is called: for tests of who asks it."""

import os
import signal
import time

import numpy as np
from numpy.typing import NDArray

from scaling.data import decoder

decode = decoder.decode


def spoiled(wanted: decoder.Wanted, samples: NDArray[np.float32]) -> tuple[int, int]:
    found: tuple[int, int] = decode(wanted, samples)
    match os.path.basename(wanted.path).split(".")[0]:  # noqa: PTH119
        case "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exits":
            os._exit(3)
        case "eats":
            np.ones(2**28)
        case "spins":
            while True:
                pass
        case "sleeps":
            time.sleep(60)
        case "writes":
            os.write(1, b"a damaged file\n")
        case "dies-once" if not os.path.exists(f"{wanted.path}.died"):  # noqa: PTH110
            open(f"{wanted.path}.died", "x").close()  # noqa: PTH123
            os.kill(os.getpid(), signal.SIGKILL)
    return found


if __name__ == "__main__":
    setattr(decoder, "decode", spoiled)  # noqa: B010
    decoder.main()
