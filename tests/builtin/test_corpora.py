"""What each corpus reads from a file name."""

from pathlib import Path

import pytest

from serbench.builtin.crema_d import CREMA_D
from serbench.builtin.demo import DEMO
from serbench.builtin.emodb import EMODB
from serbench.builtin.emovo import EMOVO
from serbench.builtin.iemocap import IEMOCAP
from serbench.builtin.ravdess import RAVDESS
from serbench.builtin.savee import SAVEE
from serbench.builtin.tess import TESS
from serbench.data.emotions import EMOTIONS, SHARED_EMOTIONS
from serbench.errors import DatasetError

SHARED = Path(__file__).parents[3] / "shared" / "corpora"
CORPORA = [RAVDESS, CREMA_D, SAVEE, TESS, EMODB, EMOVO, IEMOCAP, DEMO]

# corpus, path, speaker, emotion, label, sex, sentence
GOLDEN = [
    (RAVDESS, "Actor_01/03-01-01-01-01-01-01.wav", "01", "neutral", "01", "male", "01"),
    (RAVDESS, "Actor_02/03-01-02-02-02-01-02.flac", "02", "calm", "02", "female", "02"),
    (RAVDESS, "03-01-03-01-01-01-03.wav", "03", "happiness", "03", "male", "01"),
    (RAVDESS, "03-01-04-01-01-01-24.wav", "24", "sadness", "04", "female", "01"),
    (RAVDESS, "03-01-05-01-01-01-12.wav", "12", "anger", "05", "female", "01"),
    (RAVDESS, "03-01-06-01-02-01-12.wav", "12", "fear", "06", "female", "02"),
    (RAVDESS, "03-01-07-01-01-01-12.wav", "12", "disgust", "07", "female", "01"),
    (RAVDESS, "03-01-08-01-01-02-11.WAV", "11", "surprise", "08", "male", "01"),
    (CREMA_D, "AudioWAV/1001_DFA_ANG_XX.wav", "1001", "anger", "ang", "male", "DFA"),
    (CREMA_D, "AudioWAV/1091_WSI_DIS_XX.wav", "1091", "disgust", "dis", "female", "WSI"),
    (CREMA_D, "1002_IEO_FEA_LO.wav", "1002", "fear", "fea", "female", "IEO"),
    (CREMA_D, "1050_IEO_HAP_HI.wav", "1050", "happiness", "hap", "male", "IEO"),
    (CREMA_D, "1089_IEO_NEU_MD.wav", "1089", "neutral", "neu", "female", "IEO"),
    (CREMA_D, "1040_ITH_SAD_X.wav", "1040", "sadness", "sad", "male", "ITH"),
    (SAVEE, "ALL/DC_a01.wav", "DC", "anger", "a", "male", "a01"),
    (SAVEE, "AudioData/DC/d15.wav", "DC", "disgust", "d", "male", "d15"),
    (SAVEE, "AudioData/JE/f02.wav", "JE", "fear", "f", "male", "f02"),
    (SAVEE, "JK_h03.wav", "JK", "happiness", "h", "male", "h03"),
    (SAVEE, "KL_n30.wav", "KL", "neutral", "n", "male", "n30"),
    (SAVEE, "KL/sa04.wav", "KL", "sadness", "sa", "male", "sa04"),
    (SAVEE, "kl_su05.wav", "KL", "surprise", "su", "male", "su05"),
    (TESS, "OAF_angry/OAF_back_angry.wav", "OAF", "anger", "angry", "female", "back"),
    (TESS, "YAF_disgust/YAF_bar_disgust.wav", "YAF", "disgust", "disgust", "female", "bar"),
    (TESS, "YAF_bar_fear.wav", "YAF", "fear", "fear", "female", "bar"),
    (TESS, "YAF_bar_happy.wav", "YAF", "happiness", "happy", "female", "bar"),
    (TESS, "OAF_neutral/OA_bite_neutral.wav", "OAF", "neutral", "neutral", "female", "bite"),
    (TESS, "YAF_bar_sad.wav", "YAF", "sadness", "sad", "female", "bar"),
    (TESS, "OAF_bar_ps.wav", "OAF", "surprise", "ps", "female", "bar"),
    (
        TESS,
        "OAF_bar_pleasant_surprised.wav",
        "OAF",
        "surprise",
        "pleasant_surprised",
        "female",
        "bar",
    ),
    (EMODB, "wav/03a01Fa.wav", "03", "happiness", "f", "male", "a01"),
    (EMODB, "08b10Wb.wav", "08", "anger", "w", "female", "b10"),
    (EMODB, "09a02La.wav", "09", "boredom", "l", "female", "a02"),
    (EMODB, "14a04Ed.wav", "14", "disgust", "e", "female", "a04"),
    (EMODB, "15a05Aa.wav", "15", "fear", "a", "male", "a05"),
    (EMODB, "16a07Td.wav", "16", "sadness", "t", "female", "a07"),
    (EMODB, "12b01N.wav", "12", "neutral", "n", "male", "b01"),
    (EMOVO, "f1/dis-f1-b1.wav", "f1", "disgust", "dis", "female", "b1"),
    (EMOVO, "gio-f2-l4.wav", "f2", "happiness", "gio", "female", "l4"),
    (EMOVO, "neu-f3-n5.wav", "f3", "neutral", "neu", "female", "n5"),
    (EMOVO, "pau-m1-d2.wav", "m1", "fear", "pau", "male", "d2"),
    (EMOVO, "RAB-M2-B1.wav", "m2", "anger", "rab", "male", "B1"),
    (EMOVO, "sor-m3-b1.wav", "m3", "surprise", "sor", "male", "b1"),
    (EMOVO, "tri-m3-b1.wav", "m3", "sadness", "tri", "male", "b1"),
    (DEMO, "demo_anna_sadness_bus.wav", "anna", "sadness", "sadness", "female", "bus"),
    (DEMO, "demo_hugo_fear_keys.wav", "hugo", "fear", "fear", "male", "keys"),
]


