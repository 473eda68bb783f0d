"""A PostgreSQL of a script's own: on loopback, in a temporary folder, gone when the script ends."""
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class PostgreSQL:
    def __init__(self, locale="C"):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) + [p for p in [shutil.which("initdb")] if p]
        if not found:
            sys.exit("PostgreSQL is not installed: apt-get install postgresql")
        self.bin = pathlib.Path(os.environ.get("POSTGRESQL_BIN", pathlib.Path(found[0]).parent))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="oracle-"))
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.port = free_port()
        self.run("initdb", "-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}", "--no-sync")
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-o",
                 f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder} -c fsync=off -c timezone=UTC", "start")

    def run(self, name, *arguments):
        command = [str(self.bin / name), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--"] + command
        done = subprocess.run(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stdout}")

    def stop(self):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
