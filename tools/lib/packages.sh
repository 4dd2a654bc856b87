# packages.sh -- sourced by the scripts of tools/: what they need from Debian, and installing what is missing.

packages_build="gcc libc6-dev cmake ninja-build pkg-config liburing-dev libxxhash-dev libmsgpack-dev libjansson-dev libssl-dev libinih-dev
 libedit-dev libmicrohttpd-dev zlib1g-dev libzstd-dev tzdata"
packages_test="$packages_build g++ libcriterion-dev libroaring-dev libsqlite3-dev python3 python3-msgpack python3-pip openssl
 python3-setuptools python3-wheel python3-pynvim prometheus librdkafka-dev clang libclang-rt-14-dev xz-utils unzip valgrind
 python3-numpy python3-scipy python3-xxhash"
# A fresh Debian, booted, to install the packages in.
packages_tree="debootstrap iproute2 dpkg-dev file man-db systemd systemd-container"
# For the console's charts. Debian's node takes its certificates from the system, which a small Debian has none of.
packages_npm="npm ca-certificates"
# A browser for the console's tests, and letters for its pictures.
packages_browser="chromium"
packages_pictures="chromium fonts-noto-cjk"
# What bench/run compares with and draws with, without the largest of them, which it installs itself.
packages_peers="redis-server libhiredis-dev memcached gnuplot-nox"
# What tools/METHODS.md is measured beside.
packages_methods="$packages_build python3 python3-numpy python3-scipy python3-xxhash"
packages_dev="$packages_test clang-format clang-tidy cppcheck"

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# need_packages "list": install what is not there yet. No network is touched when nothing is missing.
need_packages() {
    command -v dpkg-query >/dev/null 2>&1 || die "this script installs Debian packages, and dpkg is not here.
Install these by hand and build with cmake: $1"
    local missing="" name
    for name in $1; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $name"
    done
    [ -z "$missing" ] && return 0
    say "Installing:$missing"
    local as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || die "not root and no sudo here. As root, run:
  apt-get update && apt-get install -y --no-install-recommends$missing"
        as_root="sudo"
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
        die "apt-get update failed; is this machine online?"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        die "apt-get could not install:$missing"
}

# build_tree FOLDER cmake-arguments...: configure and build; quiet unless it fails. build_targets: only these, if set.
build_tree() {
    local folder="$1"
    shift
    mkdir -p "$folder"
    cmake -S . -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1 || {
        cat "$folder/configure.log" >&2
        die "cmake could not configure $folder"
    }
    # shellcheck disable=SC2086
    cmake --build "$folder" ${build_targets:+--target $build_targets} >"$folder/build.log" 2>&1 || {
        tail -n 60 "$folder/build.log" >&2
        die "the build of $folder failed (whole log: $folder/build.log)"
    }
}
