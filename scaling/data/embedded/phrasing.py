"""Captions of the embedded corpus: several hands, each naming part of what is there, sometimes wrongly.

A clip's *facts* map an attribute to its value. A caption picks some of them, puts each into one of several
phrases (`PHRASES`), and joins them in its style. Within an attribute no phrase belongs to two values, so a
reader can tell from the words alone what a caption claims (`claims`).
"""

import re
from collections.abc import Callable, Mapping
from functools import cache

from scaling.data.embedded.draws import Draw

PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    # speech
    "voice": {
        "man": ("man", "male speaker", "male voice", "gentleman", "guy", "adult male"),
        "woman": ("woman", "female speaker", "female voice", "lady", "adult female"),
        "child": ("child", "kid", "young child", "little kid", "youngster", "small child"),
    },
    "texture": {
        "clear": ("clear", "crisp", "clean-toned", "bright and clear"),
        "breathy": ("breathy", "airy", "whispery", "husky and airy"),
        "creaky": ("creaky", "gravelly", "hoarse", "raspy", "rough"),
        "nasal": ("nasal", "pinched", "nasally", "stuffy-nosed"),
    },
    "pitch": {
        "low": ("low-pitched", "deep", "deep-voiced", "bass-like"),
        "medium": ("medium-pitched", "mid-range", "moderately pitched"),
        "high": ("high-pitched", "shrill", "squeaky", "treble"),
    },
    "pace": {
        "slow": ("slowly", "at a slow pace", "unhurriedly", "in a drawn-out way"),
        "moderate": ("at a normal speed", "at a measured pace", "at a moderate rate"),
        "fast": ("quickly", "rapidly", "at a fast pace", "hurriedly", "in a rush"),
    },
    "intonation": {
        "rising": ("with a rising tone", "as if asking a question", "going up at the end", "rising in pitch"),
        "falling": ("with a falling tone", "as a statement", "going down at the end", "falling in pitch"),
        "flat": ("in a monotone", "with flat intonation", "without any inflection", "in a robotic way"),
        "rise-fall": ("rising and then falling", "in an exclaiming way", "with a rise-fall contour"),
    },
    "noise": {
        "noisy": ("with background noise", "over audible hiss", "in a noisy recording", "with static behind"),
        "quiet": ("in a quiet room", "with no background sound", "in a studio", "in near silence"),
    },
    # music
    "instrument": {
        "guitar": ("guitar", "acoustic guitar", "classical guitar", "nylon-string guitar"),
        "harpsichord": ("harpsichord", "cembalo", "baroque harpsichord"),
        "piano": ("piano", "grand piano", "upright piano", "pianoforte"),
        "marimba": ("marimba", "wooden marimba", "xylophone-like marimba"),
        "glockenspiel": ("glockenspiel", "metallic chimes", "music-box bells"),
        "violin": ("violin", "fiddle", "solo violin"),
        "flute": ("flute", "breathy flute", "transverse flute"),
        "clarinet": ("clarinet", "hollow clarinet", "bass-less clarinet"),
        "trumpet": ("trumpet", "brassy horn", "cornet"),
        "organ": ("organ", "pipe organ", "church organ", "electric organ"),
    },
    "family": {
        "plucked string": ("plucked string instrument", "plucked strings"),
        "piano": ("hammered keyboard", "hammered strings"),
        "mallet": ("mallet instrument", "tuned percussion"),
        "bowed string": ("bowed string instrument", "bowed strings"),
        "woodwind": ("woodwind instrument", "wind instrument"),
        "brass": ("brass instrument", "brass"),
        "organ": ("pipe keyboard", "sustained keyboard"),
    },
    "articulation": {
        "legato": ("a smooth legato line", "a flowing connected melody", "a legato tune"),
        "staccato": ("short staccato notes", "clipped detached notes", "a staccato pattern"),
        "tremolo": ("rapid tremolo", "fast repeated notes", "quivering repetitions of a note"),
        "chords": ("block chords", "a chord progression", "full triads", "stacked chords"),
        "glide": ("sliding notes", "glissando bends", "a gliding portamento phrase"),
    },
    "mode": {
        "major": ("in a major key", "cheerful", "happy-sounding", "uplifting"),
        "minor": ("in a minor key", "melancholic", "sad-sounding", "sombre"),
    },
    "tempo": {
        "slow": ("slow tempo", "at a relaxed tempo", "largo"),
        "moderate": ("medium tempo", "at a moderate tempo", "andante"),
        "fast": ("fast tempo", "at an energetic tempo", "allegro", "up-tempo"),
    },
    "register": {
        "low": ("low register", "down in the bass range", "low notes"),
        "middle": ("middle register", "in the mid range"),
        "high": ("high register", "up in the treble range", "high notes"),
    },
    # environment
    "event": {
        "dog": ("a dog barking", "a dog barks", "barking", "woofing of a dog", "a canine bark"),
        "cat": ("a cat meowing", "a cat meows", "meowing", "a feline mewing"),
        "bird": ("a bird chirping", "birds chirp", "birdsong", "tweeting", "a small bird singing"),
        "siren": ("a siren wailing", "a siren", "an emergency vehicle siren", "wailing of a police car"),
        "alarm": ("an alarm beeping", "electronic beeps", "a beeping alarm clock", "repeated beeping"),
        "bell": ("a bell ringing", "a church bell tolls", "bell strokes", "tolling"),
        "knock": ("knocking on a door", "someone knocks", "raps on wood", "a knock at the door"),
        "footsteps": ("footsteps", "someone walking", "steps on a hard floor", "a person walks by"),
        "engine": ("an engine running", "a motor idling", "an engine rumbles", "a motor revving"),
        "glass": ("glass shattering", "a window breaks", "glass breaking", "a glass smashes"),
        "drops": ("water dripping", "drops of water fall", "a leaking tap drips", "dripping"),
        "applause": ("applause", "an audience clapping", "people clap their hands", "clapping"),
        "gust": ("a gust of wind", "wind howling", "howling wind", "wind whistles"),
        "saw": ("sawing wood", "a hand saw cutting", "someone saws a plank", "back-and-forth sawing"),
    },
    "place": {
        "street": ("on a street", "with traffic passing", "beside a busy road", "in the city"),
        "rain": ("in the rain", "as rain falls", "during a downpour", "with heavy rain"),
        "sea": ("by the sea", "with waves washing in", "at the beach", "near the surf"),
        "machinery": ("in a machine room", "with an electric hum", "in a factory", "by buzzing machinery"),
        "forest": ("in a forest", "with crickets and leaves", "among rustling trees", "in the woods"),
        "crowd": ("in a crowd", "with people chattering", "amid babble", "in a busy canteen"),
    },
}  # fmt: skip
"""attribute -> value -> what people say for it, the commonest first."""
PHRASES["second"] = PHRASES["event"]

