-- Wakes the parks past their deadline, in all queues. gd_pick does so for its own queue; this is
-- for the queues that no worker picks from.
--
-- It moves some ten thousand at most in one call, parks and what was scheduled together, so that no
-- transaction holds a flood of rows: every pick beside it would have to walk over them.
-- Locks:  the due instances, never waiting. Writes: instances.
-- Plan:   instances_due: one descent for each queue in which something waits for a moment.
create function public.gd_expire_awaits() returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_queue text;
    v_due   record;
    v_moved int := 0;
    v_woken int := 0;
begin
    -- A walk over the distinct queues of the index, for which SQL has no word.
    loop
        select i.queue into v_queue from gendurable.instances as i
        where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
          and i.queue > coalesce(v_queue, '')
        order by i.queue
        limit 1;
        exit when not found;

        loop
            select w.moved, w.parks into v_due from gendurable._wake_due(v_queue) as w;
            exit when v_due.moved = 0;
            v_moved := v_moved + v_due.moved;
            v_woken := v_woken + v_due.parks;
            perform gendurable._announce(array[v_queue]);
            exit when v_moved >= 10000;
        end loop;
    end loop;
    return v_woken;
end
$$;
comment on function public.gd_expire_awaits()
    is 'Wakes parks past their deadline; answers how many.';
