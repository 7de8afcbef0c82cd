-- Forgets that a virtual partition was to leave: it is in another database now.
--
-- Locks: the departure. Writes: departures. Plan: departures_pkey.
create function gendurable._end_departure(p_partition int) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    delete from gendurable.departures as d where d.partition = p_partition;
$$;
comment on function gendurable._end_departure(int) is
    'Forgets that a virtual partition was to leave.';
