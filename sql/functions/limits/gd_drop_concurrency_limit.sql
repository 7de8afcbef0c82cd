-- Takes the limit of a name back: one instance of each of its keys at once.
--
-- Locks:  the limit's row. Writes: concurrency_limits, doorbells.
-- Errors: GD001 name missing; GD002 a name with a colon.
create function public.gd_drop_concurrency_limit(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_drop_concurrency_limit(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_policy_name(gd_drop_concurrency_limit.name);
    delete from gendurable.concurrency_limits as l where l.name = gd_drop_concurrency_limit.name;
    perform gendurable._ring_name('concurrency_limit', gd_drop_concurrency_limit.name);
end
$$;
comment on function public.gd_drop_concurrency_limit(text)
    is 'Takes a concurrency limit back: one at once.';
