-- _depart and what belongs to it: a partition leaves, and arrives, here in the same database.
begin;
select plan(18);
select gendurable._set_partitions('{5,6}');
select setval('gendurable.instances_id_seq', 100);
select gd_enqueue_many('[{"fsm": "M", "partition": 5, "correlation_key": "ready"},
{"fsm": "M", "partition": 5, "correlation_key": "held", "concurrency_key": "k"},
    {"fsm": "M", "partition": 5, "correlation_key": "later", "delay": "1 day"},
    {"fsm": "M", "partition": 6, "correlation_key": "stays"},
    {"fsm": "M", "partition": 5, "correlation_key": "parks", "queue": "q"},
    {"fsm": "M", "partition": 5, "correlation_key": "parent", "queue": "q"},
    {"fsm": "M", "partition": 5, "correlation_key": "runs", "queue": "q"},
    {"fsm": "M", "partition": 5, "correlation_key": "ended", "queue": "q"}]');
select gd_set_rate_limit('mails', 5, '1 second');
select gd_register('w', '{q}') as w \gset
create temp table picked as select * from gd_pick(:w, 'q', 10);
select gd_commit(:w, jsonb_agg(jsonb_build_object('id', id, 'fence', fence) || case correlation_key
    when 'parks' then '{"kind": "await", "names": ["go"]}'::jsonb
    when 'parent' then '{"kind": "schedule_children", "children": [{"fsm": "Child", "queue": "children"}]}'
    else '{"kind": "done", "result": {"n": 1}}' end))
from picked where correlation_key <> 'runs';
select gd_signal('parks', 'other', dedup_key => 'd');

select throws_ok($$ select gendurable._depart(5) $$, 'GD002', 'gendurable: invalid argument',
    'not without a destination');
select gendurable._begin_departure(5, 'there');
select is((select departed from gendurable._depart(5)) > 8, true, 'what there is of a partition leaves');
select is(array_agg(correlation_key)::text, '{stays}', 'and nothing else') from gd_instances;
select is(gendurable._own_partitions(), '{6}', 'no new instance belongs to it');
select is((select departed from gendurable._depart(5)), 0::bigint, 'then nothing is left');
select is(gd_signal('parks', 'go'), 'no_target', 'no sender finds it here');
select is((select result from gd_commit(:w,
    (select jsonb_agg(jsonb_build_object('id', id, 'fence', fence, 'kind', 'done')) from picked
        where correlation_key = 'runs'))),
    'stale', 'a step that still runs has lost its claim');

-- It arrives.
select is((select oldest <= xid from gendurable._depart(5)), true, 'the oldest open transaction is told');
create temp table parcel as select * from gendurable._moved(5);
select is((select gendurable._arrive(move, first, entries) from parcel), true, 'rows arrive');
select is((select gendurable._arrive(move, first, entries) from parcel), false, 'once');
select gendurable._forget_moved(move, last) from parcel;
select ok(bool_and(gendurable._arrive(m.move, m.first, m.entries)), 'all of them') from gendurable._moved(5) as m;
select results_eq($$ select correlation_key, phase::text, attempt from gendurable.instances
    order by correlation_key collate "C" $$,
    $$ values ('held', 'held', 0), ('later', 'scheduled', 0), ('parent', 'awaiting_children', 0),
        ('parks', 'awaiting_signal', 0), ('ready', 'ready', 0),
        ('runs', 'ready', 1), ('stays', 'ready', 0), (null, 'ready', 0) $$,
        'each in its phase; what ran is to run again');
select is((select s.result from gd_status('ended') as s), '{"n": 1}', 'what had ended is found');
select is(gd_signal('parks', 'other', dedup_key => 'd'), 'duplicate', 'deduplication goes on');
select gendurable._hold_partition(5);
select is(gendurable._own_partitions(), '{5,6}', 'new ones may belong to it');

-- And works.
select is((select count(*) from gd_pick(:w, 'q', 10)), 1::bigint, 'a pick finds what can run');
select gd_signal('parks', 'go');
select is((select signals -> 0 ->> 'name' from gd_pick(:w, 'q', 10)), 'other',
    'a signal wakes what was parked, with all of its inbox');
select gd_register('c', '{default,children}') as c \gset
select gd_commit(:c, (select jsonb_agg(jsonb_build_object('id', id, 'fence', fence, 'kind', 'done'))
    from gd_pick(:c, 'children', 10)));
select is((select children -> 0 ->> 'status' from gd_pick(:w, 'q', 10)), 'done', 'a join is counted on');
select finish();
rollback;
