-- gd_lines: what waits for each key of a limit.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(7);

select gd_set_rate_limit('r', 1, '1 hour', 2), gd_set_concurrency_limit('k', 1) \g /dev/null
select pg_temp.put('k1', '{"concurrency_key": "k:1"}'), pg_temp.put('k1 waits', '{"concurrency_key": "k:1"}'),
    pg_temp.put('k1 first', '{"concurrency_key": "k:1", "priority": 0}'),
    pg_temp.put('k2', '{"concurrency_key": "k:2"}'), pg_temp.put('other', '{"concurrency_key": "kk:1"}'),
       pg_temp.put('r1', '{"rate_limit": "r:1", "weight": 2}'), pg_temp.put('r1 waits', '{"rate_limit": "r:1"}'),
       pg_temp.put('unknown', '{"rate_limit": "nobody:1"}') \g /dev/null
select pg_temp.pick(9) \g /dev/null
select results_eq($$ select key, in_use, waiting, first = pg_temp.id('k1 waits'),
    due_at from gd_lines('concurrency', 'k') $$, $$
    values ('k:1', 1::float8, 2::bigint, true, null::timestamptz), ('k:2', 1, 0, null, null) $$,
    'keys of a concurrency limit, the longest line first');
select is((select string_agg(key, ' ') from gd_lines('concurrency', 'k', 1)), 'k:1', 'not more than asked for');
select results_eq($$ select key, round(in_use::numeric), waiting, first = pg_temp.id('r1 waits'),
    due_at > now() from gd_lines('rate', 'r') $$, $$
    values ('r:1', 2::numeric, 1::bigint, true, true) $$, 'keys of a rate limit');
select results_eq($$ select key, in_use, waiting, due_at from gd_lines('rate', 'nobody') $$, $$
    values ('nobody:1', 0::float8, 1::bigint, null::timestamptz) $$, 'of one that is not set');
select is_empty($$ select * from gd_lines('rate', 'none') $$, 'of one that is not used');
select is(pg_temp.refusal($$ select * from gd_lines('queue', 'q') $$), 'GD002 kind is queue', 'another kind');
select is(pg_temp.refusal($$ select * from gd_lines('rate', 'r', -1) $$), 'GD002 most is -1', 'less than nothing');

select * from finish();
rollback;
