-- Which candidates of a pick may be claimed. (As far as bytes go: _weigh.sql; slots: _admit_slots.sql; tokens:
-- _admit_tokens.sql.)
begin;
\ir ../prelude.psql
select plan(9);

select gd_set_concurrency_limit('k', 1), gd_set_rate_limit('r', 2, '1 hour', 2) \g /dev/null
select pg_temp.put('plain'), pg_temp.put('keyed', '{"concurrency_key": "k"}'),
    pg_temp.put('keyed too', '{"concurrency_key": "k"}'), pg_temp.put('rated', '{"rate_limit": "r"}'),
    pg_temp.put('rated too', '{"rate_limit": "r"}'),
       pg_temp.put('rated last', '{"rate_limit": "r"}'), pg_temp.put('large') \g /dev/null
update gendurable.instances set phase = 'ready';
create function pg_temp.fsms(p_ids bigint[]) returns text language sql as $$
    select coalesce(string_agg(i.fsm, ', ' order by i.id), 'none') from gendurable.instances as i
        where i.id = any (p_ids) $$;
create function pg_temp.admit(p_fsms text[], p_offered text[] default null, p_room bigint default 1e9,
    p_heavy boolean default false) returns text language sql as $$
    select format('%s; rest %s; %s', pg_temp.fsms(a.ids), pg_temp.fsms(a.rest),
        case when a.failed then 'some failed' else 'none failed' end)
    from (select array_agg(i.id order by i.id) as ids, bool_or(i.concurrency_key is not null) as keyed,
        bool_or(i.rate_limit is not null) as rated
          from gendurable.instances as i where i.fsm = any (p_fsms)) as f
    cross join lateral gendurable._admit((select min(w.id) from gendurable.workers as w),
        row(f.ids, null, f.ids, f.keyed, f.rated, p_heavy, null, null, null, null)::gendurable.candidates,
        (select array_agg(pg_temp.id(o)) from unnest(p_offered) as o), p_room, true) as a
$$;
create function pg_temp.phase_of(p_fsm text) returns text language sql as $$
    select i.phase::text from gendurable.instances as i where i.fsm = p_fsm $$;

select is(pg_temp.admit('{plain}'), 'plain; rest none; none failed', 'what has no limit');
select is(pg_temp.admit('{plain,keyed,keyed too}'), 'plain, keyed; rest none; none failed',
    'as many of a key as it has slots');
select is(pg_temp.phase_of('keyed too'), 'held', 'the others leave the ready set');
select is(pg_temp.admit('{plain,rated,rated too,rated last}'), 'plain, rated, rated too; rest none; none failed',
    'as many as tokens are there for');
select is(pg_temp.phase_of('rated last'), 'throttled', 'the others leave the ready set');

-- Bytes come first: what does not fit takes neither slot nor token.
select is(pg_temp.admit('{plain,large}', p_room => 1, p_heavy => true), 'plain; rest large; none failed',
    'the first, and what there is room for');
update gendurable.instances set state = ('[' || repeat('1e131071,', 8999) || '1]')::jsonb where fsm = 'large';
select is(pg_temp.admit('{plain,large}', p_heavy => true), 'plain; rest none; some failed',
    'what no pick can hand out fails');

-- What was given tokens for this pick.
update gendurable.instances set phase = 'throttled' where fsm in ('plain', 'rated last');
select pg_temp.admit('{keyed}', '{rated last}') \g /dev/null
select is(pg_temp.phase_of('rated last'), 'ready',
    'what was given tokens and is not among the candidates keeps an offer');
select pg_temp.admit('{plain}', '{plain}') \g /dev/null
select is(pg_temp.phase_of('plain'), 'throttled', 'what is, needs none');

select * from finish();
rollback;