WRONG, TYPO, GENERIC = 0.06, 0.05, 0.03
"""The fractions of captions with a wrong attribute, with a misspelt word, and that say nothing."""

# How often an attribute is named when a caption of middling length is written.
_NAMED = {
    "voice": 0.9, "texture": 0.65, "pitch": 0.7, "pace": 0.3, "intonation": 0.7, "noise": 0.2,
    "instrument": 0.9, "family": 0.25, "articulation": 0.75, "mode": 0.25, "tempo": 0.2, "register": 0.3,
    "event": 0.95, "second": 0.5, "place": 0.75,
}  # fmt: skip
_MAIN = {"speech": "voice", "music": "instrument", "environment": "event"}
_GENERIC = ("a sound recording", "audio clip", "untitled recording", "Some sounds can be heard.", "misc")

Said = Mapping[str, str]
"""attribute -> the phrase chosen for it; only what the caption names."""


def _article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _sentence(words: str, end: str = ".") -> str:
    return words[0].upper() + words[1:] + end


def _speaker(draw: Draw, said: Said, anyone: tuple[str, ...]) -> str:
    adjectives = [said[name] for name in ("pitch", "texture") if name in said]
    return _article(" ".join((", ".join(adjectives), said.get("voice") or draw.pick(anyone))).strip())


def _joined(said: Said, *names: str) -> str:
    return "".join(" " + said[name] for name in names if name in said)


def _speech_plain(draw: Draw, said: Said) -> str:
    verb = draw.pick(("speaks", "talks", "is talking", "says something", "is speaking", "mumbles a phrase"))
    return _sentence(
        _speaker(draw, said, ("person", "speaker", "voice"))
        + " " + verb + _joined(said, "pace", "intonation", "noise"), draw.pick((".", "", "."))
    )  # fmt: skip


def _speech_verbose(draw: Draw, said: Said) -> str:
    opening = draw.pick((
        "The audio features", "This recording captures", "In this clip we hear", "The sample presents",
        "We hear", "This is a recording of",
    ))  # fmt: skip
    verb = draw.pick(("speaking", "delivering a short utterance", "talking", "uttering several syllables"))
    out = f"{opening} {_speaker(draw, said, ('speaker', 'person', 'talker'))} {verb}{_joined(said, 'pace')}"
    if "intonation" in said:
        out += f", {said['intonation']}"
    if "noise" in said:
        out += draw.pick((". It was made ", ". The speech is heard ")) + said["noise"]
    return out + "."


def _music_plain(draw: Draw, said: Said) -> str:
    player = said.get("instrument") or said.get("family") or draw.pick(("instrument", "musician", "player"))
    what = said.get("articulation") or draw.pick(("a few notes", "a tune", "some music"))
    verb = draw.pick(("plays", "is playing", "playing", "performs"))
    out = f"{_article(player)} {verb} {what}{_joined(said, 'noise')}"
    for name in ("mode", "register", "tempo"):
        if name in said:
            out += ", " + said[name]
    return _sentence(out, draw.pick((".", "")))


