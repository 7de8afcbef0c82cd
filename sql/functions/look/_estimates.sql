-- How many live instances there are of each phase and queue (or name of a key), as far as ANALYZE
-- saw: the common ones only.
--
-- Locks: none. Plan: the statistics object, and no instance.
create function gendurable._estimates(p_statistics text)
returns table (phase gendurable.phase, label text, n bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Each combination stands there as {phase, label}: columns come in the order of the table,
    -- expressions after them.
    return query
    select s.most_common_vals[v.i][1]::gendurable.phase, s.most_common_vals[v.i][2],
           round(s.most_common_freqs[v.i] * c.reltuples)::bigint
    from pg_catalog.pg_stats_ext as s
    cross join lateral generate_subscripts(s.most_common_freqs, 1) as v (i)
    cross join pg_catalog.pg_class as c
    where s.statistics_schemaname = 'gendurable' and s.statistics_name = p_statistics
      and c.oid = 'gendurable.instances'::regclass;
end
$$;
comment on function gendurable._estimates(text)
    is 'How many live instances there are of each phase and label, from the statistics.';
