-- Wakes parks past their deadline, in all queues, for as long as there is time; answers how many,
-- and whether some are left.
--
-- At most some ten thousand, parks and what was scheduled together, so that no transaction holds a
-- flood of rows: every pick beside it would have to walk over them.
-- Locks:  the due instances, never waiting. Writes: instances.
-- Plan:   kinds_key, one descent for each queue; as gendurable._wake_due.
create function gendurable._expire_awaits(p_until timestamptz, out woken int, out more boolean)
language plpgsql volatile
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
begin
    woken := 0;
    more := false;
    -- A walk over the distinct queues of the index, for which SQL has no word.
    loop
        select k.queue into v_queue from gendurable.kinds as k
        where k.queue > coalesce(v_queue, '')
        order by k.queue
        limit 1;
        exit when not found;

        loop
            select w.* into v_due from gendurable._wake_due(v_queue) as w;
            exit when v_due.moved = 0;
            v_moved := v_moved + v_due.moved;
            woken := woken + v_due.parks;
            perform gendurable._announce(array[v_queue], p_kinds => v_due.kinds);
            -- The other queues have their turn all the same, once.
            if v_moved >= 10000 or clock_timestamp() >= p_until then
                more := more or v_due.more;
                exit;
            end if;
        end loop;
    end loop;
end
$$;
comment on function gendurable._expire_awaits(timestamptz)
    is 'Wakes parks past their deadline; answers how many, and whether some are left.';
