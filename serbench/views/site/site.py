"""The files of a site, made from a database one by one."""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from importlib.resources import files
from typing import Any

from serbench.data.cells import csv_text
from serbench.data.manifest import Manifest
from serbench.errors import MissingPackageError, UsageError
from serbench.score.metric import Metric
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.views.comparison import KnownSelections
from serbench.views.cross import CrossCell, stored_cells
from serbench.views.detail import entry_detail
from serbench.views.entry import EntryView
from serbench.views.frames import ranking_frame
from serbench.views.ranking import flat_columns, flat_rows
from serbench.views.reading import read_entries, shown_first
from serbench.views.running import StudyWatch
from serbench.views.site.compare_page import COMPARE_PATH, DATA_PATH, comparison_script
from serbench.views.site.cross_page import CROSS_PATH, cross_page
from serbench.views.site.dataset_page import dataset_page
from serbench.views.site.entry_page import EntryMaterial, entry_page, entry_path
from serbench.views.site.figures import Figure, contents_of, runtime_script
from serbench.views.site.front_page import (
    MAIN,
    TOLD,
    Board,
    Choice,
    board,
    choices_of,
)
from serbench.views.site.limits_page import LIMITS_PATH, limits_page
from serbench.views.site.parts import Page
from serbench.views.site.ranking_rows import FACETS
from serbench.views.site.studies_page import STUDIES_PATH, studies_page
from serbench.views.site.templates import Templates
from serbench.views.study import study_view, study_views

VEGA_PATH = "assets/vega.js"

Content = Callable[[], bytes]


