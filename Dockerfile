# Tessellar in a container:   docker build -t tessellar .      with Ray:   --build-arg EXTRAS=ray
#   docker run --rm -v "$PWD:/data" -u "$(id -u):$(id -g)" tessellar find cube.fits --out run
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
ARG EXTRAS=""
COPY constraints.txt /tmp/
COPY --from=build /wheels /tmp/wheels
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt \
        "$(echo /tmp/wheels/tessellar-*.whl)${EXTRAS:+[$EXTRAS]}" \
    && rm -r /tmp/wheels /tmp/constraints.txt

# Kernels are compiled now, by a whole run on a small sky, which also proves that the image works. Another type of
# processor compiles its own, once. Any user may be given by `docker run --user`, so all may write there.
ENV NUMBA_CACHE_DIR=/var/cache/tessellar MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home tessellar \
    && mkdir "$NUMBA_CACHE_DIR" /data \
    && tessellar demo --out /tmp/demo \
    && rm -r /tmp/demo /tmp/matplotlib \
    && chmod -R a+rwX "$NUMBA_CACHE_DIR" /data

USER tessellar
WORKDIR /data
ENTRYPOINT ["tessellar"]
CMD ["--help"]
