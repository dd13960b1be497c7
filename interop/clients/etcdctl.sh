#!/usr/bin/env bash
# Debian's etcdctl against one endpoint: put, get, delete, watch, lease, lock, elect, transact. One line a check; ends at the first failure.
set -euo pipefail
export ETCDCTL_API=3
ENDPOINT=${ENDPOINT:-127.0.0.1:2379}
ctl() { etcdctl --endpoints="$ENDPOINT" "$@"; }
passed=0
ok() { echo "ok etcdctl $1"; passed=$((passed + 1)); }
same() { [ "$1" = "$2" ] || { echo "FAILED etcdctl: wanted '$2', got '$1'" >&2; exit 1; }; }
work=$(mktemp -d); trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

same "$(ctl put ctl/a 1)" OK
same "$(ctl get ctl/a --print-value-only)" 1
ctl put ctl/b 2 >/dev/null
same "$(ctl get --prefix ctl/ --keys-only | grep -c ctl)" 2
same "$(ctl get --prefix ctl/ --order DESCEND --sort-by KEY --print-value-only | head -1)" 2
same "$(ctl del --prefix ctl/)" 2
same "$(ctl get ctl/a)" ""
ok "put, get, del"

timeout 2 etcdctl --endpoints="$ENDPOINT" watch --prefix ctl/w >"$work/watch" & watch=$!
sleep 0.5
ctl put ctl/w1 x >/dev/null; ctl del ctl/w1 >/dev/null
wait $watch || true
same "$(tr '\n' ' ' <"$work/watch")" "PUT ctl/w1 x DELETE ctl/w1  "
ok watch

lease=$(ctl lease grant 100 | awk '{print $2}')
ctl put --lease="$lease" ctl/l leased >/dev/null
same "$(ctl lease timetolive "$lease" --keys | sed 's/remaining([0-9]*s)/remaining/')" "lease $lease granted with TTL(100s), remaining, attached keys([ctl/l])"
same "$(ctl lease keep-alive --once "$lease")" "lease $lease keepalived with TTL(100)"
ctl lease list | grep -q "$lease"
same "$(ctl lease revoke "$lease")" "lease $lease revoked"
same "$(ctl get ctl/l)" ""
ok lease

ctl put ctl/t 1 >/dev/null
same "$(printf 'value("ctl/t") = "1"\n\nput ctl/t 2\nget ctl/t\n\nget ctl/t\n\n' | ctl txn | tr '\n' ' ')" "SUCCESS  OK  ctl/t 2 "
same "$(printf 'mod("ctl/t") = "0"\n\nput ctl/t 3\n\nget ctl/t\n\n' | ctl txn | tr '\n' ' ')" "FAILURE  ctl/t 2 "
ok txn

same "$(ctl lock ctl/lock --ttl=10 echo locked)" locked
ok lock

timeout 4 etcdctl --endpoints="$ENDPOINT" elect ctl/election me >"$work/elect" & elect=$!
sleep 1
timeout 1 etcdctl --endpoints="$ENDPOINT" elect -l ctl/election >"$work/leader" || true
same "$(sed -n '1,2p' "$work/leader")" "$(sed -n '1,2p' "$work/elect")"
same "$(sed -n '2p' "$work/leader")" me
wait $elect || true
ok elect

ctl endpoint health 2>&1 | grep -q "is healthy"
ctl endpoint status -w json | grep -q '"version":"3.7.1"'
ctl endpoint hashkv -w json | grep -q '"hash":'
ctl member list | grep -q started
revision=$(ctl get x -w json | sed 's/.*"revision":\([0-9]*\).*/\1/')
same "$(ctl compact "$revision")" "compacted revision $revision"
same "$(ctl defrag)" "Finished defragmenting etcd member[$ENDPOINT]"
same "$(ctl alarm list)" ""
ok "endpoint, member, compact, defrag, alarm"

{ ctl put "" x 2>&1 || true; } | grep -q "key is not provided"
{ ctl get x --rev 999999999 2>&1 || true; } | grep -q "required revision is a future revision"
ok refusals
echo "etcdctl: $passed passed, 0 failed"
