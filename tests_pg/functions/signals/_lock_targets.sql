-- Which instances the targets of signals are; its races are in races/signal_batches.sql and signal_terminal.sql.
begin;
select plan(3);

select id as a from gd_enqueue('m', correlation_key => 'a') \gset
select id as b from gd_enqueue('m') \gset
select is(gendurable._lock_targets(
    format('[{"target": "a"}, {"id": %s}, {"target": %s}, {"target": "nobody"}, {"id": 999999}, {"target": "a"}]', :b,
        :b)::jsonb), array[:a, :b, :b, null, null, :a]::bigint[],
    'by key or by id, in order; null where there is none');
select is(gendurable._lock_targets('[]'), '{}'::bigint[], 'no entries');
select is((select count(*)::int from gendurable.instances as i where i.xmax <> '0'), 2, 'they are locked');

select * from finish();
rollback;
