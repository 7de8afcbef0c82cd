-- Where the instances of a queue may stand that wait for a moment: the parts of instances_due that
-- are not known to be empty (`run` is null), and the runs of which some may be in the other parts.
-- An instance may stand in both.
--
-- The runs are those from the bound on, and those of transactions that were open for long then and
-- have ended, or of this one. None has a later run than a transaction that begins now would have:
-- what has one came with a copy of the database.
-- Locks: none. Writes: nothing. Plan: waits_pkey, one descent; as gendurable._waiting_runs.
create function gendurable._stretches(p_queue text)
returns table (run bigint, from_at timestamptz, until_at timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_now   constant pg_snapshot := pg_current_snapshot();
    v_waits gendurable.waits;
begin
    select w.* into v_waits
    from gendurable.waits as w
    where w.queue = p_queue and w.xmin = w.xid::xid
    order by w.queue, w.seq desc
    limit 1;
    if not found then
        return query select null::bigint, timestamptz '-infinity', timestamptz 'infinity';
        return;
    end if;
    return query
    select null::bigint, lower(s), upper(s)
    from unnest(tstzmultirange(tstzrange('-infinity', 'infinity')) - v_waits.holes) as s;
    return query
    select r, timestamptz '-infinity', timestamptz 'infinity'
    from unnest(gendurable._waiting_runs(
        p_queue, v_waits.bound, 1 + gendurable._run(pg_snapshot_xmax(v_now)))) as r;
    if v_waits.pending <> '{}' then
        return query
        select distinct gendurable._run(x), timestamptz '-infinity', timestamptz 'infinity'
        from unnest(v_waits.pending) as x
        where pg_visible_in_snapshot(x, v_now) or x = pg_current_xact_id_if_assigned();
    end if;
end
$$;
comment on function gendurable._stretches(text)
    is 'Where the instances of a queue may stand that wait for a moment.';
