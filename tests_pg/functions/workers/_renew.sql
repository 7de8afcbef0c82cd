-- The next version of a lease takes the place of the one before.
begin;
select plan(8);

select gd_register('w', '{q}', lease => '60 s') as w, gd_register('other') as other \gset
create function pg_temp.look(p_worker bigint) returns text language sql as $$
    select string_agg(concat_ws(' ', l.seq, l.lease_until - now() > '61 s', l.heartbeat_at = now(), l.idle_queues),
        ', ') from gendurable.leases as l where l.worker_id = p_worker
$$;
select is(pg_temp.look(:w), '1 f {}', 'as it was registered');
select gendurable._renew(:w) \g /dev/null
select is(pg_temp.look(:w), '2 f {}', 'what is not given stays');
select gendurable._renew(:w, p_until => now() + interval '1 hour') \g /dev/null
select is(pg_temp.look(:w), '3 t {}', 'a longer lease');
select gendurable._renew(:w, p_idle_queues => '{a,b}') \g /dev/null
select is(pg_temp.look(:w), '4 t {a,b}', 'where it sleeps');
select gendurable._renew(:w, p_until => now(), p_heartbeat_at => now(), p_idle_queues => '{}') \g /dev/null
select is(pg_temp.look(:w), '5 f t {}', 'everything');
select gendurable._renew(:w, p_claims_since => '2001-01-01'), gendurable._renew(:w) \g /dev/null
select is((select l.claims_since from gendurable._lease(:w) as l), '2001-01-01',
    'since when there may be claims of it');
select is(pg_temp.look(:other), '1 f {}', 'of this worker');
select gendurable._renew(-1, now()) \g /dev/null
select is((select count(*)::int from gendurable.leases), 2, 'of an unknown worker nothing is written');

select * from finish();
rollback;
