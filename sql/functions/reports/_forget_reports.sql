-- Deletes the progress that instances have reported in an earlier life.
--
-- Locks:  the rows, never waiting: maintenance holds only what it deletes. Writes: reports.
-- Plan:   reports_pkey, one descent for each; by ctid.
create function gendurable._forget_reports(p_ids bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
begin
    delete from gendurable.reports as d
    where d.ctid = any (array(select r.ctid from gendurable.reports as r
                              where r.instance_id = any (p_ids)
                              for update skip locked));
end
$$;
comment on function gendurable._forget_reports(bigint[])
    is 'Deletes the progress that instances have reported.';
