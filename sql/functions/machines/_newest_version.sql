-- The version of a machine that is meant where none is given: the newest that a live worker
-- declares, else the newest that was ever declared, else 1.
--
-- Locks: none. Writes: nothing.
-- Plan:  versions_newest, one descent from each end; where there are several versions
--        machines_newest, from the newest version down to the first that a live worker declares;
--        leases_pkey.
create function gendurable._newest_version(p_fsm text) returns int
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_first int;
    v_ever  int;
    v_now   timestamptz;
begin
    select min(v.version), max(v.version) into v_first, v_ever
    from gendurable.versions as v
    where v.fsm = p_fsm;
    -- In most calls there is no choice.
    if v_ever is null then
        return 1;
    elsif v_first = v_ever then
        return v_ever;
    end if;
    v_now := clock_timestamp();    -- the caller's transaction may be old
    return coalesce((
        select m.version
        from gendurable.machines as m
        join gendurable.workers as w on w.id = m.worker_id
        cross join lateral gendurable._lease(w.id) as l
        where m.fsm = p_fsm
          and (l.lease_until >= v_now or gendurable._up_since() + w.lease >= v_now)
        order by m.fsm desc, m.version desc, m.worker_id desc
        limit 1
    ), v_ever);
end
$$;
comment on function gendurable._newest_version(text)
    is 'The version of a machine that is meant where none is given.';
