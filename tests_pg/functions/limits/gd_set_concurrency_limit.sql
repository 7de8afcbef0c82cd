-- gd_set_concurrency_limit: how many instances of each key of a name may execute at once.
begin;
\ir ../prelude.psql
select plan(16);

select gd_set_concurrency_limit('k', 2) \g /dev/null
select results_eq('select name, max_executing from gendurable.concurrency_limits', $$
    values ('k', 2) $$, 'a limit is set');
select gd_set_concurrency_limit(name => 'k', max_executing => 3) \g /dev/null
select results_eq('select name, max_executing from gendurable.concurrency_limits', $$
    values ('k', 3) $$, 'and set anew');

-- It applies to the next pick.
select count(pg_temp.put('k' || n, jsonb_build_object('concurrency_key', 'k:' || n % 2)))
    from generate_series(0, 9) as n \g /dev/null
select gd_set_concurrency_limit('k', 1) \g /dev/null
select is(pg_temp.pick(99), 'k0 k1', 'one of each key');
select gd_set_concurrency_limit('k', 3) \g /dev/null
select is(pg_temp.pick(99), 'k2 k3 k4 k5', 'a higher limit applies at once, to every key of the name');
select gd_set_concurrency_limit('k', 0) \g /dev/null
select is(pg_temp.commit_all('{k0,k1,k2}', 'done') || ' ' || pg_temp.pick(99), 'committed committed committed -',
    'zero stops');
select gd_set_concurrency_limit('k', 2) \g /dev/null
select is(pg_temp.pick(99), 'k6', 'what still executes counts: one more of one key, none of the other');
select pg_temp.put('kk', '{"concurrency_key": "kk"}'), pg_temp.put('kk2', '{"concurrency_key": "kk"}') \g /dev/null
select is(pg_temp.pick(99), 'kk', 'a name that begins the same way is another name');
select gd_set_concurrency_limit('k', 1000000000) \g /dev/null
select is(pg_temp.pick(99), 'k7 k8 k9', 'a huge limit is no limit');

-- Arguments.
select is(pg_temp.refusal($$ select gd_set_concurrency_limit(null, 1) $$), 'GD001 name is required',
    'a name is required');
select is(pg_temp.refusal($$ select gd_set_concurrency_limit('', 1) $$), 'GD001 name is required',
    'an empty one is none');
select is(pg_temp.refusal($$ select gd_set_concurrency_limit('a:b', 1) $$), 'GD002 name is a:b', 'a key is no name');
select matches(pg_temp.refusal($$ select gd_set_concurrency_limit(repeat('é', 501), 1) $$),
    '^GD002 name is longer than 1,000 bytes', 'a name has at most 1,000 bytes');
select is(pg_temp.refusal($$ select gd_set_concurrency_limit(repeat('é', 500), 1) $$), 'no error',
    'all 1,000 are allowed');
select is(pg_temp.refusal($$ select gd_set_concurrency_limit('n', null) $$), 'GD001 max_executing is required',
    'a limit is required');
select is(pg_temp.refusal($$ select gd_set_concurrency_limit('n', -1) $$), 'GD002 max_executing is -1',
    'a negative limit is an error');
select is((select count(*)::int from gendurable.concurrency_limits where name = 'n'), 0, 'what is refused is not set');

select * from finish();
rollback;
