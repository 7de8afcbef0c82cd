-- The archive is collected in slices.
begin;
select plan(25);
select test.mid_window() \g /dev/null

create function pg_temp.collect(p_time interval default '1 minute') returns text language sql as $$
    select concat_ws(' ', c.forgotten, c.more) from gendurable._collect(clock_timestamp() + p_time) as c $$;
create function pg_temp.finish(p_id bigint, p_ago interval, p_failed boolean default false,
    p_parent bigint default null) returns bigint language sql as $$
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
        step, queue, state, parent_id, parent_round)
    values (p_id, now(), now() - p_ago, 1, 0, 0, 1, p_failed, 'm', 's', 'q', '{}', p_parent, 1) returning id
$$;
create function pg_temp.ids(p_table regclass) returns text language plpgsql as $$
declare
    v_ids text;
begin
    execute format('select string_agg(f.id::text, '' '' order by f.id) from only %s as f', p_table) into v_ids;
    return v_ids;
end
$$;
create function pg_temp.window(p_name text, p_from interval, p_to interval) returns void language plpgsql as $$
begin
    execute format('create table gendurable.%1$I (like gendurable.finished); alter table gendurable.finished attach '
        'partition gendurable.%1$I for values from (%2$L) to (%3$L)',
                   p_name, now() - p_from, now() - p_to);
end
$$;
select is(pg_temp.collect(), '0 f', 'nothing to do');
select pg_temp.window('over', '10 days', '9 days') \g /dev/null
select id as parent from gd_enqueue('parent') \gset
select gd_set_retention('2 days', '30 days') \g /dev/null
select pg_temp.finish(1, '9 days 5 hours'), pg_temp.finish(2, '9 days 5 hours', true),
    pg_temp.finish(3, '9 days 5 hours', false, :parent), pg_temp.finish(4, '9 days 5 hours', false, -1) \g /dev/null
select is(pg_temp.collect(), '0 t', 'what outlives a window that is over moves; more is to be done');
select is(pg_temp.ids('gendurable.kept'), '2 3', 'a failed one that is kept longer, a child of a living parent');
select is(pg_temp.ids('gendurable.over'), '1 4',
    'the others wait for the next call: readers that began before look there');
select is((select count(*)::int from gd_status(2)), 1, 'what was moved is known');
select is(pg_temp.collect(), '2 f', 'it empties the window, and counts');
select is(pg_temp.ids('gendurable.over'), null, 'it is empty');
select is(pg_temp.collect(), '0 f', 'again there is nothing to do');

-- What is kept is forgotten row by row.
select pg_temp.finish(5, '1 hour'), pg_temp.finish(6, '40 days'), pg_temp.finish(7, '40 days', true),
    pg_temp.finish(8, '20 days', true) \g /dev/null
select is(pg_temp.collect(), '2 f', 'what is old in the default partition is forgotten');
select is(pg_temp.ids('gendurable.finished_default'), '5', 'what is over is moved out of it');
select is(pg_temp.ids('gendurable.kept'), '2 3 8', 'to what is kept');
delete from gendurable.instances where id = :parent;
select is(pg_temp.collect(), '1 f', 'a child goes after its parent');
select gd_set_retention('2 days') \g /dev/null
select is(pg_temp.collect(), '2 f', 'failed ones when their retention is shortened');
select is(pg_temp.ids('gendurable.kept'), null, 'nothing is kept');

-- A window that is longer than the retention asks for.
delete from gendurable.finished_default;
select pg_temp.window('long', '8 days', '-30 days') \g /dev/null
select pg_temp.finish(10, '3 days'), pg_temp.finish(11, '1 hour') \g /dev/null
select is(pg_temp.collect(), '1 f', 'it is forgotten row by row');
select is(pg_temp.ids('gendurable.long'), '11', 'the rest stays');
drop table gendurable.long;

-- Slices.
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select n, now(), now() - interval '9 days 5 hours', 1, 0, 0, 1, false, 'm', repeat('s', 500), 'q',
    '{}' from generate_series(100, 9099) as n;
select is(pg_temp.collect('-1 s'), '0 t', 'without time it does nothing, and says that more is to be done');
insert into gendurable.progress (task, position, found) values ('gendurable.over', '128', 1000);
select (1000 + count(*))::text || ' f' as rest from gendurable.over where ctid >= '(128,0)' \gset
select is(pg_temp.collect(), :'rest', 'it goes on where the call before it stopped');
select is(pg_temp.ids('gendurable.over'), null, 'to the end');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select n, now(), now() - interval '9 days 5 hours', 1, 0, 0, 1, n = 100, 'm', repeat('s', 500), 'q',
    '{}' from generate_series(100, 109) as n;
insert into gendurable.progress (task, position, clean) values ('gendurable.over', '1', false);
select is(pg_temp.collect(), '0 f', 'of a window out of which something was moved it takes a second look');
select is(pg_temp.collect(), '10 f', 'and then it goes');
select is_empty('select from gendurable.progress', 'nothing is left to be noted');

-- What finished before the first window moves when that has begun, so that what is attached later has nothing to look
-- through.
delete from gendurable.finished; delete from gendurable.kept;
select pg_temp.finish(91, '20 minutes'), pg_temp.finish(92, '12 minutes') \g /dev/null
select pg_temp.collect() \g /dev/null
select is(pg_temp.ids('gendurable.finished_default'), '91 92', 'what finished lately stays where no window has begun');
select pg_temp.window('present', '10 minutes', '-5 minutes'), pg_temp.finish(93, '5 minutes') \g /dev/null
select pg_temp.collect() \g /dev/null
select is(pg_temp.ids('gendurable.finished_default'), null, 'the default partition is emptied when the first one has');
select is((select string_agg(f.id::text, ' ' order by f.id) from gendurable.archive as f), '91 92 93',
    'and nothing is forgotten');

select * from finish();
rollback;
