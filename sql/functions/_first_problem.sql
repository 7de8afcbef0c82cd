-- Says what is wrong with the first bad one of some instances to be created, and which it is; null: all are good.
create function gendurable._first_problem(p_entries gendurable.entry[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select format('ord %s: %s', x.ord, x.problem)
        from (select e.ord, gendurable._entry_problem(e.fsm, e.step, e.queue, e.correlation_key, e.correlation_scope, e.concurrency_key,
                                                      e.rate_limit, e.weight) as problem
              from unnest(p_entries) as e) as x
        where x.problem is not null
        order by x.ord
        limit 1);
end
$$;
comment on function gendurable._first_problem(gendurable.entry[]) is 'The first entry that cannot be enqueued, and why.';
