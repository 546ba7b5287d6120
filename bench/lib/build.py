"""Builds the service and the peers from their committed lock files."""

import json
import os
import shutil

from .process import ROOT, BenchmarkError, run


def check_tools(servers):
    if not shutil.which("wrk"):
        raise BenchmarkError("wrk, the load generator, is missing: apt-get install wrk")
    if not shutil.which("cargo"):
        raise BenchmarkError("Rust is missing: https://rustup.rs")
    if any(server.build == "npm" for server in servers) and not shutil.which("npm"):
        raise BenchmarkError("npm is missing: apt-get install npm, or exclude the Node.js peers with --only")


def build_all(servers, log):
    log("building the service")
    ceiling = ["--example", "ceiling"] if any(server.build == "ceiling" for server in servers) else []
    run(["cargo", "build", "--release", "--locked", "--bin", "posts-api", *ceiling], cwd=ROOT)
    for server in servers:
        if server.build == "cargo":
            log(f"building {server.name}")
            run(["cargo", "build", "--release", "--locked"], cwd=server.directory)
        elif server.build == "npm":
            log(f"building {server.name}")
            _npm(server.directory)


def _npm(directory):
    lock, installed = directory / "package-lock.json", directory / "node_modules/.installed"
    # Prisma 7 needs no engine to generate its client, but asks the schema engine for its version. Node stands in for
    # it.
    environment = {
        **os.environ,
        "PRISMA_SCHEMA_ENGINE_BINARY": shutil.which("node"),
        "ASTRO_TELEMETRY_DISABLED": "1",
        "CHECKPOINT_DISABLE": "1",
        "DATABASE_URL": "postgres://localhost/none",
    }
    if not installed.exists() or installed.read_text() != lock.read_text():
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=directory, env=environment)
        installed.write_text(lock.read_text())
    if "build" in json.loads((directory / "package.json").read_text()).get("scripts", {}):
        run(["npm", "run", "build"], cwd=directory, env=environment)


def versions(servers):
    """Returns the locked versions of each server's direct dependencies."""
    versions_by_server = {}
    for server in servers:
        if server.build == "npm":
            package = json.loads((server.directory / "package.json").read_text())
            direct = {**package["dependencies"], **package.get("devDependencies", {})}
            versions_by_server[server.name] = direct
        elif server.build == "cargo":
            versions_by_server[server.name] = _cargo(server.directory)
        elif server.build == "service":
            locked = _cargo(ROOT)
            names = ("actix-web", "diesel", "libsqlite3-sys", "serde_json", "tokio")
            versions_by_server["posts-api"] = {
                "commit": _commit(),
                **{name: locked[name] for name in names if name in locked},
            }
    return versions_by_server


def _cargo(directory):
    output = run(["cargo", "tree", "--locked", "--depth", "1", "--prefix", "none", "-e", "normal"], cwd=directory)
    pairs = (line.split()[:2] for line in output.splitlines()[1:] if " v" in line)
    return {name: version.removeprefix("v") for name, version in pairs}


def _commit():
    if not shutil.which("git"):
        return "unknown"
    changed = run(["git", "status", "--porcelain", "--", "src", "Cargo.lock", "migrations"], cwd=ROOT).strip()
    return run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT).strip() + (
        " with uncommitted changes" if changed else ""
    )
