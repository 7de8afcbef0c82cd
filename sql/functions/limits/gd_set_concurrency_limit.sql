-- Sets how many instances of each key of this name may execute at once; 0 stops them. It applies to
-- the next pick; what executes is counted whatever the limit was when it started.
--
-- limit change x pick: neither waits for the other. A pick that is counting at this moment counts
-- against the old limit; the ring of this call becomes visible together with the new one, and the
-- pick that answers it looks for all that wait by then (gendurable._ring_name).
-- Locks:  the limit's row. Writes: concurrency_limits, doorbells.
-- Errors: GD001 an argument missing; GD002 a negative limit, a name with a colon.
create function public.gd_set_concurrency_limit(name text, max_executing int) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if gendurable._is_open('public.gd_set_concurrency_limit(text,int)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_policy_name(gd_set_concurrency_limit.name);
    if gd_set_concurrency_limit.max_executing is null then
        perform gendurable._refuse(
            'GD001', 'max_executing is required',
            'Zero or more; gd_drop_concurrency_limit goes back to one.');
    elsif gd_set_concurrency_limit.max_executing < 0 then
        perform gendurable._refuse(
            'GD002', format('max_executing is %s', gd_set_concurrency_limit.max_executing),
            'Zero or more; zero stops.');
    end if;
    insert into gendurable.concurrency_limits as l (name, max_executing)
    values (gd_set_concurrency_limit.name, gd_set_concurrency_limit.max_executing)
    on conflict on constraint concurrency_limits_pkey
    do update set max_executing = excluded.max_executing;
    perform gendurable._ring_name('concurrency_limit', gd_set_concurrency_limit.name);
end
$$;
comment on function public.gd_set_concurrency_limit(text, int)
    is 'Sets how many instances of a key of this name may execute at once.';
