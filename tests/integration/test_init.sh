#!/bin/bash
# The service files: systemd's own check, the SysV script with the real daemon, OpenRC and procd scripts with stand-ins for
# what their init systems provide. ctest: lane=default timeout=90
set -u -o pipefail
root=${PK_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${PK_BINARY_DIR:-$root/build/host}
picketd=$build/picketd
init=$root/config/init
failed=0
work=$(mktemp -d /tmp/pk_init_XXXXXX)
chmod 755 "$work"

check() { # check WHAT command...
    local what=$1
    shift
    if "$@"; then
        printf 'ok - %s\n' "$what"
    else
        printf 'not ok - %s\n' "$what"
        failed=$((failed + 1))
    fi
}
note() { printf '# %s\n' "$*"; }
end() {
    [ -e "$work/run/picketd.pid" ] && sysv stop
    rm -rf "$work"
}
trap end EXIT

# ---- systemd ----
if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/sbin/picketd|$(command -v true)|" "$init/picketd.service" >"$work/picketd.service"
    check "systemd-analyze verify" systemd-analyze verify "$work/picketd.service"
else
    note "skipped: no systemd-analyze here"
fi
has_line() { grep -qx -- "$1" "$init/picketd.service"; }
for line in Type=notify NotifyAccess=main WatchdogSec=30 Restart=on-failure RestartPreventExitStatus=78 KillMode=mixed; do
    check "unit says $line" has_line "$line"
done

# ---- procd: rc.common's functions write down what they are called with ----
procd_calls() {
    cat >"$work/rc.common" <<EOF
procd_open_instance() { echo open >>"$work/procd"; }
procd_set_param() { echo "\$*" >>"$work/procd"; }
procd_close_instance() { echo close >>"$work/procd"; }
procd_send_signal() { echo "signal \$*" >>"$work/procd"; }
mkdir() { :; }
. "$init/picketd.procd"
PROG=$1
start_service
echo "result \$?" >>"$work/procd"
reload_service
EOF
    rm -f "$work/procd"
    sh "$work/rc.common"
}
procd_said() { grep -qxF -- "$1" "$work/procd"; }
procd_calls /bin/true
check "procd: command" procd_said "command /bin/true -c /etc/picket/picketd.conf"
check "procd: respawn" procd_said "respawn 3600 5 5"
check "procd: output" procd_said "stderr 1"
check "procd: closed" procd_said "close"
check "procd: reload sends HUP" procd_said "signal picketd * HUP"
procd_calls /bin/false
check "procd: a refused configuration starts nothing" procd_said "result 1"
procd_opened() { grep -qx open "$work/procd"; }
check "procd: no instance then" eval '! procd_opened'

# ---- OpenRC ----
openrc_calls() {
    cat >"$work/openrc" <<EOF
RC_SVCNAME=picketd
checkpath() { echo "checkpath \$*"; }
ebegin() { echo "\$*"; }
eend() { echo "end \$1"; }
need() { echo "need \$*"; }
use() { echo "use \$*"; }
supervise-daemon() { echo "supervise-daemon \$*"; }
. "$init/picketd.openrc"
echo "command=\$command \$command_args supervisor=\$supervisor"
command=$1
depend
start_pre
echo "start_pre \$?"
reload
EOF
    bash "$work/openrc" 2>&1 # dash takes no function name with a dash
}
check "openrc: a plain shell reads it" sh -n "$init/picketd.openrc"
openrc_calls /bin/true >"$work/openrc.out"
openrc_said() { grep -qF -- "$1" "$work/openrc.out"; }
check "openrc: command" openrc_said "command=/usr/sbin/picketd -c /etc/picket/picketd.conf  supervisor=supervise-daemon"
check "openrc: directories" openrc_said "checkpath --directory --mode 0755 --owner root:root /run/picket"
check "openrc: may start" openrc_said "start_pre 0"
openrc_calls /bin/false >"$work/openrc.out"
check "openrc: a refused configuration does not start" openrc_said "start_pre 1"

# ---- SysV, with the real daemon ----
if [ "$(id -u)" -ne 0 ]; then
    note "skipped: the SysV script needs root"
    [ "$failed" -eq 0 ]
    exit
fi
mkdir -p "$work/keys" "$work/rules.d"
cat >"$work/picketd.conf" <<EOF
[gateway]
site = lab
gateway = init-test
[paths]
state = $work/state
run = $work/run
rules = $work/rules.d
keys = $work/keys
actions = $work/actions.conf
[agent]
user = nobody
group = nogroup
EOF
cp "$root/config/actions.conf" "$work/actions.conf"
chmod 644 "$work/picketd.conf" "$work/actions.conf"
sysv() {
    PICKETD_PROG=$picketd PICKETD_CONF=$work/picketd.conf PICKETD_RUN=$work/run PICKETD_LOG=$work/log \
        sh "$init/picketd.sysv" "$@" >"$work/sysv.out"
}
sysv_exits() { # sysv_exits CODE ARGUMENT
    local code
    sysv "$2"
    code=$?
    [ "$code" -eq "$1" ] || note "$2: exit $code instead of $1: $(cat "$work/sysv.out" "$work/log" 2>/dev/null)"
    [ "$code" -eq "$1" ]
}
check "sysv: status of a stopped one is 3" sysv_exits 3 status
check "sysv: start" sysv_exits 0 start
check "sysv: status of a running one is 0" sysv_exits 0 status
first=$(cat "$work/run/picketd.pid")
check "sysv: start again changes nothing" sysv_exits 0 start
same() { [ "$(cat "$work/run/picketd.pid")" = "$first" ]; }
check "sysv: still the same process" same
check "sysv: reload" sysv_exits 0 reload
check "sysv: still running after it" sysv_exits 0 status
check "sysv: restart" sysv_exits 0 restart
check "sysv: another process now" eval '! same'
check "sysv: stop" sysv_exits 0 stop
check "sysv: stopped" sysv_exits 3 status
check "sysv: reload of a stopped one is 7" sysv_exits 7 reload
echo 999999999 >"$work/run/picketd.pid"
check "sysv: a stale pid file is 1" sysv_exits 1 status
rm -f "$work/run/picketd.pid"
echo 'mode = dreadful' >>"$work/picketd.conf"
check "sysv: a refused configuration is 6" sysv_exits 6 start
check "sysv: unknown word is 2" sysv_exits 2 dance 2>/dev/null
[ "$failed" -eq 0 ]
