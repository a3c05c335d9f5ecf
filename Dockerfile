# Two images of one build. `--target http`, the default: distroless, for `sidelight http` as a sidecar or a proxy.
# `--target stdio`: Debian with Node and a shell, onto which the runtime of the wrapped server goes.
# Nothing runs in the last stages, so that a build for another architecture needs no emulation.

# Given with a digest, a base cannot change below its tag.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG DISTROLESS_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

# dist/, which is the same for every architecture.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY docs/openapi.json ./docs/
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs

# What both images have: the bundle, and of the SQLite driver the code and the module of one architecture.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS files
ARG TARGETARCH=amd64
WORKDIR /files/app
COPY deploy/image/package.json deploy/image/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
RUN driver=node_modules/better-sqlite3 \
 && module="linux-$(echo "$TARGETARCH" | sed 's/^amd64$/x64/')" \
 && mv "$driver/prebuilds/$module.node" /tmp/ \
 && rm -r "$driver/prebuilds" "$driver/deps" "$driver/src" node_modules/node-addon-api package-lock.json \
 && mkdir "$driver/prebuilds" \
 && mv "/tmp/$module.node" "$driver/prebuilds/"
COPY --from=build /build/dist ./dist
COPY LICENSE ./
RUN rm dist/*.map \
 && mkdir -p /files/bin /data \
 && ln -s /app/dist/main.js /files/bin/sidelight

FROM ${NODE_IMAGE} AS stdio
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="sidelight" \
      org.opencontainers.image.description="Runs an MCP stdio server and observes it; the server's runtime goes on top" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# SQLite's temporary files, too: nothing else is to be written to.
ENV NODE_ENV=production \
    SIDELIGHT_DATA_DIR=/data \
    SQLITE_TMPDIR=/data
COPY --from=files /files/app /app
COPY --from=files /files/bin /usr/local/bin
COPY --from=files --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
ENTRYPOINT ["sidelight"]
CMD ["--help"]

FROM ${DISTROLESS_IMAGE} AS http
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="sidelight" \
      org.opencontainers.image.description="Stands in front of an MCP server that speaks HTTP and observes it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# On loopback nobody could reach it: the network of the container is the boundary, and its ports are published or not.
ENV NODE_ENV=production \
    SIDELIGHT_DATA_DIR=/data \
    SQLITE_TMPDIR=/data \
    SIDELIGHT_LISTEN=0.0.0.0:8808 \
    SIDELIGHT_ALLOW_REMOTE=true \
    SIDELIGHT_ADMIN=0.0.0.0:9464
COPY --from=files /files/app /app
COPY --from=files --chown=65532:65532 /data /data
USER 65532:65532
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8808 9464
# Only whether it runs: an orchestrator that starts unhealthy containers anew must not do so for a receiver that is down.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --start-interval=1s --retries=3 \
  CMD ["/nodejs/bin/node", "/app/dist/main.js", "health", "--live"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/main.js"]
CMD ["http"]
