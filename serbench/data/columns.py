"""The columns of a table that hold the fields of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serbench.data.emotions import label_key
from serbench.errors import UnknownNameError

NEEDED = ("path", "emotion", "speaker")
FIELDS = (*NEEDED, "sex", "sentence")

SYNONYMS = {
    "path": "path, file, filename, file name, filepath, file path, audio, audio path, audio file, "
    "audio filepath, audiopath, audiofile, wav, wav path, wav file, wavfile, wave, clip, "
    "clip path, recording, sound, full path, fullpath, fname, name, Datei, Dateiname, Pfad, "
    "fichier, chemin, archivo, ruta, file audio, percorso, arquivo, caminho, bestand, plik, "
    "ścieżka, dosya, файл, путь, имя файла, 文件, 文件名, 路径, 音频, ファイル, "
    "ファイル名, 파일, 파일명",
    "emotion": "emotion, label, emo, class, target, category, emotion label, emotion class, "
    "emotion name, emotions, labels, emotional state, affect, gold label, majority emotion, "
    "Gefühl, Klasse, émotion, classe, emoción, etiqueta, emozione, emoção, emotie, emocja, "
    "emoc, duygu, эмоция, 情感, 情绪, 感情, 감정",
    "speaker": "speaker, speaker id, speakerid, speaker name, spk, spk id, spkid, spkr, actor, "
    "actor id, actorid, subject, subject id, subjectid, participant, participant id, person, "
    "talker, talker id, user, user id, client id, Sprecher, Sprecherin, Person, locuteur, "
    "hablante, locutor, locutore, parlante, falante, spreker, mówca, konuşmacı, диктор, "
    "说话人, 話者, 화자",
    "sex": "sex, gender, speaker gender, speaker sex, Geschlecht, sexe, sexo, sesso, geslacht, "
    "płeć, cinsiyet, пол",
    "sentence": "sentence, sentence id, text, transcript, transcription, statement, "
    "utterance text, Satz, phrase, frase, zin, zdanie",
}
"""Field → common headers of its column, the most specific first."""

SEX_WORDS = {
    "female": "f, female, w, woman, girl, weiblich, Frau, femme, féminin, mujer, femenino, "
    "femmina, donna, feminino, mulher, vrouw, kobieta, kadın, женский, 女, 女性, 여성",
    "male": "m, male, man, boy, männlich, maennlich, Mann, homme, masculin, hombre, masculino, "
    "maschio, uomo, homem, mężczyzna, erkek, мужской, 男, 男性, 남성",
}

SEXES = {label_key(word): sex for sex, words in SEX_WORDS.items() for word in words.split(",")}

RANKED = {
    field: {label_key(name): rank for rank, name in reversed(list(enumerate(names.split(","))))}
    for field, names in SYNONYMS.items()
}


def sex_of(cell: str) -> str | None:
    """``female`` or ``male``, or None if a cell has neither."""
    return SEXES.get(label_key(cell))


def column_choice(typed: Mapping[str, str]) -> dict[str, str]:
    """The columns of ``--columns``: field → column.

    Raises:
        UnknownNameError: there is no such field.
    """
    choice = {}
    for name, column in typed.items():
        field = next((f for f in FIELDS if label_key(name) in RANKED[f]), None)
        if field is None:
            raise UnknownNameError("field in --columns", name, FIELDS)
        choice[field] = column
    return choice


@dataclass(frozen=True)
class Columns:
    """The columns of the fields of a recording in a table.

    Attributes:
        header: the names of the columns, as written in the table.
        places: field → position in ``header``.
        absent: field → column that was given for it and does not exist.
        headless: True if columns are given by number, so that there is no header line.
    """

    header: tuple[str, ...]
    places: Mapping[str, int]
    absent: Mapping[str, str]
    headless: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The required fields without a column."""
        return tuple(field for field in NEEDED if field not in self.places)


def find_columns(header: Sequence[str], stated: Mapping[str, str]) -> Columns:
    """Find the columns of a table: first the given ones, then those with common names.

    Args:
        header: the cells of the first line.
        stated: field → name of a column, or its number from 1.
    """
    keys = [label_key(name) for name in header]
    places: dict[str, int] = {}
    absent: dict[str, str] = {}
    numbered = bool(stated) and all(
        column.isdecimal() and label_key(column) not in keys for column in stated.values()
    )
    for field, column in stated.items():
        if numbered and 0 < int(column) <= len(header):
            places[field] = int(column) - 1
        elif not numbered and label_key(column) in keys:
            places[field] = _exact(header, column, keys)
        else:
            absent[field] = column
    if not numbered:
        taken = set(places.values())
        for field, ranks in RANKED.items():
            usual = [(n in taken, ranks[key], n) for n, key in enumerate(keys) if key in ranks]
            if usual and field not in stated:
                places[field] = min(usual)[2]
    return Columns(tuple(header), places, absent, numbered)


def _exact(header: Sequence[str], column: str, keys: Sequence[str]) -> int:
    """The column with exactly this name, or with this name in another case."""
    return list(header).index(column) if column in header else keys.index(label_key(column))
