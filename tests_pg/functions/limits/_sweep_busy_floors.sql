-- Floors of keys that were not used for a day are forgotten.
begin;
select plan(7);

insert into gendurable.busy_floors (key, since) select 'k' || n,
    now() - interval '2 days' from generate_series(1001, 2005) as n;
insert into gendurable.busy_floors (key, since) values ('l', now() - interval '2 days'),
    ('m', now() - interval '2 days'), ('m', now() - interval '1 hour');
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key, claimed_at, worker_id)
values (now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', 'l', now() - interval '1 day', 1);
select test.connect('other'), test.exec('other', 'begin'),
    test.query('other', $$ select gendurable._lock_name('slot', 'k1001') $$) \g /dev/null
select (select count(*)::int from generate_series(1001, 2000) as n
    where hashtext('k' || n) & 63 = hashtext('k1001') & 63) as busy \gset
select is(gendurable._sweep_busy_floors(), 1000 - :busy,
    'a thousand keys at a time; those about which another session decides stay');
select is((select position from gendurable.progress where task = 'busy_floors'), 'k2000',
    'and the next call goes on behind them');
select test.exec('other', 'rollback') \g /dev/null
select is(gendurable._sweep_busy_floors(), 5, 'with the rest');
select is_empty($$ select from gendurable.progress where task = 'busy_floors' $$, 'then it begins anew');
select is(gendurable._sweep_busy_floors(), :busy, 'and has the lock of all');
select results_eq('select key from gendurable.busy_floors order by key, since', $$
    values ('l'), ('m'), ('m') $$, 'a key of which something executes keeps its floor, and one that was used lately');
insert into gendurable.busy_floors (key, since) values ('k', now() - interval '2 days');
select gd_maintain() \g /dev/null
select is_empty($$ select from gendurable.busy_floors where key = 'k' $$, 'gd_maintain sweeps');

select * from finish();
rollback;
