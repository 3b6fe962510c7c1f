"""Clips of an emotion: which ones are listed, and the page to listen to them."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from PIL import Image

from serbench.data.manifest import make_manifest
from serbench.errors import UsageError
from serbench.views.samples import SIZE, samples, samples_page, spectrogram

HOSTILE = "<script>alert(1)</script>"


def test_clips_are_of_different_speakers_first(made):
    manifest = made.manifest(takes=3)
    found = samples(manifest, "angst", count=6)
    speakers = sorted(set(manifest.speakers.tolist()))
    assert [each.speaker for each in found] == [*speakers, *speakers][:6]
    assert {each.emotion for each in found} == {"fear"}
    assert len({each.path for each in found}) == 6


def test_clips_of_one_speaker(made):
    manifest = made.manifest(takes=3)
    speaker = manifest.utterances[0].speaker
    found = samples(manifest, "fear", speaker.partition("/")[2], count=100)
    assert found == samples(manifest, "fear", speaker, count=100)
    assert sorted(each.path for each in found) == sorted(
        each.path
        for each in manifest.utterances
        if (each.speaker, each.emotion) == (speaker, "fear")
    )


def test_what_is_not_there_is_refused(made):
    manifest = made.manifest()
    for arguments in (("boredom",), ("no such",), ("fear", "nobody")):
        with pytest.raises(UsageError):
            samples(manifest, *arguments)
    speaker = manifest.utterances[0].speaker
    without = [e for e in manifest.utterances if (e.speaker, e.emotion) != (speaker, "fear")]
    with pytest.raises(UsageError):
        samples(make_manifest("small", without), "fear", speaker)


def test_a_page_has_sound_and_picture_and_no_script(tiny_manifest):
    named = [
        replace(each, speaker=HOSTILE, label='"><img src=x onerror=alert(1)>')
        for each in tiny_manifest.utterances
    ]
    manifest = make_manifest(HOSTILE, named)
    found = samples(manifest, "fear", count=2)
    page = samples_page(HOSTILE, found)
    assert "<script" not in page
    assert page.count("<img") == 2
    sounds = re.findall(r"data:audio/flac;base64,([^\"]+)", page)
    for sample, sound in zip(found, sounds, strict=True):
        heard, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
        original, original_rate = soundfile.read(sample.path)
        assert rate == original_rate
        assert np.allclose(heard, original, atol=2**-15)
    [first, _] = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert Image.open(io.BytesIO(base64.b64decode(first))).size == SIZE


def test_a_tone_is_one_line_of_the_spectrogram():
    rate = 16_000
    tone = np.sin(2 * np.pi * 2_000 * np.arange(rate) / rate).astype(np.float32)
    levels = spectrogram(tone, rate)
    assert (levels.argmax(axis=0) == round(2_000 / 8_000 * (len(levels) - 1))).all()
    assert levels.max() == 1
    assert levels.min() == 0
    assert spectrogram(np.zeros(10, np.float32), rate).shape[1] > 0
