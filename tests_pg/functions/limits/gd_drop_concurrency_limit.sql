-- gd_drop_concurrency_limit: back to one at once.
begin;
\ir ../prelude.psql
select plan(9);

select gd_set_concurrency_limit('k', 0), gd_set_concurrency_limit('l', 0) \g /dev/null
select count(pg_temp.put('k' || n, '{"concurrency_key": "k"}')) from generate_series(1, 3) as n \g /dev/null
select pg_temp.put('l', '{"concurrency_key": "l"}') \g /dev/null
select is(pg_temp.pick(9), '-', 'stopped');
select gd_drop_concurrency_limit('k') \g /dev/null
select is(pg_temp.pick(9), 'k1', 'a dropped limit is one, at once');
select is((select string_agg(name, ' ') from gendurable.concurrency_limits), 'l', 'other names keep theirs');
select gd_set_concurrency_limit('k', 3) \g /dev/null
select is(pg_temp.pick(9), 'k2 k3', 'three');
select gd_drop_concurrency_limit(name => 'k') \g /dev/null
select is(pg_temp.commit_all('{k1,k2}', 'retry') || ' ' || pg_temp.pick(9), 'committed committed -',
    'what executes counts, though it started under a higher limit');
select is(pg_temp.commit('k3', 'done') || ' ' || pg_temp.pick(9), 'committed k1', 'one at once');
select lives_ok($$ select gd_drop_concurrency_limit('never set') $$,
    'a limit that is not set is dropped without a word');
select is(pg_temp.refusal($$ select gd_drop_concurrency_limit(null) $$), 'GD001 name is required',
    'a name is required');
select is(pg_temp.refusal($$ select gd_drop_concurrency_limit('a:b') $$), 'GD002 name is a:b', 'a key is no name');

select * from finish();
rollback;
