"""A temporary PostgreSQL server with durable commits."""

import glob
import os
import pwd
import shutil
import signal
import time
from pathlib import Path

from .process import BenchmarkError, cpu_seconds, run, start, stop

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{dir}'
max_connections = 200
shared_buffers = {shared_buffers}MB
max_wal_size = 4GB
fsync = on
synchronous_commit = on
full_page_writes = on
"""


def find_programs():
    candidates = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))[::-1]
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(str(Path(on_path).resolve().parent))
    for path in candidates:
        if all((Path(path) / name).exists() for name in ("initdb", "postgres", "psql")):
            return Path(path)
    raise BenchmarkError("the PostgreSQL server programs are missing: apt-get install postgresql")


class Postgres:
    def __init__(self, directory, port, memory_mb):
        self.bin, self.dir, self.port = find_programs(), directory / "postgres", port
        self.dir.mkdir()
        # PostgreSQL refuses to run as root.
        self.user = {}
        if os.getuid() == 0:
            names = [user.pw_name for user in pwd.getpwall()]
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self.user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self.dir, user.pw_uid, user.pw_gid)
            directory.chmod(0o755)
        data = self.dir / "data"
        run([self.bin / "initdb", f"--pgdata={data}", "--username=postgres", "--encoding=UTF8", "--locale=C",
             "--auth=trust"], cwd=self.dir, **self.user)
        shared_buffers = max(128, min(1024, memory_mb // 8))
        self.settings = SETTINGS.format(port=port, dir=self.dir, shared_buffers=shared_buffers)
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(self.settings)
        self.log = (directory / "postgres.log").open("w")
        self.process = start([self.bin / "postgres", "-D", data], cwd=self.dir, stdout=self.log, stderr=self.log,
                             **self.user)
        for _ in range(200):
            try:
                self.version = self.sql("SHOW server_version")
                return
            except BenchmarkError as error:
                failure = error
                time.sleep(0.05)
        raise failure

    @property
    def pid(self):
        return self.process.pid

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, statement, database="postgres"):
        return run([self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.port,
                    "-U", "postgres", "-d", database, "-c", statement]).strip()

    def copy(self, template, name):
        """Creates the database `name` as a copy of `template`, replacing an existing one."""
        self.drop(name)
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        self.sql("CHECKPOINT")

    def drop(self, name):
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def stop(self):
        stop(self.process, signal.SIGINT)
        self.log.close()
