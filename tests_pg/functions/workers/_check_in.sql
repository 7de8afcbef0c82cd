-- Who may pick; isolation levels are tested in races/isolation.sql, and that no reaper forgets a worker that picks in
-- races/pick_reap.sql.
begin;
select plan(13);

select gd_register('w', '{q}', lease => '60 s') as w \gset
create function pg_temp.lease() returns interval language sql as $$
    select date_trunc('second', l.lease_until - now()) from gendurable.leases as l $$;
select is((gendurable._check_in(:w, 'q', 1)).idle, false, 'a worker that has not picked');
update gendurable.leases set idle_queues = '{p,q}', lease_until = now() + interval '41 s';
select is((gendurable._check_in(:w, 'q', 0)).idle, true, 'one whose latest pick was short');
select is(pg_temp.lease(), '41 s', 'a lease of which less than a third is used stays as it is');
update gendurable.leases set lease_until = now() + interval '39 s';
select is((gendurable._check_in(:w, 'other', 1)).idle, false, 'idle is idle in a queue');
select results_eq('select pg_temp.lease() >= $$60 s$$, idle_queues from gendurable.leases', $$
    values (true, '{p,q}'::text[]) $$, 'more than a third: it is renewed');
select ok((gendurable._check_in(:w, 'q', 1)).at between now() and clock_timestamp(), 'its claims are of now');
update gendurable.leases set heartbeat_at = '2001-01-01';
select ok((gendurable._check_in(:w, 'q', 1)).at between now() and clock_timestamp(), 'after its heartbeats');
update gendurable.leases set heartbeat_at = now() + interval '1 day';
select is((gendurable._check_in(:w, 'q', 1)).at, now() + interval '1 day',
    'and not before the latest one where the clock was set back since');
select is((gendurable._check_in(:w, 'other', 1)).at, now() + interval '1 day', 'in each queue');
update gendurable.leases set claims_since = now() + interval '2 days';
select is((gendurable._check_in(:w, 'q', 1)).at, now() + interval '2 days', 'nor before the bound of its claims');
select throws_ok('select gendurable._check_in(-1, $$q$$, 1)', 'GD010', null, 'nobody');
select throws_ok(format('select gendurable._check_in(%s, $$q$$, -1)', :w), 'GD002', null, 'fewer slots than none');

select throws_ok(format($$ select gendurable._check_in(%s, '', 1) $$, (select max(w.id) from gendurable.workers as w)),
    'GD002', 'gendurable: invalid argument', 'an empty queue is none');

select * from finish();
rollback;
