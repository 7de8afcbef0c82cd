# Each release that is tagged, upgraded by sql/upgrade.sql, is this schema installed fresh: a change of the
# tables writes it into sql/tables.sql and into a step of sql/upgrades. And what was released is as it was.
# Makes databases of its own beside an empty one; prints TAP.
set -u
. tests_pg/tap.sh
export SQITCH_FULLNAME=${SQITCH_FULLNAME:-tests} SQITCH_EMAIL=${SQITCH_EMAIL:-tests@localhost}
mapfile -t releases < <(sed -n 's/^@v\([0-9.]*\) .*/\1/p' sqitch.plan)
if [ ${#releases[@]} = 0 ]; then
    echo '1..0 # SKIP no release is tagged yet'
    exit
fi
work=$(mktemp -d)
made=()
tidy() {
    rm -rf "$work"
    local database
    for database in "${made[@]}"; do psql -Xq -d postgres -c "drop database if exists $database with (force)"; done
}
trap tidy EXIT

database() {  # database NAME
    made+=("$1")
    psql -Xq -d postgres -c "create database $1"
}

dump() {
    pg_dump --schema-only -N sqitch -d "$1" | grep -vE '^\\(un)?restrict ' >"$work/$1"
    [ "$(wc -l <"$work/$1")" -gt 100 ]
}

upgraded() {  # upgraded RELEASE DATABASE
    sqitch deploy --to "@v$1" "db:pg:$2" && psql -Xq1 -v ON_ERROR_STOP=1 -d "$2" -f sql/upgrade.sql &&
        dump "$2" && diff -u "$work/$fresh" "$work/$2"
}

unchanged() {
    ! grep -l '^\\ir' $(for change in $(sed '/^@/q' sqitch.plan | sed -n 's/^\([a-z]\w*\) .*/\1/p'); do
        echo "deploy/$change.sql"; done) || return
    local latest=v${releases[-1]}
    git rev-parse -q --verify "$latest" >/dev/null || return 0  # a copy without its tags
    git diff --exit-code --stat "$latest" -- $(git ls-tree --name-only "$latest" deploy/)
}

echo 1..$((${#releases[@]} + 1))
fresh=${PGDATABASE}_fresh
database "$fresh"
psql -Xq1 -v ON_ERROR_STOP=1 -d "$fresh" -f sql/install.sql && dump "$fresh"
for release in "${releases[@]}"; do
    database "${PGDATABASE}_${release//./_}"
    check "from $release" upgraded "$release" "${made[-1]}"
done
check 'what was released is as it was' unchanged
