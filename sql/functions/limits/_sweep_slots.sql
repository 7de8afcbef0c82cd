-- The floor under the offering of slots, never its mechanism: finds concurrency keys of which an
-- instance waits though a slot is free and no doorbell announces it, and rings. Answers how many
-- keys there were; more than none is worth a report.
--
-- It looks at 2,000 keys in a call, and the next call goes on behind them: however many keys wait,
-- no call takes long. One transaction at a time sweeps, the others leave it out.
-- Locks:  the sweep (advisory), never waiting.
-- Writes: doorbells, progress.
-- Plan:   instances_keyed, walked key by key; as gendurable._slot_line and _rung.
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
    c_most     constant int := 2000;
    v_at       gendurable.progress;
    v_waiting  text[];
    v_stranded text[];
begin
    if not gendurable._lock_maintenance(1) then
        return 0;
    end if;
    v_at := gendurable._read_progress('sweep');
    with recursive waiting as (
        (select i.concurrency_key as key from gendurable.instances as i
         where i.concurrency_key > v_at.position and i.phase = 'held'
         order by i.concurrency_key limit 1)
        union all
        select (select i.concurrency_key from gendurable.instances as i
                where i.concurrency_key > w.key and i.phase = 'held'
                order by i.concurrency_key limit 1)
        from waiting as w
        where w.key is not null
    )
    select array_agg(w.key), case when count(w.key) = c_most then max(w.key) else '' end
    into v_waiting, v_at.position
    from (select x.key from waiting as x where x.key is not null limit c_most) as w;
    perform gendurable._note_progress(v_at);

    -- Fewer were offered a slot in a line than there are.
    select array_agg(distinct n.key) into v_stranded
    from gendurable._slot_line(v_waiting) as n
    where n.held and n.offered
      and n.key not in (select d.key from gendurable._rung('slot') as d)
      and not exists (select from gendurable._rung('concurrency_limit') as d
                      where d.key in ('', gendurable._policy(n.key)));

    if v_stranded is not null then
        perform gendurable._announce(null, v_stranded);
    end if;
    return coalesce(cardinality(v_stranded), 0);
end
$$;
comment on function gendurable._sweep_slots() is
    'Finds instances that wait for a free slot unnoticed; answers how many keys.';
