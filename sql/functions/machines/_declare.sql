-- Notes what a worker can run: a checked info.machines (gendurable._check_machines). What it
-- has said of a machine and version before stays.
--
-- two workers x one new version: neither waits for the other, each leaves a row in versions. A
-- worker that declares what is known already writes none.
-- Locks: none. Writes: machines, versions. Plan: versions_newest, one descent a machine.
create function gendurable._declare(p_worker bigint, p_machines jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    insert into gendurable.machines as m (worker_id, fsm, version, steps)
    select p_worker, d.fsm, d.version,
           -- An array may not be spelled as JSON would: a step may be called null.
           case when jsonb_typeof(d.steps) = 'array'
                then array(select s.step from jsonb_array_elements_text(d.steps) as s (step)) end
    from jsonb_to_recordset(p_machines) as d (fsm text, version int, steps jsonb)
    on conflict (worker_id, fsm, version) do nothing;

    insert into gendurable.versions as v (fsm, version)
    select d.fsm, d.version
    from jsonb_to_recordset(p_machines) as d (fsm text, version int)
    where not exists (select from gendurable.versions as k
                      where k.fsm = d.fsm and k.version = d.version);
end
$$;
comment on function gendurable._declare(bigint, jsonb) is 'Notes what a worker can run.';
