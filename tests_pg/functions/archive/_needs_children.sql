-- Which children outlive the retention.
begin;
select plan(8);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue)
values (1, now(), now(), now(), 'awaiting_children', 's', '{}', 0, 1, 'm', 'q');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, joined_round)
select v.n, now(), v.at::timestamptz, 1, 0, 0, 1, v.failed, 'm', 's', 'q', '{}', v.joined
from (values (2, '2020-01-02', 3, true), (3, '2020-01-02', 3, false), (4, '2020-01-02', null, true)) as v (n, at,
    joined, failed);
select ok(gendurable._needs_children(1, 1, '2020-01-01'), 'a parent that lives');
select ok(gendurable._needs_children(2, 3, '2020-01-02'),
    'one that failed in the step that the join of this round woke');
select ok(not gendurable._needs_children(2, 2, '2020-01-02'), 'not for another round');
select ok(not gendurable._needs_children(2, 3, '2020-01-03'), 'nor once it is not kept itself');
select ok(not gendurable._needs_children(3, 3, '2020-01-01'), 'one that is done does not');
select ok(not gendurable._needs_children(4, 1, '2020-01-01'), 'nor one that failed in another step');
select ok(not gendurable._needs_children(5, 1, '2020-01-01'), 'nor one that is forgotten');
with moved as (delete from gendurable.finished where id = 2 returning *) insert into gendurable.kept select *
    from moved;
select ok(gendurable._needs_children(2, 3, '2020-01-02'), 'wherever it is kept');

select * from finish();
rollback;
