-- Tells that the privileges of this database are not those of the engine.
--
-- Errors: GD005.
create function gendurable._refuse_open() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._refuse(
        'GD005', format('database %s', current_database()),
        'It was restored without privileges: run gendurable-py install --repair-privileges, or '
        'sql/grants.sql, as the owner.');
end
$$;
comment on function gendurable._refuse_open() is 'Raises GD005: PUBLIC may execute the function.';
