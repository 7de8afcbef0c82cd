-- Before which moment an instance has to have finished to be forgotten, by the stored retention
-- (gd_set_retention; a day, where none is stored): -infinity where that is for ever.
--
-- Locks: none. Writes: nothing. Plan: gendurable.retention, one row.
create function gendurable._cutoffs(out finished timestamptz, out failed timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    select coalesce(now() - r.finished, '-infinity'), coalesce(now() - r.failed, '-infinity')
    into finished, failed
    from gendurable.retention as r;
    if not found then
        finished := now() - interval '1 day';
        failed := finished;
    end if;
end
$$;
comment on function gendurable._cutoffs()
    is 'Before which moment an instance has to have finished to be forgotten.';
