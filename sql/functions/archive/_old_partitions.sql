-- The partitions of the archive, or of the history, that end before the cut-off, oldest first.
create function gendurable._old_partitions(
    p_cutoff timestamptz, p_table regclass default 'gendurable.finished') returns regclass[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return array(select w.partition from gendurable._windows(p_table) as w
                 where w.upper <= p_cutoff order by w.lower);
end
$$;
comment on function gendurable._old_partitions(timestamptz, regclass)
    is 'The partitions of the archive or the history that end before a moment.';
