"""What the validators of HEAR and X-ARES say of an exported encoder.

    python tests/bench/validators.py FOLDER     # what `scaling export` wrote; without one, an encoder of random weights

They are installed with pip into an environment of their own, which is thrown away: HEAR's imports TensorFlow, of which
it needs one class on a machine without it, and X-ARES's suite needs what its check of an encoder does not.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = (
    (),
    ("--no-deps", "hearvalidator==2021.0.2", "xares"),
    ("loguru",),
)
"""What pip is asked for, call by call, beside the torch that runs this."""
TENSORFLOW = "class Module:\n    pass\n"
CHECKS = {
    "HEAR": """
import sys
sys.argv = ["hear-validator", "hear_module", "--model", sys.argv[1], "--device", "cpu"]
from hearvalidator.validate import main
main()
""",
    "X-ARES": """
from xares.audio_encoder_checker import check_audio_encoder
from xares_encoder import ScalingEncoder
print("check_audio_encoder:", check_audio_encoder(ScalingEncoder()))
""",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else _random_encoder(Path(scratch) / "encoder")
        # It sees the torch of this environment, and what is installed goes into its own.
        environment = Path(scratch) / "environment"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        own = subprocess.run(
            [python, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
        ).stdout.strip()
        (Path(own) / "beside.pth").write_text("".join(f"{path}\n" for path in sys.path if "site-packages" in path))
        (Path(own) / "tensorflow.py").write_text(TENSORFLOW)
        for words in filter(None, INSTALLED):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True)
        codes = []
        for name, program in CHECKS.items():
            print(f"== {name}", flush=True)
            done = subprocess.run(
                [python, "-c", program, str(folder)],
                env={"PYTHONPATH": f"{ROOT}:{folder}", "PATH": "/usr/bin:/bin", "HOME": scratch},
                check=False,
            )
            print(f"exit code {done.returncode}", flush=True)
            codes.append(done.returncode)
    return max(codes)


def _random_encoder(folder: Path) -> Path:
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from pretrained.made import folder as made

    from scaling.driver.export import HEAR, HEAR_MODULE, XARES, XARES_ENCODER

    made(folder)
    (folder / HEAR).write_text(HEAR_MODULE)
    (folder / XARES).write_text(XARES_ENCODER)
    return folder


if __name__ == "__main__":
    sys.exit(main())
