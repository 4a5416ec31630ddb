# The serving image: one for every model, which the platform mounts at /opt/ml/model.
#
#   base         what the processes need of the distribution  <--+-- final: base, packages,
#   packages     the pinned wheels in a virtual environment  ----|   application
#   application  our own sources, with their bytecode        ----+
#
#   docker build -t keepwarm:cu130 .
#   docker build -t keepwarm:cpu --build-arg ACCELERATOR=cpu --build-arg BASE_IMAGE=debian:bookworm-slim .
#
# docs/image.md has the rest: offline builds, tags, what is checked at the start.

ARG BASE_IMAGE=nvidia/cuda:13.0.2-base-ubuntu24.04

# Empty. A folder of wheels can take its place: --build-context wheelhouse=FOLDER
FROM scratch AS wheelhouse


FROM ${BASE_IMAGE} AS base

# The compiler and Python's headers stay: the CPU kernels are compiled for the processor they run
# on, Triton's and torch.compile's for the GPU at hand, all of them at the first start.
# Versions are the distribution's, whose archive keeps only the newest patch of each.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ python3 python3-dev \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log


FROM base AS packages

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/keepwarm/venv

# cuda or cpu; PIP_NO_INDEX=1 takes everything from the wheelhouse.
ARG ACCELERATOR=cuda
ARG PIP_NO_INDEX
COPY container/image/requirements-build.txt container/image/requirements-${ACCELERATOR}.txt /tmp/
# setuptools first, for the one package that has no wheel: a build that fetched its own would be
# the only file without a hash. torch's own tests go, some of which are pickles.
RUN --mount=type=bind,from=wheelhouse,target=/wheelhouse \
    /opt/keepwarm/venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes \
        --find-links /wheelhouse -r /tmp/requirements-build.txt \
    && /opt/keepwarm/venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes \
        --no-build-isolation --use-pep517 --find-links /wheelhouse \
        -r "/tmp/requirements-${ACCELERATOR}.txt" \
    && /opt/keepwarm/venv/bin/python -m pip check \
    && for torch in /opt/keepwarm/venv/lib/python3.*/site-packages/torch; do \
        rm -rf "$torch/test" "$torch"/bin/*test* "$torch"/bin/*Test*; \
    done


FROM base AS application

WORKDIR /opt/keepwarm
COPY LICENSE ./
COPY serving serving
COPY container container
# Any user may run it, whatever rights the files had where they came from.
RUN chmod -R a+rX,go-w . && chmod a+x container/serve && python3 -m compileall -q .


FROM base

ARG ACCELERATOR=cuda
ARG VERSION=unknown
ARG REVISION=unknown
ARG FINGERPRINT=unknown
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true" \
      org.opencontainers.image.title="keepwarm" \
      org.opencontainers.image.description="Chat serving that keeps each conversation's KV cache warm" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      keepwarm.accelerator="${ACCELERATOR}" \
      keepwarm.fingerprint="${FINGERPRINT}"

# NVIDIA_DISABLE_REQUIRE: the base asks the container runtime to refuse hosts with an old driver,
# which happens without a log line. Our own check at the start says what to choose instead.
ENV PATH="/opt/keepwarm/venv/bin:${PATH}" \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    KEEPWARM_HOME=/tmp/keepwarm \
    KEEPWARM_HOST=0.0.0.0 \
    TORCHINDUCTOR_CACHE_DIR=/tmp/keepwarm/inductor \
    TRITON_CACHE_DIR=/tmp/keepwarm/triton \
    NVIDIA_DISABLE_REQUIRE=true

COPY --from=packages /opt/keepwarm/venv /opt/keepwarm/venv
COPY --from=application /opt/keepwarm /opt/keepwarm

# root, as SageMaker expects of a container; nothing here needs it, and `--user` works.
WORKDIR /opt/keepwarm
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/keepwarm/venv/bin/python", "/opt/keepwarm/container/serve"]
CMD ["serve"]
