-- gd_gc: forgets what finished before the retention.
begin;
select plan(30);

-- SQLSTATE and DETAIL of the error that a query raises.
create function pg_temp.refusal(p_query text) returns text language plpgsql as $$
declare
    v_code   text;
    v_detail text;
begin
    execute p_query;
    return 'no error';
exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_detail = pg_exception_detail;
    return v_code || ' ' || v_detail;
end
$$;
create function pg_temp.finish(p_fsm text, p_ago interval, p_parent bigint default null) returns bigint
    language sql as $$
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
        step, queue, state, parent_id)
    values (nextval('gendurable.instances_id_seq'), now() - p_ago, now() - p_ago, 1, 0, 0, 1, false, p_fsm, 's',
        'default', '{}', p_parent)
    returning id
$$;
create function pg_temp.left_of(p_fsm text) returns int language sql as $$
    select count(*)::int from gendurable.finished where fsm = p_fsm $$;
-- A partition for the window that contains a moment, as maintenance would have made it.
create function pg_temp.partition(p_name text, p_ago interval, p_width interval) returns void language plpgsql as $$
begin
    execute format('create table gendurable.%I (like gendurable.finished)', p_name);
    execute format('alter table gendurable.finished attach partition gendurable.%I for values from (%L) to (%L)',
        p_name, now() - p_ago, now() - p_ago + p_width);
end
$$;
create function pg_temp.partitions() returns text language sql as $$
    select string_agg(inhrelid::regclass::text, ' ' order by inhrelid::regclass::text)
    from pg_inherits where inhparent = 'gendurable.finished'::regclass
        and inhrelid <> 'gendurable.finished_default'::regclass
$$;

-- Row by row.
select count(pg_temp.finish('a', ago::interval)) as made
    from unnest('{25 hours,2 days,24 hours 1 second,23 hours,0}'::text[]) as ago \gset
select id as live from gd_enqueue('a', eligible_at => now() - interval '1 year') \gset
select is(gd_gc(), 3, 'without arguments: all that finished more than a day ago, and how many');
select is(pg_temp.left_of('a'), 2, 'what finished since then stays');
select is((select status from gd_status(:live)), 'runnable', 'what lives is not forgotten, however old');
select is(gd_gc(), 0, 'collecting again finds nothing');
select pg_temp.finish('null', '25 hours') as e, pg_temp.finish('a', '23 hours') as f \gset
select is(gd_gc(null, null), 1, 'an explicit null means the default');
select is(gd_gc('12 hours'), 2, 'a shorter retention forgets more');
select pg_temp.finish('a', '1 ms') as e \gset
select is(gd_gc('0'), 1, 'a retention of zero forgets everything that finished before now');
select is(pg_temp.left_of('a'), 1, 'what finishes at this moment is not yet before now');

select count(pg_temp.finish('batch', '2 days')) as made from generate_series(1, 25) \gset
select is(gd_gc(batch => 10), 10, 'at most a batch is forgotten row by row');
select is(gd_gc('1 day', 10), 10, 'the next call goes on');
select is(gd_gc('1 day', 10), 5, 'the last one takes the rest');

-- Children.
select id as parent from gd_enqueue('parent') \gset
select pg_temp.finish('child', '2 days', :parent) as c1, pg_temp.finish('child', '2 days', :parent) as c2,
    pg_temp.finish('orphan', '2 days', -1) as o \gset
select is(gd_gc(batch => 1), 1, 'children of a living parent do not use up the batch');
select is(pg_temp.left_of('orphan'), 0, 'a child whose parent is gone is forgotten');
select is(pg_temp.left_of('child'), 2, 'children stay as long as their parent lives');
delete from gendurable.instances where id = :parent;
select is(gd_gc(), 2, 'when the parent is gone its children are forgotten');

-- Whole partitions.

do $$
begin
    perform pg_temp.partition('old1', '10 days', '6 hours');
    perform pg_temp.partition('old2', '5 days', '6 hours');
    perform pg_temp.partition('edge', '30 hours', '12 hours');
    perform pg_temp.partition('young', '10 hours', '5 hours');
end
$$;
select id as parent from gd_enqueue('parent') \gset
select count(pg_temp.finish('p', ago::interval)) as made
from unnest('{9 days 23 hours,9 days 22 hours,4 days 23 hours,29 hours,28 hours,20 hours,9 hours,7 days}'::text[])
    as ago \gset
select pg_temp.finish('kept', '9 days 20 hours', :parent) as kept \gset
select is((select count(*)::int from gendurable.old1) + (select count(*)::int from gendurable.old2), 4,
    'rows in partitions');
select is(gd_gc(), 6, 'rows of dropped partitions are counted with the others');
select is(to_regclass('gendurable.old2'), null, 'a partition that ended before the retention is dropped');
select ok(pg_temp.partitions() ~ 'edge.*young', 'a partition that did not end before the retention is not');
select is(pg_temp.left_of('p'), 2, 'of the partition on the boundary only what is old enough goes');
select is(pg_temp.left_of('kept'), 1, 'a child of a living parent survives its siblings of the same partition');
select is((select status from gd_status(:kept)), 'done', 'a child that was kept can still be read');
select is(gd_gc(), 0, 'a child that is kept is not counted');
delete from gendurable.instances where id = :parent;
select is(gd_gc(), 1, 'it is forgotten after its parent');
do $$ begin perform pg_temp.partition('old3', '10 days', '6 hours'); end $$;
select count(pg_temp.finish('p', '9 days 20 hours')) as made from generate_series(1, 7) \gset
select is(gd_gc(batch => 2), 7, 'rows that go with their partition are counted, and are not limited by the batch');
select is(to_regclass('gendurable.old3'), null, 'their partition goes in the same call');

-- Errors.
select is(pg_temp.refusal($$ select gd_gc('-1 s') $$), 'GD002 retention -00:00:01, batch 10000',
    'a negative retention is refused, and named');
select is(pg_temp.refusal($$ select gd_gc(batch => 0) $$), 'GD002 retention null, batch 0',
    'a batch of none is refused, and named');
select throws_ok($$ select gd_gc(batch => -1) $$, 'GD002', 'gendurable: invalid argument',
    'a negative batch is refused');
select throws_ok($$ select gd_gc('7000 years') $$, 'GD002', null, 'a retention from before the calendar is refused');

select * from finish();
rollback;
