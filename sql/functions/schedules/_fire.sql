-- Creates the instances of a schedule that are due; answers where the schedule stands then.
--
-- Each occurrence is decided once: an instance is created, or it is skipped because its predecessor
-- lives. With a key that another transaction is taking or freeing it is not decided, and is due
-- again in 100 ms, with those behind it.
-- Locks:  the caller holds the schedule's row of occurrences; correlation keys, never waiting for
--         more than a millisecond.
-- Writes: correlation_keys, instances, doorbells.
-- Errors: GD002 a schedule that cannot be computed with.
create function gendurable._fire(p_now gendurable.occurrences) returns gendurable.occurrences
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_schedule  gendurable.schedules;
    v_missed    record;
    v_at        timestamptz;
    v_id        bigint;
    v_key       text;
    v_key_state text;
    v_entries   gendurable.entry[] := array[]::gendurable.entry[];
begin
    select s.* into v_schedule from gendurable.schedules as s where s.name = p_now.schedule;
    select m.fire, m.next_at into v_missed
    from gendurable._missed(gendurable._checked_cron(v_schedule.cron), v_schedule.timezone,
                            v_schedule.missed, p_now.next_at, now()) as m;
    p_now.next_at := v_missed.next_at;
    p_now.due_at := coalesce(v_missed.next_at, 'infinity');

    foreach v_at in array v_missed.fire loop
        v_id := nextval('gendurable.instances_id_seq');
        v_key := 'schedule:' || v_schedule.name
                 || case v_schedule.overlap when 'allow' then ':' || gendurable._utc(v_at)
                                            else '' end;
        v_key_state := gendurable._take_free_key(v_key, v_id);
        if v_key_state = 'busy' then
            p_now.next_at := v_at;
            p_now.due_at := clock_timestamp() + interval '100 ms';
            exit;
        elsif v_key_state = 'occupied' then
            p_now.skipped := p_now.skipped + 1;
        else
            v_entries := v_entries || row(
                cardinality(v_entries) + 1, v_id, v_schedule.fsm, v_schedule.fsm_version,
                case when v_schedule.stamp is null then v_schedule.state
                     else v_schedule.state
                          || jsonb_build_object(v_schedule.stamp, gendurable._utc(v_at)) end,
                v_schedule.step, v_schedule.queue, v_schedule.priority, v_at, v_key, null,
                v_schedule.concurrency_key, v_schedule.rate_limit, v_schedule.weight,
                null, null, v_id)::gendurable.entry;
            p_now.fired := p_now.fired + 1;
            p_now.last_at := v_at;
            p_now.last_id := v_id;
        end if;
    end loop;
    if v_entries <> '{}' then
        perform gendurable._enqueue(v_entries);
    end if;
    return p_now;
end
$$;
comment on function gendurable._fire(gendurable.occurrences)
    is 'Creates the instances of a schedule that are due.';
