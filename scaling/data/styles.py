"""How captions came about, in the words of corpora and in ours (`clip.STYLES`)."""

from typing import Any

from scaling.data.clip import STYLES
from scaling.data.tokenizer import normalized

STYLE_NAMES = {
    **{style: style for style in STYLES},
    **dict.fromkeys(("human_title", "human_filename", "human_tags_template"), "human"),
    **dict.fromkeys(("published_wavcaps", "llm", "gpt"), "rewritten"),
    **dict.fromkeys(("attributes", "tags", "template", "label_template", "filename_template"), "attribute"),
}
"""What corpora call the styles. A word of theirs is of the first caption; one of ours is of all."""


def is_caption(text: Any) -> bool:
    """Whether it is a text with a word in it."""
    return isinstance(text, str) and bool(normalized(text))


def styles_of(said: Any, written: Any, captions: tuple[str, ...]) -> tuple[str, ...]:
    """The style of each of a clip's captions, given what is said of them: a word for all or for the first, or a list
    beside the list of captions as they were `written`; none where nothing is known of any."""
    several = written if isinstance(written, list) else [written]
    if isinstance(said, list):
        names = [STYLE_NAMES.get(str(one).lower(), "") for one in said]
        names += [""] * (len(several) - len(names))
        styles = tuple(name for name, text in zip(names, several, strict=False) if is_caption(text))
    else:
        name = STYLE_NAMES.get(str(said).lower(), "")
        styles = (name, *[name if str(said).lower() in STYLES else ""] * (len(captions) - 1)) if captions else ()
    return styles if any(styles) else ()
