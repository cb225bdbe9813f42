"""A PostgreSQL server of a test's own, where its programs are installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text


class Server:
    """A PostgreSQL cluster of one's own, reached by a socket in its folder; never run as root."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._user = pwd.getpwuid(os.geteuid() or pwd.getpwnam("nobody").pw_uid)
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "--username=course", "--auth=trust", "--no-sync", "-D", str(self._data))

    def _run(self, program: str, *arguments: str) -> None:
        known = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        command = [str(known[-1]) if known else program, *arguments]
        options: dict[str, Any] = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        subprocess.run(
            command, cwd=self._folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            **({} if os.geteuid() else options),
        )  # fmt: skip

    def start(self) -> None:
        settings = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "--wait", "--silent", "-D", str(self._data), "-l", log, "-o", settings)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", "-m", "immediate", "-D", str(self._data))

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg2://course:secret@/{name}?host={self._folder}"

    def create(self, name: str, template: str = "template1") -> str:
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def end_sessions(self, name: str) -> None:
        self._execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def running() -> Iterator[Server]:
    """Yield a server; skip the test where there is none to start."""
    if not (list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")):
        pytest.skip("needs the programs of a PostgreSQL server (apt install postgresql); CI has them")
    # pytest's own folder can't be entered by others, and a socket's name is short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        found = Server(folder)
        found.start()
        try:
            yield found
        finally:
            found.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
