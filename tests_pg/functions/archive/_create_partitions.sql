-- The archive's partitions are made ahead of time.
begin;
select plan(10);
select test.mid_window();

create function pg_temp.bounds() returns table (name text, lower timestamptz, upper timestamptz) language sql as $$
    select c.relname::text, x.m[1]::timestamptz, x.m[2]::timestamptz
    from pg_inherits as h join pg_class as c on c.oid = h.inhrelid
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $r$FROM \('(.+)'\) TO \('(.+)'\)$r$) as x (m)
    where h.inhparent = 'gendurable.finished'::regclass and x.m is not null
$$;
create function pg_temp.finish(p_id bigint, p_at timestamptz) returns void language sql as $$
    insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state)
    values (p_id, now(), p_at, 1, 0, 0, 1, false, 'm', 's', 'q', '{}')
$$;
do $$
begin
    perform pg_temp.finish(9, gendurable._partition_start(now() - interval '12 hours') + interval '1 s');
end
$$;
-- IST is another zone's abbreviation to PostgreSQL: whoever writes a bound in this style means another moment.
set local datestyle = 'SQL, DMY';
set local time zone 'Asia/Kolkata';
select is(gendurable._create_partitions(), 3, 'it answers how many it made');
select is((select f.tableoid::regclass::text from gendurable.finished as f), 'gendurable.finished_default', 'while the present has no partition of its own nothing is moved out of the default one');
create table gendurable.present (like gendurable.finished);
do $$
begin
    execute format('alter table gendurable.present rename to %I', gendurable._partition_name(now()));
    perform pg_temp.finish(1, gendurable._partition_start(now() - interval '12 hours')), pg_temp.finish(2, gendurable._partition_start(now() - interval '12 hours') + interval '5:59:59.999999'),
            pg_temp.finish(3, gendurable._partition_start(now() - interval '6 hours') - interval '1 us'), pg_temp.finish(4, now()), pg_temp.finish(0, gendurable._partition_start(now() - interval '18 hours') + interval '1 s'), pg_temp.finish(5, now() - interval '3 days');
end
$$;
select cmp_ok(gendurable._create_partitions(), '>=', 1, 'it answers how many it made');
set local datestyle = 'ISO';
select set_has('select lower, upper from pg_temp.bounds()', $$ select gendurable._partition_start(now()) + n * interval '6 hours' as lower, gendurable._partition_start(now()) + (n + 1) * interval '6 hours' as upper
    from generate_series(2, 3) as n $$, 'windows to come have partitions, six hours wide, in whatever date style');
select is_empty('select a.name from pg_temp.bounds() as a where lower <= now() and upper > now()', 'the window of the moment is never attached under those who finish into it');
select results_eq($$ select f.id, f.tableoid = 'gendurable.finished_default'::regclass from gendurable.finished as f order by f.id $$,
    $$ values (0::bigint, false), (1, false), (2, false), (3, false), (4, true), (5, true), (9, false) $$,
    'what a past window left in the default partition is moved into one, to its very end; the present one stays, and so does what is older than a day');
select is_empty($$ select b.name from pg_temp.bounds() as b where b.name <> 'finished_' || to_char(b.lower at time zone 'UTC', 'YYYYMMDD_HH24') $$, 'a partition is named after its start in UTC');
select is_empty($$ select b.name from pg_temp.bounds() as b where obj_description(format('gendurable.%I', b.name)::regclass) is null $$, 'a partition says what it holds');
select set_eq($$ select b.name, x.indexdef from pg_temp.bounds() as b, lateral (
                    select regexp_replace(indexdef, '.* USING', '') as indexdef from pg_indexes where schemaname = 'gendurable' and tablename = b.name) as x $$,
    $$ select b.name, x.indexdef from pg_temp.bounds() as b, lateral (
                    select regexp_replace(indexdef, '.* USING', '') as indexdef from pg_indexes where schemaname = 'gendurable' and tablename = 'finished') as x $$,
    'a partition has all the indexes of the archive');
select is(gendurable._create_partitions(), 0, 'again there is nothing to make');

select * from finish();
rollback;
