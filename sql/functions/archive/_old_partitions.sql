-- The archive's partitions that end before the cut-off, oldest first. Bounds are texts, so in ISO,
-- as in gendurable._create_partitions.
create function gendurable._old_partitions(p_cutoff timestamptz) returns text[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
begin
    return array(
        select c.oid::regclass::text
        from pg_inherits as h
        join pg_class as c on c.oid = h.inhrelid
        where h.inhparent = 'gendurable.finished'::regclass
          and (regexp_match(pg_get_expr(c.relpartbound, c.oid),
                            'TO [(]''(.+)''[)]'))[1]::timestamptz <= p_cutoff
        order by c.relname);
end
$$;
comment on function gendurable._old_partitions(timestamptz)
    is 'The archive partitions that end before a moment.';
