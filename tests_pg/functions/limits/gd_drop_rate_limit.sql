-- gd_drop_rate_limit: what names it waits until it is set again.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(9);

select gd_set_rate_limit('r', 1, '1 hour', 2), gd_set_rate_limit('rr', 1, '1 hour', 2) \g /dev/null
select count(pg_temp.put('r' || n, '{"rate_limit": "r:1"}')), count(pg_temp.put('rr' || n, '{"rate_limit": "rr"}'))
    from generate_series(1, 4) as n \g /dev/null
select is(pg_temp.pick(1) , 'r1', 'one starts, others are offered tokens');
select gd_drop_rate_limit('r') \g /dev/null
select is((select string_agg(name, ' ') from gendurable.rate_limits) || ' ' || (select string_agg(key, ' ')
    from gendurable.buckets), 'rr rr', 'the limit and its buckets go, others stay');
select is(pg_temp.pick(99), 'rr1 rr2', 'what names it waits, even where it was offered tokens');
select is((select count(*)::int from gendurable.instances where fsm ~ '^r\d' and phase = 'throttled'), 3,
    'out of the ready set');
select is((select string_agg(fsm || ' ' || reason, ', ' order by fsm) from gd_stuck where fsm ~ '^r\d'),
    'r2 unknown_rate_limit, r3 unknown_rate_limit, r4 unknown_rate_limit', 'and stands in gd_stuck');
select gd_set_rate_limit('r', 1, '1 hour', 2) \g /dev/null
select is(pg_temp.pick(99), 'r2 r3', 'set again its buckets are full');
select lives_ok($$ select gd_drop_rate_limit(name => 'never set') $$,
    'a limit that is not set is dropped without a word');
select is(pg_temp.refusal($$ select gd_drop_rate_limit(null) $$), 'GD001 name is required', 'a name is required');
select is(pg_temp.refusal($$ select gd_drop_rate_limit('a:b') $$), 'GD002 name is a:b', 'a key is no name');

select * from finish();
rollback;
