# Starts a PostgreSQL of its own and ends it, and leaves nothing behind, when standard input closes: that happens
# however the test process ends. Arguments: the directory of the programs, the port, synchronous_commit, for a server
# that speaks TLS the directory of its server.crt and server.key, and for a standby the port of its primary.
# Standard output gets "ready" once connections are taken. The lines "stop" and "start" on standard input do so, as a
# crash would, and are answered "done".
set -u
bin=$1 port=$2 synchronous_commit=$3 tls=${4:-} primary=${5:-}
# Ctrl-C reaches the whole terminal; the end of the tests is what counts.
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

run() { as_user "$@" </dev/null >>"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }; }
start() { run "$bin/pg_ctl" start --wait --silent --pgdata="$dir/data" --log="$dir/postgres.log"; }
stop() { as_user "$bin/pg_ctl" stop --silent --mode=immediate --pgdata="$dir/data" </dev/null >/dev/null 2>&1; }

: >log && chmod 666 log
if [ -n "$primary" ]; then
    # With the settings of its primary, of which some are set anew below.
    run "$bin/pg_basebackup" --pgdata="$dir/data" --host=127.0.0.1 --port="$primary" --username=postgres \
        --write-recovery-conf --wal-method=stream --checkpoint=fast --no-sync
    echo 'wal_retrieve_retry_interval = 100ms' >>"$dir/data/postgresql.conf"
else
    run "$bin/initdb" --pgdata="$dir/data" --username=postgres --encoding=UTF8 --locale=C --auth=trust --no-sync
fi
# `guarded` is refused whatever its password: there is no such role, which PostgreSQL does not tell strangers.
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
    # A key that others may read is refused.
    cp "$tls/server.crt" "$tls/server.key" "$dir/data/" && chmod 600 "$dir/data/server.key" || exit 1
    chown "$(stat -c %u "$dir/data")" "$dir/data/server.key" || exit 1
    echo 'ssl = on' >>"$dir/data/postgresql.conf"
fi
start
echo ready

# Ends only at the end of the pipe.
while read -r line; do
    case $line in
        start) start ;;
        stop) stop ;;
    esac
    echo "done"
done
# A test that failed may have left it paused.
kill -CONT "$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null)" 2>/dev/null
stop
