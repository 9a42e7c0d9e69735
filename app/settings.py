"""Settings from the environment or `.env`, with the prefix `TOPLOSS_`; docs/settings.md lists them."""

import secrets
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, computed_field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.addresses import is_confidential
from app.errors import Conflict
from app.files import create_file
from app.logs import is_for_people

SHORTEST_KEY = 32  # bytes of a key in a file; those that a start creates have 64


def is_key(content: bytes) -> bool:
    """Whether a file with this content is a whole secret key; a power cut may leave nothing or zeros."""
    return len(content.replace(b"\0", b"").strip()) >= SHORTEST_KEY


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file; in it `?`, `%` and `#` of a folder's name would mean something else."""
    return f"sqlite:///{quote(str(path))}"


class Settings(BaseSettings):
    """What an operator can set. Every default works on one machine without any set-up."""

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
        description="URL of the database for the job engine's own tables; empty means SQLite in the data "
        "folder, or the PostgreSQL database of `TOPLOSS_DATABASE_URL`.",
    )
    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(
        8000, ge=0, le=65535, description="Port that the web server listens on; 0 chooses a free one."
    )
    secret_key: str = Field(
        "",
        description="Key for hashing session and API tokens; empty means that the first start creates one "
        "in the data folder, readable by its owner only. Set the same key on every machine.",
    )
    weights: str = Field(
        "auto",
        description="Weights that a new network starts from: `auto` (for recipes that are made for it "
        "ImageNet weights, if they are on this machine or can be downloaded, 83 MB; otherwise random ones), "
        "`imagenet` (or the training fails), `none` (random weights) or a local `.safetensors` or `.pth` "
        "file. A retrain starts from the model before it.",
    )
    first_look: Literal["on", "off"] = Field(
        "on",
        description="Whether a worker ranks the labels of imported images at once, before any training: `on` "
        "or `off`. It takes seconds for hundreds of images and minutes for tens of thousands.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description="Lowest level of messages in the logs: `debug`, `info`, `warning` or `error`.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of the lines in the logs: `text`, or `json` with one object on each line."
    )
    access_log: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether the web server logs a line for each request: `on`, `off` or `auto`, which is on "
        "unless standard error is a terminal.",
    )
    worker_id: str = Field(
        "embedded",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of this worker; a worker that starts again under the same name resumes its jobs. "
        "If there are several workers, give each its own name.",
    )
    worker_threads: int = Field(
        0,
        ge=0,
        description="CPU threads that a training uses; 0 means one per core. The web server always has a "
        "higher priority.",
    )
    lease_minutes: float = Field(
        15.0, gt=0, le=1440, description="Minutes until a claim ends and another annotator can get the image."
    )
    wait_seconds: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Seconds that a request may wait for the database in total; after that it is answered "
        "503 and can be repeated.",
    )
    session_days: float = Field(14.0, gt=0, le=3650, description="Days after which a log-in ends.")
    activity_days: float = Field(
        365.0, gt=0, le=36_500, description="Days after which a worker removes rows of the activity log."
    )
    secure_cookies: bool = Field(
        False,
        description="Always mark the session cookie as secure, so that browsers send it over HTTPS only. For "
        "requests that are known to come over HTTPS this is done without the setting.",
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="Addresses or networks of trusted proxies, separated by commas. `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are used only if they come from these. `*` means every address; empty means "
        "none.",
    )

    oidc_issuer: str = Field(
        "",
        description="Address of a provider of OpenID Connect, such as `https://id.example.org/realms/team`; "
        "people can then sign in there ([access.md](access.md#single-sign-on)). Empty means passwords only.",
    )
    oidc_client_id: str = Field("", description="What the provider calls this server.")
    oidc_client_secret: str = Field(
        "", description="The secret that the provider gave this server; empty if it gave none."
    )
    oidc_name: str = Field(
        "",
        max_length=60,
        description="The name of the provider on the button *Sign in with …*; empty means its host.",
    )
    oidc_role: Literal["viewer", "annotator", "reviewer", "none"] = Field(
        "annotator",
        description="Role of people whom the provider sends for the first time: `viewer`, `annotator`, "
        "`reviewer`, or `none`: only people who were invited or have linked their account get in.",
    )
    oidc_scopes: str = Field(
        "openid profile email", description="What is asked of the provider, separated by blanks."
    )
    oidc_name_claim: str = Field(
        "preferred_username",
        description="The claim that a new person’s name is made of; without it `preferred_username`, `email` "
        "or `name`.",
    )

    @model_validator(mode="after")
    def _is_whole_provider(self) -> Self:
        if bool(self.oidc_issuer) != bool(self.oidc_client_id):
            raise ValueError("set both TOPLOSS_OIDC_ISSUER and TOPLOSS_OIDC_CLIENT_ID, or neither")
        if self.oidc_issuer and not is_confidential(self.oidc_issuer):
            raise ValueError(
                "let TOPLOSS_OIDC_ISSUER begin with https://; http:// is for a provider on this machine only"
            )
        if self.oidc_issuer and "openid" not in self.oidc_scopes.split():
            raise ValueError("add openid to TOPLOSS_OIDC_SCOPES; without it a provider names nobody")
        return self

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for each in filter(None, map(str.strip, value.split(","))):
            if each != "*":
                ip_network(each, strict=False)
        if "*" in value and value.strip() != "*":
            raise ValueError("“*” means every address, so write nothing else beside it")
        return value.strip()

    max_upload_mb: int = Field(4096, gt=0, description="Largest zip that may be uploaded, in megabytes.")
    max_image_pixels: int = Field(
        100_000_000,
        gt=0,
        description="Images with more pixels are refused, because they may be decompression bombs.",
    )
    decoding_mb: int = Field(
        512,
        ge=16,
        description="Memory in megabytes for all image decoders of a process together. The web server "
        "refuses an image that needs more than 1.25 times as much (by default a WebP or JPEG 2000 above 39 "
        "million pixels, an AVIF above 47 million, a packed TIFF of 16 bits in one strip above 61 million); "
        "a worker decodes it alone. The files that they read may use half as much again.",
    )
    import_roots: str = Field(
        "",
        description="Folders on the server that an admin may import from in the browser or by REST, "
        "separated by `:`; empty means uploads only. The command line may import from anywhere.",
    )

    import_urls: Literal["on", "off"] = Field(
        "on",
        description="Whether an admin may import from buckets and web servers by URL in the browser or by "
        "REST: `on` or `off`. The server opens these URLs itself, so it reaches what its network reaches. "
        "The command line may import from anywhere.",
    )

    webhook_private: Literal["on", "off"] = Field(
        "off",
        description="Whether webhooks may call addresses of this machine and of private networks: `on` or "
        "`off`.",
    )

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def database(self) -> str:
        """The URL of the database, with the default filled in."""
        return self.database_url or sqlite_url(self.data_dir / "toploss.db")

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def jobs_database(self) -> str:
        """The URL of the job engine's database, with the default filled in."""
        if self.jobs_database_url:
            return self.jobs_database_url
        if self.database.startswith("postgresql"):
            return self.database
        return sqlite_url(self.data_dir / "jobs.db")

    @property
    def logs_requests(self) -> bool:
        """Whether each request gets a line in the log."""
        return self.access_log == "on" or (self.access_log == "auto" and not is_for_people())

    @property
    def looks_first(self) -> bool:
        """Whether imported images get a first look."""
        return self.first_look == "on"

    @property
    def uploads_dir(self) -> Path:
        """Uploaded zips, named by content."""
        return self.data_dir / "uploads"

    @property
    def runs_dir(self) -> Path:
        """One folder of checkpoints per run."""
        return self.data_dir / "runs"

    @property
    def weights_dir(self) -> Path:
        """Start weights that were downloaded or copied; they can be had again."""
        return self.data_dir / "weights"

    @property
    def photos_dir(self) -> Path:
        """Photos that people sent to a run's network: one folder per run, files named by content."""
        return self.data_dir / "photos"

    @property
    def cache_dir(self) -> Path:
        """Files that can be computed again: decoded images, pictures."""
        return self.data_dir / "cache"

    @property
    def pictures_dir(self) -> Path:
        """Images in the sizes of the pages, named by content; the folder may be emptied at any time."""
        return self.cache_dir / "pictures"

    @property
    def key_file(self) -> Path:
        """The secret key, unless `secret_key` is set."""
        return self.data_dir / "secret.key"

    @property
    def has_no_key(self) -> bool:
        """Whether the secret key has to be created."""
        return not self.secret_key and not self.key_file.exists()

    def secret(self) -> bytes:
        """The key for hashing tokens; created on first use. Raises Conflict for a file that is no key."""
        return self._secret

    @cached_property
    def _secret(self) -> bytes:
        if self.secret_key:
            return self.secret_key.encode()
        if self.has_no_key:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            create_file(self.key_file, secrets.token_urlsafe(48).encode())
        content = b"" if self.key_file.is_dir() else self.key_file.read_bytes()
        if not is_key(content):  # with an empty key anybody could sign in
            raise Conflict(
                f"The secret key {self.key_file} is empty or not whole. Put back the file of a backup. If "
                "you have none, remove this one: the next start creates a new key, everybody has to sign in "
                "again, and API tokens end."
            )
        return content.strip()
