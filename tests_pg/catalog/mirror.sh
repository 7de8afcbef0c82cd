# One schema, three ways in: sqitch, psql with the manifest, and the Python installer leave identical dumps.
# Runs in an empty database, makes two more beside it; prints TAP.
set -u
. tests_pg/tap.sh
export SQITCH_FULLNAME=${SQITCH_FULLNAME:-tests} SQITCH_EMAIL=${SQITCH_EMAIL:-tests@localhost}
by_sqitch=$PGDATABASE by_psql=${PGDATABASE}_psql by_python=${PGDATABASE}_python
work=$(mktemp -d)
tidy() {
    rm -rf "$work"
    psql -Xq -d postgres -c "drop database if exists $by_psql with (force)" \
        -c "drop database if exists $by_python with (force)"
}
trap tidy EXIT

dump() {
    # \restrict carries a random token. Sqitch's registry is its own; it is no part of the schema.
    pg_dump --schema-only -N sqitch -d "$1" | grep -vE '^\\(un)?restrict ' >"$work/$1"
}

same() {
    dump "$1" && dump "$2" && [ "$(wc -l <"$work/$1")" -gt 100 ] && diff -u "$work/$1" "$work/$2"
}

echo 1..5
psql -Xq -c "create database $by_psql" -c "create database $by_python"
check 'sqitch deploys' sqitch deploy "db:pg:$by_sqitch"
check 'psql installs' psql -Xq1 -v ON_ERROR_STOP=1 -d "$by_psql" -f sql/install.sql
check 'gendurable-py installs' "${VENV:-.venv}/bin/gendurable-py" install --dsn "dbname=$by_python"
check 'psql and sqitch leave the same schema' same "$by_psql" "$by_sqitch"
check 'psql and gendurable-py leave the same schema' same "$by_psql" "$by_python"
