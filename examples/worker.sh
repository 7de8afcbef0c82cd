#!/usr/bin/env bash
# A worker in bash and psql. It runs the machine of examples/checkout beside workers in any other language.
#
#   GENDURABLE_DSN=… examples/worker.sh [QUEUE]        leaves at SIGTERM or Ctrl-C, after the step that it runs
#
# It holds one claim at a time, and a step is far shorter than the lease. So its loop is heartbeat enough, and what the database
# takes for its claim at the start of a turn got lost on the way. The rules: docs/worker-protocol.md; the steps: checkout/checkout.py.
set -uo pipefail
queue=${1:-default} lease=${LEASE:-15} worker='' job='{}' stopping=''
trap 'stopping=1' TERM INT

sql() {  # sql STATEMENTS [psql's options]: its variables are :'queue', :'worker', :'job' and what the options set
    psql -XAtq -F $'\t' -d "${GENDURABLE_DSN:-}" -v ON_ERROR_STOP=1 -v queue="$queue" -v worker="$worker" -v job="$job" "${@:2}" <<<"$1"
}
pick() {
    sql "select from gd_heartbeat(:'worker', '{}');
         select where (select count(*) from gd_maintain()) < 0;
         begin; set local synchronous_commit = off;  -- a claim may be forgotten, an outcome may not
         select j.attempt, format('%s %s %s', j.fsm, j.fsm_version, j.step), to_jsonb(j) from gd_pick(:'worker', :'queue', 1) as j; commit"
}
run_step() {  # prints the outcome
    sql "with job as (
             select substr(correlation_key, 7) as id, coalesce(state ->> 'sku', 'mug') as sku, coalesce(state ->> 'quantity', '1')::int as quantity,
                    state, awaited -> 0 ->> 'name' as signal, awaited -> 0 -> 'payload' ->> 'payment_id' as paid
             from jsonb_to_record(:'job') as j (correlation_key text, state jsonb, awaited jsonb))
         select case
             when :'step' = 'start' and shop.reserve(id, sku, quantity) then jsonb_build_object(
                 'kind', 'await', 'names', jsonb_build_array('payment_confirmed', 'cancelled'), 'step', 'decide',
                 'timeout_ms', coalesce(state ->> 'pay_within', '3600')::float8 * 1000)
             when :'step' = 'decide' and signal = 'payment_confirmed' then jsonb_build_object(
                 'kind', 'next', 'step', 'ship', 'state', state || jsonb_build_object('payment_id', paid))
             else jsonb_build_object('kind', 'done', 'result', jsonb_build_object('status', case :'step'
                 when 'start' then 'sold_out'
                 when 'decide' then shop.close(id, coalesce(signal, 'expired'))
                 when 'ship' then shop.ship(id, state ->> 'payment_id') end)) end
         from job" -v step="$1"
}
commit() {
    sql "select result from gd_commit(:'worker', jsonb_build_array(:'outcome'::jsonb || jsonb_build_object('id', :'job'::jsonb -> 'id',
         'fence', :'job'::jsonb -> 'fence', 'consumed', jsonb_path_query_array(:'job', '\$.awaited[*].id'))))" -v outcome="$1"
}

[ -n "$(sql "select to_regproc('shop.ship')")" ] || psql -Xq1d "${GENDURABLE_DSN:-}" -f "$(dirname "$0")/checkout/shop.sql" >/dev/null || exit
while [ -z "$stopping" ]; do
    [ -n "$worker" ] || worker=$(sql "select gd_register('worker.sh', array[:'queue'], '$lease s')") || { sleep 1; continue; }
    claim=$(pick) || { worker=''; continue; }  # taken for dead, or the database was away
    IFS=$'\t' read -r attempt what job <<<"$claim"
    if [ -z "$claim" ]; then
        sleep "$(sql "select greatest(0.01, least(1, extract(epoch from gd_next_due(:'queue') - clock_timestamp())))" || echo 1)"
    elif [[ $what =~ ^'Checkout 1 '(start|decide|ship)$ ]]; then
        failed="{\"kind\": \"$( ((attempt < 9)) && echo retry || echo stop)\", \"delay_ms\": 1000, \"error\": {\"kind\": \"worker.sh\"}}"
        outcome=$(run_step "${BASH_REMATCH[1]}") || outcome=$failed
        while answer=$(commit "$outcome"); [[ $answer = busy || $answer = invalid ]]; do
            [ "$answer" = busy ] && sleep 0.05 || outcome=$failed
        done
    else
        sql "select gd_release(:'worker', array[(:'job'::jsonb -> 'id')::bigint], '5 s')" >/dev/null  # not ours to run
    fi
done
[ -z "$worker" ] || sql "select gd_unregister(:'worker')" >/dev/null
