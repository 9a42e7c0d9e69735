"""The demo folder: what it holds, that its truth is the truth, and that it is whole or not there."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import Conflict, Invalid
from app.faces import folder as demo
from app.faces.drawing import render_face
from app.faces.face import EXPRESSIONS, draw_face
from app.faces.folder import CONFUSED_WITH, DemoTruth, write_demo_folder

IMAGES = 100


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> DemoTruth:
    return write_demo_folder(tmp_path_factory.mktemp("demo") / "faces", images=IMAGES, seed=4, size=24)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    for target, seed in ((first, 1), (again, 1), (other, 2)):
        write_demo_folder(target, images=30, seed=seed, size=16)
    assert digests(first) == digests(again)
    assert digests(first) != digests(other)


def test_the_truth_names_every_image_once_and_its_class_folder_is_the_given_label(written):
    on_disk = {
        path.relative_to(written.folder / "images").as_posix()
        for path in (written.folder / "images").rglob("*.png")
    }
    paths = [row.path for row in written.rows]
    assert len(paths) == IMAGES
    assert set(paths) == on_disk
    assert all(row.path.split("/")[1] == row.given_label for row in written.rows)


def test_the_table_beside_the_images_says_what_the_answer_says(written):
    lines = (written.folder / "truth.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "path,given_label,true_label,kind"
    assert lines[1:] == [f"{row.path},{row.given_label},{row.true_label},{row.kind}" for row in written.rows]


def test_nothing_lies_outside_of_the_two_splits_and_six_classes(written):
    folders = {path.parent.relative_to(written.folder).as_posix() for path in written.folder.rglob("*.png")}
    assert folders == {f"images/{split}/{name}" for split in ("train", "valid") for name in EXPRESSIONS}


def test_eight_of_a_hundred_labels_are_flipped_to_a_class_that_looks_alike_in_both_splits(written):
    flipped = [row for row in written.rows if row.kind == "flipped"]
    assert len(flipped) == round(0.08 * IMAGES)
    assert all(row.given_label in CONFUSED_WITH[row.true_label] for row in flipped)
    assert {row.path.split("/")[0] for row in flipped} == {"train", "valid"}


def test_right_labels_are_true_and_what_is_no_face_has_no_true_label(written):
    assert all(row.given_label == row.true_label for row in written.rows if row.kind == "right")
    odd = [row for row in written.rows if row.kind == "not_a_face"]
    assert odd
    assert all(row.true_label == "" for row in odd)


def test_the_two_of_a_pair_look_alike_but_carry_different_labels(written):
    def small(path: str) -> np.ndarray:
        with Image.open(written.folder / "images" / path) as image:
            return np.asarray(image.convert("L").resize((12, 12)), dtype=np.float32)

    assert written.pairs
    stranger = small(next(row.path for row in written.rows if row.kind == "right"))
    for first, second in written.pairs:
        assert first.given_label == first.true_label == second.true_label != second.given_label
        near = np.abs(small(first.path) - small(second.path)).mean()
        assert 0 < near < np.abs(small(first.path) - stranger).mean()


def test_a_fifth_of_every_class_is_for_validation():
    drawn = [tuple(row.path.split("/")[:2]) for row in demo._plan(1500, 0)]
    for name in EXPRESSIONS:
        valid, train = drawn.count(("valid", name)), drawn.count(("train", name))
        assert 0.18 < valid / (valid + train) < 0.22


def test_the_full_size_holds_twelve_pairs_and_fifteen_images_that_are_no_face():
    kinds = Counter(row.kind for row in demo._plan(1500, 0))
    assert kinds == {"right": 1341, "flipped": 120, "duplicate": 24, "not_a_face": 15}


def test_a_finished_folder_is_left_alone_and_read_back(written, monkeypatch):
    monkeypatch.setattr(demo, "_render", lambda *_args, **_options: pytest.fail("drew again"))
    assert write_demo_folder(written.folder, images=IMAGES, seed=4, size=24) == written


def test_an_interruption_leaves_nothing_and_the_next_call_starts_over(tmp_path):
    def stop(done: int, _total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo_folder(tmp_path / "faces", images=30, size=16, on_progress=stop)
    assert list(tmp_path.iterdir()) == []
    assert len(write_demo_folder(tmp_path / "faces", images=30, size=16).rows) == 30


def test_the_leftovers_of_a_killed_process_do_not_end_up_in_the_folder(tmp_path):
    leftover = tmp_path / ".faces.partial" / "images" / "train" / "happy" / "face99999.png"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half a picture")
    write_demo_folder(tmp_path / "faces", images=30, size=16)
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]
    assert not list((tmp_path / "faces").rglob("face99999.png"))


def test_a_folder_with_something_else_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(Conflict, match="already holds something else"):
        write_demo_folder(tmp_path, images=30, size=16)
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_too_few_images_are_refused(tmp_path):
    with pytest.raises(Invalid, match="at least 30 images"):
        write_demo_folder(tmp_path / "faces", images=29)


def test_progress_counts_every_image(tmp_path):
    seen: list[tuple[int, int]] = []
    write_demo_folder(
        tmp_path / "faces", images=30, size=16, on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(done, 30) for done in range(1, 31)]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_face_fills_the_picture_it_was_asked_for(expression):
    image = render_face(draw_face(np.random.default_rng(3), expression), 64)
    assert image.size == (64, 64)
    assert np.asarray(image.convert("L")).std() > 15


def test_no_person_is_drawn_twice():
    faces = [draw_face(np.random.default_rng(seed), "happy").look for seed in range(50)]
    assert len(set(faces)) == 50
