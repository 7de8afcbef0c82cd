-- When the lease of a worker ends.
begin;
select plan(3);

select gd_register('w') as w \gset
select is(gendurable._lease_until(:w), (select l.lease_until from gendurable.leases as l), 'as it was registered');
select gendurable._renew(:w, 'infinity') \g /dev/null
select is(gendurable._lease_until(:w), 'infinity', 'as it was renewed');
select is(gendurable._lease_until(-1), null, 'an unknown worker has none');

select * from finish();
rollback;
