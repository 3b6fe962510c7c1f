"""Encoders, features, masks and pooling give the documented results."""

import pytest
import torch
import torchaudio
from serbench_speech_ssl.encoders import encode
from serbench_speech_ssl.heads import AttentionPooling, ChannelWeighting, SpanMasks
from serbench_speech_ssl.masking import maximum_over_time, mean_over_time, padding_of, run_lstm
from serbench_speech_ssl.networks import CepstralFrames
from serbench_speech_ssl.recogniser import RecogniserFeatures, transcribe
from serbench_speech_ssl.waveform import INPUT, Waveform
from tiny_backbones import HEADS, TINY_ENCODER, TINY_RECOGNISER, TINY_WAVLM, clips
from torch import nn

from serbench.data.clips import ClipFormat

LENGTHS = torch.tensor([5, 8])
PADDING = padding_of(LENGTHS, 8)


def frames(seed=0, width=6):
    return torch.randn(2, 8, width, generator=torch.Generator().manual_seed(seed))


def test_the_front_end_does_not_change_the_waveform():
    waveform = clips(3)[:, 0, 0]
    front_end = Waveform()
    image = front_end.build(ClipFormat(16000, 1.0), INPUT)(waveform)
    assert front_end.sample_rate == 16000
    assert torch.equal(image, waveform.view(3, 1, 1, -1))
    assert INPUT.width == ClipFormat(16000, 3.0).samples


@pytest.mark.parametrize("size", [TINY_ENCODER, TINY_WAVLM], ids=["wav2vec", "wavlm"])
def test_the_encoder_gives_the_frames_of_torchaudio_at_every_layer(size):
    torch.manual_seed(0)
    encoder = size.build().eval()
    waveform = clips(3)[:, 0, 0]
    with torch.inference_mode():
        ours, lengths = encode(encoder, waveform)
        theirs, _ = encoder.extract_features(waveform)
        fewer, _ = encode(encoder, waveform, n_layers=2)
    assert lengths is None
    assert len(ours) == len(theirs) == 4
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(fewer, ours[:2], strict=True))


def test_wav2vec_and_cepstral_frames_have_the_same_number():
    encoder = TINY_ENCODER.build()
    cepstrum = CepstralFrames()
    for real in (400, 719, 720, 5001, 16000):
        lengths = torch.tensor([16000, real])
        waveform = clips()[:, 0, 0]
        assert torch.equal(cepstrum(waveform, lengths)[1], encode(encoder, waveform, lengths)[1])


def test_the_recognisers_features_equal_torchaudios():
    """They equal those of the pipeline, except for last frames that do not fill an encoder
    frame."""
    from torchaudio.pipelines.rnnt_pipeline import _gain, _piecewise_linear_log

    bundle = torchaudio.pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH
    features = RecogniserFeatures()
    waveform = clips(1)[0, 0]
    mel = torchaudio.transforms.MelSpectrogram(
        bundle.sample_rate, n_fft=bundle.n_fft, n_mels=bundle.n_mels, hop_length=bundle.hop_length
    )
    energy = _piecewise_linear_log(mel(waveform).transpose(1, 2) * _gain)
    theirs = (energy - features.mean) * features.invstddev
    ours, _ = features(waveform, None)
    assert ours.shape == (1, 100, 80)  # of 101
    torch.testing.assert_close(ours, theirs[:, :100])


