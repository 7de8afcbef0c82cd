-- Since when the oldest ready instance of a queue has been eligible.
begin;
select plan(4);

create function pg_temp.put(p_priority int, p_age interval, p_phase gendurable.phase default 'ready',
    p_queue text default 'q') returns void language sql as $$
    insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
        fsm, queue) values (now(), now() - p_age, now(), p_phase, 's', '{}', p_priority, 1, 'm', p_queue)
$$;
select is(gendurable._oldest_ready('q'), null, 'none is ready');
select pg_temp.put(5, '1 h'), pg_temp.put(5, '2 h'), pg_temp.put(7, '3 h'), pg_temp.put(1, '1 min'),
    pg_temp.put(1, '9 h', 'held'), pg_temp.put(1, '9 h', 'ready', 'other') \g /dev/null
select is(now() - gendurable._oldest_ready('q'), interval '3 hours', 'of any priority, of this queue and phase');
select count(pg_temp.put(-n, '1 s')) from generate_series(1, 998) as n \g /dev/null
select is(now() - gendurable._oldest_ready('q'), interval '2 hours', 'of the thousand most urgent priorities');
select is(now() - gendurable._oldest_ready('other'), interval '9 hours', 'a queue by itself');

select * from finish();
rollback;
