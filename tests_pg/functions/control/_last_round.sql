-- The number of the latest batch of children.
begin;
select plan(5);

select is(gendurable._last_round(1), 0, 'without children it is zero');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, parent_id, parent_round, ord)
values (11, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}', 1, 3, 1),
    (12, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}', 1, 2, 1),
    (13, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}', 2, 9, 1);
select is(gendurable._last_round(1), 3, 'finished children count, those of others do not');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, parent_id, parent_round, ord)
values (15, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'o', 'q', 1, 5, 3);
select is(gendurable._last_round(1), 5, 'so do living ones');
insert into gendurable.dismissals (parent_id, round, after) values (1, 7, 0), (1, 4, 0), (2, 20, 0);
select is(gendurable._last_round(1), 7, 'and those that are to be cleared up, though none of them is left');
delete from gendurable.dismissals where round = 7;
select is(gendurable._last_round(1), 5, 'as long as they are');

select * from finish();
rollback;
