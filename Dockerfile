# The operator's image. BASE needs Python 3.11 or newer with its venv module, and certificates; it is used for building
# and for running, so that the environment fits its interpreter. Any other base with the same will do:
#   docker build --build-arg BASE=registry.example/python:3.13-slim -t nightsort .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /build
COPY requirements.txt ./
# Wheels only: nothing is compiled here, and every file has a known hash. pip stays behind in this stage.
RUN python3 -m venv --without-pip /opt/nightsort \
    && python3 -m venv /build/tools \
    && /build/tools/bin/pip --python /opt/nightsort/bin/python3 install --no-cache-dir --disable-pip-version-check \
        --no-compile --only-binary :all: --require-hashes -r requirements.txt
COPY requirements-build.txt ./
RUN /build/tools/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /build/tools/bin/pip wheel --disable-pip-version-check --no-index --no-deps --no-build-isolation -w wheels . \
    && /build/tools/bin/pip --python /opt/nightsort/bin/python3 install --disable-pip-version-check \
        --no-compile --no-index --no-deps wheels/*.whl
# Nothing can be written at run time, so the bytecode is made now; valid whatever the files' times.
RUN /opt/nightsort/bin/python3 -m compileall -q --invalidation-mode unchecked-hash /opt/nightsort/lib

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="nightsort" \
      org.opencontainers.image.description="Sorts support tickets into categories overnight, at the price of a batch" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/nightsort /opt/nightsort
ENV PATH=/opt/nightsort/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["nightsort"]
CMD ["operator"]
