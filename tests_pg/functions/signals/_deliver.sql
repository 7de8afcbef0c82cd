-- Delivery of one signal; waking, deduplication and errors are tested with gd_signal.
begin;
select plan(9);

select id as a from gd_enqueue('m', correlation_key => 'a') \gset
select id as b from gd_enqueue('m') \gset
select is(gendurable._deliver('a', null, 'n', '1', null), 'delivered', 'by key');
select is(gendurable._deliver(null, :b, 'n', '2', 'd'), 'delivered', 'by id');
select is(gendurable._deliver(null, :b, 'n', '2', 'd'), 'duplicate', 'a redelivery');
select is(gendurable._deliver(null, -1, 'n', '2', null), 'no_target', 'an unknown id');
select is(gendurable._deliver('b', null, 'n', '2', null), 'no_target', 'an unknown key');
select results_eq($$ select instance_id, payload, presented is not null from gendurable.signals order by id $$,
    format($$ values (%s::bigint, '1'::jsonb, false), (%s, '2', false) $$, :a, :b),
    'what is delivered is stored for its target, not yet presented');
select is((select bool_and(signalled) from gendurable.instances), true,
    'an instance that was ever sent a signal is known to have been');
select throws_ok($$ select gendurable._deliver(null, null, 'n', '1', null) $$, 'GD001', null,
    'a signal without a target is refused');
select throws_ok(format('select gendurable._deliver(null, 1, %L, null, null)', repeat('n', 1001)), 'GD002', null,
    'a name that is too long is refused');

select * from finish();
rollback;
