-- Old finished instances, row by row.
begin;
select plan(6);

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

select * from finish();
rollback;
