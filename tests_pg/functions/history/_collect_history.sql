-- The history is forgotten, partition by partition.
begin;
select plan(6);
create function pg_temp.part(day date) returns void language plpgsql as $$
begin
    execute format('create table gendurable.%I (like gendurable.history)', 'day_' || to_char(day, 'YYYYMMDD'));
    execute format('alter table gendurable.history attach partition gendurable.%I for values from (%L) to (%L)',
        'day_' || to_char(day, 'YYYYMMDD'), day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
end
$$;
select pg_temp.part('2020-01-01'), pg_temp.part('2020-01-02') \g /dev/null
insert into gendurable.history (instance_id, at, fence, attempt, event, step)
select n, '2020-01-01 12:00+00'::timestamptz + n * interval '1 day', 1, 0, 'stop', 's' from generate_series(-1, 2) as n;
create function pg_temp.left() returns text language sql as $$
    select string_agg(h.instance_id::text, ' ' order by h.instance_id)
        from (table gendurable.history union all table gendurable.history_kept) as h $$;
select is(gendurable._collect_history('2020-01-02 06:00+00'), false, 'all that is old');
select is(pg_temp.left(), '1 2', 'partitions that are over, and what has none');
select is((select count(*)::int from gendurable.history_default), 0, 'the default partition is emptied');
select is(pg_relation_size('gendurable.day_20200101'), 0::bigint, 'the space is given back');
select isnt(to_regclass('gendurable.day_20200101'), null, 'the partition is dropped another time');
select gendurable._collect_history('2020-01-04') \g /dev/null
select is(pg_temp.left(), null, 'what was kept aside, too');

select * from finish();
rollback;
