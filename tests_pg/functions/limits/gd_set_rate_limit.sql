-- gd_set_rate_limit: the token bucket of every key of a name.
begin;
\ir ../prelude.psql
select plan(28);

create function pg_temp.limit(p_name text) returns text language sql as $$
    select format('%s/%s burst %s', l.allowed, l.period, l.burst) from gendurable.rate_limits as l where l.name = p_name
    $$;
select gd_set_rate_limit('r', 10, '1 minute') \g /dev/null
select is(pg_temp.limit('r'), '10/00:01:00 burst 10', 'the burst defaults to what is allowed');
select gd_set_rate_limit('r', 0.25, '1 minute', null) \g /dev/null
select is(pg_temp.limit('r'), '0.25/00:01:00 burst 1', 'to one token at least');
select gd_set_rate_limit(name => 'r', allowed => 0, period => '2 hours', burst => 0.5) \g /dev/null
select is(pg_temp.limit('r'), '0/02:00:00 burst 0.5', 'or is what was given; nothing may be allowed');
select is((select count(*)::int from gendurable.rate_limits), 1, 'a name has one limit');

-- It applies at once.
select gd_set_rate_limit('r', 1, '1 hour', 4), gd_set_rate_limit('s', 1, '1 hour', 4) \g /dev/null
select count(pg_temp.put('r' || n, '{"rate_limit": "r:1"}')), count(pg_temp.put('s' || n, '{"rate_limit": "s"}'))
    from generate_series(1, 6) as n \g /dev/null
select is(pg_temp.pick(99), 'r1 s1 r2 s2 r3 s3 r4 s4', 'the burst of each');
update gendurable.buckets set refilled_at = refilled_at - interval '2 hours';
select gd_set_rate_limit('r', 1, '1 second', 3) \g /dev/null
select is((select round(tokens::numeric, 1) from gendurable.buckets where key = 'r:1'), 2.0,
    'what a bucket holds is kept: refilled at the old rate until now');
select gd_set_rate_limit('r', 1, '1 second', 1) \g /dev/null
select is((select round(tokens::numeric, 1) from gendurable.buckets where key = 'r:1'), 1.0, 'up to the new burst');
select is((select round(tokens::numeric, 1) from gendurable.buckets where key = 's'), 0.0, 'other names keep theirs');
select gd_set_rate_limit('r', 0, '1 second', 1) \g /dev/null
select is(pg_temp.pick(1), 'r5', 'one token is left');
select is((select due_at from gendurable.buckets where key = 'r:1'), 'infinity',
    'with nothing allowed the next one waits for good');
select gd_set_rate_limit('r', 60, '1 hour', 1) \g /dev/null
select is(pg_temp.pick(1, 'a'), '-', 'a pick of any queue') ;
select is((select due_at <= clock_timestamp() + interval '1 minute' from gendurable.buckets where key = 'r:1'), true,
    'finds when it is due under the new limit');

-- Arguments.
select is(pg_temp.refusal($$ select gd_set_rate_limit(null, 1, '1 s') $$), 'GD001 name is required',
    'a name is required');
select is(pg_temp.refusal($$ select gd_set_rate_limit('', 1, '1 s') $$), 'GD001 name is required',
    'an empty one is none');
select is(pg_temp.refusal($$ select gd_set_rate_limit('a:b', 1, '1 s') $$), 'GD002 name is a:b', 'a key is no name');
select matches(pg_temp.refusal($$ select gd_set_rate_limit(repeat('é', 501), 1, '1 s') $$),
    '^GD002 name is longer than 1,000 bytes', 'a name has at most 1,000 bytes');
select is(pg_temp.refusal($$ select gd_set_rate_limit('n', null, '1 s') $$), 'GD001 allowed and period are required',
    'allowed is required');
select is(pg_temp.refusal($$ select gd_set_rate_limit('n', 1, null) $$), 'GD001 allowed and period are required',
    'a period is required');
select is(pg_temp.refusal(format('select gd_set_rate_limit(%L, %L, %L, %L)', 'n', v.allowed, v.period, v.burst)),
    'GD002 allowed ' || v.allowed || ', period ' || v.period::interval || ', burst ' || v.burst, 'refused: ' || v.why)
from (values ('-1', '1 s', '1', 'less than nothing allowed'), ('1', '1 s', '0', 'no burst'),
    ('1', '1 s', '-1', 'a negative burst'), ('1', '0 s', '1', 'no period'), ('1', '-1 s', '1', 'a negative period'),
             ('Infinity', '1 s', '1', 'an infinite rate'), ('NaN', '1 s', '1', 'a rate that is no number'),
             ('1', '1 s', 'Infinity', 'an infinite burst'), ('1', '1 s', 'NaN', 'a burst that is no number'))
             as v (allowed, period, burst, why);
select is((select count(*)::int from gendurable.rate_limits where name = 'n'), 0, 'what is refused is not set');

select * from finish();
rollback;
