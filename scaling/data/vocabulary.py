"""What a run reads captions by, found by the name that its objective's options give.

`words`             the words of the store's first captions (`tokenizer.py`), as its parts hold them
`bpe-8192`          a byte-level BPE of at most so many tokens of the same captions (`subwords.py`)
`tokenizer-3f2a…`   that of a public model, a file known by its digest
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from scaling.data.catalogue import read_catalogue
from scaling.data.description import CATALOGUE, intact, read_description
from scaling.data.store import Store
from scaling.data.subwords import Subwords
from scaling.data.tokenizer import CAPTIONS, Tokenizer
from scaling.errors import StudyError
from scaling.storage.files import Location, local_copy
from scaling.study.checkpoints import file_name
from scaling.study.texts import BPE, TOKENIZER, WORDS

Vocabulary = Tokenizer | Subwords


def vocabulary_of(objective: Any, store: Store, files: Mapping[str, Location]) -> Vocabulary:
    """What an objective reads the captions of a store by; `files` says where public tokenizers lie.

    Raises `StudyError` where such a file is gone or has changed.
    """
    name = getattr(objective, "tokenizer", WORDS)
    special = json.loads(getattr(objective, "text_config", "") or "{}").get("special_tokens", ())
    return _found(name, tuple(special), store, files.get(name))


@functools.lru_cache(maxsize=4)
def _found(name: str, special: tuple[int, ...], store: Store, file: Location | None) -> Vocabulary:
    kind, _, size = name.partition("-")
    if name == WORDS:
        return store.tokenizer
    if kind == BPE:
        return Subwords.of_captions(first_captions(store.folder), int(size))
    assert kind == TOKENIZER
    try:
        assert file is not None
        with local_copy(file) as local:
            if file_name(TOKENIZER, local) != name:
                raise StudyError(f"{file} has changed since a run was named by it: start the study again")
            return Subwords(local.read_text(encoding="utf-8"), special, first_captions(store.folder))
    except FileNotFoundError:
        raise StudyError(f"{file} is gone: start the study again") from None


def first_captions(folder: Location) -> list[str]:
    """The captions of the first clips of a store's catalogue by rank: those that vocabularies are made of, whatever is
    prepared so far."""
    description = read_description(folder)
    assert description is not None
    path, found, clips = intact(folder, CATALOGUE), list[str](), 0
    for part in range(-(-min(description.clips, CAPTIONS) // description.part_clips)):
        some = read_catalogue(path, part, description.part_clips)["captions"].head(CAPTIONS - clips).to_list()
        clips += len(some)
        found += [caption for row in some for caption in row]
    return found
