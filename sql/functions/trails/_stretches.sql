-- Where the instances of a queue may stand that wait for a moment: the parts of instances_due that
-- are not known to be empty (`run` is null), and the runs of which some may be in the other parts.
-- An instance may stand in both.
--
-- The runs are those from the bound on, and those of transactions that were open for long then and
-- have ended, or of this one. None has a later run than a transaction that begins now would have:
-- what has one came with a copy of the database.
-- Locks: none. Writes: nothing.
-- Plan:  waits_pkey and instances_due_lately, one descent each; as gendurable._waiting_runs.
create function gendurable._stretches(p_queue text) returns gendurable.stretch[]
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
    v_parts tstzmultirange;
    v_run   bigint;
    v_found gendurable.stretch[] := array[]::gendurable.stretch[];
begin
    select w.* into v_waits
    from gendurable.waits as w
    where w.queue = p_queue and w.xmin = w.xid::xid
    order by w.queue, w.seq desc
    limit 1;
    if not found then
        return array[row(null, '-infinity', 'infinity')::gendurable.stretch];
    end if;
    v_parts := tstzmultirange(tstzrange('-infinity', 'infinity')) - v_waits.holes;
    if not isempty(v_parts) then
        v_found := array(select row(null, lower(s), upper(s))::gendurable.stretch
                         from unnest(v_parts) as s);
    end if;
    -- In most calls there is none.
    v_run := (
        select i.lane & 1099511627775 from gendurable.instances as i
        where i.phase in ('scheduled', 'awaiting_signal') and i.eligible_at < 'infinity'
          and i.queue = p_queue and (i.lane & 1099511627775) >= v_waits.bound
        order by i.queue, i.lane & 1099511627775
        limit 1);
    if v_run is not null then
        v_found := v_found || array(
            select row(r, '-infinity', 'infinity')::gendurable.stretch
            from unnest(gendurable._waiting_runs(
                p_queue, v_run, 1 + gendurable._run(pg_snapshot_xmax(v_now)))) as r);
    end if;
    if v_waits.pending <> '{}' then
        v_found := v_found || array(
            select row(p.run, '-infinity', 'infinity')::gendurable.stretch
            from (select distinct gendurable._run(x) as run
                  from unnest(v_waits.pending) as x
                  where pg_visible_in_snapshot(x, v_now)
                     or x = pg_current_xact_id_if_assigned()) as p);
    end if;
    return v_found;
end
$$;
comment on function gendurable._stretches(text)
    is 'Where the instances of a queue may stand that wait for a moment.';
