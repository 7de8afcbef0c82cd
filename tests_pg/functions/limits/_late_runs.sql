-- The runs of which a trail does not know what came.
begin;
select plan(3);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, concurrency_key, rate_limit, entered)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, v.fsm, 'q', v.key, v.rate, v.run
from (values (1, 'm', 'held', 0, 'k', null, 5::bigint), (2, 'm', 'held', 0, 'k', null, 7),
    (3, 'm', 'held', 0, 'k', null, 9), (4, 'm', 'ready', 0, 'k', null, 8)) as v (id, fsm, phase, priority, key, rate,
    run);
create function pg_temp.runs(p_phase text, p_before bigint default 99) returns text language sql as $$
    select string_agg(r::text, ' ' order by r)
    from unnest(gendurable._late_runs(row('slot', 'k', 1, '5', now(), '9', '{}', 6, '{33,35}')::gendurable.key_trails,
        p_phase::gendurable.phase, p_before)) as r
$$;
select is(pg_temp.runs('held'), '2 7 9', 'those from its bound on, and of what is pending');
select is(pg_temp.runs('held', 9), '2 7', 'before another one');
select is(pg_temp.runs('ready'), '2 8', 'of one phase');

select * from finish();
rollback;
