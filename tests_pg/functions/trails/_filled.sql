-- The parts of holes for which instances of some runs wait.
begin;
select plan(5);

create function pg_temp.wait(p_at interval, p_run bigint, p_priority int default 0, p_queue text default 'q',
    p_phase gendurable.phase default 'scheduled') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, lane, step, state, priority,
        fsm_version, fsm, queue)
    values (now(), now() + p_at, now(), p_phase, (7::bigint << 40) + p_run, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
select pg_temp.wait('1 h', 1), pg_temp.wait('2 h', 1), pg_temp.wait('3 h', 1), pg_temp.wait('5 h', 2),
    pg_temp.wait('150 min', 3), pg_temp.wait('90 min', 1, 0, 'other') \g /dev/null
create function pg_temp.at(p_at tstzmultirange) returns text language sql as $$
    select string_agg(lower(r) - now() || ' ' || upper(r) - now(), ', ' order by r) from unnest(p_at) as r $$;
select is(pg_temp.at(gendurable._filled('q', '{1}', tstzmultirange(tstzrange('-infinity', 'infinity')))),
    '01:00:00 03:00:00.000001', 'from the first to the last');
select is(pg_temp.at(gendurable._filled('q', '{1,2}', tstzmultirange(tstzrange('-infinity', 'infinity')))),
    '01:00:00 03:00:00.000001, 05:00:00 05:00:00.000001', 'of each run');
select is(pg_temp.at(gendurable._filled('q', '{1}',
    tstzmultirange(tstzrange(now() + interval '90 min', now() + interval '3 h')))), '02:00:00 02:00:00.000001',
    'within a hole');
select is(gendurable._filled('q', '{4}', tstzmultirange(tstzrange('-infinity', 'infinity'))), '{}', 'none');
select is(gendurable._filled('q', '{1}', '{}'), '{}', 'no hole');

select * from finish();
rollback;
