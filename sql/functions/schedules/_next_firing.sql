-- When a pick of a queue may next fire a schedule; null: never by itself.
--
-- One that is due is for the pick at once. If it still is 100 ms later, a pick could not fire it
-- (the queue hands nothing out, or another transaction holds it): then it is not due again for as
-- long.
-- Locks: none. Writes: nothing. Plan: as gendurable._due_bound and _schedule_due.
create function gendurable._next_firing(p_queue text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bound gendurable.bound := gendurable._due_bound(p_queue);
    v_due   timestamptz;
begin
    if v_bound.id is null then
        return null;
    end if;
    v_due := gendurable._schedule_due(p_queue, v_bound);
    if v_due < now() - interval '100 ms'
       or v_due <= now() and exists (select from gendurable.queues as q
                                     where q.name = p_queue
                                       and (q.paused or q.max_executing = 0)) then
        return now() + interval '100 ms';
    end if;
    return nullif(v_due, 'infinity');
end
$$;
comment on function gendurable._next_firing(text)
    is 'When a pick of a queue may next fire a schedule.';
