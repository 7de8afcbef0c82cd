-- The queues in which instances wait for a slot of these concurrency keys: a row for each
-- key and queue.
--
-- Plan: instances_keyed, walked queue by queue, so that the cost does not grow with how many wait.
create function gendurable._waiting_queues(p_keys text[]) returns table (key text, queue text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    return query
    select k.key, q.queue
    from unnest(p_keys) as k (key)
    cross join lateral (
        with recursive walk as (
            (select h.queue from gendurable.instances as h
             where h.concurrency_key = k.key and h.phase = 'held'
             order by h.queue
             limit 1)
            union all
            select n.queue
            from walk as w
            cross join lateral (
                select h.queue from gendurable.instances as h
                where h.concurrency_key = k.key and h.phase = 'held' and h.queue > w.queue
                order by h.queue
                limit 1
            ) as n
        )
        select w.queue from walk as w
    ) as q;
end
$$;
comment on function gendurable._waiting_queues(text[])
    is 'The queues in which instances wait for a slot of concurrency keys.';
