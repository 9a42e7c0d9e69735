"""Tasks for Label Studio: escaped names, and no annotation where there is no label."""

import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

from app.db.engine import Database
from tests.export.pets import content, imported, png, rank, review, write


def test_a_task_has_its_image_the_label_and_the_prediction(database: Database, tmp_path: Path) -> None:
    names = ('he said "hi"', "a<b&c", "Grün 50%")
    files = {f"train/{name}/{i} #1.png": png(i) for name in names for i in (1, 2)}
    first = imported(database, write(tmp_path / "pets", files))
    run_id = rank(database, first, finished_ago=1)
    changed, gone = 'train/he said "hi"/1 #1.png', "train/a<b&c/1 #1.png"
    version = review(database, {changed: "Grün 50%", gone: None})
    made = content(database, version, "label-studio", run_id=run_id, include_deleted=True)
    archive = zipfile.ZipFile(io.BytesIO(made))
    choices = ET.fromstring(archive.read("label-config.xml")).iter("Choice")  # noqa: S314 - our own
    assert sorted(choice.get("value", "") for choice in choices) == sorted(names)
    tasks = {task["data"]["path"]: task for task in json.loads(archive.read("tasks.json"))}
    assert set(tasks) == set(files)
    task = tasks[changed]
    assert task["data"]["given_label"] == 'he said "hi"'
    assert task["data"]["image"] == "/data/local-files/?d=train/he%20said%20%22hi%22/1%20%231.png"
    assert task["annotations"][0]["result"][0]["value"] == {"choices": ["Grün 50%"]}
    assert (task["predictions"][0]["model_version"], task["predictions"][0]["score"]) == (
        "Model 1 (run 1)",
        0.75,
    )
    assert tasks[gone]["annotations"] == []
