"""Recordings that are quickly written, and a scan of them."""

import numpy as np
import soundfile

from serbench.builtin.crema_d import CREMA_D
from serbench.builtin.ravdess import RAVDESS
from serbench.builtin.tess import TESS
from serbench.data.scan import scan
from serbench.data.scan_options import ScanOptions


def write(path, seed=0, frames=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).integers(-9000, 9000, frames).astype(np.int16)
    soundfile.write(path, samples, 16000)
    return path


def anger(actor, take=1):
    """A name of RAVDESS."""
    return f"03-01-05-01-01-{take:02}-{actor:02}.wav"


def scanned(*paths, corpora=(RAVDESS, CREMA_D, TESS), progress=lambda done, total: None, **options):
    return scan(paths, "some", corpora, ScanOptions(**options), progress)
