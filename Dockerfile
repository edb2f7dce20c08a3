# Builds weir and makes a small image that runs it as a user without rights.
#   docker build -t weir .
#   docker run -p 8443:8443 -v ./weir.json:/etc/weir/weir.json:ro weir

FROM debian:12-slim AS build
COPY scripts/install-packages /src/scripts/install-packages
RUN /src/scripts/install-packages build
COPY . /src
RUN /src/scripts/build release weir \
 && cmake --install /src/build/release --prefix /usr --component weir --strip

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libevent-core-2.1-7 libssl3 libnghttp2-14 libwebsockets17 libjansson4 libhiredis0.14 \
      libpcre2-8-0 libc-ares2 \
      zlib1g libbrotli1 libutf8proc2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/weir --create-home --shell /usr/sbin/nologin weir
COPY --from=build /usr/bin/weir /usr/bin/weir
COPY --from=build /usr/share/weir /usr/share/weir
USER weir
VOLUME /var/lib/weir
ENV STATE_DIRECTORY=/var/lib/weir
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["weir", "status"]
ENTRYPOINT ["weir"]
CMD ["run", "--config", "/etc/weir/weir.json"]
