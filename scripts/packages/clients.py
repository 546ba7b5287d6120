"""The packages of the clients. Their manifests name no repository: its URL is known only when they are released."""

import json
import re
import shutil

import npm
import wheel
from project import ROOT, run

LICENSES = ("LICENSE-APACHE", "LICENSE-MIT")
# A link from the directory of a client to another file of the repository.
LINK = re.compile(r"\[([^\]]+)\]\(\.\./\.\./([^)]+)\)")


def build_typescript(project, staging, output):
    source = ROOT / "clients/typescript"
    run("npm", "run", "build", cwd=source, capture_output=True, text=True)
    stage(project, source, staging, ("dist", "package.json"))
    manifest = json.loads((source / "package.json").read_text())
    if project.repository:
        manifest |= npm.repository(project) | {
            "homepage": f"{project.files_url}/clients/typescript/README.md",
            "bugs": f"{project.repository}/issues",
        }
        manifest["repository"]["directory"] = "clients/typescript"
    (staging / "package.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return npm.pack(staging, output)


def build_python(project, staging, output):
    """Returns the wheel and the source distribution."""
    stage(project, ROOT / "clients/python", staging, ("posts_api_client", "pyproject.toml"))
    if project.repository:
        urls = {
            "Homepage": f"{project.files_url}/clients/python/README.md",
            "Documentation": f"{project.files_url}/docs/api/README.md",
            "Repository": project.repository,
            "Issues": f"{project.repository}/issues",
            "Changelog": f"{project.files_url}/CHANGELOG.md",
        }
        lines = [f"{name} = {json.dumps(url)}\n" for name, url in urls.items()]
        with (staging / "pyproject.toml").open("a") as manifest:
            manifest.write("\n[project.urls]\n" + "".join(lines))
    wheel.hatchling(staging, output, "wheel", "sdist")
    return sorted(output.iterdir())


def stage(project, source, directory, names):
    """Copies these files of a client, the licenses, and the README to a new directory."""
    directory.mkdir(parents=True)
    for path in (*(source / name for name in names), *(ROOT / name for name in LICENSES)):
        if path.is_dir():
            shutil.copytree(path, directory / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, directory)
    (directory / "README.md").write_text(absolute_links(project, (source / "README.md").read_text()))


def absolute_links(project, text):
    """Replaces the links to other files of the repository, which do not work in a package."""
    replacement = rf"[\1]({project.files_url}/\2)" if project.repository else r"\1"
    return LINK.sub(replacement, text)
