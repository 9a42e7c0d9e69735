"""The form that imports the predictions of an own model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select

from app.datasets.catalog import class_names, ready_dataset
from app.datasets.models import Sample
from app.db.engine import Database
from app.errors import Invalid, ToplossError
from app.settings import Settings
from app.web.deps import Admin, Config, Db
from app.web.errors import status_of
from app.web.predictions import AllowMissing, Classes, Ids, OutOfSample, take_predictions
from app.web.rendering import Page, page_context, render
from app.web.toasts import say
from app.web.uploading import PredictionsRoute

router = APIRouter()

_SOME_PATHS = select(Sample.path).order_by(Sample.id).limit(3)


@dataclass(frozen=True, kw_only=True)
class OwnModelPage(Page):
    """The form; after a refusal it keeps what was chosen, but for the files."""

    classes: tuple[str, ...]
    out_of_sample: bool
    allow_missing: bool
    max_megabytes: int
    paths: tuple[str, ...]  # of some images, as an example
    message: str
    field: str  # that the message is about; empty: none of them


@router.get("/d/{name}/models/import")
def show(request: Request, name: str, database: Db, settings: Config, _admin: Admin) -> Response:
    """The form."""
    return _form(request, database, settings, name)


def send(
    request: Request,
    name: str,
    database: Db,
    settings: Config,
    admin: Admin,
    file: Annotated[UploadFile | None, File()] = None,
    ids: Ids = None,
    classes: Classes = None,
    out_of_sample: OutOfSample = False,
    allow_missing: AllowMissing = False,
) -> Response:
    """Import the file, and show the run; the form again, with what is wrong, for a refused file."""
    try:
        made = take_predictions(
            database,
            settings,
            name=name,
            file=file,
            ids=ids,
            classes=classes,
            out_of_sample=out_of_sample,
            allow_missing=allow_missing,
            user_id=admin.id,
        )
    except ToplossError as error:
        return _form(
            request,
            database,
            settings,
            name,
            out_of_sample=out_of_sample,
            allow_missing=allow_missing,
            error=error,
        )
    answer = RedirectResponse(f"/d/{name}/models/{made.run_id}", status_code=303)
    return say(request, answer, f"Predictions imported as {made.name}")


class _FormRoute(PredictionsRoute):
    async def refused(self, request: Request, fields: Mapping[str, str], error: ToplossError) -> Response:
        """The form as it was filled in."""
        state = request.app.state
        chosen = {each: fields.get(each) == "true" for each in ("out_of_sample", "allow_missing")}
        return _form(
            request, state.database, state.settings, request.path_params["name"], error=error, **chosen
        )


router.add_api_route("/d/{name}/models/import", send, methods=["POST"], route_class_override=_FormRoute)


def _field_of(error: ToplossError) -> str:
    """The file, where a refusal does not say which field it is about."""
    return (error.field or "file") if isinstance(error, Invalid) else ""


def _form(
    request: Request,
    database: Database,
    settings: Settings,
    name: str,
    *,
    out_of_sample: bool = False,
    allow_missing: bool = False,
    error: ToplossError | None = None,
) -> Response:
    with database.read() as session:
        dataset = ready_dataset(session, name=name)
        page = OwnModelPage(
            **page_context(request, name),
            classes=tuple(class_names(session, dataset_id=dataset.id)),
            out_of_sample=out_of_sample,
            allow_missing=allow_missing,
            max_megabytes=settings.max_upload_mb,
            paths=tuple(session.scalars(_SOME_PATHS.where(Sample.dataset_id == dataset.id))),
            message=str(error) if error else "",
            field=_field_of(error) if error else "",
        )
    return render("training/own_model.html", page, status=status_of(error) if error else 200)
