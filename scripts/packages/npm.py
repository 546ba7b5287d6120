"""The npm packages: `posts-api`, which starts the binary, and one package per platform with the binary."""

import json
import shutil
from pathlib import Path

from project import PLATFORMS, run

TEMPLATES = Path(__file__).parent / "npm"
LICENSES = ("LICENSE-APACHE", "LICENSE-MIT")
NOTICES = "THIRD-PARTY-LICENSES.txt"


def build(project, target, glibc, content, staging, output):
    """Returns the package of the platform and `posts-api`. `glibc` is the oldest version that the binary runs on."""
    platform = stage_platform(project, target, glibc, content, staging / "platform")
    wrapper = stage_wrapper(project, content, staging / "wrapper")
    return [pack(platform, output), pack(wrapper, output)]


def stage_platform(project, target, glibc, content, directory):
    operating_system, architecture = target.platform.split("-")
    name = package_name(target.platform)
    manifest = common(project, name, f"The binary of posts-api for {target.platform}") | {
        "os": [operating_system],
        "cpu": [architecture],
        "files": ["bin", *LICENSES, NOTICES],
        # Yarn's Plug'n'Play must unpack the package, because the system cannot run a program in a ZIP file.
        "preferUnplugged": True,
    }
    if target.is_linux:
        manifest |= {"libc": ["glibc"], "glibc": glibc}
    (directory / "bin").mkdir(parents=True)
    shutil.copy2(content / "posts-api", directory / "bin")
    readme = (TEMPLATES / "platform.md").read_text().format(name=name, platform=target.platform)
    return finish(manifest, readme, (*LICENSES, NOTICES), content, directory)


def stage_wrapper(project, content, directory):
    manifest = common(project, "posts-api", project.description) | {
        "keywords": ["blog", "cms", "headless", "posts", "rest-api", "sqlite", "postgresql"],
        "bin": {"posts-api": "bin/posts-api.cjs"},
        "files": ["bin", *LICENSES],
        "engines": {"node": ">=18"},
        "optionalDependencies": {package_name(platform): project.version for platform in PLATFORMS.values()},
    }
    (directory / "bin").mkdir(parents=True)
    shutil.copy(TEMPLATES / "posts-api.cjs", directory / "bin")
    (directory / "bin/posts-api.cjs").chmod(0o755)
    return finish(manifest, (TEMPLATES / "README.md").read_text(), LICENSES, content, directory)


def package_name(platform):
    return f"@posts-api/cli-{platform}"


def common(project, name, description):
    manifest = {"name": name, "version": project.version, "description": description, "license": project.license}
    if project.repository:
        manifest |= repository(project) | {"homepage": project.repository}
    # Scoped packages are private otherwise.
    return manifest | {"publishConfig": {"access": "public"}}


def repository(project):
    return {"repository": {"type": "git", "url": f"git+{project.repository}.git"}}


def finish(manifest, readme, files, content, directory):
    (directory / "package.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (directory / "README.md").write_text(readme)
    for name in files:
        shutil.copy(content / name, directory)
    return directory


def pack(directory, output):
    """Runs `npm pack`, which sets fixed times and file modes. Returns the path of the package."""
    before = set(output.iterdir())
    # The scripts of a client, such as `prepack`, need the source tree.
    run("npm", "pack", "--ignore-scripts", "--pack-destination", output, cwd=directory, capture_output=True, text=True)
    (package,) = set(output.iterdir()) - before
    return package
