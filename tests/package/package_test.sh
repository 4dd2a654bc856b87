#!/usr/bin/env bash
# Installs the Debian packages into a fresh Debian tree and does the main job there, as their user would: files become rows,
# a question is answered, also after a restart; then removes them again. Needs root and debootstrap; some minutes.
# Run: tests/package/package_test.sh FOLDER-WITH-PACKAGES (SHOAL_PACKAGE_TREE=FOLDER: a fresh tree that is there already)
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/packages.sh
packages=$(cd "$1" && pwd)
[ "$(id -u)" -eq 0 ] || die "root is needed, for debootstrap and chroot"
need_packages "debootstrap python3"

work=$(mktemp -d /tmp/shoal-package-XXXXXX)
tree="$work/tree"
server=""
cleanup() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    umount "$tree/proc" "$tree/dev/null" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT
passed=0
ok() {
    passed=$((passed + 1))
    say "   ok: $*"
}

say "== the packages"
deb=$(ls "$packages"/shoal_*.deb)
dev=$(ls "$packages"/libshoal-dev_*.deb)
files=$(dpkg-deb -c "$deb" | awk '{print $6}')
files_dev=$(dpkg-deb -c "$dev" | awk '{print $6}')
for path in ./usr/bin/shoald ./usr/bin/shoal ./usr/lib/systemd/system/shoald.service ./etc/shoal/shoald.conf \
    ./usr/share/shoal/console/index.html ./usr/share/shoal/monitoring/alerts.yml ./usr/share/man/man1/shoald.1 \
    ./usr/share/bash-completion/completions/shoal ./usr/share/doc/shoal/OPERATING.md; do
    grep -qxE "${path//./\\.}(\.gz)?" <<<"$files" || die "$path is not in $deb"
done
grep -qx ./usr/include/shoal/client.h <<<"$files_dev" || die "no header in $dev"
[ "$(dpkg-deb --info "$deb" conffiles)" = /etc/shoal/shoald.conf ] || die "no conffiles"
[[ "$(dpkg-deb -f "$deb" Depends)" == *libmicrohttpd* ]] || die "the libraries are not among what $deb depends on"
if command -v systemd-analyze >/dev/null 2>&1; then
    # In a copy, as its program is not installed here.
    sed 's|^ExecStart=.*|ExecStart=/bin/true|' tools/package/shoald.service >"$work/shoald.service"
    systemd-analyze verify --man=no "$work/shoald.service" || die "systemd finds fault with the unit"
else
    say "   SKIPPED: no systemd-analyze here to look at the unit"
fi
ok "what must be in them is in them"

say "== a fresh Debian tree"
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || die "this machine's apt knows no Debian 12"
if [ -n "${SHOAL_PACKAGE_TREE:-}" ]; then
    cp -a "$SHOAL_PACKAGE_TREE" "$tree" # one that debootstrap has made before
else
    debootstrap --variant=minbase bookworm "$tree" "$mirror" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed"; }
fi
mount -t proc proc "$tree/proc" 2>/dev/null || true
cp "$deb" "$dev" "$tree/tmp/"
cp /etc/resolv.conf "$tree/etc/" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/. "$tree/etc/apt/apt.conf.d/" 2>/dev/null || true
rm -rf "$tree/etc/apt/sources.list.d" && cp -r /etc/apt/sources.list* "$tree/etc/apt/" 2>/dev/null || true
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" && chmod +x "$tree/usr/sbin/policy-rc.d"
inside() { chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
inside apt-get update -qq >"$work/apt.log" 2>&1 || true
inside apt-get install -y -qq --no-install-recommends "/tmp/$(basename "$deb")" >>"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log" >&2; die "apt could not install $deb"; }
[[ "$(inside getent passwd shoal)" == *:/usr/sbin/nologin ]] || die "there is no user shoal"
[ "$(inside stat -c '%U %a' /var/lib/shoal)" = "shoal 700" ] || die "/var/lib/shoal is not the server's own"
ok "installed, with all that it depends on and a user of its own"

