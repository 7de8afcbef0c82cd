-- Old finished instances, row by row.
begin;
select plan(9);

create table gendurable.part (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.part for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue)
values (999, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state, parent_id)
select v.n, now(), v.at::timestamptz, 1, 0, 0, 1, false, 'm', 's', 'q', '{}', v.parent
from (values (1, '2020-01-01 01:00+00', null), (2, '2020-01-01 02:00+00', 999), (3, '2020-01-01 03:00+00', 998), (4, '2020-01-01 04:00+00', null),
             (5, '2019-01-01 00:00+00', null), (6, '2020-01-05 00:00+00', null)) as v (n, at, parent);
create function pg_temp.rows() returns text language sql as $$ select string_agg(f.id::text, ' ' order by f.id) from gendurable.finished as f $$;
select is(gendurable._forget_finished('2020-01-01 04:00+00', 100), 3, 'what finished before the cut-off, in every partition');
select is(pg_temp.rows(), '2 4 6', 'the cut-off itself stays, and a child of a living parent');
select is(gendurable._forget_finished('2021-01-01', 1), 1, 'at most a batch');
select is(gendurable._forget_finished('2021-01-01', 100), 1, 'the next call goes on');
select is(pg_temp.rows(), '2', 'only the child is left');
delete from gendurable.instances where id = 999;
select is(gendurable._forget_finished('2021-01-01', 100), 1, 'until its parent is gone');

-- A parent in the archive: failed in the step that the join of its second round woke.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state, parent_id, parent_round, joined_round)
select v.n, now(), v.at::timestamptz, 1, 0, 0, 1, v.failed, 'm', 's', 'q', '{}', v.parent, v.round, v.joined
from (values (10, '2020-01-05 00:00+00', null, null, 2, true), (11, '2020-01-05 00:00+00', null, null, null, true), (12, '2020-01-05 00:00+00', null, null, 2, false),
             (21, '2020-01-01 01:00+00', 10, 1, null, false), (22, '2020-01-01 02:00+00', 10, 2, null, false), (23, '2020-01-01 03:00+00', 11, 2, null, false),
             (24, '2020-01-01 04:00+00', 12, 2, null, false)) as v (n, at, parent, round, joined, failed);
select is(gendurable._forget_finished('2020-01-02', 100), 3, 'children whose parent has ended go');
select is(pg_temp.rows(), '10 11 12 22', 'but not those that a retry of it would be handed again');
select is(gendurable._forget_finished('2020-01-06', 100), 4, 'they go with it');

select * from finish();
rollback;
