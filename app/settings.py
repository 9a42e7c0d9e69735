"""Settings from the environment or `.env`, each with the prefix `TOPLOSS_`; documented in docs/settings.md."""

import os
import secrets
from contextlib import suppress
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, computed_field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.files import temporary_file


class Settings(BaseSettings):
    """What an operator may choose. Every default works on one machine without any set-up."""

    model_config = SettingsConfigDict(env_prefix="TOPLOSS_", env_file=".env", extra="ignore")

    data_dir: Path = Field(
        Path("data"), description="Folder for the database, uploads, checkpoints and caches."
    )
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the database; empty means SQLite in the data folder. "
        "PostgreSQL: `postgresql+psycopg://user:password@host/name`.",
    )
    jobs_database_url: str = Field(
        "",
        description="URL of the job engine's own tables; empty means SQLite in the data folder, or the PostgreSQL of `DATABASE_URL`.",
    )
    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the web server listens on; 0 takes a free one.")
    secret_key: str = Field(
        "",
        description="Key that session and API tokens are hashed with; empty means the first start makes one "
        "in the data folder, readable by its owner only. Set the same one on every machine.",
    )
    weights: str = Field(
        "none",
        description="Where a new network starts: `none` (from scratch), `imagenet` (downloaded by torchvision) "
        "or a local `.safetensors` or `.pth` file. A retrain starts from its parent run.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What the logs tell.")
    worker_id: str = Field(
        "embedded",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Stable name of this worker; a worker that starts again under its name goes on with its jobs. "
        "Give every worker of a cluster its own.",
    )
    worker_threads: int = Field(
        0,
        ge=0,
        description="CPU threads a training uses; 0 means all cores. The web server goes before it in any case.",
    )
    lease_minutes: float = Field(
        15.0, gt=0, le=1440, description="Minutes a claimed card stays with its annotator."
    )
    wait_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Seconds that a request may wait for the database in all; then it is answered 503 and may be repeated.",
    )
    session_days: float = Field(14.0, gt=0, le=3650, description="Days after which a log-in ends.")
    secure_cookies: bool = Field(
        False,
        description="Send the session cookie over HTTPS only, also where the request does not tell that it came by "
        "HTTPS; where it does, this happens by itself.",
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Addresses or networks of the proxies in front, separated by commas: `X-Forwarded-For` and "
        "`X-Forwarded-Proto` of these are believed, of others never. `*` believes everybody; empty, nobody.",
    )

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for each in filter(None, map(str.strip, value.split(","))):
            if each != "*":
                ip_network(each, strict=False)
        if "*" in value and value.strip() != "*":
            raise ValueError("“*” stands alone")
        return value.strip()

    max_upload_mb: int = Field(4096, gt=0, description="Largest zip that may be uploaded, in megabytes.")
    max_image_pixels: int = Field(
        100_000_000,
        gt=0,
        description="Images with more pixels are refused as decompression bombs.",
    )
    decoding_mb: int = Field(
        512,
        ge=16,
        description="Memory in megabytes that all decoders of a process take together; an image that needs "
        "more is decoded alone. Half as much again is for the files they read.",
    )
    import_roots: str = Field(
        "",
        description="Folders on the server that an admin may import from in the browser or by REST, separated by "
        "`:`; empty means uploads only. The command line may import from anywhere.",
    )

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'toploss.db'}"

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def jobs_database(self) -> str:
        """The job engine's database URL in force."""
        if self.jobs_database_url:
            return self.jobs_database_url
        if self.database.startswith("postgresql"):
            return self.database
        return f"sqlite:///{self.data_dir / 'jobs.db'}"

    @property
    def uploads_dir(self) -> Path:
        """Uploaded zips, named by content."""
        return self.data_dir / "uploads"

    @property
    def runs_dir(self) -> Path:
        """One folder of checkpoints per run."""
        return self.data_dir / "runs"

    @property
    def photos_dir(self) -> Path:
        """Photos from outside that people showed to a network: a folder a run, files named by content."""
        return self.data_dir / "photos"

    @property
    def cache_dir(self) -> Path:
        """What can be made again: decoded images, pictures."""
        return self.data_dir / "cache"

    @property
    def pictures_dir(self) -> Path:
        """Images at the sizes that pages show, by content; may be emptied at any time."""
        return self.cache_dir / "pictures"

    def secret(self) -> bytes:
        """The key that tokens are hashed with, made on first use."""
        return self._secret

    @cached_property
    def _secret(self) -> bytes:
        if self.secret_key:
            return self.secret_key.encode()
        path = self.data_dir / "secret.key"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            with temporary_file(self.data_dir, name=path.name) as temporary, suppress(FileExistsError):
                temporary.write_text(secrets.token_urlsafe(48))
                os.link(temporary, path)  # the first of two starting processes wins; link never overwrites
        return path.read_bytes().strip()
