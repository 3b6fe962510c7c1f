"""Export of entries: which runtime makes the file, and when none is written."""

import builtins
import os
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from serbench.deploy.model_file import open_model
from serbench.errors import (
    AudioError,
    ExportError,
    MissingPackageError,
    StorageError,
    UsageError,
    WeightsError,
)
from serbench.plugins import Plugins
from serbench.run import export, runtimes
from serbench.run.export import Exporter, fastest
from serbench.run.output_files import require_places, require_replaceable, write_output
from serbench.run.predict import file_predictor, predictor_of
from serbench.store.variants import Variants

pytest.importorskip("onnxruntime")

SEEN = {"dataset": "tiny", "protocol_id": "speaker-2#1", "evidence": "holdout"}


class Clock:
    """A clock that only networks advance, so that other programs do not decide which is faster."""

    now = 0.0

    def perf_counter(self):
        return self.now


CLOCK = Clock()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    monkeypatch.setattr(export, "time", CLOCK)


@dataclass
class Exact:
    """A runtime that gives PyTorch's logits, changed by ``wrong``, and a file that was made before.

    Attributes:
        data: the file.
        delay: seconds of one answer.
        wrong: what is added to the logit of the first emotion.
        fails: whether it cannot convert any network.
    """

    data: bytes
    name: str = "exact"
    precision: str = "fp32"
    changes_logits: bool = False
    makes_files: bool = True
    delay: float = 0.0
    wrong: float = 0.0
    fails: bool = False
    missing: bool = False

    @property
    def identity(self):
        if self.missing:
            raise MissingPackageError("it is not installed", package=self.name)
        return {"precision": self.precision, "version": "1"}

    def prepare(self, network, calibration, threads, file=None):
        if self.fails:
            raise ExportError("nothing can be quantised")
        runtime = self

        class Prepared:
            file = runtime.data

            def __call__(self, recording):
                CLOCK.now += runtime.delay
                with torch.inference_mode():
                    logits = network(*recording).logits.numpy().copy()
                logits[:, 0] += np.float32(runtime.wrong)
                return logits

        return Prepared()


@pytest.fixture(scope="module")
def exported(stored, tmp_path_factory):
    """Entry 2, exported by the built-in runtime ``onnx``."""
    out = tmp_path_factory.mktemp("exported") / "model.onnx"
    steps = []
    exporter = Exporter(Plugins(), stored.workspace, stored.database, steps.append)
    return exporter.export(2, out, "fp32", SEEN), steps


@pytest.fixture
def exporter(planted, exported):
    """``exporter(Exact(...))`` has these runtimes; its ``steps`` are what it printed."""
    data = exported[0].path.read_bytes()

    def with_runtimes(*runtimes):
        plugins, steps = Plugins(), []
        plugins.runtimes = [replace(each, data=data) for each in runtimes]
        made = Exporter(plugins, planted.workspace, planted.database, steps.append)
        made.steps = steps
        return made

    return with_runtimes


def test_the_file_carries_the_facts_of_the_entry(stored, exported):
    made, steps = exported
    facts = made.facts
    assert open_model(made.path).facts == facts
    score = Variants(stored.database).uar(2, "eager")
    assert (facts.uar, facts.uar_ci) == (score.value, score.interval)
    assert (facts.entry, facts.runtime, facts.precision) == (2, "onnx", "fp32")
    assert (facts.sample_rate, facts.samples, facts.level) == (8_000, 3_200, "rms")
    assert facts.emotions == stored.manifest.emotions
    assert (facts.dataset, facts.protocol_id, facts.evidence) == tuple(SEEN.values())
    assert made.megabytes == made.path.stat().st_size / 1e6
    assert 0 <= made.difference < 1e-3
    assert len(steps) == 1


@pytest.mark.parametrize("seconds", [0.03, 0.2, 0.4, 1.0])
def test_recordings_have_the_probabilities_of_the_entry(stored, exported, tmp_path, seconds):
    import soundfile

    sound = np.random.default_rng(0).normal(0, 0.1, (round(16_000 * seconds), 2))
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    eager = predictor_of(2, Plugins(), stored.workspace, stored.database)
    [expected], [found] = (
        each.predict([tmp_path / "a.wav"], keep_silence=True).answers
        for each in (eager, file_predictor(exported[0].path))
    )
    assert len(found.windows) == len(expected.windows)
    assert found.overall.probabilities == pytest.approx(expected.overall.probabilities, abs=1e-4)


