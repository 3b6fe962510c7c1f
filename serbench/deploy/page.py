"""A page for browsers with an exported file, which opens from a disk without a server.

Pages from a disk may not load other files, so that the network, ONNX Runtime and its WebAssembly
are parts of the page.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Self

from serbench.deploy.model_file import ModelFacts
from serbench.errors import MissingPackageError, UsageError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
"""The package for browsers, on npm."""

JAVASCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"


@dataclass(frozen=True)
class WebRuntime:
    """ONNX Runtime for browsers.

    Attributes:
        javascript: its module.
        wasm: its WebAssembly.
    """

    javascript: bytes
    wasm: bytes

    @classmethod
    def near(cls, folder: Path) -> Self:
        """The one that npm installed in a folder or in one above it, as Node.js finds it.

        Raises:
            MissingPackageError: there is none.
        """
        for place in (folder.absolute(), *folder.absolute().parents):
            found = [
                place / "node_modules" / PACKAGE / "dist" / name for name in (JAVASCRIPT, WASM)
            ]
            if all(each.is_file() for each in found):
                javascript, wasm = (each.read_bytes() for each in found)
                return cls(javascript, wasm)
        raise MissingPackageError(
            f"a page needs {PACKAGE}, which is not in {folder.absolute() / 'node_modules'}: run "
            f"`npm install {PACKAGE}@{VERSION}` in this folder",
            package=PACKAGE,
        )


def page_of(
    model: bytes, facts: ModelFacts, runtime: WebRuntime, back: tuple[str, str] | None = None
) -> str:
    """A page that shows the probabilities of recordings, as HTML.

    Args:
        model: an exported file.
        facts: the facts that it carries.
        runtime: what executes it.
        back: text and address of a link to the site that the page belongs to.

    Raises:
        UsageError: a part of the front end is outside of the file.
    """
    if facts.outside:
        raise UsageError(
            f"entry {facts.entry} cannot be a page, since a part of it is computed outside of its "
            f"file ({' '.join(facts.outside)}): choose an entry with another front end or level",
            entry=facts.entry,
        )
    page = files("serbench.deploy").joinpath("page.html").read_text(encoding="utf-8")
    # Inside of a script element, "</script>" must not occur.
    shown = json.dumps(asdict(facts)).replace("<", "\\u003c")
    link = "" if back is None else '<nav><a href="{1}">{0}</a></nav>'.format(*map(escape, back))
    parts = {
        "BACK": link,
        "FACTS": shown,
        "JAVASCRIPT": b64encode(runtime.javascript).decode(),
        "WASM": _packed(runtime.wasm),
        "MODEL": _packed(model),
    }
    for name, text in parts.items():
        page = page.replace(f"@{name}@", text)
    return page


def _packed(data: bytes) -> str:
    return b64encode(gzip.compress(data, mtime=0)).decode()