@pytest.mark.parametrize(("corpus", "path", "speaker", "emotion", "label", "sex", "said"), GOLDEN)
def test_a_file_name_gives_speaker_emotion_and_sentence(
    corpus, path, speaker, emotion, label, sex, said
):
    (found,) = corpus.recognise([Path("/somewhere/else") / path])
    assert (found.speaker, found.emotion, found.label) == (speaker, emotion, label)
    assert (found.sex, found.sentence, found.excluded) == (sex, said, None)


@pytest.mark.parametrize(
    ("corpus", "path"),
    [
        (RAVDESS, "03-01-09-01-01-01-01.wav"),
        (RAVDESS, "03-01-01-01-01-01-25.wav"),
        (RAVDESS, "03-01-01-01-01-01-00.wav"),
        (RAVDESS, "03-01-01-01-01-01.wav"),
        (RAVDESS, "copy of 03-01-01-01-01-01-01.wav"),
        (CREMA_D, "1000_DFA_ANG_XX.wav"),
        (CREMA_D, "1092_DFA_ANG_XX.wav"),
        (CREMA_D, "1001_DFA_CAL_XX.wav"),
        (SAVEE, "XX_a01.wav"),
        (SAVEE, "a01.wav"),
        (SAVEE, "DC/x01.wav"),
        (TESS, "OAF_back_bored.wav"),
        (TESS, "XAF_back_sad.wav"),
        (EMODB, "04a01Fa.wav"),
        (EMODB, "03a01Xa.wav"),
        (EMODB, "03c01Fa.wav"),
        (EMOVO, "dis-f4-b1.wav"),
        (EMOVO, "abc-f1-b1.wav"),
        (IEMOCAP, "Ses01F_impro01.wav"),
        (IEMOCAP, "Ses06F_impro01_F000.wav"),
        (DEMO, "demo_zoe_fear_keys.wav"),
        (DEMO, "demo_anna_calm_keys.wav"),
    ],
)
def test_a_similar_file_name_is_not_recognised(corpus, path):
    assert list(corpus.recognise([Path(path)])) == []


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.name)
def test_the_resource_forks_of_macos_are_ignored(corpus):
    paths = [Path(path) for owner, path, *_ in GOLDEN if owner is corpus]
    paths += [Path("Ses01F_impro01_F000.wav")]
    forks = [path.with_name(f"._{path.name}") for path in paths]
    assert list(corpus.recognise(paths))
    assert list(corpus.recognise(forks)) == []


