"""TPC-B transactions by threads that note what was acknowledged, and the check that nothing of it is lost."""
import random
import re
import subprocess
import threading
import time

from pgclient import Client, Failed

# What a client of a cluster must expect: to begin anew, to be told that nobody knows, to be sent away by a node that stops.
EXPECTED = {"40001", "40P01", "40003", "08006", "57P01", "57P03"}


class Workers:
    """Clients, each with one node that it connects to again and again. A transaction has a mark of its own in the history's filler, and
    counts as acknowledged when the answer to its COMMIT is there; one whose answer did not come may be there or not, but wholly or not at
    all, which the sums tell."""

    def __init__(self, addresses, count, scale, seed=1):
        self.addresses, self.scale, self.seed = addresses, scale, seed
        self.acknowledged = []  # (when, mark, address), in the order of acknowledgement
        self.refused = []  # (when, what, address)
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(number,), daemon=True) for number in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)

    def work(self, number):
        r = random.Random(self.seed * 1000 + number)
        address = self.addresses[number % len(self.addresses)]
        sequence, client = 0, None
        while not self.stop.is_set():
            try:
                if client is None:
                    client = Client(address[1], address[0])
                sequence += 1
                mark = f"{self.seed}:{number}:{sequence}"
                delta = r.randint(-5000, 5000)
                account, teller, branch = r.randint(1, 100000 * self.scale), r.randint(1, 10 * self.scale), r.randint(1, self.scale)
                client.query("BEGIN")
                client.query(f"UPDATE pgbench_accounts SET abalance = abalance + {delta} WHERE aid = {account}")
                client.query(f"SELECT abalance FROM pgbench_accounts WHERE aid = {account}")
                client.query(f"UPDATE pgbench_tellers SET tbalance = tbalance + {delta} WHERE tid = {teller}")
                client.query(f"UPDATE pgbench_branches SET bbalance = bbalance + {delta} WHERE bid = {branch}")
                client.query(f"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler) "
                             f"VALUES ({teller}, {branch}, {account}, {delta}, CURRENT_TIMESTAMP, '{mark}')")
                client.query("COMMIT")
                self.acknowledged.append((time.time(), mark, address))
            except Failed as failure:
                self.refused.append((time.time(), str(failure), address))
                try:
                    client.query("ROLLBACK")
                except (OSError, ConnectionError, Failed, AttributeError):
                    client = None
                    time.sleep(0.05)
            except (OSError, ConnectionError) as failure:
                self.refused.append((time.time(), f"connection {type(failure).__name__}", address))
                client = None
                time.sleep(0.05)

    def gap(self, since, until):
        """The longest time between two acknowledgements, whoever got them."""
        times = [since] + [when for when, _, _ in list(self.acknowledged) if since <= when <= until] + [until]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def reasons(self, since=0, until=float("inf")):
        """How often each kind of refusal came."""
        counts = {}
        for when, what, _ in list(self.refused):
            if since <= when <= until:
                kind = what.split()[0] if re.match(r"[0-9A-Z]{5} ", what) else what
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def unexpected(self):
        return [what for _, what, _ in self.refused if not what.startswith("connection") and what.split()[0] not in EXPECTED]


def load(address, scale):
    subprocess.run(["pgbench", "-h", address[0], "-p", str(address[1]), "-U", "postgres", "-i", "-q", "-s", str(scale), "postgres"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def verify(address, scale, acknowledged):
    """What is wrong, as seen through one node; None if nothing is. `acknowledged` holds marks."""
    client = Client(address[1], address[0])
    # One statement, so that all four are of one moment while others go on writing.
    sums = [int(value or 0) for value in client.query(
        "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "
        "(SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history)")[0]]
    accounts = int(client.query("SELECT count(*) FROM pgbench_accounts")[0][0])
    marks = [row[0].strip() for row in client.query("SELECT filler FROM pgbench_history")]
    known = set(marks)
    lost = [mark for mark in acknowledged if mark not in known]
    print(f"  sums {sums}, {len(marks)} in the history, {len(acknowledged)} acknowledged, {len(lost)} lost")
    if len(set(sums)) != 1 or lost or len(known) != len(marks):
        return f"sums {sums}, lost {lost[:10]}, duplicates {len(marks) - len(known)}"
    if accounts != 100000 * scale:
        return f"{accounts} accounts"
    return None
