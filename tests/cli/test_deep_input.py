"""Files that are nested too deep, or hold numbers and cells that are too long."""

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")

DIGITS = "9" * 5000

STUDIES = {
    "arrays in arrays": "seed = " + "[" * 5000,
    "tables in tables": "search = " + "{a=" * 5000,
    "a key of many parts": "a." * 100_000 + "a = 1",
    "a whole number": f"seed = {DIGITS}",
    "a hexadecimal number": f"seed = 0x{DIGITS}",
    "an entry": f'weights = "entry:{DIGITS}"',
    "a protocol": f'protocol = "speaker-{DIGITS}"',
    "outer folds": f'protocol = "speaker-5:nested-{DIGITS}"',
    "a protocol's seed": f'protocol = "speaker-5@{DIGITS}"',
}


@pytest.mark.parametrize("text", STUDIES.values(), ids=STUDIES)
def test_a_study_file(run, finished, text, tmp_path):
    (tmp_path / "study.toml").write_text(f'backbone = "homebrew"\ndataset = "tiny"\n{text}\n')
    error_of(run("study", "run", "--study", "study.toml", "--db", finished.db), 2)


FOLDS = {
    "arrays in arrays": ("folds.jsonl", "[" * 50_000),
    "a fold": ("folds.jsonl", f'{{"path": "a.wav", "fold": {DIGITS}}}'),
    "a fold of fewer digits": ("folds.jsonl", f'{{"path": "a.wav", "fold": {DIGITS[:4000]}}}'),
    "a cell": ("folds.csv", f"path,fold\n{'a' * 200_000},1\n"),
    "a header": ("folds.csv", f"path,fold,{'a' * 200_000}\n"),
}


@pytest.mark.parametrize(("name", "text"), FOLDS.values(), ids=FOLDS)
def test_a_list_of_folds(run, finished, name, text, tmp_path):
    (tmp_path / name).write_text(text)
    command = ("protocol", "clips", f"folds:{name}", "--dataset", "tiny")
    error_of(run(*command, "--db", finished.db), 2)


@pytest.mark.parametrize("text", ["path,{}\n", "path,emotion,speaker,{}\na.wav,anger,1,x\n"])
def test_a_corpus_table(run, text, tmp_path):
    (tmp_path / "table.csv").write_text(text.format("a" * 200_000))
    error_of(run("corpus", "scan", "table.csv", "--dataset", "x"), 1)


@pytest.mark.parametrize("fold", [DIGITS, "0", "00"], ids=len)
def test_a_fold_of_a_prediction(run, finished, fold, tmp_path):
    emotions = "sadness,anger,disgust,fear,happiness,neutral"
    name = next(finished.corpus.rglob("*.wav")).name
    (tmp_path / "p.csv").write_text(f"path,fold,{emotions}\n{name},{fold},1,2,3,4,5,6\n")
    arguments = ("--name", "x", "--dataset", "tiny", "--protocol", "speaker-2")
    error_of(run("leaderboard", "import", "p.csv", *arguments, "--db", finished.db), 1)


def test_an_exclusion_list(run, tiny_corpus, tmp_path):
    (tmp_path / "list.csv").write_text(f"path,reason\n{'a' * 200_000},cough\n")
    scan = ("corpus", "scan", tiny_corpus, "--dataset", "x", "--exclude", "list.csv")
    error_of(run(*scan), 2)
