-- Notes that the server is up, where a crash recovery or a promotion has left no note of it. Called
-- by each function that ends leases, before it judges any.
--
-- two first callers: neither waits for the other, which a unique index would make them do. Each
-- leaves a row, or none if it is undone; every row is younger than the recovery.
-- On a standby it does nothing, so that its caller is refused for what it is: read-only.
-- Locks:  none. Writes: incarnation.
create function gendurable._note_start() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not pg_is_in_recovery() then
        insert into gendurable.incarnation as i (since)
        select clock_timestamp()
        where not exists (select from gendurable.incarnation as n);
    end if;
end
$$;
comment on function gendurable._note_start()
    is 'Notes that the server is up, once after each crash recovery or promotion.';
