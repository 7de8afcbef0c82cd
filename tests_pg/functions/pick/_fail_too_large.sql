-- Instances that no pick can hand out end.
begin;
\ir ../prelude.psql
select plan(10);

select pg_temp.put('p'), pg_temp.pick(),
    pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "c", "correlation_key": "k"}]}') \g /dev/null
insert into made select 'c', instance_id from gendurable.correlation_keys;
select pg_temp.put('x') \g /dev/null
-- Another transaction holds the parent. It must be one that this one's rows are visible to, so it is only said to be
-- locked.
select gendurable._fail_too_large(:me, array[pg_temp.id('c'), pg_temp.id('x')]) \g /dev/null
select is(pg_temp.status('x'), 'failed', 'it is failed');
select is((select error from gd_status(pg_temp.id('x'))), '{"kind": "too_large"}', 'with the reason');
select is((select attempt from gd_status(pg_temp.id('x'))), 0, 'at its first attempt');
select is((select error from gd_status(pg_temp.id('c'))), '{"kind": "too_large"}', 'a child too');
select is(pg_temp.pick(), 'p', 'its parent is woken');
select is(pg_temp.children('p') #>> '{0,error,kind}', 'too_large', 'and told');
select is_empty('select from gendurable.correlation_keys', 'its key is free');
select is_empty(format($$ select from gendurable.instances where worker_id = %s and fsm <> 'p' $$, :me),
    'the worker is left with nothing of it');

-- With them the line for tokens moves on: here tokens are there, and there will never be more.
select gd_set_rate_limit('r', 0, '1 s', 5), pg_temp.put('large', '{"rate_limit": "r", "weight": 5}'),
    pg_temp.put('next', '{"rate_limit": "r"}'), gd_signal(pg_temp.id('large'), 's') \g /dev/null
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
    select gendurable._inbox_key(pg_temp.id('large'), 0), pg_temp.id('large'), now(), repeat('n', 1000),
    '1' from generate_series(1, 60000);
select is(pg_temp.pick() || pg_temp.pick(), '-next', 'tokens that it was offered are for the next one in the line');
select is(pg_temp.status('large'), 'failed', 'which it held up until then');

select * from finish();
rollback;
