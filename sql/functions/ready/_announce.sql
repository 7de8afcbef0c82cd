-- Tells of rows that this transaction has made runnable, or for which it has freed something: after
-- the statement that wrote them. The one place that rings for keys, and that notifies.
--
-- p_queues: of which workers that sleep are notified.
-- p_keys:   concurrency keys for which one begins to wait (`held`), or of which a slot is freed.
-- p_rates:  rate keys for which one begins to wait (`throttled`), or has lost tokens.
-- p_scoped: instances whose correlation keys have a scope of their own.
-- p_kinds:  the kinds of those of p_queues; null: any. A worker that declares what it can run is
--           not notified of others, nor of a doorbell for which none of its kinds waits.
--
-- A notification is only sent for a queue of which some worker's latest pick came back short,
-- because NOTIFY serialises the commits of its senders. It can be missed by a transaction
-- that was in flight when the worker fell asleep; polling is the floor under it.
-- A transaction that is to be prepared (two-phase commit) must not notify: with
-- SET LOCAL gendurable.notify = off it does not.
-- Locks:  see gendurable._sync_keys. Writes: doorbells, correlation_keys.
-- Plan:   as gendurable._sleeping; if any sleeps, as gendurable._sleepers.
create function gendurable._announce(p_queues text[], p_keys text[] default null,
                                     p_rates text[] default null, p_scoped bigint[] default null,
                                     p_kinds int[] default null)
returns void
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
    v_rung int[];
begin
    -- One question spares most calls all others.
    if p_keys is not null or p_rates is not null or p_scoped is not null then
        if p_keys is not null or p_rates is not null then
            v_rung := gendurable._ring(p_keys, p_rates);
        end if;
        if p_scoped is not null then
            perform gendurable._sync_keys(p_scoped);
        end if;
        if v_rung <> '{}' then
            perform pg_notify('gendurable', k.queue)
            from (select distinct x.queue from gendurable.kinds as x
                  where x.id = any (v_rung)) as k
            where gendurable._notifies()
              and exists (select from gendurable._sleepers(k.queue, v_rung));
        end if;
        if p_queues is null then
            return;
        end if;
    end if;
    -- In most calls no worker sleeps.
    if not gendurable._notifies()
       or not exists (select from gendurable._sleeping() as s where s.queues && p_queues) then
        return;
    end if;
    if p_kinds is null then
        perform pg_notify('gendurable', q.queue)
        from unnest(p_queues) as q (queue)
        where exists (select from gendurable._sleeping() as s where q.queue = any (s.queues));
    else
        perform pg_notify('gendurable', q.queue)
        from unnest(p_queues) as q (queue)
        where exists (select from gendurable._sleepers(q.queue, p_kinds));
    end if;
end
$$;
comment on function gendurable._announce(text[], text[], text[], bigint[], int[])
    is 'Rings, brings correlation keys in line and notifies, for what has become runnable or free.';
