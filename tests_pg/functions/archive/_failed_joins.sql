-- Which archived instances a retry would hand their children again; that these are kept is tested with _forget_finished and _empty_partitions.
begin;
select plan(2);

insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state, joined_round)
select v.n, now(), v.at::timestamptz, 1, 0, 0, 1, v.failed, 'm', 's', 'q', '{}', v.joined
from (values (1, '2020-01-01', 3, true), (2, '2020-01-02', 4, true), (3, '2020-01-02', 4, false), (4, '2020-01-02', null, true)) as v (n, at, joined, failed);
select results_eq($$ select id, round from gendurable._failed_joins('2020-01-02') $$, $$ values (2::bigint, 4) $$, 'those that failed since then in a step that a join woke');
select is_empty($$ select * from gendurable._failed_joins('2020-01-03') $$, 'none since');

select * from finish();
rollback;
