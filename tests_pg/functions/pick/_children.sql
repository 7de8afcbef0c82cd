-- The children of a round are readable as long as their parent lives.
begin;
\ir ../prelude.psql
select plan(13);

select is(gendurable._children(1, 1), '[]', 'no children, an empty array');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, result, error, parent_id, parent_round, ord)
values (11, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{"n": 1}', '{"r": 1}', null, 1, 1, 2),
    (12, now(), now() - interval '10 years', 1, 0, 0, 1, true, 'n', 's', 'q', '{}', null, '{"e": 1}', 1, 1, 1),
       (13, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}', null, null, 1, 2, 1),
       (14, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}', null, null, 2, 1, 1);
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, parent_id, parent_round, ord, last_error)
values (15, now(), now(), now(), 'throttled', 's', '{}', 0, 1, 'o', 'q', 1, 1, 3, '{"l": 1}'),
    (16, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'o', 'q', 1, 2, 3, null);
select is(gendurable._children(1, 1),
    '[{"id": 12, "ord": 1, "fsm": "n", "status": "failed", "result": null, "error": {"e": 1}, "state": {}},
    {"id": 11, "ord": 2, "fsm": "m", "status": "done", "result": {"r": 1}, "error": null, "state": {"n": 1}},
    {"id": 15, "ord": 3, "fsm": "o", "status": "runnable", "result": null, "error": {"l": 1}, "state": {}}]',
    'finished or revived, of this round and this parent alone, in order, every field');
delete from gendurable.finished; delete from gendurable.instances;

-- Whatever the retention.
select pg_temp.put('p') , pg_temp.pick(1) \g /dev/null
select is(pg_temp.commit('p', 'schedule_children', '{"children": [{"fsm": "c1"}, {"fsm": "c2"}]}'), 'committed',
    'children');
select pg_temp.pick(2) \g /dev/null
select is(pg_temp.commit('c1', 'done', '{"result": "kept"}'), 'committed', 'one ends');
update gendurable.finished set finished_at = now() - interval '30 days';
select is(gd_gc('0'), 0, 'its parent waits: it is not forgotten');
select is(pg_temp.commit('c2', 'done'), 'committed', 'the other one ends');
select is(pg_temp.pick(1), 'p', 'the parent runs');
update gendurable.finished set finished_at = now() - interval '30 days';
select is(gd_gc('0'), 0, 'its parent runs: nothing is forgotten');
select gd_release(:me, array[pg_temp.id('p')]), pg_temp.pick(1) \g /dev/null
select is(pg_temp.children('p') #>> '{0,result}', 'kept', 'results are readable as long as the parent lives');
select is(pg_temp.commit('p', 'done'), 'committed', 'the parent ends');
update gendurable.finished set finished_at = now() - interval '30 days';
select is(gd_gc('0'), 3, 'then all of them are forgotten');

-- What is too large for an answer.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, result, error, parent_id, parent_round, ord)
select 100 + n, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q',
    case n when 1 then to_jsonb(repeat('x', 28000000)) else '{}' end,
    to_jsonb(repeat('x', 28000000)), null, -7, 1, n from generate_series(1, 10) as n;
create temp table listed as select c from jsonb_array_elements(gendurable._children(-7, 1)) as c;
select is((select string_agg(concat_ws(':', c ->> 'ord', c ->> 'omitted', length(c ->> 'result')), ' ') from listed),
    '1:28000000 2:true 3:true 4:true 5:true 6:true 7:true 8:true 9:true 10:true',
    'beyond 64 MB children are listed without what they carry');
select is((select array_agg(k order by k)::text from listed, jsonb_object_keys(c) as k where c ->> 'ord' = '10'),
    '{fsm,id,omitted,ord,status}', 'with all that is left');

select * from finish();
rollback;
