"""Images that look the same are found, and only those."""

import io
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from sqlalchemy import select, update

from app.datasets.lookalikes import (
    COARSELY_FAR,
    FAR,
    SIDE,
    find_lookalikes,
    group_samples,
    looks,
    mark_lookalikes,
)
from app.datasets.models import Sample
from app.db.engine import Database
from app.faces.folder import write_demo_folder
from tests.factories import import_folder, write_images
from tests.pictures import scene


def bits(hashed: str) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(hashed), np.uint8)).reshape(SIDE, SIDE)


def by_looking_at_all(hashes: list[str], sha256: list[str]) -> list[int]:
    first = list(range(len(hashes)))
    for _ in hashes:
        for i, one in enumerate(hashes):
            for j, other in enumerate(hashes):
                differs = bits(one) != bits(other) if one and other else None
                near = differs is not None and differs.sum() <= FAR and differs[:8, :8].sum() <= COARSELY_FAR
                if near or sha256[i] == sha256[j]:
                    first[i] = first[j] = min(first[i], first[j])
    return first


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 60))
def test_groups_are_those_that_a_look_at_all_pairs_finds(seed: int, n: int, most: int) -> None:
    random = np.random.default_rng(seed)
    hashes: list[str] = []
    for _ in range(n):
        grid = (
            bits(hashes[random.integers(len(hashes))]).copy()
            if hashes and random.random() < 0.7 and hashes[-1]
            else random.integers(0, 2, (SIDE, SIDE))
        )
        flipped = random.permutation(SIDE * SIDE)[: random.integers(0, most + 1)]
        grid.ravel()[flipped] ^= 1
        hashes.append(np.packbits(grid.astype(np.uint8)).tobytes().hex())
    sha256 = [str(random.integers(n)) for _ in range(n)]
    assert find_lookalikes(hashes, sha256).tolist() == by_looking_at_all(hashes, sha256)


def test_nothing_and_images_of_one_colour_look_like_nothing() -> None:
    assert find_lookalikes([], []).tolist() == []
    flat = looks(Image.new("RGB", (48, 48), (9, 99, 9)))
    assert flat == ""
    assert find_lookalikes([flat] * 3, ["a", "b", "a"]).tolist() == [0, 1, 0]


def test_a_face_saved_again_looks_the_same_and_another_face_does_not(tmp_path: Path) -> None:
    write_demo_folder(tmp_path, images=40, on_progress=lambda *_: None)
    faces = [Image.open(path).convert("RGB") for path in sorted((tmp_path / "images").rglob("*.png"))]
    again = []
    for face in faces:
        out = io.BytesIO()
        ImageEnhance.Brightness(face.resize((face.width * 3 // 4, face.height * 3 // 4))).enhance(1.1).save(
            out, "JPEG", quality=80
        )
        again.append(Image.open(out))
    first = find_lookalikes(
        [looks(image) for image in faces + again], [str(i) for i in range(2 * len(faces))]
    )
    found = first[len(faces) :] == np.arange(len(faces))
    assert found.mean() > 0.9
    assert len(set(first[: len(faces)])) >= len(faces) - 4  # the demo has copies of its own


def test_an_import_marks_what_looks_the_same(database: Database, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", size=64)
    original = folder / "train" / "cat" / "000.png"
    Image.open(original).save(folder / "train" / "dog" / "copy.jpg", quality=95)
    dataset_id = import_folder(database, folder)

    def groups() -> dict[str, int | None]:
        with database.read() as session:
            return dict(
                session.execute(
                    select(Sample.path, Sample.lookalikes).where(Sample.dataset_id == dataset_id)
                ).all()
            )

    found = groups()
    assert found["train/cat/000.png"] == found["train/dog/copy.jpg"] is not None
    assert sum(group is not None for group in found.values()) == 2
    with database.write() as session:  # as an older version left it
        session.execute(update(Sample).values(perceptual_hash=None, lookalikes=None))
    import_folder(database, folder)
    assert groups() == found


def test_copies_that_were_found_by_other_means_join_the_groups_for_good(
    database: Database, tmp_path: Path
) -> None:
    folder = write_images(tmp_path / "images", size=64)
    Image.open(folder / "train/cat/000.png").save(folder / "train/dog/copy.jpg", quality=95)
    dataset_id = import_folder(database, folder)
    with database.write() as session:
        ids = dict(session.execute(select(Sample.path, Sample.id)).all())
        pairs = [(ids["train/dog/copy.jpg"], ids["train/owl/001.png"]), (ids["train/owl/002.png"], 10**6)]
        found = group_samples(session, dataset_id=dataset_id, copies=pairs)
        mark_lookalikes(session, dataset_id=dataset_id, groups=found)
    joined = {ids[path] for path in ("train/cat/000.png", "train/dog/copy.jpg", "train/owl/001.png")}
    assert found == {each: min(joined) if each in joined else None for each in ids.values()}
    scene(0).save(folder / "train/owl/new.png")
    import_folder(database, folder)  # groups by hashes alone
    with database.read() as session:
        stored = session.execute(select(Sample.id, Sample.lookalikes).where(Sample.id.in_(found))).all()
    assert dict(stored) == found
