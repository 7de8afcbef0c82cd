-- Looks through the progress that was reported for some 10 ms, from where the last call stopped,
-- and deletes all that no view shows: of a live instance all but the latest, of any other all.
-- Answers whether it has deleted some and is not through. Called by the one transaction that
-- maintains.
--
-- Locks:  the rows, skipping those that gd_retry deletes.
-- Writes: reports, progress.
-- Plan:   64 blocks at a time, by TID; reports_pkey, from the latest on; instances_pkey.
create function gendurable._sift_reports() returns boolean
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
    c_blocks constant int := 64;
    v_until  timestamptz := clock_timestamp() + interval '10 ms';
    v_at     gendurable.progress := gendurable._read_progress('gendurable.reports');
    v_block  int := v_at.position::int;
    v_blocks int := (pg_relation_size('gendurable.reports')
                     / current_setting('block_size')::int)::int;
    v_any    boolean := false;
begin
    while v_block < v_blocks and clock_timestamp() < v_until loop
        delete from gendurable.reports as d
        where d.ctid = any (array(
            select r.ctid from gendurable.reports as r
            where r.ctid >= format('(%s,0)', v_block)::tid
              and r.ctid < format('(%s,0)', v_block + c_blocks)::tid
              and (r.at < (select n.at from gendurable.reports as n
                           where n.instance_id = r.instance_id
                           order by n.instance_id desc, n.at desc limit 1)
                   or not exists (select from gendurable.instances as i
                                  where i.id = r.instance_id))
            for update skip locked));
        v_any := v_any or found;
        v_block := v_block + c_blocks;
    end loop;
    v_at.position := case when v_block < v_blocks then v_block else 0 end::text;
    perform gendurable._note_progress(v_at);
    return v_any and v_block < v_blocks;
end
$$;
comment on function gendurable._sift_reports()
    is 'Deletes reported progress that no view shows; answers whether some is left.';