def test_logits_of_another_network_are_refused_and_no_file_is_written(exporter, tmp_path):
    with pytest.raises(ExportError) as raised:
        exporter(Exact(b"", wrong=0.5)).export(2, tmp_path / "m.onnx", "fp32", SEEN)
    assert raised.value.facts["entry"] == 2
    assert raised.value.facts["difference"] == pytest.approx(0.5, abs=1e-3)
    assert not (tmp_path / "m.onnx").exists()


def test_a_precision_that_changes_logits_has_scores_of_its_own(exporter, planted, tmp_path):
    runtime = Exact(b"", name="small", precision="int8", changes_logits=True, wrong=50.0)
    made = exporter(Exact(b""), runtime).export(2, tmp_path / "m.onnx", "int8", SEEN)
    assert made.difference == pytest.approx(50, abs=1e-2)
    assert made.facts.precision == "int8"
    variants = Variants(planted.database)
    assert made.facts.uar == variants.uar(2, "small").value == pytest.approx(1 / 6)
    predicted = variants.tally(2, "small").confusion.sum(axis=0)
    assert predicted[0] == predicted.sum() > 0  # always the first emotion
    assert variants.tally(2).confusion.sum(axis=0)[0] < predicted[0]


CHANGED = {"name": "small", "precision": "int8", "changes_logits": True}


@pytest.fixture
def may_replace(monkeypatch):
    """``may_replace(False)`` decides that a precision loses UA; it gives the tallies compared."""
    given = []

    def decide(answer):
        monkeypatch.setattr(export, "may_replace", lambda *both: given.append(both) or answer)
        return given

    return decide


def test_best_is_a_faster_precision_that_keeps_the_ua(exporter, tmp_path, may_replace):
    given = may_replace(True)
    made = exporter(Exact(b"", delay=0.02), Exact(b"", **CHANGED)).export(
        2, tmp_path / "m.onnx", "best", SEEN
    )
    assert made.facts.precision == "int8"
    [(own, eager)] = given
    assert np.array_equal(own.counts, eager.counts)


def test_without_its_recordings_only_what_needs_none_is_exported(
    exporter, planted, tmp_path, monkeypatch
):
    def missing(*_):
        raise AudioError(tmp_path / "a.wav", "missing", "check the path")

    monkeypatch.setattr(runtimes, "prepare_clips", missing)
    made = exporter(Exact(b""), Exact(b"", **CHANGED))
    with pytest.raises(AudioError) as raised:
        made.export(2, tmp_path / "m.onnx", "int8", SEEN)
    assert (raised.value.facts["path"], raised.value.reason) == (tmp_path / "a.wav", "missing")
    assert "entry 2" in str(raised.value)
    assert not (tmp_path / "m.onnx").exists()
    assert made.export(2, tmp_path / "m.onnx", "best", SEEN).facts.precision == "fp32"
    assert ["left out" in step for step in made.steps].count(True) == 1


@pytest.mark.parametrize("reason", ["slower", "loses UA", "fails"])
def test_best_is_fp32_if_the_other_is_slower_or_worse_or_fails(
    exporter, tmp_path, may_replace, reason
):
    may_replace(reason != "loses UA")
    full = Exact(b"", delay=0.0 if reason == "slower" else 0.02)
    small = Exact(
        b"", delay=0.02 if reason == "slower" else 0.0, fails=reason == "fails", **CHANGED
    )
    made = exporter(small, full)
    assert made.export(2, tmp_path / "m.onnx", "best", SEEN).facts.precision == "fp32"
    left_out = [step for step in made.steps if "left out" in step]
    assert len(left_out) == (reason != "slower")


