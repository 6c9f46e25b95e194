#!/bin/bash
# cmake --install puts the files where a gateway looks for them, with modes nobody else can write.
. "$(dirname "$0")/lib.sh"
[ -f "$build/picketd" ] || skip "picketd is not built yet"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
DESTDIR=$work cmake --install "$build" --prefix / >"$work.log" 2>&1 || complain_lines <"$work.log"
rm -f "$work.log"
has() {
    [ -f "$work/$2" ] || { complain "$2 is missing"; return; }
    local mode
    mode=$(stat -c %a "$work/$2")
    [ "$mode" = "$1" ] || complain "$2 has mode $mode, not $1"
}
has 755 usr/sbin/picketd
has 755 usr/bin/picketctl
has 644 etc/picket/picketd.conf
has 644 etc/picket/actions.conf
has 644 etc/picket/sql/kill_queries.sql
has 644 usr/lib/systemd/system/picketd.service
ls "$work"/usr/share/picket/rules/*.rules >/dev/null 2>&1 || complain "usr/share/picket/rules holds no rules"
ls "$work"/usr/share/picket/patterns/*.patterns >/dev/null 2>&1 || complain "usr/share/picket/patterns holds no patterns"
for folder in conf.d rules.d patterns.d keys tls; do
    [ -d "$work/etc/picket/$folder" ] || complain "etc/picket/$folder is missing"
    [ -z "$(ls "$work/etc/picket/$folder" 2>/dev/null)" ] || complain "etc/picket/$folder is not empty"
done
complain_lines < <(cd "$work" && find . -perm /022 ! -type l -printf '%P: writable by others\n' | grep -v '^:')
finish
