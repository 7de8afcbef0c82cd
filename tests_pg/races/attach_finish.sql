-- Attach of partitions × instances that end: no commit waits or fails because a partition is made,
-- and no instance is lost between two of them.
--
-- Race:      Attach of a partition × an end
-- Sessions:  A: an end, or a reader, open, B: maintenance. A: maintenance open, B: an end. A gate
--            holds the move of old rows.
-- Guard:     NOWAIT. Only windows into which no instance ends are attached. What is in the default
--            partition moves row by row.
-- Mutations: No NOWAIT → 2, 5; the present window is attached too → 7, 8.
\ir prelude.psql
select plan(25);
select test.open('a', 'b');
select test.mid_window();
select gd_register('w') as w \gset
select gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 9))) \g /dev/null
create function test.claim(worker bigint) returns jsonb
language sql as $$ select test.outcome(p.id, p.fence, 'done') from gd_pick(worker, 'default', 1) as p $$;
create function test.partitions() returns bigint
language sql as $$ select count(*) from pg_inherits as h where h.inhparent = 'gendurable.finished'::regclass $$;

-- A commit in flight writes the default partition: maintenance comes back another time.
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.commit(:w, :'o'))), 'committed', 'an instance is finishing');
select test.send('b', $$ select affected from gd_maintain() where task = 'create_partitions' $$);
select ok(not test.is_blocked('b'), 'maintenance does not wait for it');
select is(test.result(test.answer('b')), '0', 'and creates no partition');
select test.exec('a', 'commit');
select is((select s.status from gd_status((:'o'::jsonb ->> 'id')::bigint) as s), 'done', 'the commit is whole');

-- So it does for a long reader; a commit beside both of them does not wait.
select test.exec('a', 'begin');
select test.query('a', 'select count(*) from gd_instances');
select test.send('b', $$ select affected from gd_maintain() where task = 'create_partitions' $$);
select ok(not test.is_blocked('b'), 'maintenance does not wait for a long reader');
select is(test.result(test.answer('b')), '0', 'and creates no partition');
select test.exec('a', 'commit');

select is((select m.affected from gd_maintain() as m where m.task = 'create_partitions'), 4::bigint,
    'undisturbed, it creates the partitions to come');
select is((select min(w.lower) from gendurable._windows() as w) - now() between '1 minute' and '2 minutes', true,
    'the first in a moment, because commits are on their way into the present');

-- The present has a partition and another one is being attached: a commit goes on. (The first of the partitions to come
-- gives way to it, and the last one is made anew.)
do $$
declare
    v_first regclass := (select w.partition from gendurable._windows() as w order by w.lower limit 1);
    v_last  regclass := (select h.inhrelid from pg_inherits as h join pg_class as c on c.oid = h.inhrelid
                        where h.inhparent = 'gendurable.finished'::regclass order by c.relname desc offset 1 limit 1);
begin
    execute format('drop table %s, %s', v_first, v_last);
    execute format('create table gendurable.%I (like gendurable.finished)', gendurable._partition_name(now()));
    execute format('with moved as (delete from gendurable.finished_default returning *) insert into gendurable.%I '
        'select * from moved',
                   gendurable._partition_name(now()));
    execute format('alter table gendurable.finished attach partition gendurable.%I for values from (%L) to (%L)',
                   gendurable._partition_name(now()), gendurable._partition_start(now()),
                   gendurable._partition_start(now()) + interval '6 hours');
end
$$;
select test.partitions() as n \gset
select test.claim(:w) as o \gset
select test.exec('a', 'begin');
select is(test.result(test.query('a', $$ select affected from gd_maintain() where task = 'create_partitions' $$)), '1',
    'a partition is being attached');
