-- Takes a rate limit back. What names it waits until it is set again.
--
-- Locks:  the name (advisory, until the transaction ends), waiting for the picks that hold it.
-- Writes: rate_limits, buckets.
-- Errors: GD001 name missing; GD002 a name with a colon.
create function public.gd_drop_rate_limit(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_drop_rate_limit(text)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_policy_name(gd_drop_rate_limit.name);
    perform pg_advisory_xact_lock(
        gendurable._name_lock('rate_limit', gd_drop_rate_limit.name));
    delete from gendurable.buckets as b where gendurable._policy(b.key) = gd_drop_rate_limit.name;
    delete from gendurable.rate_limits as l where l.name = gd_drop_rate_limit.name;
end
$$;
comment on function public.gd_drop_rate_limit(text)
    is 'Takes a rate limit back; what names it waits.';
