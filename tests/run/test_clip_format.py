"""The clip format of a study: as asked for, as the parent's, or fitted to the data."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.plugins import Plugins
from serbench.run.clip_format import choose_format, explain_format
from serbench.run.options import StudyOptions

PLUGINS = Plugins()
RECORDINGS = [SimpleNamespace(sample_rate=8000, frames=2000 * number) for number in range(1, 21)]


class Manifest(SimpleNamespace):
    def __len__(self):
        return len(self.utterances)


MANIFEST = Manifest(utterances=RECORDINGS)
PARENT = ClipFormat(22_050, 1.5, "ebu", "zeros")


@pytest.fixture
def needing(monkeypatch):
    """The front end mel, which now requires 12,000 Hz."""
    found = replace(PLUGINS.front_ends.get("mel"), sample_rate=12_000)
    monkeypatch.setattr(PLUGINS.front_ends, "get", lambda name: found)


def chosen(parent=None, **given):
    return choose_format(given, "homebrew", "mel", MANIFEST, PLUGINS, parent)


def test_without_a_wish_the_format_fits_the_data_and_is_not_the_papers():
    assert chosen() == ClipFormat(16_000, 4.5, "rms", "reflect")


@pytest.mark.parametrize(
    "wish", [{"seconds": 2.618}, {"sample_rate": 24_414}, {"level": "keep"}, {"padding": "zeros"}]
)
def test_each_part_can_be_asked_for(wish):
    assert chosen(**wish) == replace(chosen(), **wish)
    assert chosen(PARENT, **wish) == replace(PARENT, **wish)


def test_a_warm_start_has_the_format_of_its_parent():
    assert chosen(PARENT) == PARENT


def test_a_required_rate_is_the_default_and_comes_before_the_parents(needing):
    assert chosen().sample_rate == 12_000
    assert chosen(PARENT) == replace(PARENT, sample_rate=12_000)
    assert chosen(sample_rate=12_000).sample_rate == 12_000


def test_a_front_end_that_requires_a_rate_refuses_another(needing):
    with pytest.raises(UsageError) as failure:
        chosen(sample_rate=16_000)
    assert failure.value.facts == {"front_end": "mel", "required": 12_000, "sample_rate": 16_000}


def test_networks_that_leave_padding_out_have_zeros_and_all_others_reflections(monkeypatch):
    backbone = SimpleNamespace(takes_lengths=True)
    monkeypatch.setattr(PLUGINS.backbones, "get", lambda name: backbone)
    assert choose_format({}, "x", "mel", MANIFEST, PLUGINS).padding == "zeros"
    backbone.takes_lengths = False
    assert choose_format({}, "x", "mel", MANIFEST, PLUGINS).padding == "reflect"


def test_the_explanation_counts_cut_recordings_and_gives_the_source_of_each_part():
    options = StudyOptions.model_construct(sample_rate=22_050)
    plan = SimpleNamespace(
        backbone="homebrew", front_end="mel", clip_format=ClipFormat(22_050, 2.0, "rms", "zeros")
    )
    text = explain_format(plan, options, MANIFEST, PLUGINS)
    assert text.count("from --sample-rate") == 1
    assert text.count("from the entry with the initial weights") == 2
    assert "12 of 20" in text  # recordings of 0.25 s to 5 s in steps of 0.25 s


@pytest.mark.parametrize(("quarters", "cut"), [(range(1, 21), 2), (range(30, 50), 9)])
def test_the_default_length_is_explained_by_recordings_or_by_its_upper_bound(quarters, cut):
    manifest = Manifest(
        utterances=[SimpleNamespace(sample_rate=8000, frames=2000 * number) for number in quarters]
    )
    plan = SimpleNamespace(
        backbone="homebrew",
        front_end="mel",
        clip_format=choose_format({}, "homebrew", "mel", manifest, PLUGINS),
    )
    text = explain_format(plan, StudyOptions.model_construct(), manifest, PLUGINS)
    assert f"{cut} of 20" in text
    assert ("at most one recording in ten" in text) == (cut <= 2)
    assert ("default, which is at most 10 s" in text) == (cut > 2)
