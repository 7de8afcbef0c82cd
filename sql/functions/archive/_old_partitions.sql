-- The archive's partitions that end before the cut-off, oldest first.
create function gendurable._old_partitions(p_cutoff timestamptz) returns regclass[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return array(select w.partition from gendurable._windows() as w
                 where w.upper <= p_cutoff order by w.lower);
end
$$;
comment on function gendurable._old_partitions(timestamptz)
    is 'The archive partitions that end before a moment.';
