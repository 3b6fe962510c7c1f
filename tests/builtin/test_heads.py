"""Built-in heads, compared with scikit-learn and with their formulas in NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from serbench.builtin import logistic_head
from serbench.builtin.attention_head import AttentionHead
from serbench.builtin.logistic_head import LogisticHead
from serbench.builtin.mlp_head import MlpHead
from serbench.builtin.svm_head import SvmHead
from serbench.model.head import HeadContext, arrays_of
from serbench.model.readout import pool

WIDTH, N_CLIPS = 12, 120


def features(n_classes, seed=0):
    """Overlapping clouds with features of very different size ``[n, WIDTH]``, and codes ``[n]``."""
    random = np.random.default_rng(seed)
    targets = np.arange(N_CLIPS) % n_classes
    clouds = np.eye(n_classes, WIDTH)[targets] + 0.9 * random.standard_normal((N_CLIPS, WIDTH))
    clouds = clouds * np.logspace(-3, 3, WIDTH) + np.linspace(-2, 50, WIDTH)
    kept = targets < n_classes - random.integers(0, 2, N_CLIPS)  # fewer clips of the last class
    return clouds[kept].astype(np.float32), targets[kept]


def context(n_classes, n_clips, n_speakers=6, **parameters):
    return HeadContext(n_classes, np.arange(n_clips) * n_speakers // n_clips, 0, parameters)


def logits_of(module, vectors):
    with torch.inference_mode():
        return module.eval()(torch.from_numpy(vectors)).double().numpy()


@pytest.mark.parametrize("c", [1e-4, 0.003, 1.0])
def test_logistic_has_the_logits_of_scikit_learn(c):
    vectors, targets = features(4)
    layer = LogisticHead().fit(vectors, targets, context(4, len(targets), C=c))
    regression = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=10_000)
    expected = make_pipeline(StandardScaler(), regression).fit(vectors.astype(float), targets)
    new, _ = features(4, seed=1)
    found = logits_of(layer, new)
    np.testing.assert_allclose(found, expected.decision_function(new), rtol=0.01, atol=0.01)
    assert layer.weight.dtype == torch.float32
    assert set(arrays_of(layer)) == {"weight", "bias"}


def test_logistic_has_the_probabilities_of_scikit_learn_for_two_emotions():
    vectors, targets = features(2)
    layer = LogisticHead().fit(vectors, targets, context(2, len(targets), C=0.1))
    regression = LogisticRegression(C=0.1, class_weight="balanced", tol=1e-8)
    expected = make_pipeline(StandardScaler(), regression).fit(vectors.astype(float), targets)
    found = softmax(logits_of(layer, vectors), axis=1)
    np.testing.assert_allclose(found, expected.predict_proba(vectors), atol=0.002)


def test_logistic_starts_with_a_strong_penalty():
    vectors, targets = features(3)
    default, weak = (
        arrays_of(LogisticHead().fit(vectors, targets, context(3, len(targets), **parameters)))
        for parameters in ({}, {"C": 0.01})
    )
    same = arrays_of(LogisticHead().fit(vectors, targets, context(3, len(targets), C=0.003)))
    assert np.array_equal(default["weight"], same["weight"])
    assert np.linalg.norm(default["weight"]) < np.linalg.norm(weak["weight"])


@pytest.mark.parametrize("head", [LogisticHead(), SvmHead()])
def test_equal_copies_of_the_clips_do_not_weaken_the_penalty(head):
    vectors, targets = features(3)
    alone = head.fit(vectors, targets, context(3, len(targets)))
    copied = replace(
        context(3, len(targets)),
        speakers=np.tile(context(3, len(targets)).speakers, 3),
        copies=3,
    )
    tripled = head.fit(np.tile(vectors, (3, 1)), np.tile(targets, 3), copied)
    new, _ = features(3, seed=1)
    expected = logits_of(alone, new)
    found = logits_of(tripled, new)
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=0.03 * np.abs(expected).max())


def test_no_warning_reaches_the_user_where_iterations_end(monkeypatch, recwarn):
    monkeypatch.setattr(logistic_head, "MAX_ITERATIONS", 1)
    vectors, targets = features(3)
    LogisticHead().fit(vectors, targets, context(3, len(targets), C=10.0))
    assert not recwarn.list


def machine(vectors, targets, c, gamma):
    svc = SVC(
        C=c, gamma=gamma / WIDTH, class_weight="balanced", decision_function_shape="ovo", tol=1e-5
    )
    return make_pipeline(StandardScaler(), svc).fit(vectors.astype(float), targets)


def sums(decisions, n_classes):
    """For each emotion the sum of the decision values of its pairs ``[n, n_classes]``."""
    values, pair = np.zeros((len(decisions), n_classes)), 0
    for first in range(n_classes):
        for second in range(first + 1, n_classes):
            values[:, first] += decisions[:, pair]
            values[:, second] -= decisions[:, pair]
            pair += 1
    return values


@pytest.mark.parametrize("n_classes", [3, 5])
@pytest.mark.parametrize(("c", "gamma"), [(1.0, 1.0), (10.0, 0.1), (0.5, 2.0)])
def test_svm_has_the_decision_values_of_scikit_learn(n_classes, c, gamma):
    vectors, targets = features(n_classes)
    own = context(n_classes, len(targets), C=c, gamma=gamma)
    fitted = SvmHead().fit(vectors, targets, own)
    expected = machine(vectors, targets, c, gamma)
    new, _ = features(n_classes, seed=1)
    with torch.inference_mode():
        decisions = fitted.decisions(torch.from_numpy(new)).numpy()
    theirs = expected.decision_function(new)
    np.testing.assert_allclose(decisions, theirs, atol=0.01)
    values = sums(decisions, n_classes)
    np.testing.assert_allclose(
        logits_of(fitted, new), values / float(fitted.temperature), rtol=1e-3, atol=1e-4
    )
    ordered = np.sort(values, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 0.02
    predicted = logits_of(fitted, new).argmax(axis=1)
    assert clear.sum() > 50
    assert np.array_equal(predicted[clear], sums(theirs, n_classes).argmax(axis=1)[clear])


def test_svm_predicts_as_scikit_learn_for_two_emotions():
    vectors, targets = features(2)
    fitted = SvmHead().fit(vectors, targets, context(2, len(targets)))
    theirs = machine(vectors, targets, 1.0, 1.0).decision_function(vectors)
    with torch.inference_mode():
        decisions = fitted.decisions(torch.from_numpy(vectors)).numpy()[:, 0]
    np.testing.assert_allclose(-decisions, theirs, atol=0.01)
    difference = logits_of(fitted, vectors) @ [-1, 1]
    np.testing.assert_allclose(
        difference, 2 * theirs / float(fitted.temperature), rtol=0.01, atol=0.05
    )


def test_the_temperature_has_the_smallest_log_loss_on_speakers_left_out():
    n_classes = 4
    vectors, targets = features(n_classes)
    own = context(n_classes, len(targets), n_speakers=7)
    values = np.zeros((len(targets), n_classes))
    for kept, left in GroupKFold(5).split(vectors, targets, own.speakers):
        theirs = machine(vectors[kept], targets[kept], 1.0, 1.0)
        values[left] = sums(theirs.decision_function(vectors[left]), n_classes)
    temperatures = np.logspace(-1.5, 1.5, 400)
    losses = [
        -log_softmax(values / each, axis=1)[np.arange(len(targets)), targets].mean()
        for each in temperatures
    ]
    best = temperatures[np.argmin(losses)]
    assert 0.1 < best < 10
    temperature = float(SvmHead().fit(vectors, targets, own).temperature)
    assert temperature == pytest.approx(best, rel=0.02)


def test_svm_probabilities_of_noise_are_those_of_chance():
    """Where features have no information, the temperature makes all probabilities similar."""
    random = np.random.default_rng(0)
    vectors = random.standard_normal((N_CLIPS, WIDTH)).astype(np.float32)
    fitted = SvmHead().fit(vectors, np.arange(N_CLIPS) % 4, context(4, N_CLIPS, n_speakers=5))
    new = random.standard_normal((50, WIDTH)).astype(np.float32)
    assert softmax(logits_of(fitted, new), axis=1).max() < 0.4


@pytest.mark.parametrize("n_support", [1, 37, 500])
def test_svm_is_restored_with_any_number_of_support_vectors(n_support):
    arrays = arrays_of(SvmHead().module(WIDTH, 3, None, {}))
    arrays["support"] = arrays["support"][:n_support]
    arrays["dual"] = arrays["dual"][:, :n_support]
    assert len(SvmHead().restored(WIDTH, 3, arrays).support) == n_support


def test_attention_is_the_weighted_mean_and_deviation_of_the_frames():
    torch.manual_seed(0)
    module = AttentionHead().module(WIDTH, 3, None, {})
    torch.nn.init.normal_(module.query)
    frames, lengths = torch.randn(2, 7, WIDTH), torch.tensor([4, 7])
    with torch.inference_mode():
        logits = module(frames, lengths).numpy()
    weight, bias = module.output.weight.detach().numpy(), module.output.bias.detach().numpy()
    for clip, length, found in zip(frames.numpy(), lengths.tolist(), logits, strict=True):
        own = clip[:length]
        shares = softmax(own @ module.query.detach().numpy())
        mean = np.average(own, axis=0, weights=shares)
        deviation = np.sqrt(np.average((own - mean) ** 2, axis=0, weights=shares))
        expected = weight @ np.concatenate([mean, deviation]) + bias
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_attention_is_initially_mean_and_deviation_pooling():
    module = AttentionHead().module(WIDTH, 3, None, {})
    frames, lengths = torch.randn(2, 7, WIDTH), torch.tensor([4, 7])
    expected = module.output(pool(frames, lengths, "mean+std"))
    torch.testing.assert_close(module(frames, lengths), expected)


def test_infinite_padding_does_not_reach_the_logits_or_gradients_of_attention():
    module = AttentionHead().module(WIDTH, 3, None, {})
    frames = torch.randn(1, 5, WIDTH)
    frames[0, 3:] = torch.inf
    module(frames, torch.tensor([3])).sum().backward()
    assert all(each.grad.isfinite().all() for each in module.parameters())


@pytest.mark.parametrize(("asked", "units"), [(16.4, 16), (100.5, 100), (511.7, 512)])
def test_the_hidden_units_of_mlp_are_rounded_and_found_in_its_arrays(asked, units):
    module = MlpHead().module(WIDTH, 3, None, {"hidden": asked})
    assert module.hidden.out_features == units
    assert MlpHead().restored(WIDTH, 3, arrays_of(module)).hidden.out_features == units


def test_dropout_of_mlp_acts_in_training_only():
    module = MlpHead().module(WIDTH, 3, None, {"dropout": 0.5})
    vectors = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(module(vectors), module(vectors))
    module.eval()
    assert torch.equal(module(vectors), module(vectors))
    without = MlpHead().module(WIDTH, 3, None, {"dropout": 0.0})
    assert torch.equal(without(vectors), without(vectors))