@pytest.mark.parametrize("n_frames", [4, 16, 20, 300])
def test_the_recogniser_gives_the_frames_of_torchaudio(n_frames):
    """Also for segments that end before their last frame, and with padding."""
    torch.manual_seed(0)
    encoder = TINY_RECOGNISER.build().eval()
    lengths = torch.tensor([n_frames, (n_frames + 4) // 8 * 4])
    features = torch.randn(2, n_frames, 80)
    features[1, lengths[1] :] = 0
    future = torch.cat([features, torch.zeros(2, 4, 80)], dim=1)
    with torch.inference_mode():
        theirs, theirs_lengths = encoder(future, lengths)
        ours, ours_lengths = transcribe(encoder, features, lengths)
        alone, _ = transcribe(encoder, features[:1], None)
    assert torch.equal(ours_lengths, theirs_lengths)
    torch.testing.assert_close(alone, theirs[:1], rtol=1e-5, atol=2e-6)
    for own, other, length in zip(ours, theirs, ours_lengths, strict=True):
        torch.testing.assert_close(own[:length], other[:length], rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("samples", [480, 5001, 16000])
def test_the_recognisers_features_of_a_padded_clip_are_those_of_the_clip_alone(samples):
    features = RecogniserFeatures()
    waveform = clips(2)[:, 0, 0]
    together, lengths = features(waveform, torch.tensor([16000, samples]))
    alone, _ = features(waveform[1:, :samples], None)
    assert lengths.tolist() == [100, alone.shape[1]]
    torch.testing.assert_close(together[1:, : lengths[1]], alone)
    assert not together[1, lengths[1] :].any()


def test_means_and_maxima_ignore_padding():
    values = frames()
    expected = torch.stack([values[0, :5].mean(0), values[1].mean(0)])
    torch.testing.assert_close(mean_over_time(values, PADDING), expected)
    expected = torch.stack([values[0, :5].amax(0), values[1].amax(0)])
    assert torch.equal(maximum_over_time(values, PADDING), expected)


def test_the_backward_lstm_starts_at_the_last_frame_before_the_padding():
    torch.manual_seed(0)
    lstm = nn.LSTM(6, 4, batch_first=True, bidirectional=True)
    values = frames()
    together = run_lstm(lstm, values, LENGTHS)
    torch.testing.assert_close(together[0, :5], lstm(values[:1, :5])[0][0])
    assert not together[0, 5:].any()


def test_attention_sums_to_one_and_is_zero_for_padding():
    torch.manual_seed(0)
    weights = AttentionPooling(6, heads=3, hidden=4).weights(frames(), PADDING)
    assert weights.shape == (2, 3, 8)
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 3))
    assert not weights[0, :, 5:].any()
    assert (weights[0, :, :5] > 0).all()


def test_channel_weights_are_equal_in_all_frames_and_at_most_one():
    torch.manual_seed(0)
    values = frames(width=8)
    weights = ChannelWeighting(8, reduction=2)(values, PADDING) / values
    torch.testing.assert_close(weights, weights[:, :1].expand_as(weights))
    assert (weights > 0).all()
    assert (weights < 1).all()
    assert weights[0, 0].std() > 0


def test_both_pooling_streams_change_the_output():
    torch.manual_seed(0)
    weighting = ChannelWeighting(8, reduction=1)
    values = frames(width=8)
    peaked = values.clone()
    peaked[:, 0, 0] += 3
    peaked[:, 1, 0] -= 3  # the mean does not change
    before, after = (weighting(each, None) / each for each in (values, peaked))
    assert not torch.allclose(before, after, atol=1e-4)


def test_masks_are_drawn_in_training_only_and_from_torchs_seed():
    masks = SpanMasks()
    ones = torch.ones(3, 50, 6)
    assert masks.eval()(ones) is ones
    masks.train()
    torch.manual_seed(1)
    first = masks(ones)
    torch.manual_seed(1)
    assert torch.equal(masks(ones), first)
    assert not torch.equal(masks(ones), first)
    assert not torch.equal(first[0], first[1])
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(ones, torch.ones(3, 50, 6))


def test_masks_cover_whole_frames_and_do_not_exceed_their_widths():
    torch.manual_seed(0)
    masked = SpanMasks().train()(torch.ones(200, 50, 6)) == 0
    assert torch.equal(masked.all(dim=2), masked.any(dim=2))
    spans = masked.all(dim=2).sum(1)
    assert 10 < spans.max() <= 2 * 10


def test_the_head_of_liu2023_reads_wav2vecs_frames_and_the_mfccs():
    """The mean of the former, an LSTM over the latter; either one changes the logits."""
    torch.manual_seed(0)
    module = HEADS["liu2023"].module(32 + 40, 4, None, {}).eval()
    both = torch.randn(2, 9, 72)
    speech, cepstrum, order = both.clone(), both.clone(), both.clone()
    speech[:, 3, :32] += 1
    cepstrum[:, 3, 32:] += 1
    order[:, :, :32] = both[:, :, :32].flip(1)
    with torch.inference_mode():
        logits = module(both)
        torch.testing.assert_close(module(order), logits)
        assert not any(torch.allclose(module(each), logits) for each in (speech, cepstrum))
