-- Tells of rows that this transaction has made runnable, after the statement that wrote them: rings
-- for those that wait for a slot or for tokens, brings the correlation keys of those with a scope
-- in line, notifies workers that sleep.
--
-- Locks:  see gendurable._sync_keys. Writes: doorbells, correlation_keys.
-- Plan:   none of its own; as the functions it calls.
create function gendurable._announce(p_rows gendurable.runnable_row[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = on
set enable_sort = on
set jit = off
as $$
declare
    v_keys   text[];
    v_rates  text[];
    v_scoped bigint[];
    v_queues text[];
begin
    select array_agg(r.concurrency_key)
               filter (where r.phase = 'held' and r.concurrency_key is not null),
           array_agg(r.rate_limit) filter (where r.phase = 'throttled'),
           array_agg(r.scoped) filter (where r.scoped is not null),
           array_agg(distinct r.queue) filter (where r.queue is not null)
    into v_keys, v_rates, v_scoped, v_queues
    from unnest(p_rows) as r;
    if v_keys is not null or v_rates is not null then
        perform gendurable._ring(v_keys, v_rates);
    end if;
    if v_scoped is not null then
        perform gendurable._sync_keys(v_scoped);
    end if;
    if v_queues is not null then
        perform gendurable._notify(v_queues);
    end if;
end
$$;
comment on function gendurable._announce(gendurable.runnable_row[])
    is 'Rings, brings correlation keys in line and notifies for rows that became runnable.';
