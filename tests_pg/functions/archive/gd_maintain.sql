-- gd_maintain: all of maintenance.
begin;
select plan(22);

create function pg_temp.did(p_task text) returns bigint language sql as $$
    select m.affected from gd_maintain() as m where m.task = p_task $$;
create function pg_temp.partitions() returns text language sql as $$
    select string_agg(pg_get_expr(c.relpartbound, c.oid), e'\n' order by c.relname)
    from pg_inherits as h join pg_class as c on c.oid = h.inhrelid where h.inhparent = 'gendurable.finished'::regclass
$$;
create function pg_temp.finish(p_finished_at timestamptz, p_parent bigint default null) returns bigint
    language sql as $$
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
        step, queue, state, parent_id)
    values (nextval('gendurable.instances_id_seq'), p_finished_at, p_finished_at, 1, 0, 0, 1, false, 'm', 's',
        'default', '{}', p_parent)
    returning id
$$;

select results_eq($$ select task from gd_maintain() where task <> 'more' $$, $$
    values ('reap'), ('expire_awaits'), ('fire_schedules'), ('sweep'), ('dismiss'), ('create_partitions'),
        ('sweep_buckets') $$, 'one row for each task; the archive is not collected in the transaction that makes it '
    'partitions');
select results_eq($$ select task from gd_maintain() where task <> 'more' $$, $$
    values ('reap'), ('expire_awaits'), ('fire_schedules'), ('sweep'), ('dismiss'), ('create_partitions'), ('gc'),
        ('drop_partitions'), ('sweep_buckets') $$, 'it is in the next one');
select pg_temp.partitions() as first \gset
select results_eq($$ select affected from gd_maintain() where task <> 'more' $$, $$
    select 0::bigint from generate_series(1, 9) $$, 'doing it again changes nothing');
select is(pg_temp.partitions(), :'first'::text, 'doing it again makes no partition twice');

-- Partitions ahead.
select is_empty($$ select n from generate_series(2, 3) as n
    where not exists (select from pg_inherits as h join pg_class as c on c.oid = h.inhrelid
                      where h.inhparent = 'gendurable.finished'::regclass
                        and pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES FROM (%L) TO (%L)',
                            gendurable._partition_start(now() + n * interval '6 hours'),
                            gendurable._partition_start(now() + (n + 1) * interval '6 hours'))) $$,
    'partitions exist before they are needed, half a day and more ahead');

-- Reap and expire.
select gd_register('dead') as dead \gset
select id as e from gd_enqueue('m', queue => 'maintain') \gset
select id from gd_pick(:dead, 'maintain', 1) \gset c_
update gendurable.workers set lease = '0' where id = :dead;
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :dead;
select is(pg_temp.did('reap'), 1::bigint, 'claims of dead workers are released, and counted');
select is((select status from gd_status(:e)), 'runnable', 'the claim is runnable');
update gendurable.instances set phase = 'awaiting_signal', awaits = '{x}', eligible_at = now() - interval '1 s'
    where id = :e;
select is(pg_temp.did('expire_awaits'), 1::bigint, 'parks past their deadline are woken, and counted');
select is((select status from gd_status(:e)), 'runnable', 'the park is runnable');

-- Retention.
select pg_temp.finish(now() - interval '20 hours') as young, pg_temp.finish(now() - interval '31 hours') as old \gset
select is(pg_temp.did('gc'), 1::bigint,
    'what finished a day ago is forgotten, at the latest six hours later, and counted');
select is((select count(*)::int from gd_status(:young)), 1, 'what finished within a day is kept');
select pg_temp.finish(now() - interval '31 hours') as old \gset
select gd_set_retention('7 days') \g /dev/null
select is(pg_temp.did('gc'), 0::bigint, 'the stored retention keeps it longer');
select pg_temp.finish(now() - interval '7 days 7 hours') as older \gset
select is(pg_temp.did('gc'), 1::bigint, 'and is the limit');
select gd_set_retention(null) \g /dev/null
select pg_temp.finish(now() - interval '9 years') as ancient \gset
select is(pg_temp.did('gc'), 0::bigint, 'for ever is for ever');
select gd_set_retention('1 day') \g /dev/null
select is(pg_temp.did('gc'), 2::bigint, 'a shorter one applies to what has finished before');

-- What finished without a partition of its own.
select pg_temp.finish(gendurable._partition_start(now() - interval '12 hours') + interval '1 s') as stray \gset
select is((select count(*)::int from gendurable.finished_default where id = :stray), 1,
    'finishing works without a partition');
select is(pg_temp.did('gc'), 0::bigint, 'it is not forgotten');
select is((select count(*)::int from gendurable.finished_default where id = :stray), 0,
    'it is moved out of the default partition');
select is((select count(*)::int from gd_status(:stray)), 1, 'and not lost');

-- Slices: a flood of earlier rows, half of which have to be looked at one by one.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select nextval('gendurable.instances_id_seq'), now(), now() - interval '3 days', 1, 0, 0, 1, false, 'm', 's', 'default',
    '{}' from generate_series(1, 100000);
create temp table slice (n serial, seconds float8, gc bigint, more bigint);
create procedure pg_temp.drain() language plpgsql as $$
declare
    v_began timestamptz;
    v_gc    bigint;
    v_more  bigint;
begin
    loop
        v_began := clock_timestamp();
        select coalesce(sum(m.affected) filter (where m.task = 'gc'), 0),
            coalesce(sum(m.affected) filter (where m.task = 'more'), 0) into v_gc, v_more from gd_maintain() as m;
        insert into slice (seconds, gc, more) values (extract(epoch from clock_timestamp() - v_began), v_gc, v_more);
        exit when v_more = 0 or (select count(*) from slice) > 1000;
    end loop;
end
$$;
call pg_temp.drain();
select is((select sum(s.gc) from slice as s), 100000::numeric, 'row by row, all are forgotten');
select cmp_ok((select count(*) from slice as s), '>', 5::bigint,
    'in many calls, each of which says that more is to be done');
select cmp_ok((select max(s.seconds) from slice as s), '<', 1.0::float8, 'and none of which takes long');

select * from finish();
rollback;
