"""Formats of recordings: those that libsndfile reads, and the first bytes of others."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

AUDIO_EXTENSIONS = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd"}
    | {".sph", ".nist", ".w64", ".caf", ".rf64", ".bwf", ".wavex", ".voc", ".sf", ".ircam"}
    | {".avr", ".paf", ".pvf", ".svx", ".wve"}
)
"""Suffixes of formats that libsndfile reads."""

MPEG_4 = frozenset({".m4a", ".mp4", ".m4b", ".m4v", ".mov", ".3gp", ".3g2", ".3ga", ".alac"})
MATROSKA = frozenset({".webm", ".mkv", ".mka", ".weba"})
ASF = frozenset({".wma", ".wmv", ".asf"})
FAMILIES: tuple[tuple[str, int, tuple[bytes, ...], frozenset[str]], ...] = (
    ("MPEG-4", 4, (b"ftyp",), MPEG_4),
    ("Matroska", 0, (b"\x1a\x45\xdf\xa3",), MATROSKA),
    ("ASF", 0, (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",), ASF),
    ("AMR", 0, (b"#!AMR",), frozenset({".amr", ".awb"})),
    ("AAC", 0, (b"\xff\xf1", b"\xff\xf9", b"ADIF"), frozenset({".aac", ".adts"})),
    ("AVI", 8, (b"AVI ",), frozenset({".avi"})),
    ("Flash video", 0, (b"FLV",), frozenset({".flv", ".f4v"})),
    ("MPEG video", 0, (b"\x00\x00\x01\xba",), frozenset({".mpg", ".mpeg", ".vob"})),
    ("RealMedia", 0, (b".RMF", b".ra\xfd"), frozenset({".ra", ".rm"})),
    ("Monkey's Audio", 0, (b"MAC ",), frozenset({".ape"})),
    ("WavPack", 0, (b"wvpk",), frozenset({".wv"})),
    ("True Audio", 0, (b"TTA1",), frozenset({".tta"})),
    ("AC-3", 0, (b"\x0b\x77",), frozenset({".ac3", ".eac3"})),
    ("Speex", 28, (b"Speex",), frozenset({".spx"})),
    ("Direct Stream Digital", 0, (b"DSD ", b"FRM8"), frozenset({".dsf", ".dff"})),
)
"""Formats that libsndfile cannot read: name, offset and values of their first bytes, suffixes."""

UNREAD_EXTENSIONS = frozenset[str]().union(*(endings for *_, endings in FAMILIES))
"""Suffixes of recordings and videos that have to be converted first."""

HEAD = 64
CONVERT = "convert it to WAV or FLAC"
INSTALL = "or type `pip install av`"
"""PyAV reads all formats of ``FAMILIES``."""

VIDEO = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".wmv", ".avi", ".flv", ".f4v", ".mpg", ".mpeg", ".vob"}
)
"""Suffixes of videos, which in published corpora usually duplicate the audio files."""


@cache
def pyav_installed() -> bool:
    """True if the optional decoder PyAV (extra ``formats``) is installed."""
    try:
        return find_spec("av") is not None
    except (ImportError, ValueError):
        return False


def is_recording_name(path: Path) -> bool:
    """True for the suffixes of all formats that can be decoded on this machine."""
    return is_audio_name(path) or (pyav_installed() and path.suffix.lower() in UNREAD_EXTENSIONS)


def is_video_name(path: Path) -> bool:
    """True for the file-name endings of videos."""
    return path.suffix.lower() in VIDEO


def is_audio_name(path: Path) -> bool:
    """True for the suffixes of formats that libsndfile reads."""
    return path.suffix.lower() in AUDIO_EXTENSIONS


def unread_name(path: Path) -> str | None:
    """Why a file cannot be read on this machine, by its suffix; None if it may be readable."""
    ending = path.suffix.lower()
    if pyav_installed() or ending not in UNREAD_EXTENSIONS:
        return None
    return f"libsndfile cannot read {ending[1:]}: {CONVERT}, {INSTALL}"


def unread_format(path: Path) -> str | None:
    """Why a file cannot be read on this machine: its format by content, or by its suffix.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    ending = path.suffix.lower()
    for name, at, beginnings, endings in FAMILIES:
        if head.startswith(beginnings, at) and ending not in endings:
            named = f"{name}, and this file has " + (
                f"the suffix {ending}" if ending else "no suffix"
            )
            return f"libsndfile cannot read {named}: {CONVERT}, {INSTALL}"
    return unread_name(path)
