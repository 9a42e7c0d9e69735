"""docker-compose.yml, Dockerfile and proxies use settings and commands that exist; no engine is needed."""

import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


OURS = ("web", "worker", "worker-gpu")


@pytest.mark.parametrize("service", OURS)
def test_every_setting_reaches_a_service_or_is_fixed_by_the_image(service: str) -> None:
    given = COMPOSE["services"][service]["environment"]
    passed = {name.removeprefix("TOPLOSS_").lower() for name in given}
    fixed = {name.lower() for name in re.findall(r"TOPLOSS_([A-Z_]+)=", DOCKERFILE)}
    assert fixed == {"data_dir", "host", "port"}
    only_workers = set() if "worker" in service else {"worker_id"}
    assert passed == set(Settings.model_fields) - fixed - only_workers


@pytest.mark.parametrize("service", OURS)
def test_a_setting_without_a_value_keeps_its_default(service: str) -> None:
    """In YAML it is null, which passes the variable through where it is set; an empty text would set it."""
    assert "" not in COMPOSE["services"][service]["environment"].values()


@pytest.mark.parametrize("service", OURS)
def test_a_container_may_write_only_its_volumes_and_its_health_is_checked(service: str) -> None:
    made = COMPOSE["services"][service]
    assert (made["read_only"], made["cap_drop"]) == (True, ["ALL"])
    assert made["security_opt"] == ["no-new-privileges:true"]
    writable = {each.split(":")[-1] for each in made["volumes"] if not each.endswith(":ro")}
    assert writable == {"/data", "/tmp"}  # noqa: S108
    check = " ".join(made["healthcheck"]["test"])
    assert ("worker --check" if "worker" in service else "/healthz") in check


def test_folders_to_import_from_are_mounted_where_the_setting_says() -> None:
    web = COMPOSE["services"]["web"]
    target = web["environment"]["TOPLOSS_IMPORT_ROOTS"]
    assert [each for each in web["volumes"] if each.endswith(f":{target}:ro")]


def test_the_proxy_is_whom_the_web_server_trusts() -> None:
    address = COMPOSE["services"]["proxy"]["networks"]["default"]["ipv4_address"]
    assert address in COMPOSE["services"]["web"]["environment"]["TOPLOSS_FORWARDED_ALLOW_IPS"]
    [net] = COMPOSE["networks"]["default"]["ipam"]["config"]
    assert ip_address(address) in ip_network(net["subnet"])


def test_the_images_run_as_a_plain_user_and_the_web_one_installs_no_torch() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    by_name = {stage.split("\n")[0].split(" AS ")[1]: stage for stage in stages}
    assert "USER toploss" in by_name["base"]
    for image in ("web", "worker"):
        assert by_name[image].startswith("base AS"), "no compiler, no uv, no development tools"
        assert "USER" not in by_name[image]
    assert "COPY --from=build /opt" in by_name["web"]
    assert "requirements.lock" not in by_name["build"]
    assert "--group" not in DOCKERFILE
    assert " requirements.lock" not in re.sub(r"-c requirements\.lock", "", by_name["build-worker"]).replace(
        "COPY requirements.lock", ""
    ), "the lock has the development tools too, so it only constrains"


@pytest.mark.parametrize("service", OURS)
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
    assert web["volumes"] == worker["volumes"]
    assert "data:/data" in web["volumes"]
    assert "TOPLOSS_DATA_DIR=/data" in DOCKERFILE


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "TOPLOSS_SECRET_KEY"):
        assert not re.search(rf"\$\{{{name}:-", text)


def test_everything_that_the_image_copies_is_there() -> None:
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE):
        *sources, _target = line.split()
        for source in () if "--from=" in line else sources:
            assert (ROOT / source).exists(), source
