"""What a browser shows of images: the way round, and when their files are lost."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.db.engine import Database
from tests.browser.deck import card
from tests.factories import Made, import_folder
from tests.servers import Server


def test_a_lost_image_is_told_in_its_place_on_the_overview_and_in_the_review(
    page: Page, server: Server, live: tuple[Database, Made], tmp_path: Path
) -> None:
    _, made = live
    lost = made.paths[-1]  # no card has shown it yet, so no browser keeps it
    (tmp_path / "images" / lost).unlink()
    with page.expect_response(lambda answer: f"/samples/{made.sample_ids[-1]}/image" in answer.url) as seen:
        page.goto(f"{server.url}/d/{made.name}/images/{made.sample_ids[-1]}")
    assert seen.value.status == 404
    image = page.locator(".frame img")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("image => image.naturalWidth") > 0  # no sign of a broken one
    page.goto(f"{server.url}/d/{made.name}")
    expect(page.get_by_role("heading", name="Missing or changed files")).to_be_visible()
    expect(page.locator("#missing")).to_contain_text(lost)
    page.goto(f"{server.url}/d/{made.name}/review")
    expect(page.get_by_text("1 image is skipped here")).to_be_visible()
    expect(card(page)).to_have_count(1)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "TIFF", "AVIF", "MPO"])
def test_the_browser_shows_every_format_upright(
    page: Page, server: Server, live: tuple[Database, Made], tmp_path: Path, kind: str
) -> None:
    database, _ = live
    exif = Image.Exif()
    exif[0x0112] = 6  # what is the left is the top for a person
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :40] = 255
    for name in ("a", "b"):
        path = tmp_path / "turned" / name / f"1.{kind.lower()}"
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path, kind, exif=exif.tobytes())  # an Exif would lose it to AVIF
    name = f"turned-{tmp_path.name}-{kind.lower()}"
    import_folder(database, tmp_path / "turned", name=name)
    with database.read() as session:
        from app.datasets.models import Dataset, Sample

        dataset = session.query(Dataset).filter_by(name=name).one()
        sample = session.query(Sample).filter_by(dataset_id=dataset.id).first()
    assert sample is not None
    for size in ("thumbnail", "display", "original"):
        top, bottom, width, height = page.evaluate(
            """async (url) => {
                const image = new Image();
                image.src = url;
                await image.decode();
                const canvas = document.createElement("canvas");
                canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
                const paper = canvas.getContext("2d");
                paper.drawImage(image, 0, 0);
                const at = (y) => paper.getImageData(canvas.width >> 1, y, 1, 1).data[0];
                return [at(5), at(canvas.height - 6), canvas.width, canvas.height];
            }""",
            f"/api/v1/samples/{sample.id}/image?size={size}",
        )
        assert (width, height) == (40, 80), size
        assert top > 200, size
        assert bottom < 60, size
