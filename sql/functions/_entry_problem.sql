-- Says what is wrong with the first bad one of some instances to be created; no row when all are good.
--
-- The one place that knows what may be enqueued. Callers turn the answer into their own error (gd_enqueue, gd_enqueue_many) or
-- into an `invalid` outcome (gd_commit).
-- Locks: none. Writes: nothing.
create function gendurable._entry_problem(p_entries gendurable.entry[], out ord int, out code text, out problem text)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    select e.ord, p.code, p.problem into ord, code, problem
    from unnest(p_entries) as e
    cross join lateral (
        select case
                   when e.fsm is null then 'GD001'
                   when not_yet.feature is not null then 'GD020'
                   else 'GD002'
               end as code,
               case
                   when e.fsm is null then 'fsm is required'
                   when e.fsm = '' or e.step = '' or e.queue = '' then 'fsm, step and queue must not be empty'
                   when greatest(octet_length(e.fsm), octet_length(e.step), octet_length(e.queue), octet_length(e.correlation_key),
                                 octet_length(e.concurrency_key), octet_length(e.rate_limit)) > 1000
                       then 'a name or key is longer than 1,000 bytes'
                   when not (e.weight >= 0 and e.weight < 'Infinity') then format('weight is %s, not a finite number >= 0', e.weight)
                   when not_yet.feature is not null then not_yet.feature || ' is not enforced by this version'
               end as problem
        from (select case
                         when e.concurrency_key is not null then 'concurrency_key'
                         when e.rate_limit is not null then 'rate_limit'
                         when e.correlation_scope is not null then 'correlation_scope'
                     end as feature) as not_yet
    ) as p
    where p.problem is not null
    order by e.ord
    limit 1;
end
$$;
comment on function gendurable._entry_problem(gendurable.entry[]) is 'The first entry that cannot be enqueued, and why.';
