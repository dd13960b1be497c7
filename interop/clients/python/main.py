"""Python's etcd3 against one endpoint: put, get, delete, watch, lease, lock, transact. Prints one line a check; raises on a failure."""

import sys
import threading

import etcd3

host, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:2379").split(":")
client = etcd3.client(host=host, port=int(port))
passed = 0


def ok(name):
    global passed
    passed += 1
    print("ok python", name)


client.put("py/a", "1")
assert client.get("py/a")[0] == b"1"
client.put("py/b", "2")
assert [(v, m.key) for v, m in client.get_prefix("py/")] == [(b"1", b"py/a"), (b"2", b"py/b")]
assert [v for v, _ in client.get_prefix("py/", sort_order="descend", sort_target="key")] == [b"2", b"1"]
assert client.delete("py/a") is True
assert client.get("py/a") == (None, None)
assert client.delete_prefix("py/").deleted == 1
ok("put, get, delete")

events, cancel = client.watch_prefix("py/w")
seen = []
thread = threading.Thread(target=lambda: [seen.append(next(events)) for _ in range(3)])
thread.start()
client.put("py/w1", "x")
client.put("py/w2", "y")
client.delete("py/w1")
thread.join(10)
assert [type(e).__name__ for e in seen] == ["PutEvent", "PutEvent", "DeleteEvent"], seen
assert [e.key for e in seen] == [b"py/w1", b"py/w2", b"py/w1"]
cancel()
ok("watch")

lease = client.lease(60)
client.put("py/l", "leased", lease=lease)
assert lease.granted_ttl == 60 and 0 < lease.remaining_ttl <= 60
assert lease.keys == [b"py/l"]
assert list(lease.refresh())[0].TTL == 60
lease.revoke()
assert client.get("py/l") == (None, None)
ok("lease")

client.put("py/t", "1")
succeeded, _ = client.transaction(
    compare=[client.transactions.value("py/t") == "1", client.transactions.version("py/t") > 0],
    success=[client.transactions.put("py/t", "2")],
    failure=[client.transactions.get("py/t")],
)
assert succeeded
succeeded, answers = client.transaction(
    compare=[client.transactions.value("py/t") == "1"],
    success=[client.transactions.put("py/t", "3")],
    failure=[client.transactions.get("py/t")],
)
assert not succeeded and answers[0][0][0] == b"2"
assert client.replace("py/t", "2", "4") is True
ok("transaction")

lock = client.lock("py/lock", ttl=20)
assert lock.acquire(timeout=5)
other = client.lock("py/lock", ttl=20)
assert not other.acquire(timeout=1)
lock.release()
assert other.acquire(timeout=5)
other.release()
ok("lock")

assert client.status().version.startswith("3.")
assert [m.name for m in client.members]
revision = client.put("py/c", "1").header.revision
client.compact(revision)
assert client.hash() is not None
assert list(client.list_alarms()) == []
ok("status, members, compaction, hash, alarms")

print(f"python: {passed} passed, 0 failed")
