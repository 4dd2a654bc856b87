#!/usr/bin/env bash
# Installs the Debian packages into a fresh Debian tree and does there what an operator does: the service starts by itself,
# files become rows, a question is answered, also after a kill; a wrong setting, an upgrade, a removal, a purge.
# The tree is booted with systemd (systemd-nspawn, without a network), so the unit with all its hardening is what is tried. Where
# nothing can be booted the server is started by hand as the unit would, and the last line says so.
#   tests/package/package_test.sh FOLDER-WITH-PACKAGES | --build BUILD     (the second makes the packages from a build)
# Needs root; Debian packages come from the mirror that this machine's apt knows. SHOAL_PACKAGE_TREE=FOLDER: such a tree that is
# there already; SHOAL_PACKAGE_BY_HAND=1: boot nothing. Where root, or a Debian 12 for apt, is missing it says SKIPPED.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/packages.sh
. tools/lib/console.sh
skip() {
    say "SKIPPED: $*"
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip "root is needed, for debootstrap and systemd-nspawn"
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 2>/dev/null | awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || skip "this machine's apt knows no Debian 12"
need_packages "$packages_tree python3"

work=$(mktemp -d /tmp/shoal-package-XXXXXX)
tree="$work/tree"
machine="" # systemd-nspawn, when it is booted
leader=""  # its first process
server=""  # shoald, when it was started by hand
network="" # nothing, or what runs a command in the network of the tree
holder=""  # a process that keeps this network, when nothing is booted
cleanup() {
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    if [ -n "$machine" ] && kill -TERM "$machine" 2>/dev/null; then # it is told to power off
        for _ in $(seq 100); do kill -0 "$machine" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$machine" 2>/dev/null || true
    fi
    [ -z "$holder" ] || kill -KILL "$holder" 2>/dev/null || true
    umount "$tree/proc" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT
passed=0
ok() {
    passed=$((passed + 1))
    say "   ok: $* ($SECONDS s)"
}

if [ "$1" = --build ]; then
    build=$(cd "$2" && pwd)
    (flock 9 && fetch_console "$build") 9>"$build/console-npm.lock"
    packages="$work/packages"
    (cd "$build" && cpack -B "$packages" >"$work/cpack.log" 2>&1) || { tail -n 30 "$work/cpack.log" >&2; die "cpack failed"; }
else
    packages=$(cd "$1" && pwd)
fi

say "== the packages"
deb=$(ls "$packages"/shoal_*.deb)
dev=$(ls "$packages"/libshoal-dev_*.deb)
files=$(dpkg-deb -c "$deb" | awk '{print $6}')
files_dev=$(dpkg-deb -c "$dev" | awk '{print $6}')
for path in ./usr/bin/shoald ./usr/bin/shoal ./usr/lib/systemd/system/shoald.service ./etc/shoal/shoald.conf \
    ./usr/share/shoal/console/index.html ./usr/share/shoal/monitoring/alerts.yml ./usr/share/man/man1/shoald.1 \
    ./usr/share/man/man1/shoal.1 ./usr/share/bash-completion/completions/shoal ./usr/share/doc/shoal/OPERATING.md; do
    grep -qxE "${path//./\\.}(\.gz)?" <<<"$files" || die "$path is not in $deb"
done
! grep -E '^\./(usr/local|tmp|home|root)|__pycache__|\.(o|c)$' <<<"$files" || die "this does not belong into $deb"
grep -qx ./usr/include/shoal/client.h <<<"$files_dev" || die "no header in $dev"
[ "$(dpkg-deb --info "$deb" conffiles)" = /etc/shoal/shoald.conf ] || die "no conffiles"
[[ "$(dpkg-deb -f "$deb" Depends)" == *libmicrohttpd* ]] || die "the libraries are not among what $deb depends on"
ok "what must be in them is in them: $(($(stat -c %s "$deb") / 1024)) KiB"
dpkg-deb -x "$deb" "$work/unpacked"
for page in "$work"/unpacked/usr/share/man/man1/*; do
    warnings=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || die "$page: $warnings"
done
ok "man pages are set without a warning"
# In a copy, as its program is not installed here. 0 is closed, 10 is open.
sed 's|^ExecStart=.*|ExecStart=/bin/true|' tools/package/shoald.service >"$work/shoald.service"
SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$work/shoald.service" || die "systemd finds fault with the unit"
systemd-analyze security --no-pager --offline=true --threshold=20 "$work/shoald.service" >"$work/security.log" 2>&1 ||
    { cat "$work/security.log" >&2; die "the unit is too open"; }
ok "the unit is in order, $(sed -n 's/.*\(exposure level.*: [0-9.]*\).*/\1/p' "$work/security.log") of 10"

say "== a fresh Debian tree"
if [ -n "${SHOAL_PACKAGE_TREE:-}" ]; then
    cp -a "$SHOAL_PACKAGE_TREE" "$tree"
else
    debootstrap --variant=minbase --include=systemd,systemd-sysv bookworm "$tree" "$mirror" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed"; }
fi
mount -t proc proc "$tree/proc" 2>/dev/null || true
cp "$deb" "$dev" "$tree/opt/"
cp /etc/resolv.conf "$tree/etc/" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/. "$tree/etc/apt/apt.conf.d/" 2>/dev/null || true
rm -f "$tree/etc/apt/apt.conf.d/"*docker-clean* # or what is fetched now is not there when it is installed
echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/unsafe-io" # as in Debian's own images: nothing here outlives the test
printf 'deb %s bookworm main\n' "$mirror" >"$tree/etc/apt/sources.list"
plain="PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive"
# shellcheck disable=SC2086
inside() {
    if [ -n "$leader" ]; then nsenter -t "$leader" -m -u -i -n -p -r -w /usr/bin/env -i $plain "$@"
    else $network chroot "$tree" /usr/bin/env -i $plain "$@"; fi
}
apt_log="$work/apt.log"
apt_get() { inside apt-get -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@" >>"$apt_log" 2>&1 || { tail -n 20 "$apt_log" >&2; die "apt-get $*"; }; }
apt_get update
file="/opt/$(basename "$deb")"
# Everything is fetched now; what is booted has no network.
apt_get install --download-only "$file" "/opt/$(basename "$dev")" gcc libc6-dev pkg-config
ok "made, and what the packages depend on is fetched"

boot() {
    umount "$tree/proc" 2>/dev/null || true
    rm -f "$tree/etc/resolv.conf"
    systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$tree" --boot systemd.log_target=console \
        </dev/null >"$work/boot.log" 2>&1 &
    machine=$!
    for _ in $(seq 600); do
        kill -0 "$machine" 2>/dev/null || break
        leader=$(cat "/proc/$machine/task/$machine/children" 2>/dev/null || true)
        leader=${leader%% *}
        if [ -n "$leader" ]; then
            case "$(inside systemctl is-system-running 2>/dev/null)" in running | degraded) return 0 ;; esac
        fi
        sleep 0.1
    done
    # shellcheck disable=SC2086
    kill -KILL $leader "$machine" 2>/dev/null || true
    machine="" leader=""
    mount -t proc proc "$tree/proc" 2>/dev/null || true
    return 1
}
# What systemd would do, where there is none: the unit's own command line, as its user, told by a datagram when it is ready.
start_by_hand() {
    rm -rf "$tree/run/shoal" && inside install -d -o shoal -g shoal -m 0755 /run/shoal
    local command
    command=$(sed -n 's/^ExecStart=//p' "$tree/usr/lib/systemd/system/shoald.service")
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
    $network chroot --userspec=shoal:shoal "$tree" /usr/bin/env -i PATH=/usr/bin:/bin NOTIFY_SOCKET=/run/shoal/notify $command \
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
stop_by_hand() {
    kill -TERM "$server"
    local status=0
    wait "$server" || status=$?
    server=""
    [ "$status" -eq 0 ] || { cat "$work/server.log" >&2; die "the server ended with $status"; }
    grep -q STOPPING=1 "$work/told" || die "the server did not say that it stops"
}
shoal() { inside shoal "$@"; }
service() { # a property of it
    inside systemctl show --value -p "$1" shoald
}
is_active() { [ "$(inside systemctl is-active shoald)" = active ] || { inside journalctl --no-pager -u shoald >&2; die "shoald is not active: $*"; }; }
question="城市 = '成都' and 会员等级 >= '金卡' and points > 10"
answers() { [ "$(shoal --format csv list "$question" | tail -n 1)" = u1 ] || die "the audience is not u1: $*"; }

if [ -z "${SHOAL_PACKAGE_BY_HAND:-}" ] && boot; then
    how="under systemd"
    network="nsenter -t $leader -n"
else
    how="by hand: $(tail -n 1 "$work/boot.log" 2>/dev/null || echo "nothing was booted")"
    # In a network of its own, if there may be one, as somebody may listen on this machine's 7717.
    unshare --net sleep 3600 2>/dev/null &
    holder=$!
    sleep 0.5
    if kill -0 "$holder" 2>/dev/null && nsenter -t "$holder" -n ip link set lo up; then network="nsenter -t $holder -n"; fi
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" && chmod +x "$tree/usr/sbin/policy-rc.d"
fi
say "== the main job, $how"
apt_get install "$file"
[[ "$(inside getent passwd shoal)" == *:/usr/sbin/nologin ]] || die "there is no user shoal"
[ "$(inside stat -c '%U %a' /var/lib/shoal)" = "shoal 700" ] || die "/var/lib/shoal is not the server's own"
ok "installed, with all that it depends on and a user of its own"
if [ -n "$leader" ]; then
    # The unit is of Type=notify, so whoever installed it goes on when it is ready.
    is_active "after installing"
    [ "$(inside systemctl is-enabled shoald)" = enabled ] || die "it would not start with the machine"
    pid=$(service MainPID)
    inside cat "/proc/$pid/status" >"$work/status"
    grep -qE '^Seccomp:\s+2$' "$work/status" && grep -qE '^NoNewPrivs:\s+1$' "$work/status" && grep -qE '^CapBnd:\s+0+$' "$work/status" ||
        die "the unit's hardening is not in force"
    [ "$(inside stat -c %U "/proc/$pid")" = shoal ] || die "it does not run as shoal"
    [[ "$(service StatusText)" == *erv* ]] || die "its status is '$(service StatusText)'"
    ok "it runs as shoal, without privileges, with its system calls filtered: $(service StatusText)"
else
    start_by_hand
    ok "it starts as its unit starts it, and says that it is ready"
fi
cat >"$tree/opt/users.csv" <<'CSV'
id,城市,会员等级,points
u1,成都,金卡,120
u2,上海,银卡,30
u3,成都,金卡,7
CSV
cat >"$tree/opt/shop.map" <<'MAP'
[users]
file = users.csv
id = id
城市 : string = 城市
会员等级 : enum(银卡, 金卡) = 会员等级
points : int = points
MAP
shoal load --quiet --map /opt/shop.map
answers "at first"
ok "files become rows, and a question finds u1; $(shoal stats | grep -m 1 -oE 'uring|epoll')"
$network python3 - <<'PYTHON' || die "HTTP does not answer as it should"
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
inside setpriv --reuid shoal --regid shoal --clear-groups shoal --addr unix:/run/shoal/socket ping >/dev/null || die "no answer at the Unix socket"
if [ -n "$leader" ]; then
    inside systemctl reload shoald
    is_active "after a reload"
    [ "$(service MainPID)" = "$pid" ] || die "a reload began it anew"
    inside sh -c "kill -KILL $pid"
    for _ in $(seq 150); do [ "$(service MainPID)" != "$pid" ] && [ "$(inside systemctl is-active shoald)" = active ] && break; sleep 0.1; done
    is_active "after a kill"
    answers "after a kill"
    ok "reloaded without a stop; killed, systemd begins it anew, and what was written is there"
    inside cp /etc/shoal/shoald.conf /opt/shoald.conf
    inside sh -c 'echo "nonsense = 1" >>/etc/shoal/shoald.conf'
    ! inside systemctl restart shoald 2>/dev/null || die "it starts with a setting that is none"
    [ "$(service ExecMainStatus) $(service NRestarts) $(inside systemctl is-active shoald)" = "64 0 failed" ] ||
        die "a wrong setting: $(service ExecMainStatus) $(service NRestarts) $(inside systemctl is-active shoald)"
    inside journalctl --no-pager -u shoald | grep -q nonsense || die "the journal does not name the wrong setting"
    inside cp /opt/shoald.conf /etc/shoal/shoald.conf
    inside systemctl restart shoald
    is_active "after the setting was mended"
    ok "a wrong setting is named in the journal, and not tried again and again"
else
    stop_by_hand
    start_by_hand
fi
answers "after a restart"
ok "what was written is there after a restart"
complete() { inside bash -c '. /usr/share/bash-completion/completions/shoal; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shoal; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"; }
complete shoal co | grep -qx count || die "completion does not know count"
complete shoal list --li | grep -qx -- --limit || die "completion does not know list --limit"
ok "the shell completes commands and options"
apt_get install "/opt/$(basename "$dev")" gcc libc6-dev pkg-config
cat >"$tree/opt/app.c" <<'C'
#include <shoal/client.h>
#include <shoal/shoal.h>
#include <stdio.h>
int main(void) {
    struct shoal *engine = NULL;
    struct shoal_error error;
    uint64_t count = 1;
    if (shoal_open(NULL, &engine, &error) != SHOAL_OK || shoal_count(engine, "true", &count, &error) != SHOAL_OK) return 1;
    struct shoal_client *client = NULL;
    struct shoal_client_error why;
    if (shoal_client_open("127.0.0.1:7717", NULL, &client, &why) != SHOAL_CLIENT_OK) {
        printf("%s\n", why.message);
        return 1;
    }
    return count == 0 ? 0 : 1;
}
C
inside sh -c 'cc -Wall -Werror -o /opt/app /opt/app.c $(pkg-config --cflags --libs shoal) && /opt/app' ||
    die "a program with engine and client does not build or run against libshoal-dev"
ok "a program with engine and client builds against libshoal-dev, and reaches the server"

say "== upgrade"
# The same package under a later version, with another default in its settings.
dpkg-deb -R "$deb" "$work/later"
sed -i 's/^Version: .*/&+later/' "$work/later/DEBIAN/control"
echo "# a line of the later version" >>"$work/later/etc/shoal/shoald.conf"
sed -i '/etc\/shoal\/shoald.conf/d' "$work/later/DEBIAN/md5sums" 2>/dev/null || true
dpkg-deb -b "$work/later" "$tree/opt/shoal_later.deb" >/dev/null
inside sh -c 'echo "slow-ms = 500" >>/etc/shoal/shoald.conf'
[ -n "$leader" ] || stop_by_hand
before=$([ -z "$leader" ] || service MainPID)
apt_get install /opt/shoal_later.deb
[[ "$(inside dpkg-query -W -f '${Version}' shoal)" == *+later ]] || die "the later version is not there"
grep -qx 'slow-ms = 500' "$tree/etc/shoal/shoald.conf" || die "the operator's setting was thrown away"
[ -e "$tree/etc/shoal/shoald.conf.dpkg-dist" ] || die "the later version's settings are not beside the operator's"
if [ -n "$leader" ]; then
    is_active "after the upgrade"
    [ "$(service MainPID)" != "$before" ] || die "the old program still runs"
else
    start_by_hand
fi
answers "after the upgrade"
ok "the later version runs with the operator's settings and the shop's data"

say "== removing"
[ -n "$leader" ] || stop_by_hand
apt_get remove shoal
[ ! -e "$tree/usr/bin/shoald" ] || die "the program is left"
[ -e "$tree/etc/shoal/shoald.conf" ] && [ -d "$tree/var/lib/shoal/data" ] || die "removing threw settings or data away"
[ -z "$leader" ] || ! inside systemctl is-active --quiet shoald || die "it runs on after its removal"
apt_get install /opt/shoal_later.deb
[ -n "$leader" ] && is_active "when installed again" || start_by_hand
answers "when installed again"
[ -n "$leader" ] || stop_by_hand
ok "removed, settings and data stay; installed again it goes on where it ended"
apt_get purge shoal
[ ! -e "$tree/usr/bin/shoald" ] && [ ! -e "$tree/etc/shoal" ] || die "something of the package is left: $(ls "$tree/etc/shoal")"
[ -d "$tree/var/lib/shoal/data" ] || die "the shop's data was thrown away"
grep -q "remove it by hand" "$apt_log" || die "the purge does not say what stays"
[ -z "$leader" ] || [ -z "$(inside systemctl list-unit-files --no-legend shoald.service)" ] || die "the unit is left"
ok "purged, nothing of the package is left but the shop's data, and it says so"
say "$passed passed, 0 failed, $how"
