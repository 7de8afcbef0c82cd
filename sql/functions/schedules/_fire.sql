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
    v_entry     gendurable.entry;
    v_entries   gendurable.entry[] := array[]::gendurable.entry[];
begin
    select s.* into v_schedule from gendurable.schedules as s where s.name = p_now.schedule;
    select m.fire, m.next_at into v_missed
    from gendurable._missed(gendurable._checked_cron(v_schedule.cron), v_schedule.timezone,
                            v_schedule.missed, p_now.next_at, now()) as m;
    p_now.next_at := v_missed.next_at;
    p_now.due_at := coalesce(v_missed.next_at, 'infinity');

    foreach v_at in array v_missed.fire loop
        v_id := gendurable._new_id('schedule:' || v_schedule.name, null, null);
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
            v_entry.ord := cardinality(v_entries) + 1;
            v_entry.id := v_id;
            v_entry.occupant := v_id;    -- of the key, which is taken
            v_entry.fsm := v_schedule.fsm;
            v_entry.fsm_version := v_schedule.fsm_version;
            v_entry.step := v_schedule.step;
            v_entry.state := v_schedule.state;
            if v_schedule.stamp is not null then
                v_entry.state := v_entry.state
                    || jsonb_build_object(v_schedule.stamp, gendurable._utc(v_at));
            end if;
            v_entry.queue := v_schedule.queue;
            v_entry.priority := v_schedule.priority;
            v_entry.eligible_at := v_at;
            v_entry.correlation_key := v_key;
            v_entry.concurrency_key := v_schedule.concurrency_key;
            v_entry.rate_limit := v_schedule.rate_limit;
            v_entry.weight := v_schedule.weight;
            v_entries := v_entries || v_entry;
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
