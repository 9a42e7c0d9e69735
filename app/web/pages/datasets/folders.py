"""The page that shows how the folders of a new data set are read, to confirm before the import."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from app.datasets.catalog import get_dataset
from app.datasets.inspection import Rejected, inspect
from app.datasets.label_reading import NONE as NO_COLUMN
from app.datasets.label_reading import StatedColumns
from app.datasets.layout_outline import EXAMPLES, Outline
from app.datasets.models import Dataset
from app.datasets.pictures import picture_of
from app.datasets.proposals import (
    SKIP,
    Proposal,
    answer,
    columns_of,
    read_again,
    waiting_proposal,
)
from app.datasets.sources import look, request_import
from app.datasets.split_words import PARTS
from app.decoding.budget import PATIENCE
from app.errors import Invalid, NotFound
from app.web.api.samples import shared_source
from app.web.deps import Admin, Config, Db
from app.web.rendering import Page, page_context, render

router = APIRouter()

CLASSES_WITH_IMAGES = 24
CLASSES_SHOWN = 200
NO_PICTURE = (  # in the place of an example that cannot be read: the import names it with its reason
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><title>cannot be read</title>'
    '<rect x="1" y="1" width="46" height="46" fill="none" stroke="#888" stroke-dasharray="4 3"/>'
    '<path d="M16 16l16 16M32 16L16 32" stroke="#888" stroke-width="2"/></svg>'
)


@dataclass(frozen=True)
class FolderView:
    """A folder that is a part, or may be one, and the part that is preselected for it."""

    name: str
    part: str


@dataclass(frozen=True)
class ClassRow:
    """A class with its files in each of `ChoiceView.parts`, and the addresses of a few of its images."""

    name: str
    counts: tuple[int, ...]
    pictures: tuple[str, ...]


@dataclass(frozen=True)
class ChoiceView:
    """One way to read the folders."""

    title: str
    words: tuple[str, ...]
    images: int
    parts: tuple[str, ...]
    folders: tuple[FolderView, ...]
    classes: tuple[ClassRow, ...]
    class_count: int
    columns: tuple[tuple[str, str, tuple[tuple[str, str], ...], str], ...]
    # of a table of labels: the field, what it is, (value, words) to choose from, the chosen value


@dataclass(frozen=True, kw_only=True)
class FoldersPage(Page):
    """What was found, to confirm or to choose from."""

    doubt: str
    by_labels: bool  # all choices are label files
    choices: tuple[ChoiceView, ...]
    chosen: int | None  # the choice that is marked
    problem: str


@router.post("/d/{name}/import/folders")
def choose_folders(
    request: Request,
    name: str,
    database: Db,
    user: Admin,
    part: Annotated[list[str], Form(default_factory=list)],
    path_column: Annotated[list[str], Form(default_factory=list)],
    label_column: Annotated[list[str], Form(default_factory=list)],
    split_column: Annotated[list[str], Form(default_factory=list)],
    choice: Annotated[int | None, Form()] = None,
) -> Response:
    """Import by the chosen reading; if a choice is missing, the page shows the form again with an error.

    If other columns of a label file were chosen, the page shows first what these give.
    """
    try:
        with database.read() as session:
            dataset = get_dataset(session, name=name)
            columns = _columns(waiting_proposal(dataset), choice, path_column, label_column, split_column)
        found = look(dataset.origin) if columns is not None else None
        with database.write() as session:
            dataset = get_dataset(session, name=name)
            if (
                columns is not None
                and found is not None
                and choice is not None
                and read_again(session, dataset=dataset, choice=choice, columns=columns, found=found)
            ):
                return RedirectResponse(f"/d/{name}", status_code=303)
            answer(session, dataset=dataset, choice=choice, parts=part)
            request_import(session, name=name, source=dataset.origin, user_id=user.id)
    except Invalid as error:
        with database.read() as session:
            dataset = get_dataset(session, name=name)
            proposal = waiting_proposal(dataset)
            if proposal is None:
                raise
            page = folders_page(request, dataset, proposal, problem=str(error), chosen=choice, parts=part)
        return render("datasets/folders.html", page, status=422)
    return RedirectResponse(f"/d/{name}", status_code=303)


def _columns(
    proposal: Proposal | None,
    choice: int | None,
    paths: Sequence[str],
    labels: Sequence[str],
    splits: Sequence[str],
) -> StatedColumns | None:
    """The columns that the person chose for a label file; None where they are the shown ones."""
    tables = [
        number
        for number, made in enumerate(proposal.choices if proposal else ())
        if made.reading.labels and made.reading.labels.columns
    ]
    if proposal is None or choice not in tables:
        return None
    place = tables.index(choice)
    if not len(paths) == len(labels) == len(splits) == len(tables):
        return None
    chosen = StatedColumns(paths[place], labels[place], splits[place])
    return chosen if chosen != columns_of(proposal.choices[choice].reading.files) else None


@router.get("/d/{name}/import/picture")
def show_picture(name: str, database: Db, settings: Config, _admin: Admin, path: str = "") -> Response:
    """One of the example images of a class before the import; without a path it redirects to the page."""
    if not path:
        return RedirectResponse(f"/d/{name}", status_code=303)
    with database.read() as session:
        dataset = get_dataset(session, name=name)
        proposal = waiting_proposal(dataset)
        source = dataset.origin
    if proposal is None or path not in proposal.examples:
        raise NotFound("This image is not among those that are shown before the import.")
    content = shared_source(source).read(path)
    try:
        facts = inspect(content, max_pixels=settings.max_image_pixels, patience=PATIENCE)
    except Rejected:
        return Response(NO_PICTURE, media_type="image/svg+xml")
    picture = picture_of(facts, size="thumbnail", read=lambda: content, cache=settings.pictures_dir)
    return Response(
        picture.content, media_type=picture.media_type, headers={"cache-control": "private, max-age=900"}
    )


def folders_page(
    request: Request,
    dataset: Dataset,
    proposal: Proposal,
    *,
    problem: str = "",
    chosen: int | None = None,
    parts: Sequence[str] = (),
) -> FoldersPage:
    """The page; `parts` are those chosen so far, of all folders of all choices."""
    left = list(parts)
    views = []
    for made in proposal.choices:
        views.append(_choice_view(dataset.name, made, left[: len(made.reading.folders)]))
        left = left[len(made.reading.folders) :]
    if chosen is None and not proposal.doubt:
        chosen = 0
    return FoldersPage(
        **page_context(request, dataset.name),
        doubt=proposal.doubt,
        by_labels=all(made.reading.labels is not None for made in proposal.choices),
        choices=tuple(views),
        chosen=chosen,
        problem=problem,
    )


def _choice_view(dataset: str, made: Outline, parts: Sequence[str]) -> ChoiceView:
    names = [each.name for each in made.classes]
    shown = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5:,} more"]  # noqa: PLR2004
    reading = made.reading
    folders = []
    for number, folder in enumerate(sorted(reading.folders)):
        part = parts[number] if number < len(parts) else reading.folders[folder] or SKIP
        folders.append(FolderView(folder.removeprefix(f"{reading.root}/"), part))
    rows = []
    for number, each in enumerate(made.classes[:CLASSES_SHOWN]):
        examples = each.examples[:EXAMPLES] if number < CLASSES_WITH_IMAGES else []
        rows.append(
            ClassRow(
                each.name,
                tuple(each.counts.get(part, 0) for part in made.parts),
                tuple(f"/d/{dataset}/import/picture?path={quote(path, safe='')}" for path in examples),
            )
        )
    return ChoiceView(
        title=f"{len(names):,} classes: {', '.join(shown)}",
        words=(*made.words(), *made.notes),
        images=made.images,
        parts=tuple("not chosen yet" if part not in PARTS else part for part in made.parts),
        folders=tuple(folders),
        classes=tuple(rows),
        class_count=len(names),
        columns=_column_views(made),
    )


def _column_views(made: Outline) -> tuple[tuple[str, str, tuple[tuple[str, str], ...], str], ...]:
    """The columns of a table of labels to choose from, for each field."""
    labels = made.reading.labels
    if labels is None or labels.columns is None:
        return ()
    used, known = columns_of(labels), tuple((name, name) for name in labels.known)
    one_hot = (("", "columns of 0 and 1"),) if labels.columns.one_hot else ()
    return (
        ("path_column", "Column that names the image", known, used.path),
        ("label_column", "Column of the class", (*one_hot, *known), used.label),
        ("split_column", "Column of the part", ((NO_COLUMN, "no such column"), *known), used.split),
    )
