"""Captions of every style for the same clips."""

from scaling.data.clip import STYLES
from scaling.data.corpus import EMBEDDED_SEED, embedded_clips, open_source
from scaling.data.embedded.styled import CAPTIONS, styled_captions
from scaling.study.study import Corpus


def test_every_clip_has_every_style_and_is_the_clip_that_it_was():
    plain, styled = (
        [clip for _, clip in zip(range(60), embedded_clips(every), strict=False)] for every in (False, True)
    )
    for one, other in zip(plain, styled, strict=True):
        assert other._replace(captions=one.captions, styles=()) == one
        assert other.styles == tuple(style for style, several in CAPTIONS for _ in range(several))
        assert set(other.styles) == set(STYLES)
        assert all(other.captions)
    assert styled_captions(5, seed=EMBEDDED_SEED) == styled_captions(5, seed=EMBEDDED_SEED)
    # Made of tags is shorter than sentences; what two people write mostly differs.
    words = {
        style: sum(len(clip.captions[styled[0].styles.index(style)].split()) for clip in styled) for style in STYLES
    }
    assert words["attribute"] < words["rewritten"]
    assert sum(clip.captions[0] != clip.captions[1] for clip in styled) > 50


def test_the_plain_corpus_is_the_one_that_it_was():
    """Its stores are found again."""
    plain, styled = open_source(Corpus()), open_source(Corpus(styled=True))
    assert plain.digest != styled.digest
    assert plain.digest == open_source(Corpus(styled=False)).digest
