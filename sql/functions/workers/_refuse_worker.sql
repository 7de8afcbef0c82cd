-- Tells a worker that it is no longer known.
--
-- Errors: GD010.
create function gendurable._refuse_worker(p_worker bigint) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._refuse(
        'GD010', format('worker %s', coalesce(p_worker::text, 'null')),
        'Its lease ran out or it was unregistered, and its claims were released: call '
        'gd_register anew.');
end
$$;
comment on function gendurable._refuse_worker(bigint) is 'Raises GD010: register anew.';
