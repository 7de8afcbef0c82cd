# TAP for shell tests; sourced.

number=0

check() {  # check DESCRIPTION COMMAND…: one TAP line, the command's output as comments when it fails
    local output description=$1
    shift
    number=$((number + 1))
    if output=$("$@" 2>&1); then
        echo "ok $number - $description"
    else
        echo "not ok $number - $description"
        printf '%s\n' "$output" | head -n 60 | sed 's/^/# /'
    fi
}
