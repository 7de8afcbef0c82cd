-- The version that is meant where none is given.
begin;
select plan(14);

create function pg_temp.worker(p_name text, p_machines text) returns bigint language sql as $$
    select gd_register(p_name, '{q}', info => format('{"machines": %s}', p_machines)::jsonb) $$;
create function pg_temp.over(p_worker bigint) returns void language sql as $$
    update gendurable.workers set lease = '0' where id = p_worker;
    update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = p_worker;
$$;
select is(gendurable._newest_version('m'), 1, 'none ever declared it: 1');
select gd_register('all') \g /dev/null
select is(gendurable._newest_version('m'), 1, 'a worker that declares nothing says nothing of versions');

select pg_temp.worker('a', '[{"fsm": "m", "version": 3}, {"fsm": "m", "version": 2}, {"fsm": "n", "version": 0}]')
    as a \gset
select is(gendurable._newest_version('m'), 3, 'the newest that a worker declares');
select is(gendurable._newest_version('n'), 0, 'which may be less than 1');
select is(gendurable._newest_version('other'), 1, 'one that none declares among those that are declared');
select pg_temp.worker('b', '[{"fsm": "m", "version": 5, "steps": []}]') as b,
    pg_temp.worker('c', '[{"fsm": "m", "version": 4}]') as c \gset
select is(gendurable._newest_version('m'), 5, 'of all workers, whatever its steps');
select gendurable._newest_version('m') as v from gd_unregister(:b) \gset
select is(gendurable._newest_version('m'), 4,
    'a worker that has left declares nothing: a version that was rolled back is not given any more');
select pg_temp.over(:c) \g /dev/null
select is(gendurable._newest_version('m'), 3, 'nor does one whose lease is over');
select gd_reap() \g /dev/null
select is(gendurable._newest_version('m'), 3, 'or that was reaped');
select gd_unregister(:a) \g /dev/null
select is(gendurable._newest_version('m'), 5, 'no worker lives that declares it: the newest that was ever declared');
select is(gendurable._newest_version('n'), 0, 'of each machine');

-- After a downtime every lease runs for one lease more.
select pg_temp.worker('a', '[{"fsm": "m", "version": 2}]') as a \gset
update gendurable.workers set lease = '1 us' where id = :a;
update gendurable.leases set lease_until = now() - interval '1 hour' where worker_id = :a;
select is(gendurable._newest_version('m'), 5, 'a lease that ended while the server was up');
update gendurable.incarnation set since = now() + interval '1 hour';
select is(gendurable._newest_version('m'), 2, 'one that ended while it was down is not over yet');

-- Of many.
update gendurable.incarnation set since = '-infinity';
select pg_temp.worker('w' || n, format('[{"fsm": "many", "version": %s}]', n))
    from generate_series(1, 200) as n \g /dev/null
select pg_temp.over(max(w.id)) from gendurable.workers as w \g /dev/null
select is(gendurable._newest_version('many'), 199, 'the newest of hundreds of workers that lives');

select * from finish();
rollback;
