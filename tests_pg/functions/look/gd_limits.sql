-- View gd_limits: every limit that is set or in use.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(4);

select columns_are('public', 'gd_limits', '{kind,name,allowed,period,burst,max_executing,keys,in_use,waiting}',
    'the documented columns');
select is_empty('select * from gd_limits', 'no limits');
select gd_set_concurrency_limit('set', 3), gd_set_concurrency_limit('unused', 0),
    gd_set_rate_limit('r', 1, '1 hour', 5), gd_set_rate_limit('idle', 0.5, '1 s') \g /dev/null
select count(pg_temp.put('s' || n, jsonb_build_object('concurrency_key', 'set:' || n % 2))),
    count(pg_temp.put('r' || n, '{"rate_limit": "r:1", "weight": 2}')) from generate_series(1, 9) as n \g /dev/null
select pg_temp.put('d1', '{"concurrency_key": "default"}'), pg_temp.put('d2', '{"concurrency_key": "default"}'),
    pg_temp.put('u', '{"rate_limit": "unknown:1"}'), pg_temp.put('other', '{"rate_limit": "r:2"}'),
       pg_temp.put('later', '{"rate_limit": "r:3", "concurrency_key": "set:9", "delay": 3600}') \g /dev/null
select is(pg_temp.pick(99), 's1 r1 s2 r2 s3 s4 s5 s6 d1 other', 'some run');
update gendurable.buckets set refilled_at = now();
select results_eq('select kind, name, allowed, period, burst, max_executing, keys, round(in_use), waiting from '
    'gd_limits order by kind, name',
    $$ values ('concurrency', 'default', null::float8, null::interval, null::float8, 1, 1::bigint, 1::float8,
        1::bigint), ('concurrency', 'set', null, null, null, 3, 2, 6, 3),
        ('concurrency', 'unused', null, null, null, 0, 0, 0, 0),
              ('rate', 'idle', 0.5, '1 s', 1, null, 0, 0, 0), ('rate', 'r', 1, '1 hour', 5, null, 2, 5, 7),
              ('rate', 'unknown', null, null, null, null, 0, 0, 1) $$,
    'policy by name; how many keys it has, how many executions or tokens are in use, how many instances wait now');

select * from finish();
rollback;
