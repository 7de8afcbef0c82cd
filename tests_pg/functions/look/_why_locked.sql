-- Which transaction has an instance locked.
\ir ../../races/prelude.psql
select plan(4);
select test.open('a');

select id from gd_enqueue('M') \gset
select is_empty(format('select * from gendurable._why_locked(%s)', :id), 'none');
select test.exec('a', 'begin');
select test.query('a', format('select id from gendurable.instances where id = %s for update', :id));
select results_eq(format('select reason, detail ~ ''process %s \('', remedy ~ ''pg_terminate_backend\(%1$s\)'', since '
    'is not null from gendurable._why_locked(%s)',
    (test.query('a', 'select pg_backend_pid()') -> 0 ->> 'pg_backend_pid'), :id),
    $$ values ('locked', true, true, true) $$, 'one that is open');
select is((select reason from gd_why(:id) where reason = 'locked'), 'locked', 'gd_why says so');
select test.exec('a', 'rollback');
select is_empty(format('select * from gendurable._why_locked(%s)', :id), 'none any more');

select * from finish();