def test_no_name_is_claimed_by_two_corpora():
    paths = [*(path for _, path, *_ in GOLDEN), "Session1/Ses01F_impro01_F000.wav"]
    for path in map(Path, paths):
        assert len([corpus for corpus in CORPORA if list(corpus.recognise([path]))]) == 1, path


def test_songs_and_sound_tracks_of_ravdess_are_excluded_with_the_reason():
    song, track = RAVDESS.recognise(
        [Path("03-02-01-01-01-01-01.wav"), Path("01-01-01-01-01-01-01.wav")]
    )
    assert song.excluded == "song, not speech"
    assert track.excluded == "not an audio-only recording"


def test_the_mp3_copies_of_crema_d_are_excluded_with_the_reason():
    (copy,) = CREMA_D.recognise([Path("AudioMP3/1001_DFA_ANG_XX.mp3")])
    assert copy.excluded == "MP3 copy of a clip in AudioWAV"


def test_crema_d_has_as_many_women_and_men_as_in_its_paper():
    sexes = list(CREMA_D.sexes.values())
    assert (sexes.count("female"), sexes.count("male")) == (43, 48)


def test_the_twins_of_crema_d_name_each_other():
    twins = CREMA_D.known_conflicts
    assert len(twins) == 6
    assert all(twins[twins[stem]] == stem for stem in twins)
    assert twins["1006_TIE_NEU_XX"] == "1006_TIE_HAP_XX"
    assert twins["1013_WSI_DIS_XX"] == "1013_WSI_SAD_XX"
    assert twins["1017_IWW_ANG_XX"] == "1017_IWW_FEA_XX"


def test_the_twins_of_crema_d_are_names_of_crema_d_by_one_actor():
    for stem, twin in CREMA_D.known_conflicts.items():
        one, other = CREMA_D.recognise([Path(f"{stem}.wav"), Path(f"{twin}.wav")])
        assert one.speaker == other.speaker
        assert one.emotion != other.emotion


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.name)
def test_every_label_is_a_canonical_emotion(corpus):
    assert set(corpus.emotions.values()) <= set(EMOTIONS)
    assert corpus.title
    assert corpus.licence
    assert corpus.home


@pytest.mark.parametrize(
    "corpus", [corpus for corpus in CORPORA if corpus is not DEMO], ids=lambda corpus: corpus.name
)
def test_a_published_corpus_names_its_source(corpus, tmp_path):
    with pytest.raises(DatasetError) as refusal:
        corpus.fetch(tmp_path)
    assert corpus.home in str(refusal.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the development corpora are not here")
@pytest.mark.parametrize(
    ("corpus", "recordings", "emotions", "in_six", "speakers"),
    [(RAVDESS, 960, 8, 704, 16), (TESS, 1400, 7, 1200, 2), (CREMA_D, 1002, 3, 1002, 39)],
    ids=["ravdess", "tess", "crema-d"],
)
def test_real_folders_hold_what_they_are_said_to_hold(
    corpus, recordings, emotions, in_six, speakers
):
    files = sorted(path for path in SHARED.rglob("*") if path.is_file())
    found = list(corpus.recognise(files))
    assert len(found) == recordings
    assert len({each.emotion for each in found}) == emotions
    assert len([each for each in found if each.emotion in SHARED_EMOTIONS]) == in_six
    assert len({each.speaker for each in found}) == speakers
    assert all(each.sex for each in found)
