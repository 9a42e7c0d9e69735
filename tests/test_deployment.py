"""docker-compose.yml and the Dockerfile use settings and commands that exist; no engine is needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("service", ["web", "worker"])
def test_every_setting_of_a_service_exists(service: str) -> None:
    names = {name.removeprefix("TOPLOSS_").lower() for name in COMPOSE["services"][service]["environment"]}
    assert names <= set(Settings.model_fields)


def test_every_setting_of_the_image_exists() -> None:
    names = {name.lower() for name in re.findall(r"TOPLOSS_([A-Z_]+)=", DOCKERFILE)}
    assert names <= set(Settings.model_fields)


@pytest.mark.parametrize("service", ["web", "worker"])
def test_the_command_of_a_service_is_one_of_ours(service: str) -> None:
    program, command, *options = COMPOSE["services"][service]["command"]
    assert program == "toploss"
    shown = subprocess.run(
        [sys.executable, "-m", "app.cli", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    for option in options:
        assert option in shown


def test_web_and_worker_share_database_key_and_files() -> None:
    web, worker = COMPOSE["services"]["web"], COMPOSE["services"]["worker"]
    for name in ("TOPLOSS_DATABASE_URL", "TOPLOSS_SECRET_KEY"):
        assert web["environment"][name] == worker["environment"][name]
    assert web["volumes"] == worker["volumes"] == ["data:/data"]
    assert "TOPLOSS_DATA_DIR=/data" in DOCKERFILE


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "TOPLOSS_SECRET_KEY"):
        assert not re.search(rf"\$\{{{name}:-", text)


def test_everything_that_the_image_copies_is_there() -> None:
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _target = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
