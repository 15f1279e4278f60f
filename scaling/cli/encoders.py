"""The commands of encoders beside studies: `scaling probe` and `export`."""

from typing import Annotated

import tyro

from scaling.driver.display import Display
from scaling.errors import StudyError
from scaling.storage.files import absolute, on_disk
from scaling.study.options import default


def probe(
    encoder: tyro.conf.Positional[str],
    out: str,
    tasks: Annotated[str, default("the tasks of the embedded corpus", "PATH")] = "",
    probes: tuple[str, ...] = ("default",),
    weights: str = "",
    tracking_uri: Annotated[str | None, default("SQLite in the folder", "URI")] = None,
) -> int:
    """Score an encoder from elsewhere by the rules by which a study scores its runs; --references of a study takes the
    table that this leaves.

    Args:
        encoder: a folder that scaling export wrote; a folder with a config.json of the transformers library and a
            model.safetensors, or a name on the hub whose files are in the local cache (nothing is fetched); or a module
            of HEAR's contract, as a .py file or a package's folder, whose code is run.
        out: folder that gets the prepared clips, scores.parquet and predictions.parquet; made if absent.
        tasks: tasks.toml that names the labelled clips.
        probes: names of probes, default or all.
        weights: what the load_model of a module of HEAR's contract is given.
        tracking_uri: MLflow tracking URI.
    """
    from scaling.probes.options import named_probes

    names, place = named_probes(probes), absolute(out)
    if tasks and not on_disk(absolute(tasks)):
        raise StudyError(f"--tasks {tasks}: it must be on this machine")
    from scaling.driver.probing import probe_alone

    probe_alone(encoder, tasks, place, names, Display(), weights, tracking_uri)
    return 0


def export(run: tyro.conf.Positional[str], out: str) -> int:
    """Write the encoder of a finished run as a folder that works without its study: its weights and configuration,
    modules by the contracts of HEAR and X-ARES, and a model card.

    Args:
        run: the folder of a run, in runs/ of a study.
        out: the folder that gets it; made if absent.
    """
    from scaling.driver.export import export as exported

    print(exported(absolute(run), absolute(out)))
    return 0
