# syntax=docker/dockerfile:1

# Build tools for the bundled C libraries (OpenSSL's Configure is a Perl script), and cargo-chef. cargo-chef compiles
# the dependencies in a separate layer, which Docker rebuilds only when Cargo.toml or Cargo.lock changes.
FROM rust:1-slim-bookworm AS chef
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make perl \
    && rm -rf /var/lib/apt/lists/*
RUN cargo install cargo-chef --locked --version 0.1.78
WORKDIR /build

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /build/recipe.json recipe.json
# Compiled with the dependencies, as a patch of one. It is not in the recipe.
COPY crates crates
RUN cargo chef cook --release --locked --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --bin posts-api

# The same Debian release as the build image, because the binary is linked against its C library.
FROM debian:bookworm-slim
# CA certificates, for TLS to PostgreSQL with sslmode=verify-full.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
# A named volume inherits the ownership of /data. A bind mount must be writable by user 10001.
RUN groupadd --gid 10001 posts \
    && useradd --uid 10001 --gid posts --no-create-home --home-dir /data --shell /usr/sbin/nologin posts \
    && install -d -o posts -g posts -m 0750 /data
COPY --from=builder /build/target/release/posts-api /usr/local/bin/posts-api

# Numeric, because Kubernetes cannot check runAsNonRoot for a user name.
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
ENV HOST=0.0.0.0 PORT=8080 DATABASE_URL=sqlite:///data/posts.db
EXPOSE 8080

# The slim image has no curl, so bash opens the socket. The container is healthy if /health/live responds 200.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/$PORT\" && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 2 line <&3 && [[ $line == 'HTTP/1.1 200 '* ]] || exit 1"]

# The first start on an empty database prints the admin key; see `docker logs`.
ENTRYPOINT ["posts-api"]
