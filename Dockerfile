FROM python:3.12-slim
WORKDIR /app
COPY requirements.lock pyproject.toml hatch_build.py README.md LICENSE ./
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache --compile-bytecode -r requirements.lock
COPY app app
COPY templates templates
COPY static static
COPY migrations migrations
COPY mkdocs.yml .
COPY docs docs
RUN uv pip install --system --no-cache --no-deps . && useradd --create-home --uid 1000 toploss && mkdir /data && chown toploss /data
USER toploss
ENV TOPLOSS_DATA_DIR=/data TOPLOSS_HOST=0.0.0.0 TOPLOSS_PORT=8000 OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8000
CMD ["toploss", "serve"]
