-- Where what waits may stand; what other transactions do meanwhile is tested in races/waits.sql.
begin;
select plan(5);

create function pg_temp.wait(p_at interval, p_run bigint, p_priority int default 0, p_queue text default 'q',
    p_phase gendurable.phase default 'scheduled') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, lane, step, state, priority,
        fsm_version, fsm, queue)
    values (now(), now() + p_at, now(), p_phase, (7::bigint << 40) + p_run, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
create function pg_temp.stretches() returns text language sql as $$
    select string_agg(concat_ws(' ', s.run,
        case when s.run is null then s.from_at - now() || ' ' || case when s.until_at = 'infinity' then '-'
        else (s.until_at - now())::text end end), ', ' order by s.run nulls first, s.from_at)
    from unnest(gendurable._stretches('q')) as s where s.from_at > '-infinity' or s.run is not null
$$;
select pg_temp.wait('1 h', 1), pg_temp.wait('2 h', 2) \g /dev/null
select results_eq($$ select * from unnest(gendurable._stretches('q')) $$, $$
    values (null::bigint, '-infinity'::timestamptz, 'infinity'::timestamptz) $$, 'without a note, anywhere');
-- Noted by this transaction.
create function pg_temp.note(p_holes tstzmultirange, p_bound bigint, p_pending xid8[] default '{}') returns void
    language plpgsql as $$
begin
    delete from gendurable.waits;
    insert into gendurable.waits (queue, seq, xid, holes, bound, pending)
        values ('q', 1, pg_current_xact_id(), p_holes, p_bound, p_pending);
end
$$;
select pg_temp.note(tstzmultirange(tstzrange('-infinity', now() + interval '1 h'),
    tstzrange(now() + interval '90 min', now() + interval '2 h')), 5) \g /dev/null
select is(pg_temp.stretches(), '01:00:00 01:30:00, 02:00:00 -', 'outside the holes');
select pg_temp.note(tstzmultirange(tstzrange('-infinity', 'infinity')), 2) \g /dev/null
select is(pg_temp.stretches(), '2', 'in the runs from the bound on');
select pg_temp.note(tstzmultirange(tstzrange('-infinity', 'infinity')), 3, array[pg_current_xact_id()]) \g /dev/null
select is(pg_temp.stretches(), gendurable._run(pg_current_xact_id())::text, 'and in this transaction''s own');
update gendurable.waits set xid = '3';
select results_eq($$ select * from unnest(gendurable._stretches('q')) $$, $$
    values (null::bigint, '-infinity'::timestamptz, 'infinity'::timestamptz) $$,
    'a copy of a note from elsewhere is void');

select * from finish();
rollback;
