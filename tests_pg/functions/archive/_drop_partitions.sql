-- Old partitions of the archive are dropped, once they are empty.
begin;
select plan(8);

create function pg_temp.part(p_day date) returns void language plpgsql as $$
begin
    execute format('create table gendurable.%I (like gendurable.finished)', 'day_' || to_char(p_day, 'YYYYMMDD'));
    execute format('alter table gendurable.finished attach partition gendurable.%I for values from (%L) to (%L)',
        'day_' || to_char(p_day, 'YYYYMMDD'),
                   p_day::timestamp at time zone 'UTC', (p_day + 1)::timestamp at time zone 'UTC');
end
$$;
do $$ begin perform pg_temp.part('2020-01-01'), pg_temp.part('2020-01-02'), pg_temp.part('2020-01-03'); end $$;
create function pg_temp.partitions() returns text language sql as $$
    select string_agg(c.relname, ' ' order by c.relname) from pg_inherits as h join pg_class as c on c.oid = h.inhrelid
        where h.inhparent = 'gendurable.finished'::regclass
$$;
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
values (1, now(), '2020-01-02 12:00+00', 1, 0, 0, 1, false, 'm', 's', 'q', '{}');
select is(gendurable._drop_partitions('2020-01-01 23:59:59+00'), 0, 'a partition that ends after the cut-off stays');
select is(pg_temp.partitions(), 'day_20200101 day_20200102 day_20200103 finished_default', 'nothing is dropped');
select is(gendurable._drop_partitions('2020-01-03 12:00+00'), 1,
    'an empty one that ends before it goes, and is counted');
select is(pg_temp.partitions(), 'day_20200102 day_20200103 finished_default', 'one with rows stays, however old');
delete from gendurable.finished;
select is(gendurable._drop_partitions('2020-01-04 00:00+00'), 2, 'several at once; the cut-off itself is old enough');
select is(pg_temp.partitions(), 'finished_default', 'the default partition is never dropped');
select is(gendurable._drop_partitions('2030-01-01'), 0, 'nothing to drop, nothing dropped');
select lives_ok($$ insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version,
    failed, fsm, step, queue, state)
    values (1, now(), '2020-01-02 12:00+00', 1, 0, 0, 1, false, 'm', 's', 'q', '{}') $$,
        'what finishes in a dropped window still finds a place');

select * from finish();
rollback;
