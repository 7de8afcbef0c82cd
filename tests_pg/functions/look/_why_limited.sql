-- The limits that keep an instance from starting.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(9);

select gd_set_rate_limit('r', 1, '1 hour', 2), gd_set_rate_limit('dry', 0, '1 hour', 1) \g /dev/null
select pg_temp.put('plain'), pg_temp.put('unknown', '{"rate_limit": "nobody:1"}'),
    pg_temp.put('heavy', '{"rate_limit": "r:1", "weight": 2.5}'),
    pg_temp.put('first', '{"rate_limit": "r:2", "weight": 2}'), pg_temp.put('waits', '{"rate_limit": "r:2"}'),
       pg_temp.put('last drop', '{"rate_limit": "dry"}'), pg_temp.put('thirsty', '{"rate_limit": "dry"}'),
       pg_temp.put('holder', '{"concurrency_key": "k"}'), pg_temp.put('held', '{"concurrency_key": "k"}') \g /dev/null
select pg_temp.pick(9) \g /dev/null
create function pg_temp.limited(fsm text) returns text language sql as $$
    select coalesce(string_agg(format('%s: %s %s', l.reason, l.detail, l.remedy), ' | '), '-')
        from gendurable._why_limited(pg_temp.row(fsm)) as l $$;
select is(pg_temp.limited('plain'), '-', 'none');
select is(pg_temp.limited('unknown'),
    'unknown_rate_limit: No rate limit is set for nobody:1. gd_set_rate_limit(''nobody'', ...) sets it.',
    'a rate limit that is not set');
select is(pg_temp.limited('heavy'),
    'weight_above_burst: It draws 2.5 tokens of r:1, which never has more than 2. Raise the burst: '
    'gd_set_rate_limit(''r'', ...).', 'a weight that no bucket holds');
select matches(pg_temp.limited('waits'),
    '^rate_limit: It waits for 1 token of r:2, which has 0.00; the first in that line is due at .*Wait, or raise it',
    'tokens that are to come');
select matches(pg_temp.limited('thirsty'),
    '^rate_limit: It waits for 1 token of dry, which has 0.00 and is never refilled\. Raise it: ',
    'tokens that never come');
select matches(pg_temp.limited('held'),
    '^concurrency_key: As many as may \(1\) are executing under concurrency key k: \d+ \(holder, step start, since '
    '.*\)\. Wait for them', 'slots that others have');
select gd_set_concurrency_limit('k', 0) \g /dev/null
select matches(pg_temp.limited('held'),
    '^concurrency_key: Nothing may be executing under concurrency key k: .*\. Raise the limit: ',
    'a key that is stopped');
select gd_set_concurrency_limit('k', 2) \g /dev/null
select is(pg_temp.limited('held'), '-', 'a slot that is free');
select gd_set_rate_limit('nobody', 1, '1 s') \g /dev/null
select is(pg_temp.limited('unknown'), '-', 'a limit that was set');

select * from finish();
rollback;
