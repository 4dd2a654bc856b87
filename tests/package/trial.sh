#!/usr/bin/env bash
# How long it takes somebody new: a Debian 12 that has git and nothing else, a clean clone, and the first count from the command line,
# from Python, from Node and in the console, each as its README says. Prints the time of each step, in seconds and in all; nothing of
# this machine's (compiler caches, packages, builds) helps. Needs root; Debian packages come from the mirror that apt knows, npm's
# from where npm takes them.
#   tests/package/trial.sh           (tools/dev trial)
set -euo pipefail
cd "$(dirname "$0")/../.."
. tools/lib/packages.sh
[ "$(id -u)" -eq 0 ] || die "root is needed, for debootstrap and chroot"
need_packages "debootstrap git procps iproute2 $packages_browser"
work=$(mktemp -d -t shoal-trial-XXXXXX)
tree="$work/tree"
cleanup() {
    [ ! -f "$tree/home/shoal/build/quickstart/pid" ] || kill -KILL "$(cat "$tree/home/shoal/build/quickstart/pid")" 2>/dev/null || true
    umount "$tree/proc" 2>/dev/null || true
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT

mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2 == "bookworm" { print $1; exit }')
say "a bare Debian with git ... (not counted)"
debootstrap --variant=minbase --include=git bookworm "$tree" "$mirror" >"$work/debootstrap.log" 2>&1 || { tail "$work/debootstrap.log" >&2; die "debootstrap failed"; }
mount -t proc proc "$tree/proc"
cp /etc/resolv.conf "$tree/etc/"
mkdir -p "$tree/usr/local/share/ca-certificates" # what this machine's administrator trusts: npm may be reached through it only
cp -r /usr/local/share/ca-certificates/. "$tree/usr/local/share/ca-certificates/" 2>/dev/null || true
printf 'deb %s bookworm main\n' "$mirror" >"$tree/etc/apt/sources.list"
printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" && chmod +x "$tree/usr/sbin/policy-rc.d"
git clone -q --bare . "$tree/srv/shoal.git"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
inside() { chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    SHOAL_PORT="$port" SHOAL_HTTP_PORT=$((port + 1)) CCACHE_DISABLE=1 "$@"; }
total=0
step() { # step "words" command...: runs it, prints how long it took
    local words="$1" begin=$EPOCHREALTIME log took
    shift
    log="$work/$(tr -c 'a-z' '-' <<<"$words").log"
    "$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; die "$words: failed"; }
    took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    total=$(awk -v a="$total" -v b="$took" 'BEGIN { printf "%.1f", a + b }')
    printf '%-58s %7s s %8s s in all\n' "$words" "$took" "$total"
    last="$log"
}
count_in() { grep -oE "$1" "$last" | tail -n 1; }

say ""
step "git clone" inside git clone -q /srv/shoal.git /home/shoal
step "tools/quickstart: packages, build, a shop, its questions" inside /home/shoal/tools/quickstart
where="会员等级 >= '金卡' and city in ('成都', '上海')"
step "first count: command line" inside env SHOAL_ADDR="127.0.0.1:$port" /home/shoal/build/bin/shoal --format csv count "$where"
expected=$(tail -n 1 "$last" | cut -d, -f1)
sed -e '/^```sh$/,/^```$/!d' -e '/^```/d' tools/clients/python/README.md | head -n 3 >"$tree/home/python.sh"
cat >"$tree/home/count.py" <<PYTHON
import shoal

client = shoal.Client("127.0.0.1:$port")
print(client.count("$where"))
PYTHON
step "Python: what its README installs" inside sh -ec 'cd /home/shoal && . /home/python.sh'
step "first count: Python" inside sh -ec 'cd /home/shoal && env/bin/python /home/count.py'
[ "$(count_in 'count=[0-9]+')" = "count=$expected" ] || die "Python counts otherwise: $(cat "$last")"
cat >"$tree/home/count.mjs" <<NODE
import { Client } from 'shoal-client';

const client = new Client('127.0.0.1:$port');
console.log(await client.count("$where"));
process.exit();
NODE
sed -e '/^```sh$/,/^```$/!d' -e '/^```/d' tools/clients/node/README.md | head -n 2 >"$tree/home/node.sh"
step "Node: what its README installs" inside sh -ec 'cd /home/shoal && . /home/node.sh && cp /home/count.mjs .'
step "first count: Node" inside sh -ec 'cd /home/shoal && node count.mjs'
[ "$(count_in 'count: [0-9]+')" = "count: $expected" ] || die "Node counts otherwise: $(cat "$last")"
# The browser is the user's own, so this machine's; a hand would take some seconds more.
build_targets="shoald" build_tree build # for the tests' packages from npm
step "first count: the console in a browser" env SHOAL_BUILD=build python3 tests/console/run.py --script first_count.mjs "http://127.0.0.1:$((port + 1))" "$where"
[ "$(count_in '^count [0-9]+')" = "count $expected" ] || die "the console counts otherwise: $(cat "$last")"
say ""
say "$expected people, counted four ways; $(awk -v s="$total" 'BEGIN { printf "%.1f", s / 60 }') minutes in all, with $(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg)"
