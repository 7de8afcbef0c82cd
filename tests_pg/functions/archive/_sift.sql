-- A table of the archive is looked through for what is to be forgotten, or moved.
begin;
select plan(23);

create table gendurable.part (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.part for values
    from ('2020-01-01 00:00+00') to ('2020-02-01 00:00+00');
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue)
values (999, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state, parent_id, parent_round, correlation_key, correlation_scope)
select v.n, now(), v.at::timestamptz, 1, 0, 0, 1, v.failed, 'm', 's', 'q', '{}', v.parent, 1, v.key,
    case when v.key is not null then '{done}'::text[] end
from (values (1, '2020-01-01 01:00+00', null, false, 'k1'), (2, '2020-01-01 02:00+00', 999, false, 'k2'),
    (3, '2020-01-01 03:00+00', 998, false, null),
             (4, '2020-01-01 04:00+00', null, false, null), (5, '2020-01-01 05:00+00', null, true, null),
             (6, '2020-01-09 00:00+00', null, false, null)) as v (n, at, parent, failed, key);
insert into gendurable.correlation_keys (key, instance_id) values ('k1', 1), ('k2', 2), ('k3', 1);
create function pg_temp.rows(p_table text default 'gendurable.finished') returns text language plpgsql as $$
declare
    v_ids text;
begin
    execute format('select string_agg(f.id::text, '' '' order by f.id) from %s as f', p_table) into v_ids;
    return v_ids;
end
$$;
create function pg_temp.sift(p_cutoff text, p_failed text, p_forget boolean, p_move text default '-infinity',
    p_batch int default 100) returns text language sql as $$
    select concat_ws(' ', s.forgotten, s.moved, s.stay, coalesce(s.block::text, 'end'))
    from gendurable._sift('gendurable.part', 0, p_cutoff::timestamptz, p_failed::timestamptz, p_forget,
        p_move::timestamptz, p_batch, 'infinity') as s
$$;
select is(pg_temp.sift('2020-01-01 05:00+00', '2020-01-01 00:00+00', false), '3 0 3 end',
    'it counts what is to be forgotten, and what is not');
select is(pg_temp.rows(), '1 2 3 4 5 6', 'and deletes nothing, where it is not to');
select is((select string_agg(k.key, ' ' order by k.key) from gendurable.correlation_keys as k), 'k2 k3',
    'a key that it reserved is free, and no other');
select is(pg_temp.sift('2020-01-01 04:00+00', '2020-01-01 00:00+00', true), '2 0 4 end',
    'it forgets what finished before the cut-off');
select is(pg_temp.rows(), '2 4 5 6', 'the cut-off itself stays, and a child of a living parent');
select is(pg_temp.sift('2021-01-01', '2020-01-01 00:00+00', true, p_batch => 1), '1 0 3 end', 'at most a batch');
select is(pg_temp.sift('2021-01-01', '2020-01-01 00:00+00', true), '1 0 2 end', 'the next one goes on');
select is(pg_temp.rows(), '2 5', 'failed ones have a cut-off of their own');
select is(pg_temp.sift('2021-01-01', '2021-01-01', false, '2020-01-01 02:00+00'), '1 0 1 end',
    'what finished before a moment is to move, beside what is to be forgotten');
select is(pg_temp.sift('2021-01-01', '2021-01-01', false, 'infinity'), '1 1 0 end', 'it moves');
select is(pg_temp.rows('gendurable.kept'), '2', 'to what is kept');
select is(pg_temp.rows(), '5', 'and what is to be forgotten with its partition does not');
select is((select f.parent_id from gendurable.kept as f), 999::bigint, 'it is the same');
select is((select count(*)::int from gendurable.correlation_keys as k where k.key = 'k2'), 1, 'and keeps its key');
select is((select s.forgotten from gendurable._sift('gendurable.kept', 0, 'infinity', 'infinity', true, '-infinity', 9,
    'infinity') as s), 0, 'there it stays, as long as its parent lives');
delete from gendurable.instances where id = 999;
select is((select s.forgotten from gendurable._sift('gendurable.kept', 0, 'infinity', 'infinity', true, '-infinity', 9,
    'infinity') as s), 1, 'and is forgotten after it');
select is((select count(*)::int from gendurable.correlation_keys as k where k.key = 'k2'), 0, 'with its key');

-- Rows that another transaction holds; time.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select n, now(), '2020-01-02', 1, 0, 0, 1, false, 'm', repeat('s', 1000), 'q',
    '{}' from generate_series(100, 1099) as n;
select is((select concat_ws(' ', s.block, s.forgotten)
    from gendurable._sift('gendurable.part', 0, '2021-01-01', '2021-01-01', true, '-infinity', 9999, clock_timestamp())
    as s), '0 0', 'without time it does nothing, and goes on there');
select is((select concat_ws(' ', s.block, s.forgotten)
    from gendurable._sift('gendurable.part', 128, '2021-01-01', '2021-01-01', true, '-infinity', 9999, 'infinity') as s)
    ~ '^1\d{2}$', true, 'it begins where it is told to');
select is((select s.block is null and s.forgotten > 800
    from gendurable._sift('gendurable.part', 0, '2021-01-01', '2021-01-01', true, '-infinity', 9999, 'infinity') as s),
    true, 'and comes to the end');
select is((select s.block from gendurable._sift('gendurable.part', 100000, '2021-01-01', '2021-01-01', true,
    '-infinity', 9999, 'infinity') as s), null, 'beyond the end is the end');
select is(pg_temp.rows(), null, 'all are forgotten');
select is((select concat_ws(' ', s.forgotten, s.moved, s.stay)
    from gendurable._sift('gendurable.kept', 0, 'infinity', 'infinity', true, '-infinity', 9, 'infinity') as s),
    '0 0 0', 'nothing, in an empty table');

select * from finish();
rollback;
