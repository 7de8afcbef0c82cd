# The history deploys and verifies, reverts to nothing at all, and deploys and verifies again.
# Runs in an empty database; prints TAP.
set -u
. tests_pg/tap.sh
export SQITCH_FULLNAME=${SQITCH_FULLNAME:-tests} SQITCH_EMAIL=${SQITCH_EMAIL:-tests@localhost}
target=db:pg:$PGDATABASE

nothing_left() {
    local left
    left=$(pg_dump --schema-only --no-owner -N sqitch |
        grep -vE '^(--|SET |SELECT pg_catalog.set_config|\\(un)?restrict |$)')
    printf '%s\n' "$left"
    [ -z "$left" ]
}

echo 1..6
check 'deploys on an empty database' sqitch deploy --verify "$target"
check 'reverts' sqitch revert -y "$target"
check 'a revert leaves nothing behind' nothing_left
check 'deploys again' sqitch deploy "$target"
check 'verifies' sqitch verify "$target"
check 'has nothing more to deploy' sqitch deploy "$target"
