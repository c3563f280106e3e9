#!/usr/bin/env bash
# A SLURM cluster of two nodes on this one machine, for tests: as root in a container, without systemd, cgroups or accounting.
#
#   apt-get install -y --no-install-recommends slurm-wlm munge
#   eval "$(tests/integration/slurm_cluster.sh up FOLDER)"      # exports SLURM_CONF and PATH
#   tests/integration/slurm_cluster.sh kill FOLDER node2        # the node is gone, with all that ran there
#   tests/integration/slurm_cluster.sh start FOLDER node2       # and is back
#   tests/integration/slurm_cluster.sh down FOLDER
#
# Several can run at once, each with its own folder and ports (SLURM_TEST_PORT, and the next two). Two partitions: a job in `high`
# preempts one in `main`, which gets SIGTERM, has 20 seconds, and is requeued. SLURM_TEST_CPUS: CPUs of a node, more or fewer than
# there are. The nodes have host names of their own where the container may give them (CAP_SYS_ADMIN).
set -euo pipefail
usage="usage: $0 up|down FOLDER, or kill|start FOLDER node1|node2"
[ $# -ge 2 ] || { echo "$usage" >&2; exit 2; }
what=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
host=$(hostname -s)
port=${SLURM_TEST_PORT:-16817}
export SLURM_CONF=$folder/slurm.conf

is_gone() { [ ! -d "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null || [ ! -d "/proc/$1" ]; }

stop() {  # the daemon whose process id is in a file, and wait for its end
  local process
  process=$(cat "$1" 2>/dev/null) || return 0
  kill "$process" 2>/dev/null || true
  for _ in $(seq 100); do is_gone "$process" && break; sleep 0.1; done
  is_gone "$process" || kill -KILL "$process"
  rm -f "$1"
}

down() {
  timeout 10 scancel --user="$(id -un)" >/dev/null 2>&1 || true
  for _ in $(seq 50); do [ -z "$(timeout 10 squeue --noheader 2>/dev/null)" ] && break; sleep 0.2; done
  stop "$folder/slurmctld.pid"
  for node in node1 node2; do stop "$folder/slurmd-$node.pid"; done
}

start_node() {
  local own=()
  unshare --uts true 2>/dev/null && own=(unshare --uts sh -c 'hostname "$0" && exec "$@"' "$1")
  SLURMD_NODENAME=$1 "${own[@]}" /usr/sbin/slurmd -N "$1" -f "$SLURM_CONF" >&2
}

kill_node() {  # as a loss of power does: the daemons of its steps report nothing
  local all own
  all=$(grep -lzx "SLURMD_NODENAME=$1" /proc/[0-9]*/environ 2>/dev/null || true)
  own=$(grep -lzx "SLURM_CONF=$SLURM_CONF" $all 2>/dev/null | cut -d/ -f3 || true)
  for signal in STOP KILL; do kill -s "$signal" $own || true; done
}

start_munge() {  # the one of this machine; it stays
  munge --no-input </dev/null >/dev/null 2>&1 && return 0
  mkdir -p /run/munge && chown munge:munge /run/munge && chmod 755 /run/munge
  if [ ! -s /etc/munge/munge.key ]; then
    head --bytes=128 /dev/urandom >/etc/munge/munge.key
    chown munge:munge /etc/munge/munge.key && chmod 600 /etc/munge/munge.key
  fi
  runuser -u munge -- /usr/sbin/munged >&2
}

up() {
  mkdir -p "$folder"/{state,spool-node1,spool-node2,log,bin}
  start_munge
  # submitit asks sacct what became of a job; without a database, squeue knows it for as long as MinJobAge.
  cat >"$folder/bin/sacct" <<'SACCT'
#!/usr/bin/env bash
ids=()
while [ $# -gt 0 ]; do
  [ "$1" = -j ] && { ids+=("$2"); shift; }
  shift
done
echo 'JobID|State|NodeList'
squeue --noheader --array --states=all --format='%i|%T|%N' ${ids:+--jobs="$(IFS=,; echo "${ids[*]}")"} 2>/dev/null || true
SACCT
  chmod +x "$folder/bin/sacct"
  cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until old credentials have expired; two minutes by default.
AuthInfo=cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
SlurmctldPort=$port
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=10
SlurmdTimeout=30
MinJobAge=3600
SchedulerParameters=sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
NodeName=DEFAULT CPUs=${SLURM_TEST_CPUS:-$(getconf _NPROCESSORS_ONLN)} RealMemory=4000 State=UNKNOWN
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 1))
NodeName=node2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 2))
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
CONF
  /usr/sbin/slurmctld -f "$SLURM_CONF" >&2
  for node in node1 node2; do start_node "$node"; done
  timeout 60 bash -c 'until srun --nodes=2 true 2>/dev/null; do sleep 0.5; done' || {
    tail -n 20 "$folder"/log/*.log >&2
    down
    exit 1
  }
  echo "export SLURM_CONF=$SLURM_CONF PATH=$folder/bin:\$PATH"
}

case $what in
  up) down; up ;;
  down) down ;;
  start) start_node "$3" ;;
  kill) kill_node "$3" ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
