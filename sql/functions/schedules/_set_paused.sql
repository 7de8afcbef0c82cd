-- Pauses a schedule or ends its pause; answers whether there is one of that name.
--
-- What is due in the pause is missed, and the schedule says what becomes of it.
-- Locks:  as gendurable._lock_schedule.
-- Writes: schedules, occurrences. Plan: schedules_pkey; as gendurable._turn_over.
create function gendurable._set_paused(p_name text, p_paused boolean) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_row gendurable.occurrences := gendurable._lock_schedule(p_name);
begin
    if v_row.schedule is null then
        return false;
    end if;
    update gendurable.schedules as s set paused = p_paused
    where s.name = p_name and s.paused <> p_paused;
    if found and v_row.id is not null then
        v_row.due_at := case when p_paused then 'infinity'
                             else coalesce(v_row.next_at, 'infinity') end;
        perform gendurable._turn_over(v_row.queue, gendurable._due_bound(v_row.queue),
                                      array[v_row], array[v_row.id]);
        perform gendurable._announce(array[v_row.queue]);
    end if;
    return true;
end
$$;
comment on function gendurable._set_paused(text, boolean)
    is 'Pauses a schedule or ends its pause; answers whether there is one.';
