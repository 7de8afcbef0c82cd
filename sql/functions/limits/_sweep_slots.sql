-- The floor under the offering of slots, never its mechanism: finds concurrency keys of which an
-- instance waits though a slot is free and no doorbell announces it, and rings. Answers how many
-- keys there were; more than none is worth a report.
--
-- Locks: none. Writes: doorbells. Plan: instances_keyed, walked key by key; doorbells_key.
create function gendurable._sweep_slots() returns int
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
    -- as in gendurable._offer_slots
    c_ready    constant gendurable.phase := 'ready'::gendurable.phase;
    v_waiting  text[];
    v_stranded text[];
begin
    with recursive waiting as (
        (select i.concurrency_key as key from gendurable.instances as i
         where i.concurrency_key > '' and i.phase = 'held'
         order by i.concurrency_key limit 1)
        union all
        select (select i.concurrency_key from gendurable.instances as i
                where i.concurrency_key > w.key and i.phase = 'held'
                order by i.concurrency_key limit 1)
        from waiting as w
        where w.key is not null
    )
    select array_agg(w.key) into v_waiting from waiting as w where w.key is not null;

    select array_agg(distinct n.key) into v_stranded
    from gendurable._waiting_queues(v_waiting) as n
    cross join lateral gendurable._capacity(n.key) as c
    -- Fewer were offered a slot in this queue than there are.
    where c.free > (select count(*)
                    from (select from gendurable.instances as r
                          where r.concurrency_key = n.key
                            and r.phase in ('ready', 'held', 'executing')
                            and r.phase = c_ready and r.queue = n.queue
                          limit c.free) as x)
      and not exists (select from gendurable.doorbells as d
                      where d.kind = 'slot' and d.key = n.key
                         or d.kind = 'concurrency_limit'
                            and d.key = gendurable._policy(n.key));

    if v_stranded is not null then
        perform gendurable._announce(null, v_stranded);
    end if;
    return coalesce(cardinality(v_stranded), 0);
end
$$;
comment on function gendurable._sweep_slots() is
    'Finds instances that wait for a free slot unnoticed; answers how many keys.';
