-- Takes over what gendurable._depart of another database has put into gendurable.moved: rows of one
-- move, once, however often it is called with them. What can run is ready, or waits, as if it were
-- enqueued now; its fence, its attempts and its inbox are what they were.
--
-- Of a schedule the definition arrives: its next occurrence counts from now.
--
-- Locks:  the move, against the same call; then as gendurable._announce, gendurable._set_schedule.
-- Writes: every table that holds something of an instance; schedules, occurrences; arrivals;
--         policies; the sequences of the instances and of the signals.
create function gendurable._arrive(p_move uuid, p_first bigint, p_rows jsonb) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_in        gendurable.entrance := gendurable._enter_ready();
    v_instances jsonb;
begin
    insert into gendurable.arrivals (move, first) values (p_move, p_first) on conflict do nothing;
    if not found then
        return false;
    end if;
    -- No id that the other database has given out is given out here.
    perform setval('gendurable.instances_id_seq', greatest(
        nextval('gendurable.instances_id_seq'),
        (select max(r.content::bigint) from gendurable._moved_rows(p_rows, 'sequence') as r)));
    -- Policies that are here stay.
    insert into gendurable.rate_limits
    select s.* from gendurable._moved_rows(p_rows, 'rate_limits') as r
    cross join lateral jsonb_populate_record(null::gendurable.rate_limits, r.content) as s
    on conflict do nothing;
    insert into gendurable.concurrency_limits
    select s.* from gendurable._moved_rows(p_rows, 'concurrency_limits') as r
    cross join lateral jsonb_populate_record(null::gendurable.concurrency_limits, r.content) as s
    on conflict do nothing;
    insert into gendurable.queues
    select s.* from gendurable._moved_rows(p_rows, 'queues') as r
    cross join lateral jsonb_populate_record(null::gendurable.queues, r.content) as s
    on conflict do nothing;
    insert into gendurable.retention
    select s.* from gendurable._moved_rows(p_rows, 'retention') as r
    cross join lateral jsonb_populate_record(null::gendurable.retention, r.content) as s
    on conflict do nothing;
    insert into gendurable.history_levels
    select s.* from gendurable._moved_rows(p_rows, 'history_levels') as r
    cross join lateral jsonb_populate_record(null::gendurable.history_levels, r.content) as s
    on conflict do nothing;
    insert into gendurable.signals
    select s.* from gendurable._moved_rows(p_rows, 'signals') as r
    cross join lateral jsonb_populate_record(null::gendurable.signals, r.content) as s;
    -- Signals that are sent from now on are later.
    perform setval('gendurable.signals_id_seq', greatest(
        nextval('gendurable.signals_id_seq'),
        (select max((r.content ->> 'id')::bigint)
         from gendurable._moved_rows(p_rows, 'signals') as r)));
    insert into gendurable.dedup_keys
    select s.* from gendurable._moved_rows(p_rows, 'dedup_keys') as r
    cross join lateral jsonb_populate_record(null::gendurable.dedup_keys, r.content) as s;
    insert into gendurable.countdowns
    select s.* from gendurable._moved_rows(p_rows, 'countdowns') as r
    cross join lateral jsonb_populate_record(null::gendurable.countdowns, r.content) as s;
    insert into gendurable.dismissals
    select s.* from gendurable._moved_rows(p_rows, 'dismissals') as r
    cross join lateral jsonb_populate_record(null::gendurable.dismissals, r.content) as s;
    insert into gendurable.reports
    select s.* from gendurable._moved_rows(p_rows, 'reports') as r
    cross join lateral jsonb_populate_record(null::gendurable.reports, r.content) as s;
    insert into gendurable.history_kept
    select s.* from gendurable._moved_rows(p_rows, 'history') as r
    cross join lateral jsonb_populate_record(null::gendurable.history_kept, r.content) as s;
    insert into gendurable.kept
    select s.* from gendurable._moved_rows(p_rows, 'finished') as r
    cross join lateral jsonb_populate_record(null::gendurable.kept, r.content) as s;
    insert into gendurable.correlation_keys
    select s.* from gendurable._moved_rows(p_rows, 'correlation_keys') as r
    cross join lateral jsonb_populate_record(null::gendurable.correlation_keys, r.content) as s
    on conflict do nothing;
    perform gendurable._set_schedule(s.*::gendurable.schedules)
    from gendurable._moved_rows(p_rows, 'schedules') as r
    cross join lateral jsonb_populate_record(null::gendurable.schedules, r.content) as s;

    with arrived as (
        insert into gendurable.instances
        select i.*
        from gendurable._moved_rows(p_rows, 'instances') as r
        cross join lateral jsonb_populate_record(null::gendurable.instances, r.content) as o
        cross join lateral jsonb_populate_record(o, jsonb_build_object(
            'phase', case when o.phase in ('awaiting_signal', 'awaiting_children') then o.phase
                          else gendurable._runnable(o.concurrency_key, o.rate_limit,
                                                    o.eligible_at > v_in.since) end,
            'entered', gendurable._entered(o.concurrency_key, o.rate_limit, v_in.run),
            'lane', gendurable._step_lane(
                o.queue, o.fsm, o.fsm_version, o.step, o.priority,
                case when o.phase in ('awaiting_signal', 'awaiting_children') then 'infinity'
                     else o.eligible_at end, o.id, v_in))) as i
        returning id, queue, phase, concurrency_key, rate_limit
    )
    select jsonb_build_object(
               'queues', jsonb_agg(distinct a.queue),
               'keys', jsonb_agg(distinct a.concurrency_key) filter (where a.phase = 'held'),
               'rates', jsonb_agg(distinct a.rate_limit) filter (where a.phase = 'throttled'))
    into v_instances
    from arrived as a;
    perform gendurable._announce(
        array(select jsonb_array_elements_text(nullif(v_instances -> 'queues', 'null'))),
        array(select jsonb_array_elements_text(nullif(v_instances -> 'keys', 'null'))),
        array(select jsonb_array_elements_text(nullif(v_instances -> 'rates', 'null'))));
    return true;
end
$$;
comment on function gendurable._arrive(uuid, bigint, jsonb) is
    'Takes over rows of a virtual partition that another database has given up.';
