-- Old partitions of the archive are dropped.
begin;
select plan(10);

create function pg_temp.part(p_day date) returns void language plpgsql as $$
begin
    execute format('create table gendurable.%I (like gendurable.finished)', 'day_' || to_char(p_day, 'YYYYMMDD'));
    execute format('alter table gendurable.finished attach partition gendurable.%I for values from (%L) to (%L)', 'day_' || to_char(p_day, 'YYYYMMDD'),
                   p_day::timestamp at time zone 'UTC', (p_day + 1)::timestamp at time zone 'UTC');
end
$$;
do $$ begin perform pg_temp.part('2020-01-01'), pg_temp.part('2020-01-02'), pg_temp.part('2020-01-03'); end $$;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue)
values (999, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state, result, parent_id)
select n, now(), '2020-01-01 00:00+00'::timestamptz + n * interval '6 hours', 1, 0, 0, 1, false, 'm', 's', 'q', '{}', to_jsonb(n), case n when 5 then 999 when 10 then 998 end
from generate_series(0, 11) as n;
create function pg_temp.partitions() returns text language sql as $$
    select string_agg(c.relname, ' ' order by c.relname) from pg_inherits as h join pg_class as c on c.oid = h.inhrelid where h.inhparent = 'gendurable.finished'::regclass
$$;
create function pg_temp.rows() returns text language sql as $$ select string_agg(f.id::text, ' ' order by f.id) from gendurable.finished as f $$;
select is(gendurable._drop_partitions('2020-01-01 23:59:59+00'), 0, 'a partition that ends after the cut-off stays');
select is(pg_temp.partitions(), 'day_20200101 day_20200102 day_20200103 finished_default', 'nothing is dropped');
select is(gendurable._drop_partitions('2020-01-02 00:00+00'), 4, 'a partition that ends at the cut-off goes, and its rows are counted');
select is(pg_temp.partitions(), 'day_20200102 day_20200103 finished_default', 'it is dropped');
select is(pg_temp.rows(), '4 5 6 7 8 9 10 11', 'nothing else is forgotten');
select is(gendurable._drop_partitions('2020-01-04 00:00+00'), 4, 'a child whose parent is gone keeps nothing from being forgotten');
select is((select result from gendurable.finished where id = 5), '5'::jsonb, 'a child whose parent lives is kept, with all that it has');
delete from gendurable.instances where id = 999;
do $$ begin perform pg_temp.part('2020-01-04'), pg_temp.part('2020-01-05'); end $$;
select is(gendurable._drop_partitions('2020-01-06 00:00+00'), 4, 'several at once');
select is(pg_temp.rows(), null, 'after its parent the child is forgotten');
select is(pg_temp.partitions(), 'finished_default', 'the default partition is never dropped');

select * from finish();
rollback;
