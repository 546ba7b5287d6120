"""The archive for users without npm and pip, with a checksum file that `sha256sum --check` reads."""

import gzip
import hashlib
import os
import tarfile

from project import ROOT

README = ROOT / "scripts/packages/archive.md"


def build(project, target, content, output):
    name = f"posts-api-{project.version}-{target.triple}"
    archive = output / f"{name}.tar.gz"
    files = sorted([*content.iterdir(), README], key=lambda path: path.name)
    with archive.open("wb") as file, compressed(file) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for path in files:
            add(tar, path, f"{name}/{'README.md' if path == README else path.name}")
    checksum = archive.with_name(f"{archive.name}.sha256")
    checksum.write_text(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n")
    return [archive, checksum]


def compressed(file):
    """Without the name and the time of the file in its header, which would differ between builds."""
    return gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0)


def add(tar, path, name):
    info = tarfile.TarInfo(name)
    info.size = path.stat().st_size
    info.mode = 0o755 if path.name == "posts-api" else 0o644
    info.mtime = int(os.environ["SOURCE_DATE_EPOCH"])
    with path.open("rb") as file:
        tar.addfile(info, file)
