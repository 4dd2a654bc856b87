#!/bin/sh
# Installs the client into a folder of its own and builds a C and a C++ program against what is there, with every warning
# an error and nothing of the source tree on the include path. Run: client_install_test.sh BUILD_FOLDER CC LINK_FLAGS
set -eu
build=$1
cc=$2
link_flags=${3:-}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

cmake --install "$build" --prefix "$root/usr" --component client > "$root/log"

cat > "$root/program.c" << 'PROGRAM'
#include <shoal/client.h>
#include <stdio.h>

int main(void) {
    struct shoal_client *client = NULL;
    struct shoal_client_error error;
    if (shoal_client_open("127.0.0.1:1", NULL, &client, &error) != SHOAL_CLIENT_ERR_IO) return 1;
    printf("%s\n", error.message);
    return 0;
}
PROGRAM
sed 's/NULL/nullptr/g' "$root/program.c" > "$root/program.cc"

PKG_CONFIG_PATH=$(dirname "$(find "$root/usr" -name shoal-client.pc)")
export PKG_CONFIG_PATH
# The prefix was the build's; the files are in our folder. Static libraries need what pkg-config calls private.
flags=$(pkg-config --define-variable=prefix="$root/usr" --cflags shoal-client)
libraries=$(pkg-config --static --libs shoal-client)
include=$(find "$root/usr" -path '*/shoal/client.h')
include=$(dirname "$(dirname "$include")")
library=$(dirname "$(find "$root/usr" -name libshoal_client.a)")

# shellcheck disable=SC2086
"$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$include" $flags "$root/program.c" -o "$root/program_c" -L"$library" $libraries $link_flags
"$root/program_c"
if command -v g++ > /dev/null; then
    # shellcheck disable=SC2086
    g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I"$include" "$root/program.cc" -o "$root/program_cc" -L"$library" $libraries $link_flags
    "$root/program_cc"
else
    echo "SKIPPED: no g++, so no C++ program"
fi
