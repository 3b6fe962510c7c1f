"""A hook of mkdocs: pages from outside of ``docs``, and links between them and those inside.

The site also has the changelog, the benchmarks and the page of each plugin package. Links in the
repository lead to files; here they lead to the pages of these files, and a link to a file without a
page becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

ADDED = {
    "CHANGELOG.md": "changelog.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
    **{
        path.relative_to(ROOT).as_posix(): f"plugins/{path.parent.name}.md"
        for path in sorted((ROOT / "plugins").glob("*/README.md"))
    },
}
"""File of the repository → page of the site, for files outside of ``docs``."""

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")

FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the added pages in the navigation."""
    assert config.nav is not None
    plugins = [page for page in ADDED.values() if page.startswith("plugins/")]
    config.nav += [
        {"Plugin packages": [{Path(page).stem: page} for page in plugins]},
        {"Benchmarks": "benchmarks.md"},
        {"Changelog": "changelog.md"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside of ``docs``."""
    for source, page in ADDED.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to pages of the site."""
    place = page.file.src_uri
    source = next((each for each, added in ADDED.items() if added == place), f"docs/{place}")
    known = {f"docs/{file.src_uri}": file.src_uri for file in files if not file.generated_by}
    known |= ADDED
    known |= {posixpath.dirname(each): added for each, added in ADDED.items()}

    def led(match: re.Match[str]) -> str:
        text, link = match.groups()
        if re.match(r"https?:|mailto:|#", link):
            return match[0]
        path, hash_, anchor = link.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target not in known:
            return text
        to = posixpath.relpath(known[target], posixpath.dirname(place) or ".")
        return f"[{text}]({to}{hash_}{anchor})"

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(led, part) for part in parts)