# What systemd would do: the unit's own command line and environment, as its user, told by a datagram when it is ready.
start_server() {
    rm -rf "$tree/run/shoal" && inside install -d -o shoal -g shoal -m 0755 /run/shoal
    local command
    command=$(sed -n 's/^ExecStart=//p' "$tree/usr/lib/systemd/system/shoald.service")
    [[ $command == *"/etc/shoal/shoald.conf"* ]] || die "the unit does not start it with /etc/shoal/shoald.conf"
    rm -f "$work/told"
    python3 - "$tree/run/shoal/notify" >"$work/told" <<'PYTHON' &
import os, socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
manager.settimeout(60)
while True:
    lines = manager.recv(4096).decode()
    print(lines, flush=True)
    if "STOPPING=1" in lines:
        break
PYTHON
    while [ ! -S "$tree/run/shoal/notify" ]; do sleep 0.1; done
    # shellcheck disable=SC2086
    chroot --userspec=shoal:shoal "$tree" /usr/bin/env -i PATH=/usr/bin:/bin NOTIFY_SOCKET=/run/shoal/notify $command \
        >"$work/server.log" 2>&1 &
    server=$!
    for _ in $(seq 100); do
        ! grep -q READY=1 "$work/told" || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/server.log" >&2
    die "the server did not say that it is ready"
}
stop_server() {
    kill -TERM "$server"
    local status=0
    wait "$server" || status=$?
    server=""
    [ "$status" -eq 0 ] || { cat "$work/server.log" >&2; die "the server ended with $status"; }
    grep -q STOPPING=1 "$work/told" || die "the server did not say that it stops"
}
shoal() { inside shoal "$@"; }

say "== the main job"
start_server
ok "it starts as its unit starts it, and says that it is ready"
cat >"$tree/tmp/users.csv" <<'CSV'
id,城市,会员等级,points
u1,成都,金卡,120
u2,上海,银卡,30
u3,成都,金卡,7
CSV
cat >"$tree/tmp/shop.map" <<'MAP'
[users]
file = users.csv
id = id
城市 : string = 城市
会员等级 : enum(银卡, 金卡) = 会员等级
points : int = points
MAP
shoal load --quiet --map /tmp/shop.map
question="城市 = '成都' and 会员等级 >= '金卡' and points > 10"
[ "$(shoal --format csv list "$question" | tail -n 1)" = u1 ] || die "the audience is not u1"
ok "files become rows, and a question finds u1"
python3 - <<'PYTHON' || die "HTTP does not answer as it should"
import json, urllib.request
base = "http://127.0.0.1:7718"
assert urllib.request.urlopen(base + "/readyz").read() == b"ready\n"
assert b"<html" in urllib.request.urlopen(base + "/").read().lower()
assert b"shoal_up 1" in urllib.request.urlopen(base + "/metrics").read()
call = urllib.request.Request(base + "/rpc/audience.count", json.dumps({"where": "points > 10"}).encode(),
                              {"Content-Type": "application/json"})
assert json.load(urllib.request.urlopen(call))["count"] == 2
PYTHON
ok "probes, metrics, calls and the console answer"
inside su -s /bin/sh shoal -c "shoal --addr unix:/run/shoal/socket ping" >/dev/null || die "no answer at the Unix socket"
stop_server
start_server
[ "$(shoal --format csv list "$question" | tail -n 1)" = u1 ] || die "the audience is gone after a restart"
stop_server
ok "what was written is there after a restart"
inside bash -c '. /usr/share/bash-completion/completions/shoal; COMP_WORDS=(shoal co); COMP_CWORD=1; _shoal; printf "%s\n" "${COMPREPLY[@]}"' |
    grep -qx count || die "completion does not know count"
inside bash -c '. /usr/share/bash-completion/completions/shoal; COMP_WORDS=(shoal list --li); COMP_CWORD=2; _shoal; printf "%s\n" "${COMPREPLY[@]}"' |
    grep -qx -- --limit || die "completion does not know list --limit"
ok "the shell completes commands and options"
inside apt-get install -y -qq --no-install-recommends "/tmp/$(basename "$dev")" gcc libc6-dev pkg-config >>"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log" >&2; die "apt could not install $dev"; }
cat >"$tree/tmp/app.c" <<'C'
#include <shoal/shoal.h>
int main(void) { return 0; }
C
inside sh -c 'cc -o /tmp/app /tmp/app.c $(pkg-config --cflags --libs shoal) && /tmp/app' || die "a program does not build against libshoal-dev"
ok "a program builds against libshoal-dev"

say "== removing"
inside apt-get purge -y -qq shoal >>"$work/apt.log" 2>&1 || { tail "$work/apt.log" >&2; die "apt could not remove it"; }
[ ! -e "$tree/usr/bin/shoald" ] && [ ! -e "$tree/etc/shoal/shoald.conf" ] || die "something of the package is left"
[ -d "$tree/var/lib/shoal/data" ] || die "the shop's data was thrown away"
ok "it goes, and what was kept stays"
say "$passed passed, 0 failed"
