-- Time goes by for what waits, and for nothing else.
begin;
select plan(16);
\ir ../prelude.psql

select pg_temp.put('later', '{"delay": "24 hours"}');
select pg_temp.put('never', '{"eligible_at": "infinity"}');
select pg_temp.put('retries');
select pg_temp.put('parks');
select pg_temp.put('parks for ever');
select is(pg_temp.pick(10), 'retries parks parks for ever', 'what waits for a moment is not picked');
select pg_temp.commit('retries', 'retry', '{"delay_ms": 3600000}');
select pg_temp.commit('parks', 'await', '{"names": ["n"], "timeout_ms": 7200000}');
select pg_temp.commit('parks for ever', 'await', '{"names": ["n"]}');

select gendurable._advance('59 minutes', '0');
select is(pg_temp.pick(10), '-', 'nothing is due early');
select gendurable._advance('1 minute', '0');
select is(pg_temp.pick(10), 'retries', 'a retry is due after its delay');
select gendurable._advance('1 hour', '0');
select is(pg_temp.pick(10), 'parks', 'a deadline fires');
select is((select c.awaited from claim as c where c.fsm = 'parks'), '[]', 'with nothing');
select gendurable._advance('22 hours', '0');
select is(pg_temp.pick(10), 'later', 'a delay is over');
select is(pg_temp.phase('never') || ' ' || pg_temp.phase('parks for ever'), 'scheduled awaiting_signal',
    'what has no moment has none still');
select is((pg_temp.row('never')).eligible_at, 'infinity', 'for ever is for ever');

select pg_temp.put('ready');
select gendurable._advance('1 hour', '0');
select is((pg_temp.row('ready')).lane & ((1::bigint << 40) - 1), gendurable._run(pg_current_xact_id()),
    'what is ready moves out of its line, which may be known to be empty there');
select is(pg_temp.pick(10), 'ready', 'and is picked');

select gd_set_rate_limit('r', 1, '1 hour', 2);
select pg_temp.put('first', '{"rate_limit": "r", "weight": 2}'),
    pg_temp.put('second', '{"rate_limit": "r", "weight": 2}'), pg_temp.put('third', '{"rate_limit": "r", "weight": 2}');
select is(pg_temp.pick(10), 'first', 'the bucket is empty');
select gendurable._advance('0', '90 minutes');
select is(pg_temp.pick(10), '-', 'some tokens are too few');
select gendurable._advance('0', '30 minutes');
select is(pg_temp.pick(10), 'second', 'with tokens it starts');
select gendurable._advance('0', '100 years');
select is(pg_temp.pick(10), 'third', 'a bucket can be filled');
select gendurable._advance('0', '100 years');
select is((select gendurable._tokens(b.tokens, b.refilled_at, 1, '1 hour', 2, now()) from gendurable.buckets as b
    where b.key = 'r'), 2::float8, 'up to its burst');
select is((select count(*)::int from gd_workers as w where w.alive), 1, 'the worker''s lease runs on');

select * from finish();
rollback;
