-- Sets how many instances of each key of this name may execute at once; 0 stops them. It applies to the next pick; what executes is counted whatever the
-- limit was when it started.
--
-- limit change × pick: one that is counting at this moment is waited for, so that this call sees what it holds back and rings for it. Until the change commits
-- nobody decides about the name: a newcomer's doorbell must not be used up by somebody who counts against the old limit.
-- Locks:  the name (advisory, until the transaction ends), waiting for the picks that hold it; the limit's row. Writes: concurrency_limits, handovers.
-- Plan:   instances_keyed, one descent for each key of the name that has waiting instances.
-- Errors: GD001 an argument missing; GD002 a negative limit, a name with a colon.
create function public.gd_set_concurrency_limit(name text, max_executing int) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
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
