-- Creates one instance, or finds the one that occupies its correlation key. Joins the caller's transaction.
--
-- Locks:  see gendurable._enqueue.
-- Writes: correlation_keys, instances.
-- Errors: GD001 fsm missing; GD002 a value that cannot be; GD020 a feature of a later version.
create function public.gd_enqueue(
    fsm text, state jsonb default '{}', step text default 'start', queue text default 'default', priority int default 0,
    eligible_at timestamptz default null, delay interval default null,
    correlation_key text default null, correlation_scope text[] default null,
    concurrency_key text default null, rate_limit text default null, weight float8 default 1, fsm_version int default 1
) returns table (id bigint, duplicate boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_entry   gendurable.entry[];
    v_problem record;
begin
    v_entry := array[row(
        1, nextval('gendurable.instances_id_seq'), gd_enqueue.fsm, coalesce(gd_enqueue.fsm_version, 1), coalesce(gd_enqueue.state, '{}'),
        coalesce(gd_enqueue.step, 'start'), coalesce(gd_enqueue.queue, 'default'), coalesce(gd_enqueue.priority, 0),
        gendurable._eligible_at(gd_enqueue.eligible_at, gd_enqueue.delay),
        gd_enqueue.correlation_key, gd_enqueue.correlation_scope, gd_enqueue.concurrency_key, gd_enqueue.rate_limit,
        coalesce(gd_enqueue.weight, 1), null, null, null)::gendurable.entry];

    select p.code, p.problem into v_problem from gendurable._entry_problem(v_entry) as p;
    if v_problem.problem is not null then
        perform gendurable._refuse(v_problem.code, v_problem.problem, 'Correct the argument and enqueue again; nothing was stored.');
    end if;

    return query select e.id, e.duplicate from gendurable._enqueue(v_entry) as e;
end
$$;
comment on function public.gd_enqueue(text, jsonb, text, text, int, timestamptz, interval, text, text[], text, text, float8, int)
    is 'Creates an instance; a duplicate of an occupied correlation key answers the occupant.';
