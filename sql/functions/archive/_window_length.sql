-- How long the archive's windows are: a partition each, six hours or that doubled, again and again,
-- until no more than sixteen make up the retention. What is kept for more than twenty years is
-- partitioned as if it were for twenty.
--
-- Locks: none. Writes: nothing. Plan: gendurable.retention, one row.
create function gendurable._window_length() returns interval
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kept   interval := (select least(now() - c.finished, interval '20 years')
                          from gendurable._cutoffs() as c where c.finished > '-infinity');
    v_length interval := interval '6 hours';
begin
    while v_length * 16 < coalesce(v_kept, '20 years') loop
        v_length := v_length * 2;
    end loop;
    return v_length;
end
$$;
comment on function gendurable._window_length()
    is 'How long the archive''s windows are, by the retention.';
