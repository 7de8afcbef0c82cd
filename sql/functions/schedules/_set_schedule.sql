-- Creates a schedule or replaces the one of its name: 'created', 'changed', 'unchanged', or
-- 'older', which changes nothing: it was declared by a newer version of the same machine. With it
-- the next occurrence.
--
-- What was counted and the pause stay. A changed cron expression or time zone counts from now, or
-- from the latest occurrence that was fired, should the clock have been set back; otherwise the
-- next occurrence stays, also where it is due.
-- Locks:  the name in schedules, waiting for another call that sets it; then as
--         gendurable._lock_schedule.
-- Writes: schedules, occurrences. Plan: schedules_pkey; as gendurable._turn_over.
-- Errors: GD001, GD002: gendurable._check_schedule.
create function gendurable._set_schedule(p_new gendurable.schedules,
                                         out result text, out next_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_plan gendurable.cron := gendurable._check_schedule(p_new);
    v_old  gendurable.schedules;
    v_row  gendurable.occurrences;
    v_gone bigint[] := array[]::bigint[];
begin
    -- Another call may drop the schedule between the two: then create it after all.
    while result is null loop
        insert into gendurable.schedules select p_new.* on conflict do nothing;
        if found then
            result := 'created';
            v_row.schedule := p_new.name;
            v_row.fired := 0;
            v_row.skipped := 0;
        else
            v_row := gendurable._lock_schedule(p_new.name);
            select s.* into v_old from gendurable.schedules as s where s.name = p_new.name;
            if found and v_row.schedule is not null then
                p_new.paused := v_old.paused;
                result := case
                    when p_new.fsm = v_old.fsm and p_new.declared_version < v_old.declared_version
                        then 'older'
                    when p_new is not distinct from v_old and v_row.id is not null then 'unchanged'
                    else 'changed' end;
            end if;
        end if;
    end loop;
    next_at := v_row.next_at;
    if result in ('older', 'unchanged') then
        return;
    end if;

    if result = 'created' or v_row.id is null
       or (p_new.cron, p_new.timezone) is distinct from (v_old.cron, v_old.timezone) then
        next_at := gendurable._next_occurrence(v_plan, p_new.timezone,
                                               greatest(clock_timestamp(), v_row.last_at));
    end if;
    if result = 'changed' then
        update gendurable.schedules as s
        set cron = p_new.cron, timezone = p_new.timezone, fsm = p_new.fsm,
            fsm_version = p_new.fsm_version, step = p_new.step, state = p_new.state,
            queue = p_new.queue, priority = p_new.priority, overlap = p_new.overlap,
            missed = p_new.missed, stamp = p_new.stamp, concurrency_key = p_new.concurrency_key,
            rate_limit = p_new.rate_limit, weight = p_new.weight,
            declared_version = p_new.declared_version
        where s.name = p_new.name;
        if v_row.queue <> p_new.queue and v_row.id is not null then
            perform gendurable._leave_queue(v_row);
        elsif v_row.id is not null then
            v_gone := array[v_row.id];
        end if;
    end if;
    v_row.queue := p_new.queue;
    v_row.next_at := next_at;
    v_row.due_at := case when p_new.paused then 'infinity'
                         else coalesce(next_at, 'infinity') end;
    perform gendurable._turn_over(p_new.queue, gendurable._due_bound(p_new.queue),
                                  array[v_row], v_gone);
    perform gendurable._announce(array[p_new.queue]);
    if p_new.rate_limit is not null then
        perform gendurable._warn_of_rates(array[p_new.rate_limit], array[p_new.weight]);
    end if;
end
$$;
comment on function gendurable._set_schedule(gendurable.schedules)
    is 'Creates or replaces a schedule; answers what it did and the next occurrence.';
