-- What the planner takes to be empty, and is not, is analysed.
begin;
select plan(5);

create function pg_temp.rows(p_table regclass) returns real language sql as $$
    select c.reltuples from pg_class as c where c.oid = p_table $$;
update pg_class set reltuples = 0, relpages = 0 where relnamespace = 'gendurable'::regnamespace and relkind = 'r';
select count(*) from gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 50))) \g /dev/null
select is(gendurable._renew_statistics(), 0, 'a table of which nothing is known is estimated by its size');
update pg_class set reltuples = 0,
    relpages = 100 where oid in ('gendurable.instances'::regclass, 'gendurable.signals'::regclass);
select is(gendurable._renew_statistics(), 1, 'one that was found empty');
select is(pg_temp.rows('gendurable.instances'), 50::real, 'and is not, is analysed');
select is(pg_temp.rows('gendurable.signals'), 0::real, 'one that is empty stays as it is');
select is(gendurable._renew_statistics(), 0, 'there is nothing more to do');

select * from finish();
rollback;
