-- Waking of parked instances by a signal; gd_signal and gd_signal_many test who is woken.
begin;
select plan(3);

select gd_register('me') as me \gset
select id as a from gd_enqueue('m', correlation_key => 'a', correlation_scope => '{awaiting_signal}') \gset
select id as b from gd_enqueue('m', concurrency_key => 'k') \gset
select p.id from gd_pick(:me, 'default', 2) as p \g /dev/null
select result from gd_commit(:me,
    format('[{"id": %s, "fence": 1, "kind": "await", "names": ["x"]}, {"id": %s, "fence": 1, "kind": "await", "names": '
        '["x"]}]', :a, :b)::jsonb) \g /dev/null
update gendurable.instances set eligible_at = 'infinity', updated_at = '-infinity';
select gendurable._wake(array[:a, :b]::bigint[], '{default}', '{k}', array[:a]::bigint[]);
select results_eq('select phase::text, eligible_at = now(), signalled, updated_at >= now() from gendurable.instances '
    'order by id',
    $$ values ('ready', true, true, true), ('held', true, true, true) $$, 'they are runnable from now on');
select is((select count(*)::int from gendurable.doorbells as h where h.kind = 'slot' and h.key = 'k'), 1,
    'the key of one is rung for');
select is((select count(*)::int from gendurable.correlation_keys), 0,
    'the key that the other one held only while it was parked is free');

select * from finish();
rollback;
