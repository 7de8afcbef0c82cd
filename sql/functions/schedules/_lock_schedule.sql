-- Locks a schedule and where it stands, for a call that changes it: that is its row of occurrences.
-- Nothing but nulls: there is no such schedule. The id alone is null where it has lost its row.
--
-- A pick that is under way has the row of occurrences, and replaces it. Then this one is gone, and
-- there is another: look again.
-- Locks:  the schedule; then its row of occurrences, waiting for a pick in flight.
-- Writes: nothing.
-- Plan:   schedules_pkey; occurrences_schedule, one descent.
create function gendurable._lock_schedule(p_name text) returns gendurable.occurrences
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_row   gendurable.occurrences;
    v_queue text;
begin
    select s.queue into v_queue from gendurable.schedules as s where s.name = p_name for update;
    if not found then
        return null;
    end if;
    loop
        select o.* into v_row from gendurable.occurrences as o
        where o.schedule = p_name
        order by o.schedule desc, o.id desc
        limit 1
        for update;
        if not found and not exists (select from gendurable.occurrences as o
                                     where o.schedule = p_name) then
            v_row.schedule := p_name;
            v_row.queue := v_queue;
            v_row.fired := 0;
            v_row.skipped := 0;
        end if;
        exit when v_row.schedule is not null;
    end loop;
    return v_row;
end
$$;
comment on function gendurable._lock_schedule(text)
    is 'Locks a schedule and its row of occurrences; answers that.';
