# Starts a highly available PostgreSQL cluster: etcd, three nodes that Patroni manages with synchronous replication, and
# HAProxy, which leads to the primary. Stops and removes everything when standard input closes, which happens however
# the test process ends.
# Arguments: the directory of PostgreSQL's programs; the port of HAProxy; two ports for etcd; for each of the three
# nodes a port for PostgreSQL and a port for Patroni's REST API.
# Prints "ready" once the processes have been started. Each input line is a command and the number of a node:
#   crash N   kills PostgreSQL with SIGKILL; Patroni keeps running and restarts it as a standby
#   kill N    kills Patroni and PostgreSQL with SIGKILL
#   start N   starts Patroni and PostgreSQL after "kill"
#   pause N   suspends both with SIGSTOP
#   resume N  resumes both
#   log N     copies the end of Patroni's and PostgreSQL's log to standard error
# After each command it prints "done".
set -u
bin=$1 proxy=$2 etcd=$3 etcd_peer=$4
shift 4
# Ctrl-C signals every process of the terminal. Only the end of the test process stops the cluster.
trap '' INT TERM HUP
PATH=$PATH:/usr/sbin

dir=$(mktemp -d "${TMPDIR:-/tmp}/posts-api-test-patroni.XXXXXX") || exit 1
# PostgreSQL refuses to run as root.
as_user=
if [ "$(id -u)" -eq 0 ]; then
    as_user="setpriv --reuid=postgres --regid=postgres --init-groups"
    chown postgres "$dir" || exit 1
fi
cd "$dir" || exit 1
export HOME="$dir"

# launch NAME COMMAND…: starts a process in the background. Stores its process id in NAME.pid.
launch() {
    name=$1
    shift
    # This shell ignores SIGINT and SIGTERM, and its children would inherit that.
    # shellcheck disable=SC2086 # one word per argument
    env --default-signal $as_user "$@" </dev/null >>"$dir/$name.log" 2>&1 &
    echo $! >"$dir/$name.pid"
}

# The process ids of a node: Patroni, the postmaster, and its children.
processes() {
    postmaster=$(head -n 1 "$dir/data$1/postmaster.pid" 2>/dev/null)
    cat "$dir/node$1.pid"
    if [ -n "$postmaster" ]; then
        echo "$postmaster"
        cat "/proc/$postmaster/task/$postmaster/children" 2>/dev/null
    fi
}

# Stops the postmaster and Patroni first, so that neither starts another process.
pause() {
    # shellcheck disable=SC2046 # one word per process
    kill -STOP $(processes "$1" | head -n 2) 2>/dev/null
    processes "$1" >"$dir/paused$1"
    # shellcheck disable=SC2046
    kill -STOP $(cat "$dir/paused$1") 2>/dev/null
}

# shellcheck disable=SC2046
resume() { kill -CONT $(cat "$dir/paused$1") 2>/dev/null; }

# shellcheck disable=SC2046
crash() { kill -KILL $(head -n 1 "$dir/data$1/postmaster.pid") 2>/dev/null; }

kill_node() {
    # shellcheck disable=SC2046
    kill -KILL $(processes "$1") 2>/dev/null
    rm -f "$dir/data$1/postmaster.pid"
}

start_node() { launch "node$1" patroni "$dir/node$1.yml"; }

stop_all() {
    for node in 1 2 3; do kill_node "$node"; done
    # shellcheck disable=SC2046
    kill -KILL $(cat "$dir/etcd.pid" "$dir/haproxy.pid") 2>/dev/null
    wait
    rm -rf "$dir"
}
trap stop_all EXIT

servers=
for node in 1 2 3; do
    postgres=$1 rest=$2
    shift 2
    servers="$servers
    server node$node 127.0.0.1:$postgres check port $rest"
    # Patroni 3.0 uses a cache with etcd's version 3 protocol, which can stay stale after an overload. It then refuses
    # to appoint a synchronous standby ("Synchronous replication key updated by someone else").
    # ttl bounds how long the cluster waits for a node that is silent. synchronous_mode_strict refuses writes rather
    # than acknowledge one that only the primary has. primary_start_timeout: 0 fails over at once if PostgreSQL crashes.
    cat >"node$node.yml" <<YML
scope: posts
name: node$node
restapi: {listen: "127.0.0.1:$rest", connect_address: "127.0.0.1:$rest"}
etcd: {host: "127.0.0.1:$etcd"}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 1
    retry_timeout: 5
    synchronous_mode: true
    synchronous_mode_strict: true
    primary_start_timeout: 0
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 100
        shared_buffers: 32MB
        wal_log_hints: "on"
        fsync: "off"
        wal_keep_size: 256MB
  initdb: [{encoding: UTF8}, {locale: C}, {auth: trust}, no-sync]
  pg_hba: [local all all trust, host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
postgresql:
  listen: "127.0.0.1:$postgres"
  connect_address: "127.0.0.1:$postgres"
  data_dir: $dir/data$node
  bin_dir: $bin
  pgpass: $dir/pgpass$node
  remove_data_directory_on_rewind_failure: true
  remove_data_directory_on_diverged_timelines: true
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
    rewind: {username: postgres}
  parameters: {unix_socket_directories: $dir, wal_retrieve_retry_interval: 500ms}
YML
done
cat >haproxy.cfg <<CFG
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 2s
    timeout check 1s
    timeout client 30m
    timeout server 30m
listen postgres
    bind 127.0.0.1:$proxy
    option httpchk GET /primary
    http-check expect status 200
    default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions$servers
CFG

launch etcd etcd --enable-v2 --data-dir "$dir/etcd" --log-level error --unsafe-no-fsync \
    --listen-client-urls "http://127.0.0.1:$etcd" --advertise-client-urls "http://127.0.0.1:$etcd" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer" \
    --initial-cluster "default=http://127.0.0.1:$etcd_peer"
launch haproxy haproxy -f "$dir/haproxy.cfg" -db
for node in 1 2 3; do start_node "$node"; done
echo ready

# Runs until the pipe closes.
while read -r command node; do
    case $command in
        crash) crash "$node" ;;
        kill) kill_node "$node" ;;
        start) start_node "$node" ;;
        pause) pause "$node" ;;
        resume) resume "$node" ;;
        log) echo "--- node $node" >&2 && tail -n 30 "$dir/node$node.log" >&2 ;;
    esac
    echo "done"
done
