# A server with pools in PHP and Python. In the folder of Dora's sources:
#
#     docker build -f examples/deploy/server.Dockerfile -t shop-server .
#     docker run --read-only --tmpfs /tmp --cap-drop ALL --publish 9567:9567 shop-server
#
# /srv/shop is yours to change: here it is examples/site.

FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev make pkg-config libuv1-dev libjansson-dev zlib1g-dev \
        libmicrohttpd-dev libhiredis-dev libssl-dev python3-dev python3-venv php-cli php-dev
COPY . /src
WORKDIR /src
RUN python3 -m venv /opt/dora && /opt/dora/bin/pip install --no-cache-dir .
RUN phpize && ./configure && make -j "$(nproc)" && make install INSTALL_ROOT=/made

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        python3 php-cli libuv1t64 libjansson4 zlib1g libmicrohttpd12t64 libhiredis1.1.0 libssl3t64 && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/dora /opt/dora
COPY --from=build /made/ /
RUN echo extension=dora >"$(echo /etc/php/*)/mods-available/dora.ini" && phpenmod dora
COPY examples/site/catalogue.php examples/site/reviews.py /srv/shop/
COPY examples/deploy/container.json /etc/dora/dora.json
ENV PATH=/opt/dora/bin:$PATH
# Any user that is not root; it needs no name.
USER 9567:9567
EXPOSE 9567
# A stop finishes what was accepted, for stop_timeout_ms at most: less than the 10 s that
# `docker stop` waits.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["dora", "stat", "--check"]
# No shell, no init: the server is process 1 and waits for orphans.
CMD ["dora", "serve", "--config", "/etc/dora/dora.json"]
