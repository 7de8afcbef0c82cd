-- Whether all places of a queue with a limit are taken, as far as its picks have noted: a guess,
-- exact for the one that holds them (gendurable._places_left).
--
-- Locks: none. Writes: nothing.
-- Plan:  queues_pkey; holders_pkey, the newest entry; instances_pkey, once for each that may
--        execute.
create function gendurable._is_full(p_queue text) returns boolean
language plpgsql stable
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
begin
    select q.* into v_limit from gendurable.queues as q where q.name = p_queue;
    if v_limit.max_executing is null then
        return false;
    end if;
    return v_limit.max_executing <= (
        select count(*)
        from unnest((select case when n.limit_id = v_limit.limit_id then n.ids end
                     from (select h.limit_id, h.ids from gendurable.holders as h
                           where h.queue = p_queue
                           order by h.queue desc, h.seq desc
                           limit 1) as n)) as k (id)
        join gendurable.instances as i on i.id = k.id
        where coalesce(i.phase = 'executing', false));
end
$$;
comment on function gendurable._is_full(text) is
    'Whether all places of a queue with a limit are taken.';
