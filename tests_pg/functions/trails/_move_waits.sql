-- Where nothing waits is noted; what other transactions do meanwhile is tested in races/waits.sql.
begin;
select plan(4);

create function pg_temp.wait(p_at interval, p_run bigint, p_priority int default 0, p_queue text default 'q',
    p_phase gendurable.phase default 'scheduled') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, lane, step, state, priority,
        fsm_version, fsm, queue)
    values (now(), now() + p_at, now(), p_phase, (7::bigint << 40) + p_run, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
create function pg_temp.holes() returns text language sql as $$
    select string_agg(case when lower(h) = '-infinity' then '' else (lower(h) - now())::text end || '-' || case
        when upper(h) = 'infinity' then '' else (upper(h) - now())::text end, ' ' order by h)
    from gendurable.waits as w cross join lateral unnest(w.holes) as h where w.queue = 'q'
$$;
select pg_temp.wait('1 h', 1), pg_temp.wait('2 h', 2), pg_temp.wait('-1 h', 2, 0, 'other') \g /dev/null
select gendurable._move_waits('q') \g /dev/null
select is(pg_temp.holes(), '-01:00:00 01:00:00.000001-02:00:00 02:00:00.000001-',
    'before the first, and between the first few');
select is((select w.bound <= gendurable._run(pg_current_xact_id()) and w.pending = '{}' from gendurable.waits as w),
    true, 'as far as no run is that may be filled');
select gendurable._move_waits('q') \g /dev/null
select is((select string_agg(w.seq::text, ' ') from gendurable.waits as w), '1',
    'once in a transaction, as no other one sees it');
select pg_temp.wait(n * interval '1 min', 1) from generate_series(1, 40) as n \g /dev/null
delete from gendurable.waits;
select gendurable._move_waits('q') \g /dev/null
select is((select count(*)::int from gendurable.waits as w cross join lateral unnest(w.holes)), 8,
    'a few looks, not all');

select * from finish();
rollback;
