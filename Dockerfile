# The one image of all processes: antechamber serve, antechamber worker, and the operator's commands.
# Both stages are pinned by digest, every package by hash. Python 3.13.15 on Debian 13.
FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/core.txt /requirements.txt
RUN python -m venv --without-pip /opt/antechamber \
 && pip --python /opt/antechamber install --require-hashes --only-binary :all: --requirement /requirements.txt
# The application as it is, policies with it, among the packages: the parser's process is isolated and looks nowhere else.
# Compiled here, since at run time nothing can be written.
WORKDIR /opt/antechamber/lib/python3.13/site-packages
COPY authz authz
COPY retrieval retrieval
COPY service service
RUN python -m compileall -q authz retrieval service && chmod -R a+rX,go-w /opt/antechamber

FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
COPY --from=packages /opt/antechamber /opt/antechamber
ENV PATH=/opt/antechamber/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1
# An account without a home and a shell; its name stands in the records of operators' commands.
# /tmp alone may be written, and goes with the container.
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin antechamber
USER 10001:10001
WORKDIR /opt/antechamber
VOLUME /tmp
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "service.cli"]
CMD ["serve"]
