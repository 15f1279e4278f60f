"""What does not depend on a run, computed once a study: tensors and texts in a folder that its runs share.

DIR/shared/<name>-<digest>.safetensors   the digest is that of what they are made of; the header holds, as JSON, the
                                         texts, and a digest of all that is in the file

Two workers that need the same at once may both make it: they write the same, each time whole. A file that is damaged is
made again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from scaling.storage.files import Location, local_copy, make_folder, replacing
from scaling.storage.space import room_for

Made = tuple[Mapping[str, torch.Tensor], Mapping[str, str]]
"""Tensors and texts by name."""
HEADER = "made"
"""One entry of the header: several would be written in any order."""


def once(folder: Location | None, name: str, of: str, make: Callable[[], Made]) -> Made:
    """What `make` makes of `of` (a description of all that it is made of), on the CPU; read from the folder if it is
    there already, and left there if not. Without a folder it is made, and kept nowhere.

    Raises `StudyError` where the disk is full.
    """
    if folder is None:
        return make()
    path = folder / f"{name}-{hashlib.blake2b(of.encode(), digest_size=8).hexdigest()}.safetensors"
    if (there := _read(path)) is not None:
        return there
    tensors, texts = make()
    # Another one may have been faster: then everybody has what it has made.
    if (there := _read(path)) is not None:
        return there
    own = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    header = {HEADER: json.dumps({"digest": _digest(own, texts), "texts": dict(texts)}, sort_keys=True)}
    make_folder(folder)
    with room_for(str(path)), replacing(path) as temporary:
        save_file(own, temporary, header)
    return own, texts


def _read(path: Location) -> Made | None:
    """What a file holds; None where there is none, or its content is not what was written."""
    try:
        with local_copy(path) as local, safe_open(local, "pt") as saved:
            said = json.loads((saved.metadata() or {})[HEADER])
            tensors = {key: saved.get_tensor(key) for key in saved.keys()}  # noqa: SIM118
        digest, texts = said["digest"], dict(said["texts"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return (tensors, texts) if digest == _digest(tensors, texts) else None


def _digest(tensors: Mapping[str, torch.Tensor], texts: Mapping[str, str]) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for key, value in sorted(tensors.items()):
        whole.update(f"{key} {value.dtype} {list(value.shape)} ".encode())
        whole.update(value.flatten().view(torch.uint8).numpy().tobytes())
    for key, text in sorted(texts.items()):
        whole.update(f"{key} {text} ".encode())
    return whole.hexdigest()
