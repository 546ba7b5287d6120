"""The licenses of the libraries in the binary. They require that their copyright notices accompany copies."""

import json
import subprocess
from collections import deque
from pathlib import Path

from project import ROOT, ReleaseError

PATTERNS = ("LICEN[SC]E*", "COPYING*", "COPYRIGHT*", "NOTICE*")
# Where packages have the C libraries that they build.
DIRECTORIES = ("", "*/", "*/*/")
# Texts for packages that leave out the license of the library that they contain.
MISSING_TEXTS = Path(__file__).parent / "licenses"
HEADER = """\
posts-api contains the libraries below. This file lists their licenses and copyright notices.
posts-api itself is licensed under MIT or Apache-2.0; see LICENSE-MIT and LICENSE-APACHE.
"""


def write(target, path):
    texts = {}
    for package in linked_packages(target):
        title = f"{package['name']} {package['version']} ({package['license'] or 'see the license file'})"
        for text in license_texts(package, Path(package["manifest_path"]).parent):
            texts.setdefault(text, []).append(title)
    sections = [f"{'=' * 80}\n{chr(10).join(titles)}\n{'-' * 80}\n{text}" for text, titles in texts.items()]
    path.write_text("\n\n".join([HEADER, *sections]) + "\n")


def linked_packages(target):
    """Returns the packages of the binary and of its build scripts, some of which contain the C libraries."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target.triple]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, queue = set(), deque([root])
    while queue:
        for dependency in nodes[queue.popleft()]["deps"]:
            is_linked = any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"])
            if is_linked and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                queue.append(dependency["pkg"])
    packages = [package for package in metadata["packages"] if package["id"] in found]
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def license_texts(package, directory):
    """Returns the distinct texts of a package."""
    globs = [f"{parent}{pattern}" for parent in DIRECTORIES for pattern in PATTERNS]
    files = sorted({path for glob in globs for path in directory.glob(glob) if path.is_file()})
    files.extend(MISSING_TEXTS.glob(f"{package['name']}.txt"))
    texts = [path.read_text(errors="replace").replace("\r\n", "\n").strip() for path in files]
    if texts:
        return list(dict.fromkeys(texts))
    # Only this text is in the packages anyway, and only this license needs no copyright notice.
    if "Apache-2.0" in (package["license"] or ""):
        return ["The package has no license file. It is used under the Apache License 2.0; see LICENSE-APACHE."]
    name = package["name"]
    raise ReleaseError(f"the package {name} has no license file; add scripts/packages/licenses/{name}.txt")