def test_a_precision_that_no_runtime_has_is_a_usage_error(exporter, tmp_path):
    runtimes = Exact(b""), Exact(b"", precision="bf16", makes_files=False)
    for precision in ("fp16", "bf16", ""):
        with pytest.raises(UsageError) as raised:
            exporter(*runtimes).export(2, tmp_path / "m.onnx", precision, SEEN)
        assert raised.value.facts == {"precision": precision}


def test_a_missing_package_is_named_only_if_no_runtime_is_left(exporter, tmp_path):
    missing = Exact(b"", name="absent", missing=True)
    with pytest.raises(MissingPackageError) as raised:
        exporter(missing).export(2, tmp_path / "m.onnx", "fp32", SEEN)
    assert raised.value.facts == {"package": "absent"}
    made = exporter(missing, Exact(b"")).export(2, tmp_path / "m.onnx", "fp32", SEEN)
    assert made.facts.runtime == "exact"


@pytest.mark.parametrize("package", ["onnxruntime", "onnxscript", "onnx"])
def test_without_a_package_of_the_extra_it_is_named(planted, tmp_path, monkeypatch, package):
    original = builtins.__import__

    def importing(name, *arguments, **named):
        if name.partition(".")[0] == package:
            raise ImportError(name, name=name.partition(".")[0])
        return original(name, *arguments, **named)

    made = Exporter(Plugins(), planted.workspace, planted.database, lambda step: None)
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(MissingPackageError) as raised:
        made.export(2, tmp_path / "m.onnx", "fp32", SEEN)
    assert raised.value.facts == {"package": package}


def test_weights_that_are_gone_and_an_unknown_entry_are_refused(exporter, planted, tmp_path):
    with pytest.raises(UsageError):
        exporter(Exact(b"")).export(9, tmp_path / "m.onnx", "fp32", SEEN)
    for path in planted.workspace.artifacts.glob("*"):
        path.unlink()
    with pytest.raises(WeightsError):
        exporter(Exact(b"")).export(2, tmp_path / "m.onnx", "fp32", SEEN)


def test_places_that_cannot_be_written_are_refused_before_the_conversion(tmp_path):
    require_places(tmp_path / "m.onnx", tmp_path / "m.md")
    for paths in ([tmp_path / "m.md"] * 2, [tmp_path / "none" / "m.onnx"]):
        with pytest.raises(UsageError) as raised:
            require_places(*paths)
        assert raised.value.facts == {"path": paths[-1]}
    with pytest.raises(StorageError) as raised:
        write_output(tmp_path, b"")
    assert raised.value.facts == {"path": tmp_path}


def test_only_files_of_an_export_are_replaced(tmp_path):
    card, program = tmp_path / "m.md", tmp_path / "bench.py"
    require_replaceable({card: "serbench", program: "Measure"})
    card.write_text("tags: serbench")
    program.write_text("Measure")
    require_replaceable({card: "serbench", program: "Measure"})
    program.write_bytes(b"\xffprint()")
    with pytest.raises(UsageError) as raised:
        require_replaceable({card: "serbench", program: "Measure"})
    assert raised.value.facts == {"path": program}


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_conversion(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(StorageError) as raised:
        require_places(tmp_path / "m.onnx")
    assert raised.value.facts == {"path": tmp_path / "m.onnx"}


@pytest.mark.parametrize("rate", [-5, 0, 999, 1_000_001, 10**8])
def test_a_rate_that_no_recording_has_is_refused(stored, rate):
    with pytest.raises(UsageError) as raised:
        Exporter(Plugins(), stored.workspace, stored.database, print, rate)
    assert raised.value.facts == {"input_rate": rate}


def test_the_fastest_candidate_is_chosen_by_the_median(stored):
    class Timed:
        def __init__(self, *delays):
            self.delays = list(delays)

        def __call__(self, recording):
            self.delays.append(self.delays.pop(0))
            CLOCK.now += self.delays[-1]

    steady, rarely_slow = ("steady", Timed(0.02)), ("rarely slow", Timed(*[0.0] * 9, 0.02))
    assert fastest([steady, rarely_slow], None) is rarely_slow
    assert fastest([rarely_slow, steady], None) is rarely_slow
    assert fastest([steady], None) is steady
