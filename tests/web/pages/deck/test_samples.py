"""A sample's page, and the Why of a card."""

from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.datasets.models import Sample
from app.db.engine import Database
from app.ranking.embeddings import write_embedding
from app.settings import Settings
from tests.factories import Made, import_folder, write_images


def embed(settings: Settings, made: Made) -> None:
    """Samples lie by their class, the first of each beside the next class."""
    folder = settings.runs_dir / str(made.run_id)
    folder.mkdir(parents=True, exist_ok=True)
    angle = np.array(
        [("cat", "dog", "owl").index(Path(path).parent.name) for path in made.paths]
    ) + np.linspace(0, 0.1, len(made.paths))
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float16)
    write_embedding(folder, sample_ids=np.array(made.sample_ids), vectors=vectors)


def test_without_an_embedding_only_what_is_known_is_said(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    page = browser_of["ann"].get(f"/d/faces/images/{made.ranked[0]}/why")
    assert page.status_code == 200
    assert "Nearest" not in page.text


def test_the_nearest_samples_are_shown_with_their_labels(
    browser_of: dict[str, TestClient], settings: Settings, made: Made
) -> None:
    embed(settings, made)
    page = browser_of["ann"].get(f"/d/faces/images/{made.sample_ids[0]}/why").text
    assert "<h3>Nearest</h3>" in page
    assert "of the 10 nearest images are labelled cat too." in page
    assert "verified images" not in page  # nobody has verified any


def test_a_copy_with_another_label_is_a_reason(
    browser_of: dict[str, TestClient], database: Database, made: Made
) -> None:
    cat, dog = (made.sample_ids[made.paths.index(f"train/{name}/000.png")] for name in ("cat", "dog"))
    with database.write() as session:
        session.execute(update(Sample).where(Sample.id.in_((cat, dog))).values(sha256="a" * 64))
    assert "An identical image is labelled dog." in browser_of["ann"].get(f"/d/faces/images/{cat}/why").text


def test_the_page_tells_every_answer_where_it_was_given_and_what_was_undone(
    browser_of: dict[str, TestClient], made: Made
) -> None:
    ann, bob, sample = browser_of["ann"], browser_of["bob"], made.ranked[0]
    ann.post("/d/faces/review/decisions", data={"sample": sample, "answer": "delete", "client_id": "a"})
    ann.post("/d/faces/review/undo")
    bob.post(
        "/d/faces/review/decisions",
        data={"sample": sample, "answer": "relabel:owl", "client_id": "b", "alone": "true"},
    )
    page = " ".join(ann.get(f"/d/faces/images/{sample}").text.split())
    assert "<s>deleted</s>" in page
    assert "→ owl" in page
    assert f"review, rank 1 of Model {made.run_id}" in page
    assert "this page" in page
    assert f"Model {made.run_id}" in page
    assert "as it stands <b>owl</b>" in page


def test_the_ranks_beside_it_are_a_step_away(browser_of: dict[str, TestClient], made: Made) -> None:
    page = browser_of["ann"].get(f"/d/faces/images/{made.ranked[1]}").text
    assert f'href="/d/faces/images/{made.ranked[0]}" rel="prev"' in page
    assert f'href="/d/faces/images/{made.ranked[2]}" rel="next"' in page


def test_a_sample_of_another_data_set_has_no_page_here(
    browser_of: dict[str, TestClient], database: Database, made: Made, tmp_path: Path
) -> None:
    import_folder(database, write_images(tmp_path / "others"), name="others")
    for path in (
        f"/d/others/images/{made.ranked[0]}",
        f"/d/others/images/{made.ranked[0]}/why",
        "/d/faces/images/0/why",
    ):
        assert browser_of["ann"].get(path).status_code == 404, path
