-- Delivery of many signals to instances that are locked; what gd_signal_many answers, and how it wakes, is tested
-- there.
begin;
select plan(11);

select gd_register('me') as me \gset
select id as a from gd_enqueue('m', concurrency_key => 'k') \gset
select id as b from gd_enqueue('m') \gset
select id as c from gd_enqueue('m') \gset
select results_eq(format('select p.id from gd_pick(%s, %L, 2) as p', :me, 'default'),
    format('values (%s::bigint), (%s)', :a, :b), 'two are claimed');
select results_eq(format($$
    select result from gd_commit(%s,
        '[{"id": %s, "fence": %s, "kind": "await", "names": ["x", "y"]}, {"id": %s, "fence": %s, "kind": "await", '
        '"names": ["x"]}]') $$,
                         :me, :a, test.fence(:a), :b, test.fence(:b)),
    $$ values ('committed'), ('committed') $$, 'and parked');
select is(gendurable._deliver_many(array[:b, null, :c, :b]::bigint[], '{z,x,x,z}', '{1,2,3,4}', '{d,d,d,d}'), '{4}',
    'a second one with the same dedup key is a duplicate, for its target alone; what has no target is passed over');
select results_eq('select instance_id, name, payload from gendurable.signals order by id',
    format($$ values (%s::bigint, 'z', '1'::jsonb), (%s, 'x', '3') $$, :b, :c), 'the others are stored');
select results_eq('select id, phase::text, signalled from gendurable.instances order by id',
    format($$ values (%s::bigint, 'awaiting_signal', false), (%s, 'awaiting_signal', true), (%s, 'ready', true) $$, :a,
        :b, :c),
    'an instance that does not await it is not woken, and known to have been sent something');
select is(gendurable._deliver_many(array[:b, :a, :a]::bigint[], '{x,n,y}', array[null, null, null]::jsonb[], '{d,e,f}'),
    '{1}', 'a redelivery is a duplicate');
select results_eq('select id, phase::text, signalled from gendurable.instances order by id',
    format($$ values (%s::bigint, 'held', true), (%s, 'awaiting_signal', true), (%s, 'ready', true) $$, :a, :b, :c),
    'a duplicate wakes no instance; the other one waits for its key now, which was rung for');
select is((select array_agg(h.key) from gendurable.doorbells as h where h.kind = 'slot'), '{k}', 'under its name');

-- What is written, and what is not.
select i.ctid as place from gendurable.instances as i where i.id = :c \gset
select gendurable._deliver_many(array[:c]::bigint[], '{x}', '{5}', '{null}') \g /dev/null
select is((select i.ctid from gendurable.instances as i where i.id = :c), :'place'::tid,
    'an instance that has been sent something before is not written');
select id as s from gd_enqueue('m', queue => 's', correlation_key => 's', correlation_scope => '{runnable}') \gset
select gd_pick(:me, 's', 1) \g /dev/null
select gd_commit(:me, jsonb_build_array(jsonb_build_object(
    'id', :s, 'fence', test.fence(:s), 'kind', 'await', 'names', array['x']))) \g /dev/null
select gendurable._deliver_many(array[:s]::bigint[], '{x}', '{1}', '{null}') \g /dev/null
select is((select k.instance_id from gendurable.correlation_keys as k where k.key = 's'), :s::bigint,
    'what is woken into the scope of its correlation key occupies it again');

-- Each compared with each would take a minute.
set local statement_timeout = '30s';
select lives_ok(format($$
    select gendurable._deliver_many(array_agg(%s::bigint), array_agg('x'::text), array_agg('1'::jsonb),
        array_agg('key ' || n)) from generate_series(1, 20000) as n $$, :c),
    'twenty thousand different dedup keys take no longer than that');
reset statement_timeout;

select * from finish();
rollback;
