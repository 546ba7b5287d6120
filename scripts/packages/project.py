"""What all packages have in common: the version and description, the platform, and the checks before a release."""

import json
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class ReleaseError(Exception):
    """A message for the user."""


def run(*command, **options):
    return subprocess.run(command, check=True, cwd=options.pop("cwd", ROOT), **options)


@dataclass(frozen=True)
class Project:
    version: str
    description: str
    license: str
    repository: str | None
    """The URL of the repository without `.git`, or None if it is unknown."""

    @classmethod
    def load(cls, repository):
        package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
        return cls(package["version"], package["description"], package["license"], repository)

    @property
    def files_url(self):
        """The URL of the root directory in the release."""
        return f"{self.repository}/blob/v{self.version}"


# The platform in Node.js's terms, by Rust target. Each has a job in .github/workflows/release.yml.
PLATFORMS = {
    "aarch64-apple-darwin": "darwin-arm64",
    "x86_64-apple-darwin": "darwin-x64",
    "aarch64-unknown-linux-gnu": "linux-arm64",
    "x86_64-unknown-linux-gnu": "linux-x64",
}

# The oldest macOS that Rust supports on arm64. Also compiled into the C libraries.
MACOS = "11.0"


@dataclass(frozen=True)
class Target:
    triple: str

    @classmethod
    def of_this_machine(cls):
        version = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
        triple = re.search(r"^host: (.*)$", version, re.MULTILINE)[1]
        if triple not in PLATFORMS:
            raise ReleaseError(f"{triple} is not a platform of the packages, which are: {', '.join(PLATFORMS)}")
        return cls(triple)

    @property
    def platform(self):
        return PLATFORMS[self.triple]

    @property
    def is_linux(self):
        return self.platform.startswith("linux-")

    @property
    def python_tag(self):
        """The platform tag of the wheel. On Linux, auditwheel replaces it."""
        machine = self.triple.split("-")[0]
        if self.is_linux:
            return f"linux_{machine}"
        return f"macosx_{MACOS.replace('.', '_')}_{machine.replace('aarch64', 'arm64')}"

    @property
    def build_environment(self):
        return {} if self.is_linux else {"MACOSX_DEPLOYMENT_TARGET": MACOS}


def commit_time():
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    result = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        raise ReleaseError("this is not a Git checkout; set SOURCE_DATE_EPOCH to the time of the release, in seconds")
    return int(result.stdout)


def check_release(project, tag):
    """Checks that the clients have the service's version, and that the changelog and the tag, if any, have it too."""
    typescript, python = "clients/typescript/package.json", "clients/python/pyproject.toml"
    versions = {
        typescript: json.loads((ROOT / typescript).read_text())["version"],
        python: tomllib.loads((ROOT / python).read_text())["project"]["version"],
    }
    for file, version in versions.items():
        if version != project.version:
            raise ReleaseError(f"the version in {file} is {version}, but that in Cargo.toml is {project.version}")
    if not tag:
        return
    if tag != f"v{project.version}":
        expected = f"the version in Cargo.toml is {project.version}; expected v{project.version}"
        raise ReleaseError(f"the tag is {tag}, but {expected}")
    if not re.search(rf"^## \[?{re.escape(project.version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        raise ReleaseError(f'CHANGELOG.md has no section "{project.version}"')
