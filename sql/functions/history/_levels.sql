-- The levels of history that were set, by fsm; that of all others stands under ''.
--
-- Locks: none. Writes: nothing. Plan: gendurable.history_levels, a few rows, read whole.
create function gendurable._levels() returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select jsonb_object_agg(l.fsm, l.level) from gendurable.history_levels as l),
                    '{}');
end
$$;
comment on function gendurable._levels() is 'The levels of history that were set, by fsm.';
