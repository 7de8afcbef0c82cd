-- The floor under the offering of slots, never its mechanism: finds concurrency keys of which an
-- instance waits though a slot is free and no doorbell announces it, and rings. Answers how many
-- keys there were; more than none is worth a report.
--
-- It looks through some blocks of the table in a call, and the next call goes on behind them:
-- however many instances wait, or have waited, no call takes long. One transaction at a time
-- sweeps, the others leave it out.
-- Locks:  the sweep (advisory), never waiting.
-- Writes: doorbells, progress.
-- Plan:   64 blocks at a time, by TID; as gendurable._slot_line and _rung.
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
    -- not spelled out: a literal would let an index serve
    c_held     constant gendurable.phase := 'held'::gendurable.phase;
    c_blocks   constant int := 64;
    v_blocks   constant int := (pg_relation_size('gendurable.instances')
                                / current_setting('block_size')::int)::int;
    v_at       gendurable.progress;
    v_block    int;
    v_end      int;
    v_waiting  text[] := array[]::text[];
    v_stranded text[];
begin
    if not gendurable._lock_maintenance(1) then
        return 0;
    end if;
    v_at := gendurable._read_progress('sweep');
    v_block := v_at.position::int;
    v_end := least(v_block + 8 * c_blocks, v_blocks);
    while v_block < v_end and cardinality(v_waiting) < 1000 loop
        v_waiting := v_waiting || array(
            select distinct i.concurrency_key
            from gendurable.instances as i
            where i.ctid >= format('(%s,0)', v_block)::tid
              and i.ctid < format('(%s,0)', v_block + c_blocks)::tid
              and i.phase = c_held);
        v_block := v_block + c_blocks;
    end loop;
    v_at.position := case when v_block < v_blocks then v_block else 0 end::text;
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
