-- The archive's partitions are made ahead of time, as long as the retention asks for.
begin;
select plan(12);
select test.mid_window();

create function pg_temp.bounds() returns table (name text, lower timestamptz, upper timestamptz) language sql as $$
    select c.relname::text, x.m[1]::timestamptz, x.m[2]::timestamptz
    from pg_inherits as h join pg_class as c on c.oid = h.inhrelid
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $r$FROM \('(.+)'\) TO \('(.+)'\)$r$) as x (m)
    where h.inhparent = 'gendurable.finished'::regclass and x.m is not null
$$;
create function pg_temp.finish(p_id bigint, p_at timestamptz) returns void language sql as $$
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm,
        step, queue, state)
    values (p_id, now(), p_at, 1, 0, 0, 1, false, 'm', 's', 'q', '{}')
$$;
-- IST is another zone's abbreviation to PostgreSQL: a bound that is written in this style means another moment.
set local datestyle = 'SQL, DMY';
set local time zone 'Asia/Kolkata';
select is(gendurable._create_partitions(), 3, 'it answers how many it made');
select pg_temp.finish(1, gendurable._partition_start(now() - interval '12 hours')), pg_temp.finish(2, now()),
    pg_temp.finish(3, now() + interval '6 hours') \g /dev/null
set local datestyle = 'ISO';
select set_has('select lower, upper from pg_temp.bounds()', $$
    select gendurable._partition_start(now()) + n * interval '6 hours' as lower,
        gendurable._partition_start(now()) + (n + 1) * interval '6 hours' as upper
    from generate_series(2, 3) as n $$, 'windows to come have partitions, six hours wide, in whatever date style');
select is_empty('select a.name from pg_temp.bounds() as a where lower <= now() and upper > now()',
    'the window of the moment is never attached under commits that finish into it');
select results_eq($$ select f.id, f.tableoid = 'gendurable.finished_default'::regclass from gendurable.finished as f
    order by f.id $$,
    $$ values (1::bigint, true), (2, true), (3, false) $$,
    'what has finished stays where it is, what will finish has a partition');
select is_empty($$ select b.name from pg_temp.bounds() as b
    where b.name <> 'finished_' || to_char(b.lower at time zone 'UTC', 'YYYYMMDD_HH24') $$,
    'a partition is named after its start in UTC');
select is_empty($$ select b.name from pg_temp.bounds() as b
    where obj_description(format('gendurable.%I', b.name)::regclass) is null $$, 'a partition says what it holds');
select set_eq($$ select b.name, x.indexdef from pg_temp.bounds() as b, lateral (
                    select regexp_replace(indexdef, '.* USING', '') as indexdef from pg_indexes
                        where schemaname = 'gendurable' and tablename = b.name) as x $$,
    $$ select b.name, x.indexdef from pg_temp.bounds() as b, lateral (
                    select regexp_replace(indexdef, '.* USING', '') as indexdef from pg_indexes
                        where schemaname = 'gendurable' and tablename = 'finished') as x $$,
    'a partition has all the indexes of the archive');
select is(gendurable._create_partitions(), 0, 'again there is nothing to make');

-- The windows follow the retention.
create function pg_temp.widths() returns text language sql as $$
    select string_agg((b.upper - b.lower)::text, ' ' order by b.lower) from pg_temp.bounds() as b $$;
delete from gendurable.finished;
select gd_set_retention('1 year') \g /dev/null
select is(gendurable._create_partitions(), 0, 'with a longer retention windows that are there stay');
do $$
begin
    execute (select format('drop table gendurable.%I', b.name) from pg_temp.bounds() as b order by b.lower desc
        limit 1);
end
$$;
select is(gendurable._create_partitions(), 1, 'the next one follows');
select ok((select max(b.upper - b.lower) = max(b.upper) - (select y.upper from pg_temp.bounds() as y
    order by y.lower desc offset 1 limit 1) and max(b.upper) = gendurable._partition_start(max(b.upper),
    gendurable._window_length())
           from pg_temp.bounds() as b), 'without a gap, and ends where windows of the new length do');
select gd_set_retention('1 day') \g /dev/null
select gendurable._drop_partitions('-infinity'), gendurable._create_partitions() \g /dev/null
select is(pg_temp.widths(), '06:00:00 06:00:00 06:00:00',
    'with a shorter one those to come that are too long are replaced');

select * from finish();
rollback;
