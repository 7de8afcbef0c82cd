-- Delivers signals to instances that the caller has locked: stores them in their inboxes and wakes
-- those that are parked on one of the names.
--
-- The arrays are of one length. A signal whose id is null has no target and is passed over. Of two
-- signals with one dedup key the first is stored.
-- Returns the places of those that are duplicates, counted from 1.
--
-- Locks:  none but what it writes: the caller holds the targets, since before the statement
--         that calls this.
-- Writes: dedup_keys, signals, instances (woken, or signalled for the first time), doorbells.
-- Plan:   instances_pkey, dedup_keys_pkey.
create function gendurable._deliver_many(p_ids bigint[], p_names text[], p_payloads jsonb[],
                                         p_dedup_keys text[])
returns int[]
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
    v_duplicates int[] := array[]::int[];
    v_woken      bigint[];
    v_queues     text[];
    v_keys       text[];
    v_scoped     bigint[];
    v_signalled  bigint[];
    v_wanted     text[];    -- queues of what a pick may want, and kinds
    v_kinds      int[];
begin
    if num_nonnulls(variadic p_dedup_keys) > 0 then
        -- A look-up in `stored` that stands inside an expression is made by hash; as a join it
        -- would compare each with each.
        with given as materialized (
            select g.id, g.dedup_key, g.ord::int as ord,
                   row_number() over (partition by g.id, g.dedup_key order by g.ord) = 1 as first
            from unnest(p_ids, p_dedup_keys) with ordinality as g (id, dedup_key, ord)
            where g.id is not null and g.dedup_key is not null
        ), stored as (
            insert into gendurable.dedup_keys (instance_id, dedup_key)
            select g.id, g.dedup_key from given as g where g.first
            on conflict do nothing
            returning instance_id, dedup_key
        )
        select coalesce(array_agg(g.ord), '{}') into v_duplicates
        from given as g
        where not g.first
           or (g.id, g.dedup_key) not in (select s.instance_id, s.dedup_key from stored as s);
    end if;

    insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
    select gendurable._inbox_key(i.id, i.inbox), i.id, clock_timestamp(), g.name,
           coalesce(g.payload, '{}')
    from unnest(p_ids, p_names, p_payloads) with ordinality as g (id, name, payload, ord)
    join gendurable.instances as i on i.id = g.id
    where g.ord not in (select d from unnest(v_duplicates) as d)
    order by g.ord;

    select array_agg(t.id) filter (where t.wakes),
           array_agg(distinct t.queue) filter (where t.wakes),
           array_agg(t.concurrency_key) filter (where t.wakes and t.concurrency_key is not null),
           array_agg(t.id) filter (where t.wakes and t.scoped),
           array_agg(t.id) filter (where t.names is not null and not t.wakes and not t.signalled),
           array_agg(distinct t.queue) filter (where t.wanted),
           array_agg(distinct t.kind) filter (where t.wanted)
    into v_woken, v_queues, v_keys, v_scoped, v_signalled, v_wanted, v_kinds
    from (select i.id, i.queue, i.concurrency_key, i.signalled, g.names,
                 i.correlation_scope is not null as scoped,
                 coalesce(i.phase = 'awaiting_signal' and i.awaits && g.names, false) as wakes,
                 gendurable._is_wanted(i.phase, i.eligible_at) as wanted,
                 (i.lane >> 40)::int as kind
          from (select x.id,
                       array_agg(x.name) filter (
                           where x.ord not in (select d from unnest(v_duplicates) as d)) as names
                from unnest(p_ids, p_names) with ordinality as x (id, name, ord)
                group by x.id) as g
          join gendurable.instances as i on i.id = g.id) as t;

    if v_woken is not null then
        perform gendurable._wake(v_woken, v_queues, v_keys, v_scoped);
    end if;
    if v_wanted is not null then
        -- signal x pick: the pick has passed over them, and its worker sleeps.
        perform gendurable._announce(v_wanted, p_kinds => v_kinds);
    end if;
    if v_signalled is not null then
        update gendurable.instances as i set signalled = true where i.id = any (v_signalled);
    end if;
    return v_duplicates;
end
$$;
comment on function gendurable._deliver_many(bigint[], text[], jsonb[], text[])
    is 'Delivers signals to instances that are locked, and wakes those that await them.';
