#!/usr/bin/env bash
# Builds the image of tools/package/Containerfile and uses a container of it: its health check, a question, a stop, a second start
# on the same volume. With buildah, which needs no daemon and, with chroot as isolation, no more rights than root has in most places;
# the base image is made from Debian's mirror. Some minutes, as the image builds everything from the source.
#   tests/package/container_test.sh      (root; SHOAL_PACKAGE_TREE=FOLDER: a fresh Debian tree that is there already)
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/packages.sh
[ "$(id -u)" -eq 0 ] || die "root is needed, for debootstrap and chroot"
need_packages "buildah debootstrap python3 iproute2 procps"

work=$(mktemp -d -t shoal-container-XXXXXX)
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/images" --runroot "$work/run" "$@"; }
network="" # a process that keeps a network of its own, so that ports of this machine do not matter
server=""
cleanup() {
    # Whatever runs in the network of this test, and nothing else.
    [ -z "$network" ] || pkill -KILL --ns "$network" --nslist net . 2>/dev/null || true
    umount "$work"/images/overlay/*/merged "$work"/images/overlay 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT
passed=0
ok() {
    passed=$((passed + 1))
    say "   ok: $* ($SECONDS s)"
}

say "== a base image"
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2 == "bookworm" { print $1; exit }')
tree="${SHOAL_PACKAGE_TREE:-$work/tree}"
[ -d "$tree" ] || debootstrap --variant=minbase bookworm "$tree" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; die "debootstrap failed"; }
# Authorities that this machine's own administrator trusts, as npm may be reached through them only.
extra="$work/trusted"
mkdir -p "$extra/usr/local/share/ca-certificates" "$extra/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io >"$extra/etc/dpkg/dpkg.cfg.d/unsafe-io" # as in Debian's own images
cp -r /usr/local/share/ca-certificates/. "$extra/usr/local/share/ca-certificates/" 2>/dev/null || true
tar -C "$tree" --one-file-system -cf "$work/base.tar" .
base=$(buildah from scratch)
buildah add -q "$base" "$work/base.tar" / >/dev/null
buildah add -q "$base" "$extra" / >/dev/null
buildah commit -q --rm "$base" localhost/debian:12-slim >/dev/null
rm "$work/base.tar"

say "== the image"
buildah build --format docker --pull=never -t shoal -f tools/package/Containerfile . >"$work/build.log" 2>&1 ||
    { tail -n 40 "$work/build.log" >&2; die "the image was not built"; }
charts=yes
! grep '^NOTE' "$work/build.log" || charts=no
container=$(buildah from --format docker --pull=never localhost/shoal)
buildah inspect "$container" >"$work/inspect.json"
config() { python3 -c '
import json, sys
config = json.load(open(sys.argv[1]))["Docker"]["config"]
for name in sys.argv[2:]: config = config[name]
print("\n".join(config) if isinstance(config, list) else config)' "$work/inspect.json" "$@"; }
[ "$(config User)" = shoal ] || die "it runs as $(config User)"
mapfile -t command < <(config Entrypoint; config Cmd)
mapfile -t health < <(config Healthcheck Test | tail -n +2)
[ "${#health[@]}" -gt 1 ] || die "there is no health check"
ok "built: ${command[*]}"

unshare --net sleep 3600 &
network=$!
sleep 0.2
nsenter -t "$network" -n ip link set lo up
install -d -o "$(buildah run --user root "$container" -- id -u shoal)" -m 0700 "$work/volume"
# buildah is a function here and a program for nsenter.
within() { nsenter -t "$network" -n buildah --root "$work/images" --runroot "$work/run" run --volume "$work/volume:/var/lib/shoal" "$container" -- "$@"; }
start() {
    within "${command[@]}" >"$work/server.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        ! grep -q "shoald ready" "$work/server.log" || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/server.log" >&2
    die "the server is not ready"
}
stop() { # as the image says: its STOPSIGNAL, to its first process
    local pid
    pid=$(pgrep -n -f "^${command[0]} --data /var/lib/shoal/data" --ns "$network" --nslist net)
    kill -"$(config StopSignal 2>/dev/null || echo SIGTERM)" "$pid"
    local status=0
    wait "$server" || status=$?
    server=""
    [ "$status" -eq 0 ] || { cat "$work/server.log" >&2; die "the server ended with $status"; }
}

say "== a container"
! within "${health[@]}" >/dev/null 2>&1 || die "the health check says well where nothing runs"
start
within "${health[@]}" >/dev/null || die "the health check says ill: ${health[*]}"
ok "healthy; $(grep -oE 'uring|epoll' "$work/server.log" | tail -n 1)"
nsenter -t "$network" -n env CHARTS="$charts" python3 - <<'PYTHON'
import json, os, urllib.request
base = "http://127.0.0.1:7718"
def call(method, **params):
    return json.load(urllib.request.urlopen(urllib.request.Request(f"{base}/rpc/{method}", json.dumps(params).encode(), {"Content-Type": "application/json"})))
assert urllib.request.urlopen(base + "/readyz").read() == b"ready\n"
page = urllib.request.urlopen(base + "/").read()
assert b"<html" in page.lower()
if os.environ["CHARTS"] == "yes":
    assert len(urllib.request.urlopen(base + "/vendor/echarts.esm.min.mjs").read()) > 500_000
call("schema.put", users={"attributes": [{"name": "points", "type": "int"}]})
call("user.put", users=[{"id": f"u{i}", "points": i} for i in range(1000)])
assert call("audience.count", where="points >= 990")["count"] == 10
PYTHON
ok "the console (its charts: $charts), probes and calls answer"
stop
start
[ "$(within shoal --format csv count "points >= 990" | grep -oE '^10')" = 10 ] || die "the volume has lost the users"
stop
ok "stopped and begun anew on the same volume, everybody is there"
say "$passed passed, 0 failed"
