-- How many more instances of a queue with a limit may begin to execute now, and which ones execute.
-- No answer where another transaction holds the places of the queue.
--
-- two picks x the last place: only the holder of the places hands any out, and it counts in a
-- statement of its own, so that the count sees every claim that was committed before. An instance
-- executes only by a pick of its own queue, so those that the picks have noted are all.
-- limit set x pick: what was picked before there was a limit is not noted. gd_set_queue_limit waits
-- for the picks in flight, and the first count after it finds all that executes, and notes it.
-- Locks:  the queue's places (advisory, until the transaction ends), never waiting.
-- Writes: holders.
-- Plan:   holders_pkey, the newest entry; instances_pkey, once for each that may execute. The first
--         time instances_claims, from end to end.
create function gendurable._places_left(p_queue text, out places int, out executing bigint[])
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
    v_limit gendurable.queues;
    v_known bigint[];
begin
    if not pg_try_advisory_xact_lock(26473, hashtext(p_queue)) then
        perform gendurable._look_again();
        return;
    end if;
    select q.* into v_limit from gendurable.queues as q where q.name = p_queue;
    v_known := (
        select case when n.limit_id = v_limit.limit_id then n.ids end
        from (select h.limit_id, h.ids from gendurable.holders as h
              where h.queue = p_queue
              order by h.queue desc, h.seq desc
              limit 1) as n);
    if v_known is not null then
        executing := array(
            select i.id
            from unnest(v_known) as k (id)
            join gendurable.instances as i on i.id = k.id
            where coalesce(i.phase = 'executing', false));
    else
        executing := array(
            select i.id from gendurable.instances as i
            where i.worker_id is not null and i.queue = p_queue);
        perform gendurable._note_holders(p_queue, executing);
    end if;
    places := greatest(v_limit.max_executing - cardinality(executing), 0);
end
$$;
comment on function gendurable._places_left(text)
    is 'How many places of a queue with a limit are free, for the one that holds them.';
