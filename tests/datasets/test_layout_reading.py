"""A stored reading of the folders of a source."""

import json

from app.datasets.layout import PathMeaning, arrange
from app.datasets.layout_reading import Reading


def test_a_stored_reading_places_later_files_as_it_did() -> None:
    paths = ["faces/train/cat/1.png", "faces/train/dog/1.png", "faces/dev/cat/1.png"]
    reading = Reading.from_json(json.loads(json.dumps(arrange(paths).reading.as_json())))
    later = arrange([*paths, "faces/dev/dog/9.png", "elsewhere/1.png"], reading)
    assert later.places["faces/dev/dog/9.png"] == PathMeaning("valid", "dog")
    assert later.misplaced == ["elsewhere/1.png"]
