-- Tells a caller that its transaction cannot see what the engine has to see.
--
-- Errors: GD004.
create function gendurable._refuse_isolation() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform gendurable._refuse(
        'GD004', format('transaction isolation is %s', current_setting('transaction_isolation')),
        'Call it in READ COMMITTED.');
end
$$;
comment on function gendurable._refuse_isolation() is 'Raises GD004: not READ COMMITTED.';
