"""What the product writes can be read by its owner only, whichever process wrote it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.factories import write_images
from tests.servers import Server, environment, start_server
from tests.small_worker import SMALL, start_small_worker


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Server]:
    """Commands of a person whose umask lets everybody read, on a data folder that is not there yet."""
    data, before = tmp_path / "data", os.umask(0o022)
    yield Server(None, "", data, environment(data), data / "log")  # type: ignore[arg-type]
    os.umask(before)


def readable(folder: Path) -> dict[str, str]:
    """What other users may do anything with, in the folder and the folder itself."""
    return {
        str(path.relative_to(folder)): oct(path.stat().st_mode & 0o777)
        for path in (folder, *folder.rglob("*"))
        if path.stat().st_mode & 0o077
    }


def test_other_users_can_read_nothing_that_the_product_wrote(shell: Server, tmp_path: Path) -> None:
    archive = shutil.make_archive(
        str(tmp_path / "pets"), "zip", write_images(tmp_path / "images", per_class=4, size=400)
    )
    shell.command("import", archive, "--name", "pets")
    with start_small_worker(shell.env, shell.data_dir / "worker.log"):
        shell.command("train", "pets", *SMALL, "--epochs", "1", "--wait", timeout=300)
    (shell.data_dir / "worker.log").unlink()  # the test's own
    shell.command("user", "add", "ada", "--role", "admin", "--password-stdin", stdin="correct horse\n")
    token = shell.command("token", "create", "--user", "ada").stdout.strip()
    photo = (tmp_path / "images" / "valid" / "cat" / "000.png").read_bytes()
    with start_server(shell.data_dir) as server:
        script = {"headers": {"authorization": f"Bearer {token}"}, "timeout": 60}
        sent = httpx.post(f"{server.url}/api/v1/runs/1/photos", files={"files": photo}, **script)
        [number] = sent.json()["photos"]
        image = httpx.get(f"{server.url}/api/v1/photos/{number}/image?size=thumbnail", **script)
        assert image.headers["content-type"] == "image/jpeg"
        server.log.unlink()  # the test's own
        written = {path.name for path in shell.data_dir.rglob("*")}
        expected = {
            "toploss.db-wal",
            "jobs.db",
            "uploads",
            "photos",
            "cache",
            "checkpoint.json",
            "embedding.npy",
        }
        assert expected <= written
        assert readable(shell.data_dir) == {}
    output = tmp_path / "labels.csv"
    shell.command("export", "pets", "-o", str(output))
    assert output.stat().st_mode & 0o777 == 0o644  # asked for by a person, whose umask says so


def test_the_demo_is_for_its_owner_only(shell: Server) -> None:
    shell.command("demo", "--no-serve", "--images", "60")
    assert {"truth.csv", "demo-logins.txt"} <= {path.name for path in shell.data_dir.rglob("*")}
    assert readable(shell.data_dir) == {}


def test_a_folder_that_everybody_could_read_is_closed_at_the_next_start(shell: Server) -> None:
    shell.command("user", "list")
    for path in (shell.data_dir, *shell.data_dir.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (shell.data_dir / "cache" / "pictures").mkdir(parents=True)
    (shell.data_dir / "cache" / "pictures" / "a.png").write_bytes(b"x")
    (shell.data_dir / "own").mkdir()
    shell.command("user", "list")
    assert readable(shell.data_dir) == {"own": "0o755"}  # somebody's, in a folder that is closed
