-- Old partitions of the archive are emptied.
begin;
select plan(11);

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
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state, result, parent_id, correlation_key, correlation_scope)
select n, now(), '2020-01-01 00:00+00'::timestamptz + n * interval '6 hours', 1, 0, 0, 1, false, 'm', 's', 'q', '{}', to_jsonb(n), case n when 5 then 999 when 10 then 998 end,
       case when n in (1, 2, 9) then 'k' || n end, case when n in (1, 2, 9) then '{done}'::text[] end
from generate_series(0, 11) as n;
insert into gendurable.correlation_keys (key, instance_id) values ('k1', 1), ('k2', 1000), ('k9', 9);
create function pg_temp.rows() returns text language sql as $$ select string_agg(f.id::text, ' ' order by f.id) from gendurable.finished as f $$;
select is(gendurable._empty_partitions('2020-01-01 23:59:59+00'), 0, 'a partition that ends after the cut-off stays as it is');
select is(gendurable._empty_partitions('2020-01-03 00:00+00'), 4, 'one that ends before the cut-off is emptied, and its instances are counted');
select is(pg_temp.rows(), '4 5 6 7 8 9 10 11', 'one with a child whose parent lives stays as it is, and so does a later one');
select is((select string_agg(key, ' ' order by key) from gendurable.correlation_keys), 'k2 k9', 'the keys that its instances reserved are free, and nobody else''s');
select is(gendurable._empty_partitions('2020-01-04 00:00+00'), 4, 'a child whose parent is gone keeps nothing');
delete from gendurable.instances where id = 999;
select is(gendurable._empty_partitions('2020-01-04 00:00+00'), 4, 'after its parent the child goes');
select is(pg_temp.rows(), null, 'all are forgotten');
select is((select string_agg(key, ' ' order by key) from gendurable.correlation_keys), 'k2', 'an occupant keeps a key, whoever else carried it');
select is(gendurable._empty_partitions('2020-01-04 00:00+00'), 0, 'empty ones are left alone');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state, parent_id, parent_round, joined_round)
values (20, now(), '2020-01-02 01:00+00', 1, 0, 0, 1, true, 'm', 's', 'q', '{}', null, null, 1), (21, now(), '2020-01-01 01:00+00', 1, 0, 0, 1, false, 'm', 's', 'q', '{}', 20, 1, null);
select is(gendurable._empty_partitions('2020-01-02 00:00+00'), 0, 'one with a child that a retry of its parent would be handed again stays');
select is(gendurable._empty_partitions('2020-01-03 00:00+00'), 2, 'until its parent goes');

select * from finish();
rollback;
