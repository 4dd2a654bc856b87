# console.sh -- sourced by the scripts of tools/: the one file of the console that is not in the tree, ECharts. It comes from
# npm at the version and hash of tools/console/package-lock.json.

# fetch_console BUILD: put it beside the console's files of this build. Not twice. Where npm is not there or reaches nothing
# the console shows tables instead of drawings, and this says so and goes on.
fetch_console() {
    local build="$1" vendor="$1/share/shoal/console/vendor" work="$1/console-npm" lock
    lock=$(sha256sum tools/console/package-lock.json | cut -d ' ' -f 1)
    [ -L "$build/share/shoal/console" ] && rm "$build/share/shoal/console"
    [ "$(cat "$vendor/lock" 2>/dev/null)" = "$lock" ] && return 0
    if ! command -v npm >/dev/null 2>&1; then
        printf '%s\n' "NOTE: npm is not installed: the console shows tables instead of charts."
        return 0
    fi
    mkdir -p "$work" "$vendor"
    cp tools/console/package.json tools/console/package-lock.json "$work/"
    if ! (cd "$work" && timeout 180 npm ci --no-audit --no-fund --ignore-scripts --fetch-retries=1 --fetch-timeout=30000 \
        </dev/null >npm.log 2>&1); then
        printf '%s\n' "NOTE: npm could not install ECharts ($work/npm.log): the console shows tables instead of charts."
        return 0
    fi
    # Whole or not at all: a server may begin at this moment.
    cp "$work/node_modules/echarts/dist/echarts.esm.min.mjs" "$vendor/.echarts"
    mv "$vendor/.echarts" "$vendor/echarts.esm.min.mjs"
    cp "$work/node_modules/echarts/LICENSE" "$vendor/echarts.LICENSE.txt"
    cp "$work/node_modules/echarts/NOTICE" "$vendor/echarts.NOTICE.txt"
    printf '%s' "$lock" >"$vendor/lock"
    rm -rf "$work/node_modules"
}
