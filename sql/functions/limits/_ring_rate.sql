-- Lets the next pick look at every rate key of a name for which an instance waits, and wakes
-- whoever sleeps where one waits for tokens.
--
-- Locks: none. Writes: doorbells.
-- Plan:  instances_rated, walked key by key; instances_waiting, one descent for each idle queue.
create function gendurable._ring_rate(p_name text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_key text := '';
begin
    loop
        select i.rate_limit
        into v_key from gendurable.instances as i
        where i.rate_limit > v_key and i.phase = 'throttled'
        order by i.rate_limit
        limit 1;
        exit when not found;
        if split_part(v_key, ':', 1) = p_name then
            perform gendurable._ring(null, array[v_key]);
        end if;
    end loop;
    -- The head of a line may be where nobody picks; those behind it may be anywhere.
    perform gendurable._notify(array(
        select distinct n.queue
        from gendurable.workers as w
        cross join lateral unnest(w.idle_queues) as n (queue)
        where exists (select from gendurable.instances as i
                      where (i.phase not in ('ready', 'executing')) is true
                        and i.phase = 'throttled' and i.queue = n.queue)));
end
$$;
comment on function gendurable._ring_rate(text)
    is 'Lets the next pick look at every rate key of a name.';
