# syntax=docker/dockerfile:1

# What the bundled C libraries need to build (OpenSSL's Configure is perl), and cargo-chef, which turns the dependencies
# into a layer of their own: it is built again only when Cargo.toml or Cargo.lock changes.
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
RUN cargo chef cook --release --locked --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --bin posts-api

# The same Debian as the build image, so that the binary finds the C library it was linked to.
FROM debian:bookworm-slim
# For TLS to PostgreSQL with sslmode=verify-full.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
# A named volume takes over this ownership. A directory of the host that is mounted here must let user 10001 write.
RUN groupadd --gid 10001 posts \
    && useradd --uid 10001 --gid posts --no-create-home --home-dir /data --shell /usr/sbin/nologin posts \
    && install -d -o posts -g posts -m 0750 /data
COPY --from=builder /build/target/release/posts-api /usr/local/bin/posts-api

# As a number: Kubernetes' runAsNonRoot does not resolve names.
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
ENV HOST=0.0.0.0 PORT=8080 DATABASE_URL=sqlite:///data/posts.db
EXPOSE 8080

# The slim image has no curl; bash can open a socket by itself. Healthy is a 200 from /health/live.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/$PORT\" && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r -t 2 line <&3 && [[ $line == 'HTTP/1.1 200 '* ]] || exit 1"]

# The first start on an empty database prints the admin key: `docker logs`.
ENTRYPOINT ["posts-api"]
