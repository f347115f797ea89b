"""A real PostgreSQL server on loopback, for as long as a test needs it."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

USER, PASSWORD = "keeper", "not+to/be@seen"
ENCODED = "not%2Bto%2Fbe%40seen"


def binaries() -> Path | None:
    """Where initdb and postgres are; None if PostgreSQL is not installed."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


class Server:
    """A server with its data in a folder of its own; it asks for a password."""

    def __init__(self, folder: Path, place: Path) -> None:
        self.place, self.data, self.port = place, folder / "data", free_port()
        # PostgreSQL refuses to run as root.
        self.user = _unprivileged()
        if self.user is not None:
            shutil.chown(folder, self.user)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        self._run(
            "initdb", "-D", str(self.data), "-U", USER, "-A", "scram-sha-256", "--no-sync",
            "--pwfile", str(folder / "password"), "--encoding", "UTF8", "--locale", "C",
        )  # fmt: skip
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        self.process = subprocess.Popen(
            [str(self.place / "postgres"), "-D", str(self.data), "-p", str(self.port),
             "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.data}",
             "-c", "fsync=off", "-c", "max_connections=200"],
            user=self.user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(200):
            try:
                self.execute("SELECT 1", "postgres")
            except Exception:
                time.sleep(0.1)
            else:
                return self.process
        raise RuntimeError("PostgreSQL did not answer within 20 s")

    def stop(self) -> None:
        """End at once, as in a power cut."""
        self.process.send_signal(3)  # SIGQUIT: immediate shutdown, with its children
        self.process.wait(timeout=30)

    def execute(self, query: str, database: str) -> list[tuple[object, ...]]:
        import psycopg2

        connection = psycopg2.connect(self.url(database).replace("+psycopg2", ""))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def database(self, name: str) -> str:
        """Make an empty database; returns its URL."""
        self.execute(f'CREATE DATABASE "{name}"', "postgres")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg2://{USER}:{ENCODED}@127.0.0.1:{self.port}/{database}"

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.place / name), *arguments],
            user=self.user, cwd="/", check=True, capture_output=True,
        )  # fmt: skip


def _unprivileged() -> str | None:
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


@contextmanager
def serve() -> Iterator[Server]:
    """Start a server; it and its data are gone afterwards."""
    place = binaries()
    if place is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    # Not below pytest's folders: those are closed to other users.
    with tempfile.TemporaryDirectory(prefix="ck19ml-postgres-", dir="/tmp") as folder:
        server = Server(Path(folder), place)
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()
