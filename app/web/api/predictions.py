"""Predictions of an own model become a run."""

from typing import Annotated

from fastapi import File, Response, UploadFile

from app.web.api.models import Output
from app.web.api.routing import api_router
from app.web.deps import Admin, Config, Db
from app.web.predictions import AllowMissing, Classes, Ids, OutOfSample, take_predictions
from app.web.uploading import PredictionsRoute

router = api_router("runs")


class PredictionsOut(Output):
    """The run that ranks the labels by the predictions; without a job it has finished."""

    id: int
    number: int  # of its model within the data set
    job: str | None  # of a data set of more than 100,000 images, which the worker ranks
    version: int  # whose labels it ranks: the labels as they stand, frozen
    rows: int  # ranked images
    label_issues: int
    notes: list[str]  # what a person should know


def import_own_model(
    name: str,
    database: Db,
    settings: Config,
    user: Admin,
    response: Response,
    file: Annotated[
        UploadFile,
        File(
            description="The probability of each class for each image: .npz with the arrays pred_probs, ids "
            "and classes, .npy with `ids`, the zip of the export cleanlab, CSV or Parquet."
        ),
    ],
    ids: Ids = None,
    classes: Classes = None,
    out_of_sample: OutOfSample = False,
    allow_missing: AllowMissing = False,
) -> PredictionsOut:
    """Rank the labels as they stand by the predictions of your own model; 422 says what is wrong."""
    made = take_predictions(
        database,
        settings,
        name=name,
        file=file,
        ids=ids,
        classes=classes,
        out_of_sample=out_of_sample,
        allow_missing=allow_missing,
        user_id=user.id,
    )
    response.status_code = 202 if made.job_id else 201
    return PredictionsOut(
        id=made.run_id,
        number=made.number,
        job=made.job_id,
        version=made.version,
        rows=made.rows,
        label_issues=made.label_issues,
        notes=list(made.notes),
    )


router.add_api_route(
    "/datasets/{name}/predictions",
    import_own_model,
    methods=["POST"],
    status_code=201,
    responses={202: {"model": PredictionsOut, "description": "The worker ranks them"}},
    route_class_override=PredictionsRoute,
)
