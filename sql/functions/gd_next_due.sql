-- When a pick of this queue may next find something that it does not find now: the earliest moment at which an instance becomes eligible,
-- or a park reaches its deadline. Null: only an enqueue or a signal can bring work.
--
-- Locks: none. Writes: nothing.
-- Plan:  instances_due; one descent.
create function public.gd_next_due(queue text) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
begin
    return (
        select i.eligible_at
        from gendurable.instances as i
        where i.queue = gd_next_due.queue and i.phase in ('scheduled', 'awaiting_signal')
          and i.eligible_at < 'infinity' and i.eligible_at > now()
        order by i.queue, i.eligible_at
        limit 1);
end
$$;
comment on function public.gd_next_due(text) is 'The next moment at which waiting work of the queue becomes due; null if none.';
