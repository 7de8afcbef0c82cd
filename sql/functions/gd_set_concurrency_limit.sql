-- Sets how many instances of each key of this name may execute at once; 0 stops them. It applies to the next pick; what executes is counted whatever the
-- limit was when it started.
--
-- limit change × pick: nobody decides about the name between the look for those that wait and the end of this transaction. Whoever comes in between rings
-- for itself, and no pick uses that up under the old limit.
-- Locks:  the name (advisory, until the transaction ends), waiting for the picks that hold it; the limit's row. Writes: concurrency_limits, handovers.
-- Plan:   instances_keyed, one descent for each key of the name that has waiting instances.
-- Errors: GD001 an argument missing; GD002 a negative limit, a name with a colon; GD004 not READ COMMITTED.
create function public.gd_set_concurrency_limit(name text, max_executing int) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- An older snapshot would not show all that wait, and they would not be told.
    if current_setting('transaction_isolation') <> 'read committed' then
        perform gendurable._refuse_isolation();
    end if;
    perform gendurable._check_policy_name(gd_set_concurrency_limit.name);
    if gd_set_concurrency_limit.max_executing is null then
        perform gendurable._refuse('GD001', 'max_executing is required', 'Zero or more; gd_drop_concurrency_limit goes back to one.');
    elsif gd_set_concurrency_limit.max_executing < 0 then
        perform gendurable._refuse('GD002', format('max_executing is %s', gd_set_concurrency_limit.max_executing), 'Zero or more; zero stops.');
    end if;
    perform pg_advisory_xact_lock(26468, hashtext(gd_set_concurrency_limit.name) & 63);
    insert into gendurable.concurrency_limits as l (name, max_executing)
    values (gd_set_concurrency_limit.name, gd_set_concurrency_limit.max_executing)
    on conflict on constraint concurrency_limits_pkey do update set max_executing = excluded.max_executing;
    perform gendurable._ring_name(gd_set_concurrency_limit.name);
end
$$;
comment on function public.gd_set_concurrency_limit(text, int) is 'Sets how many instances of a key of this name may execute at once.';