select test.send('b', test.commit(:w, :'o'));
select ok(not test.is_blocked('b'), 'a commit does not wait for it');
select is(test.results(test.answer('b')), 'committed', 'and does not fail');
select test.exec('a', 'commit');
select is(test.partitions(), (:n + 1)::bigint, 'the partition is there');
select is((select s.status from gd_status((:'o'::jsonb ->> 'id')::bigint) as s), 'done',
    'and so is what has finished meanwhile');

-- What finished while there was no partition moves into one when its window is over; a reader sees it all the time.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
values (-1, now(), now() - interval '7 hours', 1, 0, 0, 1, false, 'M', 'start', 'default', '{}');
select is((select f.tableoid::regclass::text from gendurable.finished as f where f.id = -1),
    'gendurable.finished_default', 'what finished unforeseen is in the default partition');
select test.exec('a', 'begin');
select test.query('a', 'select affected from gd_maintain()');
select test.claim(:w) as o \gset
select test.send('b', test.commit(:w, :'o'));
select ok(not test.is_blocked('b'), 'a commit does not wait while it is moved');
select test.exec('a', 'commit');
select is(test.results(test.answer('b')), 'committed', 'and does not fail');
select isnt((select f.tableoid::regclass::text from gendurable.finished as f where f.id = -1),
    'gendurable.finished_default', 'it is put right');
select is((select count(*) from gd_status(-1)), 1::bigint, 'and still known');

-- Maintenance was away and the present has no partition: commits go into the default one. What is over is not moved
-- under their feet: a gate would stop maintenance at the first row that it moves.
do $$
declare
    v_partition regclass;
begin
    for v_partition in select h.inhrelid from pg_inherits as h
        where h.inhparent = 'gendurable.finished'::regclass and h.inhrelid <> 'gendurable.finished_default'::regclass
        loop
        execute format('drop table %s', v_partition);
    end loop;
end
$$;
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
values (-2, now(), now() - interval '7 hours', 1, 0, 0, 1, false, 'M', 'start', 'default', '{}');
create trigger gate before delete on gendurable.finished_default for each row execute function test.gate('b');
select test.claim(:w) as o \gset
select pg_advisory_lock(1) \g /dev/null
select test.send('b', 'select affected from gd_maintain()');
select test.is_blocked('b') \g /dev/null
select test.send('a', test.commit(:w, :'o'));
select ok(not test.is_blocked('a'),
    'a commit into the default partition does not wait for the move of old rows out of it');
select pg_advisory_unlock(1) \g /dev/null
select test.answer('b');
select is(test.results(test.answer('a')), 'committed', 'and is accepted');
drop trigger gate on gendurable.finished_default;
select is((select count(*) from gd_status(-2)), 1::bigint, 'the old rows are known all the time');

-- Nor does such a commit wait while maintenance collects: the gate stops that at an old partition.
do $$
begin
    create table gendurable.old (like gendurable.finished);
    execute format('alter table gendurable.finished attach partition gendurable.old for values from (%L) to (%L)',
        gendurable._partition_start(now() - interval '9 days'),
        gendurable._partition_start(now() - interval '9 days') + interval '6 hours');
end
$$;
-- More than gc forgets row by row before it looks at whole partitions.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select -n, now(), gendurable._partition_start(now() - interval '9 days'), 1, 0, 0, 1, false, 'M', 'start', 'default',
    '{}' from generate_series(10, 10020) as n;
create trigger gate before truncate on gendurable.old for each statement execute function test.gate('b');
select test.claim(:w) as o \gset
select pg_advisory_lock(1) \g /dev/null
select test.send('b', 'select affected from gd_maintain()');
select ok(test.is_blocked('b'), 'maintenance collects an old partition');
select test.send('a', test.commit(:w, :'o'));
select ok(not test.is_blocked('a'), 'a commit into the default partition does not wait for it');
select pg_advisory_unlock(1) \g /dev/null
select test.answer('b');
select is(test.results(test.answer('a')), 'committed', 'and is accepted');
select is(to_regclass('gendurable.old'), null, 'the old partition is gone');
select * from finish();
