"""The Python wheel, which contains only the binary. pip installs it as the program `posts-api`."""

import os
import re
import shutil
import sys
from pathlib import Path

from project import ReleaseError, run

TEMPLATES = Path(__file__).parent / "pypi"

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "posts-api"
version = "{version}"
description = "{description}"
readme = "README.md"
license = "{license}"
license-files = ["LICENSE-*", "THIRD-PARTY-LICENSES.txt"]
requires-python = ">=3.8"
{urls}
[tool.hatch.build.targets.wheel]
bypass-selection = true

[tool.hatch.build.targets.wheel.shared-scripts]
"posts-api" = "posts-api"

[tool.hatch.build.targets.wheel.hooks.custom]
path = "hatch_build.py"
"""


def build(project, target, content, staging, output):
    shutil.copytree(content, staging)
    shutil.copytree(TEMPLATES, staging, dirs_exist_ok=True)
    urls = f'\n[project.urls]\nSource = "{project.repository}"\n' if project.repository else ""
    pyproject = PYPROJECT.format(
        version=project.version, description=project.description, license=project.license, urls=urls
    )
    (staging / "pyproject.toml").write_text(pyproject)
    directory = staging / "dist" if target.is_linux else output
    hatchling(staging, directory, "wheel", PLATFORM_TAG=target.python_tag)
    wheel = only(directory)
    return set_glibc_tag(wheel, output) if target.is_linux else wheel


def set_glibc_tag(wheel, output):
    """auditwheel reads from the binary which version of glibc it needs, and rejects libraries that systems may lack."""
    result = run("auditwheel", "repair", "--wheel-dir", output, wheel, capture_output=True, text=True, cwd=wheel.parent)
    repaired = only(output)
    if ".manylinux" in repaired.name or "-manylinux" in repaired.name:
        return repaired
    raise ReleaseError(f"auditwheel found no version of glibc for {repaired.name}:\n{result.stderr}")


def glibc(wheel):
    """Returns the version of glibc in the name of the wheel, such as "2.34"; None on systems other than Linux."""
    match = re.search(r"manylinux_(\d+)_(\d+)_", wheel.name)
    return f"{match[1]}.{match[2]}" if match else None


def hatchling(directory, output, *kinds, **environment):
    targets = [argument for kind in kinds for argument in ("-t", kind)]
    run(sys.executable, "-m", "hatchling", "build", *targets, "-d", output, cwd=directory, capture_output=True,
        text=True, env=os.environ | environment)


def only(directory):
    (path,) = directory.glob("*.whl")
    return path
