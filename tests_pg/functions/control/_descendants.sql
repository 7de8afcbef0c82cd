-- An instance and all that descends from it.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, parent_id)
select v.id, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q',
    v.parent from (values (1, null::bigint), (2, 1), (5, 4), (6, 5), (9, null), (10, 9)) as v (id, parent);
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, parent_id)
select v.id, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}',
    v.parent from (values (3, 1::bigint), (4, 3), (7, 8)) as v (id, parent);
create function pg_temp.tree(p_root bigint, p_cascade boolean) returns text language sql as $$
    select string_agg(t::text, ' ' order by t) from unnest(gendurable._descendants(p_root, p_cascade)) as t $$;
select is(pg_temp.tree(1, true), '1 2 3 4 5 6', 'children and children''s children, living or not');
select is(pg_temp.tree(1, false), '1', 'the root alone');
select is(pg_temp.tree(3, true), '3 4 5 6', 'from the middle, from one that has ended');
select is(pg_temp.tree(8, true), '7 8', 'from one that is forgotten');
select is(pg_temp.tree(6, true), '6', 'one without children');

select * from finish();
rollback;
