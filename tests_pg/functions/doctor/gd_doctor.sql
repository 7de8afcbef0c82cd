-- gd_doctor: what is wrong, and what to do about it.
\ir ../../races/prelude.psql
select plan(5);
select test.open('l');

select results_eq('select distinct topic from gd_doctor() order by 1', $$
    values ('connections'), ('dead rows'), ('default partition'), ('horizon'), ('partitions'), ('privileges'),
        ('roles'), ('schema'), ('server'), ('workers') $$, 'every topic');
select is((select detail from gd_doctor() where topic = 'schema'), 'Version ' || gd_version() || '.',
    'the version of the schema');
select ok((select bool_and(pid = pg_backend_pid() and abs(extract(epoch from at - clock_timestamp())) < 60)
    from gd_doctor()), 'the process and the clock');
select test.exec('l', 'listen here');
select count(*) from gd_doctor('here') \g /dev/null
select test.query('l', 'select 1');
select is((select extra from dblink_get_notify('l')), 'gd_doctor', 'it notifies where that is asked for');
grant execute on function gd_doctor(text) to public;
select throws_ok('select * from gd_doctor()', 'GD005', 'gendurable: every role may call this',
    'closed while every role may call it');

select * from finish();