def _music_verbose(draw: Draw, said: Said) -> str:
    opening = draw.pick((
        "This is an instrumental piece built on", "The music consists of", "The excerpt is driven by",
        "An instrumental passage with", "The listener hears",
    ))  # fmt: skip
    player = _article(said.get("instrument") or said.get("family") or "solo instrument")
    what = said.get("articulation") or draw.pick(("a simple phrase", "a short motif"))
    verb = draw.pick(("playing", "performing", "that delivers"))
    out = f"{opening} {player} {verb} {what}{_joined(said, 'noise')}."
    rest = [said[name] for name in ("mode", "register", "tempo") if name in said]
    if rest:
        out += draw.pick((" The mood and range: ", " Overall character: ", " It could be described as ")) + (
            draw.pick((" and ", ", ")).join(rest) + "."
        )
    if "instrument" in said and "family" in said:
        out += f" It belongs to {said['family']}."
    return out


def _scene_plain(draw: Draw, said: Said) -> str:
    out = said.get("event") or draw.pick(("something happens", "a noise", "an unclear sound"))
    if "second" in said:
        out += draw.pick((", then ", " followed by ", " and then ", " before ")) + said["second"]
    return _sentence(out + _joined(said, "place"), draw.pick((".", "", ".")))


def _scene_verbose(draw: Draw, said: Said) -> str:
    opening = draw.pick(("The audio contains", "A field recording of", "One can hear", "The clip opens with"))
    out = f"{opening} {said.get('event') or draw.pick(('an unclear event', 'a sound'))}"
    if "second" in said:
        link = draw.pick((". Next comes ", ", succeeded by ", ". This gives way to "))
        out += link + said["second"]
    if "place" in said:
        out += draw.pick((", recorded ", ", and the scene is set ", ". It takes place ")) + said["place"]
    return out + "."


def _attributes(draw: Draw, said: Said) -> str:
    mark = draw.pick((": ", " = ", " - "))
    return draw.pick(("; ", ", ", " | ")).join(name + mark + phrase for name, phrase in _shuffled(draw, said))


def _tags(draw: Draw, said: Said) -> str:
    return draw.pick((", ", ", ", "; ")).join(phrase for _, phrase in _shuffled(draw, said))


def _title(draw: Draw, said: Said) -> str:
    words = " - ".join(phrase for _, phrase in list(said.items())[:2])
    return draw.pick((words.title(), words.upper(), f"{words} {draw.whole(1, 12):02d}"))


def _shuffled(draw: Draw, said: Said) -> list[tuple[str, str]]:
    items = list(said.items())
    for k in range(len(items) - 1, 0, -1):
        other = draw.whole(0, k)
        items[k], items[other] = items[other], items[k]
    return items


_WRITERS: dict[tuple[str, str], Callable[[Draw, Said], str]] = {
    ("plain", "speech"): _speech_plain,
    ("plain", "music"): _music_plain,
    ("plain", "environment"): _scene_plain,
    ("verbose", "speech"): _speech_verbose,
    ("verbose", "music"): _music_verbose,
    ("verbose", "environment"): _scene_verbose,
}
_LISTS: dict[str, Callable[[Draw, Said], str]] = {"attributes": _attributes, "tags": _tags, "title": _title}
# How much more, or less, than a middling caption each style names.
_FULLNESS = {"plain": 0.9, "verbose": 1.2, "attributes": 1.4, "tags": 1.0, "title": 0.6}
STYLES = tuple(_FULLNESS)


def caption(draw: Draw, domain: str, facts: Mapping[str, str], style: str, *, noisy: bool = True) -> str:
    """One caption in one style; without `noisy` no errors, misspellings or captions that say nothing."""
    mishap = draw.random() if noisy else 1.0
    if mishap < GENERIC:
        return draw.pick(_GENERIC)
    fullness = _FULLNESS[style]
    random = draw.random
    named = {name: value for name, value in facts.items() if random() < _NAMED[name] * fullness}
    if not named:
        named[_MAIN[domain]] = facts[_MAIN[domain]]
    if mishap < GENERIC + WRONG:
        name = draw.pick(tuple(named))
        named[name] = draw.pick([value for value in PHRASES[name] if value != named[name]])
    said = {name: draw.favour(PHRASES[name][value]) for name, value in named.items()}
    words = (_LISTS.get(style) or _WRITERS[style, domain])(draw, said)
    if GENERIC + WRONG <= mishap < GENERIC + WRONG + TYPO:
        place = draw.whole(1, len(words) - 2)
        words = words[:place] + words[place + 1] + words[place] + words[place + 2 :]
    return words


@cache
def _finder(attribute: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for all phrases of an attribute, longest first, and the value each stands for."""
    value_of = {phrase.lower(): value for value, phrases in PHRASES[attribute].items() for phrase in phrases}
    longest = sorted(value_of, key=len, reverse=True)
    return re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, longest)) + r")(?![\w-])"), value_of


def claims(text: str, attribute: str) -> set[str]:
    """The values of an attribute that a caption claims in words of `PHRASES`."""
    pattern, value_of = _finder(attribute)
    return {value_of[found] for found in pattern.findall(text.lower())}
