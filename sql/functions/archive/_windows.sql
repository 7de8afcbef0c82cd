-- The partitions of the archive, or of the history, and the windows that they are for, in order;
-- not the default one. Bounds are texts, so in ISO, as in gendurable._create_partitions.
--
-- Locks: none. Writes: nothing.
create function gendurable._windows(p_table regclass default 'gendurable.finished')
returns table (partition regclass, lower timestamptz, upper timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
begin
    return query
    select w.oid::regclass, w.bounds[1]::timestamptz, w.bounds[2]::timestamptz
    from (select c.oid, regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                     'FROM [(]''(.+)''[)] TO [(]''(.+)''[)]') as bounds
          from pg_inherits as h
          join pg_class as c on c.oid = h.inhrelid
          where h.inhparent = p_table) as w
    where w.bounds is not null
    order by 2;
end
$$;
comment on function gendurable._windows(regclass)
    is 'The partitions of the archive or the history and their windows, in order.';
