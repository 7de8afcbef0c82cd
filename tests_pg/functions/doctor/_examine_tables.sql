-- Whether VACUUM keeps up.
begin;
select plan(3);

alter table gendurable.instances set (autovacuum_enabled = off);
select results_eq('select topic, status, remedy from gendurable._examine_tables()', $$
    values ('dead rows', 'ok', null) $$, 'it does');
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue) select now(), now(), now(), 'held', 's', '{}', 0, 1, 'F', 'q' from generate_series(1, 30000);
delete from gendurable.instances;
select pg_stat_force_next_flush() \g /dev/null
select is((select count(*)::int from gendurable._examine_tables() where topic = 'dead rows'), 1,
    'one row for each table, or for all');
commit;
select pg_stat_clear_snapshot() \g /dev/null
select results_eq('select topic, status, detail ~ ''^Table instances has 30000 dead rows beside 0 live ones; (it was '
    'never vacuumed|vacuumed last at .*)\.$'' from gendurable._examine_tables()', $$
    values ('dead rows', 'warning', true) $$, 'it does not');

select * from finish();
