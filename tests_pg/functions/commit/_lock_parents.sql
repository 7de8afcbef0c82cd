-- A child cannot finish while another session holds its parent; everything else can.
--
-- Race:      End of a revived child × its parent
-- Sessions:  The parent's row is held. The parent still waits for others.
-- Guard:     `counted`: such a child needs no parent, and does not count twice.
-- Mutations: `_finish` does not ask → _count_down.sql 58 (counted twice), and this file waits;
--            `_lock_parents` does not ask → 1 (busy), 6 (locks the parent).
begin;
set local lock_timeout = '10s';    -- a test that fails ends; it does not hang
select plan(8);

select test.connect('app'), test.connect('holder') \g /dev/null
select (test.query('app', $$ select gd_register('w') as w $$) #>> '{0,w}')::bigint as w \gset
select test.query('app', $$
    insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority,
        fsm_version, fsm, queue, parent_id, round, parent_round, worker_id, fence, counted, ord)
    overriding system value
    select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', v.parent, 1, 1,
        case v.phase when 'executing' then (select max(id) from gendurable.workers) end, 1, v.counted, 1
    from (values (1001, 'awaiting_children', null::bigint, false), (1002, 'awaiting_children', null, false),
        (1003, 'executing', 1001, false), (1004, 'executing', 1001, true),
                 (1005, 'executing', 1002, false), (1006, 'executing', null, false), (1007, 'executing', 99999, false),
                 (1008, 'executing', 1001, false), (1009, 'awaiting_children', null, false),
                 (1010, 'executing', 1009, true)) as v (id, phase, parent, counted)
    returning id $$) \g /dev/null
select test.query('app', $$
    insert into gendurable.countdowns (parent_id, round, pending) values (1001, 1, 2), (1002, 1, 1),
        (1009, 1, 1) returning pending $$) \g /dev/null
select test.exec('holder', 'begin') \g /dev/null
select test.query('holder', 'select id from gendurable.instances where id = 1001 for no key update') \g /dev/null
select is((select string_agg(c.id || ' ' || c.result, ', ' order by c.id)
    from gd_commit(:w, (select jsonb_agg(jsonb_build_object('id', v.id, 'fence', 1, 'kind', v.kind, 'step', 's',
        'names', '["x"]'::jsonb))
    from (values (1003, 'done'), (1004, 'stop'), (1005, 'done'), (1006, 'stop'), (1007, 'done'), (1008, 'await'),
        (1010, 'done')) as v (id, kind))) as c),
    '1003 busy, 1004 committed, 1005 committed, 1006 committed, 1007 committed, 1008 committed, 1010 committed',
    'a child that its parent counts is busy; one that was counted, one of another parent or of none that lives, and '
    'one that does not end are committed');
select results_eq('select phase::text, fence, worker_id is not null from gendurable.instances where id = 1003', $$
    values ('executing', 1::bigint, true) $$, 'the busy one is still held');
select is((select count(*)::int from gendurable.finished where id in (1003, 1008)), 0, 'it has not finished');
select is((select phase::text from gendurable.instances where id = 1002), 'ready', 'the other parent is woken');
select is((select children_pending from gd_instances where id = 1001), 2, 'the locked one is untouched');
select is(test.query('holder',
    'select id from gendurable.instances where id = 1009 for no key update skip locked') #>> '{0,id}', '1009',
    'the parent of one that was counted is not locked');
select test.exec('holder', 'rollback') \g /dev/null
select is((select result from gd_commit(:w, '[{"id": 1003, "fence": 1, "kind": "done"}]')), 'committed',
    'offered again it is committed');
select is((select children_pending from gd_instances where id = 1001), 1, 'and counted');

select * from finish();
rollback;
