"""A question about a clip: its words, its choices, and which of them is right."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from scaling.data.clip import unwritable

LONGEST = 4_000
"""Letters of a question, or of a choice."""


@dataclass(frozen=True)
class Question:
    """A question of two choices at least, as they were given; `answer` is the place of the right one. `kind` is what
    kind of question it is, `id` its name within its task ("": that of its clip)."""

    text: str
    choices: tuple[str, ...]
    answer: int
    kind: str = ""
    id: str = ""

    def name(self, clip: str) -> str:
        """What its answer goes by, of a clip of this id."""
        return f"{clip} {self.id}".strip()

    def label(self) -> str:
        """As one text, in a label's place."""
        return json.dumps([self.text, list(self.choices), self.answer, self.kind, self.id], ensure_ascii=False)

    @classmethod
    def of_label(cls, label: str) -> "Question":
        """The question that `label` was made of."""
        text, choices, answer, kind, name = json.loads(label)
        return cls(text, tuple(choices), answer, kind, name)

    @classmethod
    def asked(cls, text: str, choices: Sequence[str | None], answer: str, kind: str = "", id: str = "") -> "Question":
        """A question as sets hold it: choices that are empty are none, and the right one is named by its words (case
        and spaces aside).

        Raises ValueError, saying why, where it cannot be asked or has no right answer.
        """
        given = {" ".join(one.split()): None for one in choices if one and one.strip()}
        # Two that differ in case alone are one.
        words = {one.casefold(): one for one in reversed(list(given))}
        kept = [one for one in given if words[one.casefold()] == one]
        if not text.strip():
            raise ValueError("no question")
        if len(kept) < 2:
            raise ValueError(f"{len(kept)} different choices, and a question has two at least")
        wanted = " ".join(answer.split()).casefold()
        if wanted not in words:
            said = f"its answer {answer[:60]!r}" if wanted else "an empty answer"
            raise ValueError(f"{said} is none of its {len(kept)} choices")
        for one in (text, *kept, kind, id):
            if why := unwritable("question", one, LONGEST):
                raise ValueError(why)
        return cls(text.strip(), tuple(kept), kept.index(words[wanted]), kind, id)