class Site:
    """The files of a site: each is made when it is read.

    Pages of one protocol share what was computed for others. The specifications of charts are
    files too; they are known when the pages with the charts have been read.

    Args:
        database: the database with the entries.
        metrics: the registered metrics.
        playable: entry → a page that executes its network, as HTML.
        watch: reads the studies for a site that is served while they run; None for a site of
            files, which does not change.

    Attributes:
        url: of the database.
        playable: that of the arguments.

    Raises:
        UsageError: there is no entry.
    """

    def __init__(
        self,
        database: Database,
        metrics: Sequence[Metric],
        playable: Mapping[int, str] = {},
        watch: StudyWatch | None = None,
    ) -> None:
        self._watch = watch
        self._database, self._metrics, self.playable = database, metrics, playable
        self.url = database.url
        self._rows = read_entries(database)
        if not self._rows:
            raise UsageError(
                "there is nothing to publish, since the database has no entries: make one with "
                "`serbench study run`"
            )
        self._measured: dict[int, list[EntryView]] = defaultdict(list)
        for row in sorted(self._rows, key=shown_first):
            self._measured[row.entry].append(row)
        self._views = {entry: self._measured[entry][0] for entry in sorted(self._measured)}
        self._known: KnownSelections = {}
        self._boards: dict[Choice, Board] = {}
        self._manifests: dict[tuple[str, str | None], Manifest] = {}
        self._templates = Templates(self._menu(), live=watch is not None)
        self._charts: dict[str, bytes] = {}
        self._files = dict(self._made())

    @property
    def paths(self) -> list[str]:
        """Addresses of all files but the specifications of charts, seen from the root."""
        return list(self._files)

    @property
    def entry_pages(self) -> list[str]:
        """Addresses of the pages of entries, which take most of the time."""
        return [entry_path(entry) for entry in self._views]

    @property
    def charts(self) -> Mapping[str, bytes]:
        """The specifications of the charts of all pages that were read, by address."""
        return self._charts

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            KeyError: there is no such file.
        """
        return self._files[path]() if path in self._files else self._charts[path]

    def _menu(self) -> list[tuple[str, str]]:
        """Texts and addresses of the links at the top of each page."""
        found = [("Leaderboard", MAIN), ("Compare", COMPARE_PATH)]
        found += [(f"Dataset {name}", path) for name, path in self._dataset_paths.items()]
        found += [("Cross-corpus tests", CROSS_PATH)] if self._cells else []
        return found + ([] if self._watch is None else [("Studies", STUDIES_PATH)])

    @cached_property
    def _choices(self) -> list[Choice]:
        return choices_of(self._rows)

    @cached_property
    def _accounts(self) -> dict[str, dict[str, Any]]:
        return {
            str(each["name"]): each
            for each in Datasets(self._database).datasets()
            if "name" in each
        }

    @cached_property
    def _dataset_paths(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self._accounts:
            short = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "dataset"
            while (path := f"datasets/{short}.html") in (*found.values(), CROSS_PATH):
                short += "x"
            found[name] = path
        return found

    @cached_property
    def _cells(self) -> list[CrossCell]:
        return stored_cells(self._database, self._metrics)

    def _made(self) -> Iterable[tuple[str, Content]]:
        for choice in self._choices:
            yield from self._board_files(choice)
        for view in self._views.values():
            yield entry_path(view.entry), partial(self._entry, view)
        for name, path in self._dataset_paths.items():
            yield path, partial(self._dataset, name)
        if self._cells:
            yield CROSS_PATH, self._cross
        yield LIMITS_PATH, lambda: self._page(limits_page())
        yield COMPARE_PATH, self._compare
        yield DATA_PATH, self._comparisons
        for entry, page in self.playable.items():
            yield try_path(entry), page.encode
        yield VEGA_PATH, _runtime
        if self._watch is not None:
            yield STUDIES_PATH, partial(self._studies, self._watch)
        for name in ("site.css", "site.js", *(("live.js",) if self._watch else ())):
            yield f"assets/{name}", partial(_asset, name)

    def _board_files(self, choice: Choice) -> Iterable[tuple[str, Content]]:
        yield choice.path, partial(self._board, choice)
        if choice.path != MAIN:  # the command line has the data of all others
            return
        for ending, written in (("csv", _csv), ("json", _json), ("parquet", _parquet)):
            yield f"data/{choice.name}.{ending}", partial(self._data, choice, written)

    def _found(self, choice: Choice) -> Board:
        if choice not in self._boards:
            self._boards[choice] = board(self._database, self._rows, choice, self._known)
        return self._boards[choice]

    def _data(self, choice: Choice, written: Callable[[Board], bytes]) -> bytes:
        return written(self._found(choice))

    def _board(self, choice: Choice) -> bytes:
        made = self._found(choice)
        drawn = [each for ranking in made.rankings for each in ranking.figures]
        return self._rendered(
            "front.html",
            made.choice.path,
            drawn,
            board=made,
            choices=self._choices,
            facets=FACETS,
            told=TOLD,
            data=choice.path == MAIN,
        )

    def _entry(self, view: EntryView) -> bytes:
        detail, study = None, None
        try:
            manifest, measured = self._manifest(view), self._measured[view.entry]
            detail = entry_detail(self._database, view.entry, manifest, measured)
        except UsageError:  # no stored predictions
            detail = None
        if detail is not None and detail.study is not None:
            study = study_view(self._database, detail.study, view, manifest)
        elsewhere = [cell for cell in self._cells if cell.entry == view.entry and not cell.own]
        material = EntryMaterial(view, detail, study, elsewhere)
        tryable = try_path(view.entry) if view.entry in self.playable else ""
        dataset = self._dataset_paths.get(view.dataset, "")
        return self._page(entry_page(material, self._metrics, dataset, tryable))

    def _dataset(self, name: str) -> bytes:
        manifest = Datasets(self._database).manifest(name)
        entries = [view for view in self._views.values() if view.dataset == name]
        entries.sort(key=lambda view: -view.uar)
        path = self._dataset_paths[name]
        return self._page(dataset_page(path, self._accounts[name], manifest, entries))

    def _studies(self, watch: StudyWatch) -> bytes:
        numbers = [each.study for each in study_views(self._database)]
        return self._page(studies_page([watch.view(number) for number in numbers]))

    def _manifest(self, view: EntryView) -> Manifest:
        key = (view.dataset, view.dataset_hash)
        if key not in self._manifests:
            self._manifests[key] = Datasets(self._database).manifest(*key)
        return self._manifests[key]

    def _cross(self) -> bytes:
        return self._page(cross_page(self._cells, self._dataset_paths))

    def _compare(self) -> bytes:
        return self._rendered("compare.html", COMPARE_PATH, ())

    def _comparisons(self) -> bytes:
        views = list(self._views.values())
        emotions = {view.entry: self._manifest(view).emotions for view in views}
        return comparison_script(views, emotions, self._known).encode()

    def _page(self, page: Page) -> bytes:
        drawn = [part for each in page.sections for part in each.parts if isinstance(part, Figure)]
        return self._rendered("page.html", page.path, drawn, page=page)

    def _rendered(
        self, template: str, path: str, figures: Sequence[Figure], **content: object
    ) -> bytes:
        self._charts.update({each.path: each.script.encode() for each in figures})
        return self._templates.render(template, path, contents_of(figures), content).encode()


def try_path(entry: int) -> str:
    """Address of the page that executes the network of an entry."""
    return f"try/{entry}.html"


def _csv(made: Board) -> bytes:
    return csv_text(flat_columns(made.source), flat_rows(made.source)).encode()


def _json(made: Board) -> bytes:
    """The rows as lists, since their keys would be half of the file."""
    rows = [row.as_dict() for ranking in made.source for row in ranking.rows]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    data = {"columns": columns, "rows": [[row.get(key) for key in columns] for row in rows]}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _parquet(made: Board) -> bytes:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            "a site has the rankings as Parquet: pip install pyarrow, or '.[site]' in a checkout",
            package="pyarrow",
        ) from error
    data = io.BytesIO()
    ranking_frame(list(made.source)).to_parquet(data, index=False)
    return data.getvalue()


def _runtime() -> bytes:
    return runtime_script().encode()


def _asset(name: str) -> bytes:
    return files(__package__).joinpath("assets", name).read_bytes()
