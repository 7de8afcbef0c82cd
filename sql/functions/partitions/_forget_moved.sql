-- Forgets rows that another database has taken over.
--
-- Locks: these rows. Writes: moved. Plan: moved_pkey.
create function gendurable._forget_moved(p_move uuid, p_last bigint) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    delete from gendurable.moved as m where m.move = p_move and m.id <= p_last;
$$;
comment on function gendurable._forget_moved(uuid, bigint) is
    'Forgets rows that another database has taken over.';
