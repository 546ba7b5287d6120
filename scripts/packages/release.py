"""The command line of scripts/release, which describes the options."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import archive
import clients
import npm
import notices
import wheel
from project import ROOT, Project, ReleaseError, Target, check_release, commit_time, run


def main():
    options = parse_options()
    try:
        project = Project.load(os.environ.get("REPOSITORY_URL"))
        check_release(project, options.check)
        if options.check is not None:
            return
        os.environ["SOURCE_DATE_EPOCH"] = str(commit_time())
        output = options.output.resolve()
        built = build_clients(project, output) if options.clients else build_server(project, options.binary, output)
    except ReleaseError as error:
        sys.exit(f"scripts/release: {error}")
    except subprocess.CalledProcessError as error:
        # Only of commands whose output is captured.
        for text in (error.stdout, error.stderr):
            sys.stderr.write(text or "")
        sys.exit(f"scripts/release: {' '.join(map(str, error.cmd))} failed with status {error.returncode}")
    for path in built:
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/release", usage="see the comment at the start of scripts/release")
    parser.add_argument("--binary", type=Path)
    parser.add_argument("--clients", action="store_true")
    parser.add_argument("--check", nargs="?", const="", metavar="TAG")
    parser.add_argument("--output", type=Path, default=ROOT / "target/packages")
    return parser.parse_args()


def build_server(project, binary, output):
    target = Target.of_this_machine()
    binary = binary.resolve() if binary else build_binary(target)
    check_version(binary, project.version)
    with tempfile.TemporaryDirectory(prefix="posts-api-release.") as directory:
        # The files that every package contains.
        content = Path(directory, "content")
        content.mkdir()
        shutil.copy(binary, content / "posts-api")
        (content / "posts-api").chmod(0o755)
        for name in ("LICENSE-APACHE", "LICENSE-MIT"):
            shutil.copy(ROOT / name, content)
        notices.write(target, content / "THIRD-PARTY-LICENSES.txt")
        staging = Path(directory, "staging")
        wheel_path = wheel.build(project, target, content, staging / "pypi", fresh(output / "pypi"))
        packages = npm.build(project, target, wheel.glibc(wheel_path), content, staging / "npm", fresh(output / "npm"))
        return [wheel_path, *packages, *archive.build(project, target, content, fresh(output / "archives"))]


def build_binary(target):
    """Builds in its own directory, because other flags would make cargo compile all of target/release again."""
    cargo_home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    environment = os.environ | target.build_environment
    # Keeps the paths of the machine out of the binary.
    remap = f"--remap-path-prefix={ROOT}=/posts-api --remap-path-prefix={cargo_home}=/cargo"
    environment["RUSTFLAGS"] = f"{environment.get('RUSTFLAGS', '')} {remap}".strip()
    run("cargo", "build", "--release", "--locked", "--bin", "posts-api", "--target", target.triple, env=environment)
    target_directory = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target_directory / target.triple / "release/posts-api"


def check_version(binary, version):
    """Also proves that this machine can run the binary."""
    try:
        reported = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ReleaseError(f"failed to run {binary} --version: {error}") from error
    if reported != f"posts-api {version}":
        first_line = reported.partition("\n")[0]
        raise ReleaseError(f'{binary} reports "{first_line}", but the version in Cargo.toml is {version}')


def build_clients(project, output):
    with tempfile.TemporaryDirectory(prefix="posts-api-release.") as directory:
        staging = Path(directory)
        return [
            clients.build_typescript(project, staging / "npm", fresh(output / "npm-client")),
            *clients.build_python(project, staging / "pypi", fresh(output / "pypi-client")),
        ]


def fresh(directory):
    """Returns the directory, emptied: it must not contain packages of other versions."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


if __name__ == "__main__":
    main()
