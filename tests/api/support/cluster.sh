# Starts a temporary PostgreSQL cluster. Stops and removes it when standard input closes, which happens however the test
# process ends.
# Arguments: the directory of the programs; the port; synchronous_commit; the directory with server.crt and server.key,
# or "" for a server without TLS; the port of the primary, for a standby.
# Prints "ready" once the cluster accepts connections. On the input line "stop", it stops the cluster as a crash would;
# on "start", it starts it again. After each, it prints "done".
set -u
bin=$1 port=$2 synchronous_commit=$3 tls=${4:-} primary=${5:-}
# Ctrl-C signals every process of the terminal. Only the end of the test process stops the cluster.
trap '' INT TERM HUP

dir=$(mktemp -d "${TMPDIR:-/tmp}/posts-api-test-postgres.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# PostgreSQL refuses to run as root.
if [ "$(id -u)" -eq 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    chown "$user" "$dir" || exit 1
    if command -v runuser >/dev/null; then
        as_user() { runuser -u "$user" -- "$@"; }
    else
        as_user() { su "$user" -s /bin/sh -c 'exec "$0" "$@"' -- "$@"; }
    fi
else
    as_user() { "$@"; }
fi

# That user may not be allowed to enter the directory of the programs. Their libraries are next to them.
if ! as_user test -x "$bin/initdb"; then
    cp -R "$bin/.." "$dir/programs" && chmod -R a+rX "$dir/programs" || exit 1
    bin=$dir/programs/bin
fi

run() { as_user "$@" </dev/null >>"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }; }
# The default timeout of 60 seconds is too short on a busy machine.
start() { run "$bin/pg_ctl" start --wait --timeout=120 --silent --pgdata="$dir/data" --log="$dir/postgres.log"; }
stop() { as_user "$bin/pg_ctl" stop --silent --mode=immediate --pgdata="$dir/data" </dev/null >/dev/null 2>&1; }

: >log && chmod 666 log
if [ -n "$primary" ]; then
    # Copies the settings of the primary. The settings below override some of them.
    run "$bin/pg_basebackup" --pgdata="$dir/data" --host=127.0.0.1 --port="$primary" --username=postgres \
        --write-recovery-conf --wal-method=stream --checkpoint=fast --no-sync
    echo 'wal_retrieve_retry_interval = 100ms' >>"$dir/data/postgresql.conf"
else
    run "$bin/initdb" --pgdata="$dir/data" --username=postgres --encoding=UTF8 --locale=C --auth=trust --no-sync
fi
# Every login as `guarded` fails, whatever the password, because the role does not exist. PostgreSQL reports that as a
# wrong password.
cat >"$dir/data/pg_hba.conf" <<HBA
local all all trust
host all guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
HBA
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$dir'
max_connections = 300
shared_buffers = 64MB
fsync = off
full_page_writes = off
synchronous_commit = $synchronous_commit
autovacuum = off
CONF
if [ -n "$tls" ]; then
    # PostgreSQL refuses a key that other users can read.
    cp "$tls/server.crt" "$tls/server.key" "$dir/data/" && chmod 600 "$dir/data/server.key" || exit 1
    chown "$(stat -c %u "$dir/data")" "$dir/data/server.key" || exit 1
    echo 'ssl = on' >>"$dir/data/postgresql.conf"
fi
start
echo ready

# Runs until the pipe closes.
while read -r line; do
    case $line in
        start) start ;;
        stop) stop ;;
    esac
    echo "done"
done
# A failed test may have left the cluster paused.
kill -CONT "$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null)" 2>/dev/null
stop
