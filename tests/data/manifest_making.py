"""Manifests of made-up people, and the protocols that may split them."""

from hypothesis import strategies as st

from serbench.data.manifest import Utterance, make_manifest
from serbench.data.protocols import Protocol, parse_protocol, split_dataset

EMOTIONS = ("sadness", "anger", "disgust")


def utterance(speaker, emotion, take=0, audio=None):
    """An utterance of ``corpus/person``, with its own audio unless another is given."""
    name = f"{speaker} {emotion} {take}"
    return Utterance(
        path=f"/{name}.wav",
        corpus=speaker.partition("/")[0],
        speaker=speaker,
        emotion=emotion,
        label=emotion,
        audio_hash=audio or name,
        sample_rate=16000,
        channels=1,
        frames=100,
    )


def people(corpus, count, emotions=EMOTIONS, takes=1):
    """Each of ``count`` speakers expresses every emotion ``takes`` times."""
    return [
        utterance(f"{corpus}/{person:02}", emotion, take)
        for person in range(count)
        for emotion in emotions
        for take in range(takes)
    ]


def manifest(*utterances):
    return make_manifest("some", [each for group in utterances for each in group])


def split(data, protocol):
    return split_dataset(data, parse_protocol(protocol))


def who(data, rows):
    return set(data.speakers[rows].tolist())


@st.composite
def manifests(draw):
    """One to three corpora whose speakers express everything once or twice."""
    corpora = draw(st.lists(st.integers(5, 9), min_size=1, max_size=3))
    emotions = EMOTIONS[: draw(st.integers(2, 3))]
    takes = draw(st.integers(1, 2))
    said = [
        each
        for number, count in enumerate(corpora)
        for each in people(f"corpus{number}", count, emotions, takes)
    ]
    return make_manifest("random", said)


@st.composite
def ragged_manifests(draw):
    """Any few speakers with any few clips of any emotion, some with the audio of others."""
    speakers = st.sampled_from([f"{corpus}/{person}" for corpus in "ab" for person in range(7)])
    clip = st.tuples(speakers, st.sampled_from(EMOTIONS), st.sampled_from(["1", *20 * [""]]))
    said = draw(st.lists(clip, min_size=20, max_size=90))
    return make_manifest(
        "ragged",
        [
            utterance(speaker, emotion, take, shared and f"shared {shared}")
            for take, (speaker, emotion, shared) in enumerate(said)
        ],
    )


PROTOCOLS = st.builds(
    Protocol,
    st.sampled_from(["speaker", "random"]),
    st.integers(2, 3),
    st.integers(0, 5),
    holdout=st.booleans(),
)
HELD_APART = st.builds(
    Protocol, st.just("speaker"), st.integers(2, 4), st.integers(0, 5), holdout=st.booleans()
) | st.just(Protocol("corpus", None))
