-- The version of the installed schema. Until 1.0 there is one.
create function public.gd_version() returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return '0.1.0';
end
$$;
comment on function public.gd_version() is 'The version of the installed schema.';
