# Two images: web, which has no torch (--target web), and worker, which imports and trains.
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy VIRTUAL_ENV=/opt/toploss
RUN uv venv "$VIRTUAL_ENV"
WORKDIR /src
COPY requirements-web.lock ./
RUN uv pip install -r requirements-web.lock
COPY pyproject.toml hatch_build.py mkdocs.yml README.md LICENSE ./
COPY docs docs
COPY templates templates
COPY static static
COPY migrations migrations
COPY app app
RUN uv pip install --no-deps .

FROM build AS build-worker
COPY requirements.lock ./
# With --build-arg UV_TORCH_BACKEND=cpu torch comes without the libraries of CUDA, from PyTorch's own index.
ARG UV_TORCH_BACKEND
RUN uv pip install -c requirements.lock -r pyproject.toml --extra s3 --extra http

FROM python:3.12-slim AS base
RUN useradd --uid 1000 --no-create-home toploss && install --directory --owner toploss --mode 700 /data
# Libraries that keep something in the home folder find /tmp there, so that all else can be read-only.
ENV PATH=/opt/toploss/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE \
    TOPLOSS_DATA_DIR=/data TOPLOSS_HOST=0.0.0.0 TOPLOSS_PORT=8000
WORKDIR /data
USER toploss
VOLUME /data

FROM base AS web
COPY --from=build /opt/toploss /opt/toploss
EXPOSE 8000
HEALTHCHECK --interval=10s --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=8)"]
CMD ["toploss", "serve", "--no-worker"]

FROM base AS worker
COPY --from=build-worker /opt/toploss /opt/toploss
HEALTHCHECK --interval=30s --start-period=120s CMD ["toploss", "worker", "--check"]
CMD ["toploss", "worker"]
