-- gendurable._up_since: the moment from which leases count anew, and each of those that judge leases.
begin;
select plan(13);

delete from gendurable.incarnation;
select is(gendurable._up_since(), pg_postmaster_start_time(), 'a start is known to the server');
insert into gendurable.incarnation values (pg_postmaster_start_time() - interval '1 hour');
select is(gendurable._up_since(), pg_postmaster_start_time(),
    'a clean start leaves an older note behind, which does not count');
update gendurable.incarnation set since = now();
select is(gendurable._up_since(), now(), 'a crash recovery or promotion after the start counts');
insert into gendurable.incarnation values (now() + interval '1 s');
select is(gendurable._up_since(), now(), 'of two notes that crossed the earlier one counts');
delete from gendurable.incarnation;

-- Recovered from a crash just now: no worker could renew a lease before.
create function pg_temp.recovered(p_ago interval) returns void language sql as $$
    delete from gendurable.incarnation;
    insert into gendurable.incarnation values (clock_timestamp() - p_ago);
$$;
select pg_temp.recovered('0');
select gd_register('twin', '{q}', '1 minute') as w \gset
select gd_enqueue('m', queue => 'q') as e \gset
select count(*) as r from gd_pick(:w, 'q', 1) \gset
update gendurable.leases set lease_until = now() - interval '1 hour';
select is(gd_reap(), 0, 'no lease ends before one lease after it');
select is((select sum(m.affected)::int from gd_maintain() as m where m.task = 'reap'), 0, 'not by maintenance');
select gd_register('twin') as heir \gset
select is((select count(*)::int from gendurable.workers where id = :w), 1, 'not by a namesake');
select results_eq(format(
    'select alive, lease_until = (select since + %L::interval from gendurable.incarnation), executing from gd_workers '
    'where id = %s', '1 minute', :w), 'values (true, true, 1::bigint)',
    'and so says the view');
select is((select workers from gd_queues where queue = 'q'), 1::bigint, 'and that of the queues');
select gd_enqueue('m', queue => 'q') \g /dev/null
select is_empty($$ select from gd_stuck where reason = 'no_worker' $$, 'and that of what is stuck');
update gendurable.workers set lease = '1 ms' where id = :w;
select pg_temp.recovered(clock_timestamp() - now() + interval '1 s');
select is((select alive from gd_workers where id = :w), pg_postmaster_start_time() + interval '1 ms' > now(),
    'one lease later it is over');
select is(gd_reap(), 1, 'and its worker is reaped');
delete from gendurable.incarnation;
update gendurable.workers set lease = '1 hour'; update gendurable.leases set lease_until = now() - interval '1 hour';
select is((select count(*)::int from gd_workers where alive), (select count(*)::int from gendurable.workers),
    'with nothing noted, the start of the server counts');

select * from finish();
rollback;
