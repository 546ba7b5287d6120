"""Builds the service and the peers, from committed lock files."""

import json
import os
import shutil

from .process import BENCH, ROOT, Failed, run


def tools(servers):
    if not shutil.which("wrk"):
        raise Failed("wrk, which makes the load, is missing: apt-get install wrk")
    if not shutil.which("cargo"):
        raise Failed("Rust is missing: https://rustup.rs")
    if any(server.build == "npm" for server in servers) and not shutil.which("npm"):
        raise Failed("npm is missing: apt-get install npm, or narrow with --only")


def all_of(servers, tell):
    tell("building the service")
    run(["cargo", "build", "--release", "--locked", "--bin", "posts-api", "--example", "ceiling"], cwd=ROOT)
    for server in servers:
        if server.build == "cargo":
            tell(f"building {server.name}")
            run(["cargo", "build", "--release", "--locked"], cwd=server.directory)
        elif server.build == "npm":
            tell(f"building {server.name}")
            _npm(server.directory)


def _npm(directory):
    lock, installed = directory / "package-lock.json", directory / "node_modules/.installed"
    # Prisma 7 needs no engine to generate its client, yet asks for the version of one: node has a version too.
    environment = {**os.environ, "PRISMA_SCHEMA_ENGINE_BINARY": shutil.which("node"), "ASTRO_TELEMETRY_DISABLED": "1",
                   "CHECKPOINT_DISABLE": "1", "DATABASE_URL": "postgres://localhost/none"}
    if not installed.exists() or installed.read_text() != lock.read_text():
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=directory, env=environment)
        installed.write_text(lock.read_text())
    if "build" in json.loads((directory / "package.json").read_text()).get("scripts", {}):
        run(["npm", "run", "build"], cwd=directory, env=environment)


def versions(servers):
    """What each server is made of: its direct dependencies as locked."""
    found = {}
    for server in servers:
        if server.build == "npm":
            package = json.loads((server.directory / "package.json").read_text())
            direct = {**package["dependencies"], **package.get("devDependencies", {})}
            found[server.name] = direct
        elif server.build == "cargo":
            found[server.name] = _cargo(server.directory)
        elif server.build == "service":
            locked = _cargo(ROOT)
            names = ("actix-web", "diesel", "libsqlite3-sys", "serde_json", "tokio")
            found["posts-api"] = {"commit": _commit(), **{name: locked[name] for name in names if name in locked}}
    return found


def _cargo(directory):
    told = run(["cargo", "tree", "--locked", "--depth", "1", "--prefix", "none", "-e", "normal"], cwd=directory)
    pairs = (line.split()[:2] for line in told.splitlines()[1:] if " v" in line)
    return {name: version.removeprefix("v") for name, version in pairs}


def _commit():
    if not shutil.which("git"):
        return "unknown"
    changed = run(["git", "status", "--porcelain", "--", "src", "Cargo.lock", "migrations"], cwd=ROOT).strip()
    return run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT).strip() + (" with changes" if changed else "")
