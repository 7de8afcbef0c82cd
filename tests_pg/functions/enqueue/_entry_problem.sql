-- What may be enqueued.
begin;
select plan(21);

-- The problem of a good entry in which some arguments are replaced.
create function pg_temp.problem(p_changes jsonb) returns text language sql as $$
    select gendurable._entry_problem(e.fsm, e.step, e.queue, e.correlation_key, e.correlation_scope, e.concurrency_key,
        e.rate_limit, e.weight)
    from jsonb_to_record('{"fsm": "f", "step": "s", "queue": "q", "weight": 1}'::jsonb || p_changes)
        as e (fsm text, step text, queue text, correlation_key text, correlation_scope text[], concurrency_key text,
            rate_limit text, weight float8)
$$;
select is(pg_temp.problem('{}'), null, 'a good entry has no problem');
select is(pg_temp.problem('{"fsm": null}'), 'fsm is required', 'fsm is required');
select is(pg_temp.problem(jsonb_build_object(f, '')), f || ' is empty', f || ' must not be empty')
    from unnest('{fsm,step,queue}'::text[]) as f;
select matches(pg_temp.problem(jsonb_build_object(f, repeat('é', 501))),
    '^' || f || ' is longer than 1,000 bytes: é{40}\.\.\.$',
    f || ' has at most 1,000 bytes, and its beginning is shown')
from unnest('{fsm,step,queue,correlation_key,concurrency_key,rate_limit}'::text[]) as f;
select is(pg_temp.problem(jsonb_build_object(f, repeat('é', 500))), null, f || ' may have 1,000 bytes')
    from unnest('{fsm,step,queue,correlation_key}'::text[]) as f;
select matches(pg_temp.problem(jsonb_build_object('weight', w)), '^weight is ' || w || ',', 'weight cannot be ' || w)
    from unnest('{-1,-0.001,NaN,Infinity,-Infinity}'::text[]) as w;
select is(pg_temp.problem('{"weight": 0}'), null, 'weight can be 0');

select * from finish();
rollback;
