# Pages under PHP-FPM that call a server. In the folder of Dora's sources:
#
#     docker build -f examples/deploy/php-fpm.Dockerfile -t shop-pages .
#     docker run --read-only --env DORA_NODES=10.0.0.5:9567 --publish 9000:9000 shop-pages
#
# A web server passes requests on to port 9000. /srv/shop is yours to change: here it is
# examples/site.

FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        gcc libc6-dev make pkg-config libuv1-dev libjansson-dev zlib1g-dev \
        libmicrohttpd-dev libhiredis-dev libssl-dev php-cli php-dev
COPY . /src
WORKDIR /src
RUN phpize && ./configure && make -j "$(nproc)" && make install INSTALL_ROOT=/made

FROM debian:trixie-slim
# The name of FPM's program has PHP's version; here it has one that CMD can use.
RUN apt-get update && apt-get install -y --no-install-recommends \
        php-cli php-fpm libuv1t64 libjansson4 zlib1g libmicrohttpd12t64 libhiredis1.1.0 libssl3t64 && \
    rm -rf /var/lib/apt/lists/* && \
    ln -s "$(echo /usr/sbin/php-fpm*)" /usr/local/sbin/php-fpm
COPY --from=build /made/ /
RUN echo extension=dora >"$(echo /etc/php/*)/mods-available/dora.ini" && phpenmod dora
COPY examples/site/page.php examples/site/page.css examples/site/shop.php /srv/shop/
COPY examples/site/public /srv/shop/public
COPY examples/deploy/container-fpm.conf /etc/dora/php-fpm.conf
# Where the servers are; for a registry or a node file of the monitor as well.
ENV DORA_NODES=127.0.0.1:9567
USER www-data
EXPOSE 9000
# FPM lets pages finish on SIGQUIT, and drops them on SIGTERM.
STOPSIGNAL SIGQUIT
# Whether FPM answers, not whether the servers do: pages say that themselves.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["php", "-n", "-r", "exit(@fsockopen('127.0.0.1', 9000) ? 0 : 1);"]
CMD ["php-fpm", "--nodaemonize", "--force-stderr", "--fpm-config", "/etc/dora/php-fpm.conf"]
