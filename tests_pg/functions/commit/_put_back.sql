-- Commits outcomes `next` that do not run ahead; gd_commit tests what they change.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(6);

select gd_set_concurrency_limit('other', 0) \g /dev/null
select pg_temp.put('1'), pg_temp.put('2', '{"concurrency_key": "k"}'), pg_temp.put('3'), pg_temp.put('4') \g /dev/null
select is(pg_temp.pick(9), '1 2 3 4', 'four execute');
delete from gendurable.doorbells;
create function pg_temp.outcomes() returns gendurable.outcome[] language sql as $$
    select gendurable._parse_outcomes(jsonb_agg(jsonb_build_object('id', c.id, 'fence', c.fence, 'kind', 'next', 'step',
        'two')
        || case c.fsm when '3' then '{"delay_ms": 60000, "concurrency_key": "later"}'::jsonb when '4'
        then '{"rate_limit": "r", "weight": 2}' when '1' then '{"concurrency_key": "other"}' else '{}' end
        order by c.fsm))
    from claim as c
$$;
select gendurable._put_back(pg_temp.outcomes(), '{1,2}') \g /dev/null
select is((select string_agg(i.phase::text, ' ' order by i.fsm) from gendurable.instances as i),
    'held held executing executing', 'only those that are named');
select is((select string_agg(d.kind || ' ' || d.key, ', ') from gendurable.doorbells as d), 'slot other',
    'a new key is rung for; the slot that was kept is gd_commit''s to ring for');
select gendurable._put_back(pg_temp.outcomes(), null) \g /dev/null
select is((select string_agg(i.phase::text, ' ' order by i.fsm) from gendurable.instances as i),
    'held held scheduled throttled', 'or all, but for those whose fence has grown');
select is((select string_agg((i.fence - c.fence)::text, ' ' order by i.fsm) from gendurable.instances as i
    join claim as c on c.id = i.id), '1 1 1 1', 'each once');
select is((select string_agg(d.kind || ' ' || d.key, ', ' order by d.kind) from gendurable.doorbells as d),
    'slot other, tokens r', 'what rests rings when it is due');

select * from finish();
rollback;
