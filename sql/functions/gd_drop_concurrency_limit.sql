-- Takes the limit of a name back: one instance of each of its keys at once.
--
-- Locks:  the name (advisory, until the transaction ends), as gd_set_concurrency_limit; the limit's row. Writes: concurrency_limits, handovers.
-- Errors: GD001 name missing; GD002 a name with a colon; GD004 not READ COMMITTED.
create function public.gd_drop_concurrency_limit(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- An older snapshot would not show all that wait, and they would not be told.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform gendurable._refuse_isolation();
    end if;
    perform gendurable._check_policy_name(gd_drop_concurrency_limit.name);
    perform pg_advisory_xact_lock(26468, hashtext(gd_drop_concurrency_limit.name) & 63);
    delete from gendurable.concurrency_limits as l where l.name = gd_drop_concurrency_limit.name;
    perform gendurable._ring_name(gd_drop_concurrency_limit.name);
end
$$;
comment on function public.gd_drop_concurrency_limit(text) is 'Takes a concurrency limit back: one at once.';
