-- Whose lease is over; what may come between the look and the lock is tested in races/lease.sql.
begin;
select plan(9);

select gd_register('a', lease => '1 hour') as a, gd_register('b', lease => '59 s') as b,
    gd_register('b', lease => '59 s') as c, gd_register('b', lease => '1 hour') as d \gset
select is(gendurable._lock_lapsed(), '{}', 'none');
update gendurable.incarnation set since = '-infinity';
update gendurable.workers set lease = '0' where lease < '1 min';
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id in (:a, :b, :c);
select is(gendurable._lock_lapsed(), array[:b, :c]::bigint[],
    'those whose lease is over, by id; one whose lease began before the server did has one lease more');
select is(gendurable._lock_lapsed('b'), array[:b, :c]::bigint[], 'of one name');
select is(gendurable._lock_lapsed('a'), '{}', 'of another one');
select is(gendurable._lock_lapsed(''), '{}', 'of none');
update gendurable.incarnation set since = clock_timestamp() + interval '1 hour';
select is(gendurable._lock_lapsed(), '{}', 'after a downtime every lease counts anew');
update gendurable.incarnation set since = '-infinity';

-- A worker without a lease cannot renew one.
delete from gendurable.leases where worker_id = :c;
select is(gendurable._lock_lapsed(), array[:b, :c]::bigint[], 'a worker without a lease is dead');
select throws_ok(format('select * from gd_pick(%s, $$q$$, 1)', :c), 'GD010', null, 'and is told to register anew');
update gendurable.workers set lease = '1 hour' where id = :c;
select is(gendurable._lock_lapsed(), array[:b]::bigint[], 'one lease after the server was up');

select * from finish();
rollback;
