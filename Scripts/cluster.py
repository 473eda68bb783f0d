"""Processes of a cluster on loopback, for scripts that begin one, break it and look at it."""
import csv
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from pgclient import Client, Failed


def add_options(parser, port):
    """What all of them take."""
    parser.add_argument("--binary", default=".build/release/meridian")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--port", type=int, default=port, help="the first of ten for each node")
    parser.add_argument("--certs", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the folder with stores and logs")
    parser.add_argument("--support-duration", help="as `meridian start` takes it")


class Cluster:
    """Processes, one for each node, at fixed ports and in folders of their own. To be used with `with`."""

    def __init__(self, options):
        options.binary = os.path.abspath(options.binary)
        if not os.path.exists(options.binary):
            sys.exit(f"there is no {options.binary}; make build, or --binary")
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meridian-cluster-"))
        self.processes = [None] * options.nodes
        # Ends that are meant: a process that ends otherwise ends the script.
        self.dying = set()
        self.certs = None
        if options.certs:
            self.certs = str(self.folder / "certs")
            self.meridian("cert", "create-ca", "--certs-dir", self.certs)
            self.meridian("cert", "create-node", "localhost", "127.0.0.1", "--certs-dir", self.certs)
            self.meridian("cert", "create-client", "postgres", "--certs-dir", self.certs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if self.options.keep:
            print(f"kept {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, node):
        return "127.0.0.1"

    def joining(self, node):
        """Where other nodes reach it."""
        return self.rpc(node)

    def more(self, node):
        """What else a node is started with."""
        return []

    def sql(self, node):
        """Where clients connect."""
        return self.host(node), self.ports(node)[0]

    def ports(self, node):
        """SQL, rpc, HTTP."""
        first = self.options.port + 10 * node
        return first, first + 1, first + 2

    def rpc(self, node):
        return f"{self.host(node)}:{self.ports(node)[1]}"

    @property
    def tuning(self):
        return ["--support-duration", self.options.support_duration] if self.options.support_duration else []

    @property
    def security(self):
        return ["--certs-dir", self.certs] if self.certs else ["--insecure"]

    def meridian(self, *arguments, may_fail=False):
        run = subprocess.run([self.options.binary, *arguments], capture_output=True, text=True)
        if run.returncode != 0 and not may_fail:
            sys.exit(f"FAILED: meridian {' '.join(arguments)}: {run.stdout.strip()} {run.stderr.strip()}")
        return run.stdout if run.returncode == 0 else None

    def ask(self, *arguments, **more):
        """A command about the cluster."""
        return self.meridian(*arguments, *self.security, **more)

    def begin(self, count=None):
        """Starts the first nodes, makes them a cluster, and waits until every one serves and ranges have their replicas."""
        count = count or self.options.nodes
        for node in range(count):
            self.start(node)
        self.until("the nodes listen", lambda: all(self.listens(node) for node in range(count)))
        self.ask("init", "--host", self.rpc(0))
        self.until("all nodes serve SQL", lambda: all(self.session(node).query("SELECT 1") for node in range(count)))
        self.until("all nodes have replicas", lambda: [int(row["replicas"] or 0) > 0 for row in self.status(0)] == [True] * count)

    def leader(self, ask):
        """The node that leads most ranges, of those that are up, as a node tells that is asked."""
        rows = [row for row in self.status(ask) if row["is_live"] == "t" and row["leases"]]
        best = max(rows, key=lambda row: int(row["leases"]), default=None)
        return None if best is None or int(best["leases"]) == 0 else self.index(best)

    def index(self, row):
        """Which of our processes a row of the status is."""
        return (int(row["sql_address"].rsplit(":", 1)[1]) - self.options.port) // 10

    def start(self, node):
        sql, rpc, http = self.ports(node)
        join = ",".join(self.joining(other) for other in range(self.options.nodes))
        self.dying.discard(node)
        log = open(self.folder / f"node{node + 1}.log", "a")
        host = self.host(node)
        self.processes[node] = subprocess.Popen(
            [self.options.binary, "start", "--store", str(self.folder / f"node{node + 1}"), "--sql-addr", f"{host}:{sql}",
             "--rpc-addr", f"{host}:{rpc}", "--http-addr", f"{host}:{http}", "--join", join,
             "--locality", f"region=here,zone=z{node + 1}", "--cache", "64MiB", *self.security, *self.tuning, *self.more(node)],
            stdout=log, stderr=log)

    def kill(self, node):
        self.dying.add(node)
        self.processes[node].send_signal(signal.SIGKILL)
        self.processes[node].wait()

    def terminate(self, node, limit=30):
        """Ends a node as an operator would; the seconds that took."""
        self.dying.add(node)
        began = time.time()
        self.processes[node].terminate()
        self.processes[node].wait(limit)
        return time.time() - began

    def stop(self):
        for process in self.processes:
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            if process:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def status(self, node):
        """A row for each member as a node sees it; none if it cannot be asked or is in no cluster."""
        text = self.ask("node", "status", "--host", self.rpc(node), "--format", "csv", may_fail=True)
        return list(csv.DictReader(io.StringIO(text))) if text else []

    def listens(self, node):
        for port in self.ports(node):
            socket.create_connection((self.host(node), port), timeout=5).close()
        return True

    def session(self, node):
        return SecureSession(self, node) if self.certs else Client(self.ports(node)[0], self.host(node))

    def until(self, what, condition, limit=30):
        """Waits until it is so; the seconds that took."""
        began = time.time()
        while True:
            try:
                if condition():
                    return time.time() - began
            except (OSError, ConnectionError, Failed):
                pass
            for node, process in enumerate(self.processes):
                if process and node not in self.dying and process.poll() is not None:
                    sys.exit(f"FAILED: node {node + 1} ended; see its log (--keep)\n{self.log_end(node)}")
            if time.time() - began > limit:
                sys.exit(f"FAILED: after {limit} s still not: {what}")
            time.sleep(0.02)

    def log_end(self, node):
        return (self.folder / f"node{node + 1}.log").read_text()[-2000:]


class LinkedCluster(Cluster):
    """One whose nodes reach each other through links that can be cut, slow or lossy: links.py, a process of its own, which all
    connections between nodes pass."""

    def __init__(self, options):
        super().__init__(options)
        self.links = subprocess.Popen([sys.executable, "-B", str(pathlib.Path(__file__).resolve().parent / "links.py")],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.links.stdin.write(json.dumps([(self.advertised(node), self.ports(node)[1]) for node in range(options.nodes)]) + "\n")
        self.links.stdin.flush()
        self.links.stdout.readline()

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.links.kill()
        self.links.wait()

    def advertised(self, node):
        return self.ports(node)[0] + 3

    def joining(self, node):
        return f"127.0.0.1:{self.advertised(node)}"

    def more(self, node):
        return ["--advertise-addr", f"127.0.0.1:{self.advertised(node)}"]

    def disturb(self, cut=(), delay=0, loss=0):
        pairs = [(self.advertised(source), self.advertised(target)) for source, target in cut]
        self.links.stdin.write(json.dumps({"cut": pairs, "delay": delay, "loss": loss}) + "\n")
        self.links.stdin.flush()


class SecureSession:
    """Statements through `meridian sql` with a role's certificate."""

    def __init__(self, cluster, node):
        self.cluster = cluster
        self.url = f"postgresql://postgres@localhost:{cluster.ports(node)[0]}/postgres"

    def query(self, sql):
        run = subprocess.run([self.cluster.options.binary, "sql", "-X", "--certs-dir", self.cluster.certs, "--url", self.url, "-A", "-t",
                              "-F", "\t", "-c", sql], capture_output=True, text=True)
        if run.returncode != 0:
            raise Failed(run.stderr.strip())
        return [line.split("\t") for line in run.stdout.splitlines()]
