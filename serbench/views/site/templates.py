"""The templates of pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from serbench import __version__
from serbench.views.site.figures import Figure
from serbench.views.site.parts import Code, Table


class Templates:
    """Renders pages with the templates of this package; all values are escaped.

    Args:
        menu: texts and addresses of the links at the top of each page.
        live: whether the pages are loaded again when the database has changed.
    """

    def __init__(self, menu: Sequence[tuple[str, str]], live: bool = False) -> None:
        self._environment = Environment(
            loader=PackageLoader("serbench.views.site", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "json": embedded_json,
        }
        self._environment.tests |= {
            "table": lambda part: isinstance(part, Table),
            "figure": lambda part: isinstance(part, Figure),
            "code": lambda part: isinstance(part, Code),
        }
        self._environment.globals |= {"menu": menu, "version": __version__, "live": live}

    def render(self, name: str, path: str, charts: str, content: Mapping[str, Any]) -> str:
        """A page as HTML.

        Args:
            name: name of the template.
            path: address of the page, seen from the root of the site.
            charts: what it contains of its charts, from `contents_of`.
            content: the variables of the template.
        """
        root = "../" * path.count("/")
        template = self._environment.get_template(name)
        return template.render(path=path, root=root, charts=charts, **content)


def embedded_json(data: object) -> Markup:
    """JSON inside of a script element, in which neither its end nor a comment may occur."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(text)  # noqa: S704 - nothing is left that HTML would read
